//! The server over HTTP, with an engine on the memory store and a worker written in Rust.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests may fail as tests do"
)]

#[path = "server/approval_people.rs"]
mod approval_people;
#[path = "server/approvals.rs"]
mod approvals;
#[path = "server/artifacts.rs"]
mod artifacts;
#[path = "server/callbacks.rs"]
mod callbacks;
#[path = "server/checkpoints.rs"]
mod checkpoints;
#[path = "server/claims.rs"]
mod claims;
#[path = "server/codes.rs"]
mod codes;
#[path = "server/defects.rs"]
mod defects;
#[path = "server/executions.rs"]
mod executions;
#[path = "server/follow.rs"]
mod follow;
#[path = "server/functions.rs"]
mod functions;
#[path = "server/gateway.rs"]
mod gateway;
#[path = "server/harness.rs"]
mod harness;
#[path = "server/large.rs"]
mod large;
#[path = "server/letters.rs"]
mod letters;
#[path = "server/logs.rs"]
mod logs;
#[path = "server/native.rs"]
mod native;
#[path = "server/onlookers.rs"]
mod onlookers;
#[path = "server/rest.rs"]
mod rest;
#[path = "server/states.rs"]
mod states;
