//! The machine as its callers meet it.

#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on says where"
)]

mod compare;
mod recorded;
mod render;
mod world;
