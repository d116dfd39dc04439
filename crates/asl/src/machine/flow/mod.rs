//! How data passes through a state: each step by itself, without an execution around it.
//!
//! A step takes values and an [`Environment`], and gives a value or a [`Fault`] with the service's words.

mod batch;
mod choose;
mod environment;
mod fault;
mod map;
mod setting;
mod steps;
mod task;
mod wait;

pub use batch::batches;
pub use choose::{Chosen, choose};
pub use environment::{Environment, Point};
pub use fault::Fault;
pub use map::{Tolerance, concurrency, first_items, item, items, tolerance};
pub use setting::{seconds, text};
pub use steps::{
    Left, caught, credentials, effective_input, error_value, failure, idle, leave, pass,
    place_result, query, select, shape, work,
};
pub use task::{Prepared, prepare};
pub use wait::until;
