//! The crate through its public door.

mod cases;
mod given;
mod invariants;
mod json;
#[expect(
    clippy::disallowed_methods,
    clippy::panic,
    reason = "the cases are files, and limits are held against a clock"
)]
mod jsonata;
mod limits;
mod properties;
