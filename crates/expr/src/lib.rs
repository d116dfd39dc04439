//! What the Amazon States Language evaluates.
//!
//! Pure: the same arguments give the same value on every machine.

pub mod json;
pub mod jsonata;
