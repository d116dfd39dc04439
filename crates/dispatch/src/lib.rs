//! Runs tasks: everything that leaves the journal is done here, one module per kind of target.
//!
//! - `agents`: tasks of agents, which may take hours.
//! - [`host`]: functions as native processes behind Lambda's Runtime API.
//! - `functions`: tasks and calls of functions, from the catalogue to the host and back.
//! - `remote`: functions that run elsewhere, by Lambda's Invoke.
//! - `log`: the logs of state machines.
//! - [`notify`]: events that are told to people and systems outside.
//! - [`telemetry`]: spans and figures, to those who watch.
//! - `services`: what the Task states of state machines call.
//!
//! Not its business: what a task means, when it is repeated, where its result is stored.

#![forbid(unsafe_code)]

mod agents;
mod chained;
mod code;
mod concurrency;
mod destinations;
mod event;
mod functions;
pub mod host;
mod log;
pub mod notify;
mod outcome;
mod remote;
mod services;
pub mod telemetry;
mod trace;

pub use agents::AgentOptions;
pub use everstep_agent::{ClientOptions, Network, NotANetwork, Signer};
pub use functions::{FunctionDispatcher, ServiceOptions};
pub use host::{FunctionHost, HostOptions};
pub use services::http::{Authorization, Connection, Connections, HttpOptions, Secret};
