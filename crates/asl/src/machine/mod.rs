//! How executions of state machines run.
//!
//! A frame is a line of work: the execution's own, a branch's, an iteration's. `apply` builds them from events, and tells which can go on;
//! a turn takes one step with each of those until every frame waits for something outside. What a step decides is in its events: delays,
//! results of expressions, the frames' numbers. Nothing else changes a state.
//!
//! Read next: `event` (what happens), `state` (frames and their phases), `run` (the loop), `flow` (the data's way through a state).

mod apply;
mod asl;
mod chance;
mod change;
mod codec;
mod context;
mod document;
mod event;
mod failure;
mod fan;
pub mod flow;
mod history;
mod iterate;
mod known;
mod leave;
mod limits;
mod logging;
mod nested;
mod redrive;
mod request;
mod run;
mod scene;
mod settings;
mod settle;
mod state;
mod stop;
mod task;
mod view;
mod work;

#[cfg(test)]
mod tests;

pub use asl::Asl;
pub(crate) use chance::Chance;
pub(crate) use context::shown as rfc3339;
pub use document::{Body, Document, DocumentId};
pub use event::{
    Assigned, Attempt, ErrorOutput, Event, FrameId, MapRules, Place, Stage, StateKind, Worker,
};
pub use limits::{Catalogue, Limits, Surroundings};
pub use nested::{Child, children};
pub use request::{Call, Late, Reply, Request, stage};
pub(crate) use run::following;
pub use settings::{Kind, LogLevel, Logging, Settings};
pub use state::State;
pub(crate) use task::has_token;
