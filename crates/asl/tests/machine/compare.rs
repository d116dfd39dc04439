//! How a recording and what happened are held against each other: by value, with wildcards where the recording was scrubbed.

use std::sync::OnceLock;

use regex::Regex;
use serde_json::Value;

fn wildcard() -> &'static Regex {
    static WILDCARD: OnceLock<Regex> = OnceLock::new();
    WILDCARD.get_or_init(|| {
        Regex::new(r"<[A-Za-z_][\w\-/ ]*(?::\w+)?>|snf_role_arn|sfn_role_arn|timestamp|datetime")
            .expect("it is a pattern")
    })
}

/// Strings that hold an object or a list count as such.
pub fn norm(value: &Value) -> Value {
    match value {
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => norm(&inner),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(norm).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), norm(value)))
            .collect(),
        _ => value.clone(),
    }
}

/// As [`norm`], and a string that holds any JSON counts as that.
pub fn parse(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            serde_json::from_str::<Value>(text).map_or_else(|_| value.clone(), |inner| norm(&inner))
        }
        _ => norm(value),
    }
}

pub fn matches(expected: &Value, given: &Value) -> bool {
    match (expected, given) {
        (Value::String(expected), Value::String(given)) => {
            expected == given || fits(expected, given)
        }
        (Value::String(expected), _) => wildcard()
            .find(expected)
            .is_some_and(|found| found.len() == expected.len()),
        (Value::Number(expected), Value::Number(given)) => expected.as_f64() == given.as_f64(),
        (Value::Object(expected), Value::Object(given)) => {
            expected.len() == given.len()
                && expected
                    .iter()
                    .all(|(name, value)| given.get(name).is_some_and(|given| matches(value, given)))
        }
        (Value::Array(expected), Value::Array(given)) => {
            expected.len() == given.len()
                && expected
                    .iter()
                    .zip(given)
                    .all(|(expected, given)| matches(expected, given))
        }
        _ => expected == given,
    }
}

fn fits(expected: &str, given: &str) -> bool {
    if !wildcard().is_match(expected) {
        return false;
    }
    let parts: Vec<String> = wildcard().split(expected).map(regex::escape).collect();
    let pattern = format!("(?s)^{}$", parts.join(".*?"));
    Regex::new(&pattern).is_ok_and(|pattern| pattern.is_match(given))
}

/// The types of events, in no order within a Map or Parallel state.
pub fn types(types: &[&str]) -> Vec<Vec<String>> {
    let (mut out, mut inside, mut depth) = (Vec::new(), Vec::new(), 0_usize);
    for kind in types {
        let is_fan = |ends: &[&str]| {
            ["MapState", "ParallelState"]
                .iter()
                .any(|state| ends.iter().any(|end| *kind == format!("{state}{end}")))
        };
        if is_fan(&["Started"]) {
            depth += 1;
            if depth == 1 {
                out.push(vec![(*kind).to_owned()]);
                inside.clear();
                continue;
            }
        }
        if depth > 0 && is_fan(&["Succeeded", "Failed", "Aborted"]) {
            depth -= 1;
            if depth == 0 {
                inside.sort();
                out.push(std::mem::take(&mut inside));
                out.push(vec![(*kind).to_owned()]);
                continue;
            }
        }
        if depth > 0 {
            inside.push((*kind).to_owned());
        } else {
            out.push(vec![(*kind).to_owned()]);
        }
    }
    if depth > 0 {
        inside.sort();
        out.push(inside);
    }
    out
}
