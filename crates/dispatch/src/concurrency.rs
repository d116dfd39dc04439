//! Reserved concurrency: how many invocations of a function run at once, over all of its versions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use everstep_engine::Handle;
use tokio::sync::Notify;

/// Counts what runs, by function.
#[derive(Debug, Default)]
pub(crate) struct Concurrency {
    running: Mutex<HashMap<String, u32>>,
    freed: Notify,
}

/// The right to run one invocation, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    of: Arc<Concurrency>,
    function: String,
}

impl Concurrency {
    /// A place, if the function has room for one now.
    pub(crate) fn take(self: &Arc<Self>, handle: &Handle, function: &str) -> Option<Place> {
        let limit = handle.reserved().of(function).unwrap_or(u32::MAX);
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let count = running.entry(function.to_owned()).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(Place {
            of: Arc::clone(self),
            function: function.to_owned(),
        })
    }

    /// Waits for a place.
    pub(crate) async fn wait(self: &Arc<Self>, handle: &Handle, function: &str) -> Place {
        loop {
            let freed = self.freed.notified();
            let changed = handle.reserved().changed().notified();
            tokio::pin!(freed, changed);
            // Listening begins before the look, or what happens in between would be missed.
            freed.as_mut().enable();
            changed.as_mut().enable();
            if let Some(place) = self.take(handle, function) {
                return place;
            }
            tokio::select! {
                () = freed => {}
                () = changed => {}
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self
            .of
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(&self.function) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                running.remove(&self.function);
            }
        }
        drop(running);
        self.of.freed.notify_waiters();
    }
}
