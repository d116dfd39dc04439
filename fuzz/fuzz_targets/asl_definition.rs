//! The invariants of definitions of the states language, for any text.
#![no_main]

#[path = "../../crates/asl/tests/definitions/invariants.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|text: &str| invariants::read(text));
