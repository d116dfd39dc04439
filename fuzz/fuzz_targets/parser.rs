//! The invariants of the AFL parser, for any text.
#![no_main]
#![allow(dead_code, reason = "each target uses one of the invariants")]

#[path = "../../crates/afl/tests/afl/invariants.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|text: &str| invariants::parser(text));
