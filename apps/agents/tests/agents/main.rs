//! Each agent over HTTP, as a caller sees it.

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
