//! The contract with agents, against servers that answer what a test says.

// Tests are free to panic; Clippy knows them by their attribute only, not the functions that they share.
#![allow(clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

mod dialects;
mod odd;
mod outgoing;
mod process;
mod world;
