//! The function host with real processes. Python 3 and Node have to be on PATH.

mod failures;
mod fixture;
mod lifecycle;
mod runtimes;
