//! Calls for whoever asks, without an execution.

use super::Handle;
use crate::{Call, Called, Error, ServiceAnswer, ServiceCall};

impl Handle {
    /// Calls a function without an execution. Nothing is journaled.
    ///
    /// # Errors
    /// Those of the dispatcher; the function's own error is a value.
    pub async fn call(&self, call: Call) -> Result<Called, Error> {
        self.inner.dispatcher.call(self, call).await
    }

    /// Calls a service as a task of a state machine would, without an execution. Nothing is journaled.
    ///
    /// # Errors
    /// [`Error::Ended`]; the service's own error is a value.
    pub async fn perform(&self, call: ServiceCall) -> Result<ServiceAnswer, Error> {
        self.inner.dispatcher.perform(self, call).await
    }
}
