//! The function host with real processes. Python 3 and Node have to be on PATH.

// Tests are free to panic; Clippy knows them by their attribute only, not the functions that they share.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod failures;
mod fixture;
mod leases;
mod lifecycle;
mod limits;
mod machines;
mod runtimes;
