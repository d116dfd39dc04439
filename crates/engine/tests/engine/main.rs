//! The engine from outside: through its handle, with the test as its dispatcher.

#![allow(clippy::panic, reason = "a test that panics has failed, as it should")]

mod asl;
mod catalogue;
mod executions;
mod fork;
mod history;
mod overload;
mod restart;
mod state_machines;
mod time;
mod world;
