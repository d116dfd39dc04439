//! An execution that ends because of what happens outside of its states.

use std::sync::Arc;

use everstep_core::{Failure, Status};

use super::event::{ErrorOutput, Event};
use super::run::Run;

impl Run<'_, '_> {
    pub fn stop(&mut self, failure: Option<Failure>) {
        let failure = failure.unwrap_or_default();
        self.record(Event::ExecutionAborted {
            failure: ErrorOutput {
                error: failure.kind.map(Arc::from),
                cause: failure.message.map(Arc::from),
            },
        });
        self.close(Status::Stopped);
        self.finish();
    }

    pub fn execution_timed_out(&mut self) {
        self.record(Event::ExecutionTimedOut);
        self.close(Status::TimedOut);
        self.finish();
    }
}
