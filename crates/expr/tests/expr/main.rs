//! The crate through its public door.

mod json;
