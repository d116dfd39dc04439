//! The invariants of expressions, for any text: the first line is what is parsed, the rest the input.
#![no_main]
#![allow(dead_code, reason = "each target uses one of the invariants")]

use everstep_expr::json::Value;

#[path = "../../crates/expr/tests/expr/given.rs"]
mod given;
#[path = "../../crates/expr/tests/expr/invariants.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|text: &str| with_input(text, invariants::expression));

fn with_input(text: &str, check: impl Fn(&str, &Value)) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, "null"));
    check(first, &Value::parse(rest).unwrap_or_default());
}
