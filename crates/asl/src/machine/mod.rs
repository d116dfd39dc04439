//! How executions of state machines run.
//!
//! Read next: `event` (what happens), `document` (how payloads are kept), `settings` and `request` (what others hand in).

mod codec;
mod document;
mod event;
mod history;
mod request;
mod settings;

#[cfg(test)]
mod tests;

pub use document::{Body, Document, DocumentId};
pub use event::{
    Assigned, Attempt, ErrorOutput, Event, FrameId, MapRules, Place, Stage, StateKind, Worker,
};
pub use request::{Call, Late, Reply, Request, stage};
pub use settings::{Kind, LogLevel, Logging, Settings};
