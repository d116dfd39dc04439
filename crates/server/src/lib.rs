//! The way in over HTTP: one module per protocol, all over one [`everstep_engine::Handle`].
//!
//! - `lambda`: AWS Lambda's API with durable functions, as unmodified AWS SDKs speak it.
//! - `logs`: CloudWatch Logs' API over captured logs.
//! - `states`: AWS Step Functions' API over the catalogue's state machines and their executions.
//! - `rest`: our own API, for the CLI and for people with curl.
//! - `callbacks`: answers of agents and people, in the research workflow's shape and as A2A pushes.
//! - `approvals`: what people decide: our own API and pages for it.
//! - `claims`: what is too large to travel, and the references that travel in its place.
//! - `artifacts`: objects by bucket and key, and links to them that expire.
//! - `function_urls`: addresses of functions, as Lambda's function URLs.
//! - `door`: who sends a request and what they may do; every other module is behind it.
//! - `metrics`: what is counted, for Prometheus.
//! - `gateway`: HTTP routes that are answered by functions.
//!
//! - `replay`: a recorded execution against other code, served apart from all of these and without a handle.
//!
//! It does not know: the store, how a function is run, what an event means beyond its wire form.
//!
//! Invariants
//! - Nothing answers before the engine has made durable what the answer says.
//! - Every error has a type that its protocol's clients know, and one of our codes (`errors`).
//! - No token, callback id or signature stands in a log line.
//!
//! Read next: `server` (listening), `http` (bodies and limits), `lambda` (the largest protocol).

#![forbid(unsafe_code)]

mod approvals;
mod artifacts;
mod attributes;
mod aws_json;
mod callbacks;
mod claims;
mod door;
mod errors;
mod events;
mod executions;
mod function_urls;
mod gateway;
mod http;
mod lambda;
mod logs;
mod metrics;
mod options;
mod query;
pub mod replay;
mod rest;
mod server;
mod start;
mod states;
mod stream;
mod tls;
mod trace;

pub use callbacks::{Callbacks, InvalidWebhookKey, Policy, Rate, Rates, Traffic, WebhookKey};
pub use door::{AccessKey, Door, Key, Keys, Role, Worker, Workers, fingerprint};
pub use errors::{Code, EXPLANATIONS};
pub use metrics::{CallbackFigures, Metrics};
pub use options::{Limits, Options, Route};
pub use server::{BindError, Server};
pub use tls::{Tls, TlsError};
