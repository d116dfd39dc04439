//! The invariants of the JSON reader, for any text.
#![no_main]
#![allow(dead_code, reason = "each target uses one of the invariants")]

#[path = "../../crates/expr/tests/expr/given.rs"]
mod given;
#[path = "../../crates/expr/tests/expr/invariants.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| invariants::json(bytes));
