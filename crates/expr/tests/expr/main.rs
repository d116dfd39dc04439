//! The crate through its public door.

mod cases;
mod json;
