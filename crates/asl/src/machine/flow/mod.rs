//! How data passes through a state: each step by itself, without an execution around it.
//!
//! A step takes values and an [`Environment`], and gives a value or a [`Fault`] with the service's words.

mod choose;
mod environment;
mod fault;
mod map;
mod setting;
mod steps;
mod wait;

pub use choose::{Chosen, choose};
pub use environment::Environment;
pub use fault::Fault;
pub use map::{concurrency, item, items, tolerated_failures};
pub use setting::{seconds, text};
pub use steps::{
    Left, caught, credentials, effective_input, error_value, leave, place_result, query, select,
    shape, work,
};
pub use wait::until;
