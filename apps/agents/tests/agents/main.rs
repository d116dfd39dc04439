//! Each agent over HTTP, as a caller sees it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod chain;
mod errors;
mod large;
mod legacy;
mod loopback;
mod model;
mod peer;
mod push;
mod restart;
mod tasks;
