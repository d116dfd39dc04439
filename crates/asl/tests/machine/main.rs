//! The machine as its callers meet it.

#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't go on says where"
)]

mod cases;
mod compare;
mod properties;
mod recorded;
mod render;
mod scale;
mod world;
