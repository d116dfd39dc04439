//! Runs tasks: everything that leaves the journal is done here, one module per kind of target.
//!
//! - [`host`]: functions as native processes behind Lambda's Runtime API.
//!
//! Not its business: what a task means, when it is repeated, where its result is stored.

#![forbid(unsafe_code)]

pub mod host;
