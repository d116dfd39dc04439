//! The steps of an execution as they happen, each line once.

use std::collections::HashMap;

use serde_json::Value;

use crate::output;

/// What has been shown of an execution.
pub struct Screen {
    shown: HashMap<String, String>,
    done_before: usize,
    waiting_before: Vec<String>,
}

impl Screen {
    pub fn new() -> Self {
        Self {
            shown: HashMap::new(),
            done_before: 0,
            waiting_before: Vec::new(),
        }
    }

    /// A screen for an execution that has come some way already: what succeeded is counted, not shown again.
    pub fn resuming(described: &Value) -> Self {
        let mut screen = Self::new();
        for operation in operations(described) {
            let (Some(key), Some(name), Some(status)) = (
                key(operation),
                member(operation, "name"),
                member(operation, "status"),
            ) else {
                continue;
            };
            if status == "SUCCEEDED" {
                screen.done_before += 1;
                screen.shown.insert(key, status.to_owned());
            } else if matches!(status, "STARTED" | "PENDING" | "READY") {
                screen.waiting_before.push(name.to_owned());
            }
        }
        screen
    }

    /// Where the execution stood when it was found.
    pub fn summary(&self) -> String {
        let waiting = if self.waiting_before.is_empty() {
            String::new()
        } else {
            format!(", at {}", self.waiting_before.join(", "))
        };
        format!("{} steps done{waiting}", self.done_before)
    }

    /// Prints what is new.
    pub fn show(&mut self, described: &Value) {
        for operation in operations(described) {
            let (Some(key), Some(name), Some(status)) = (
                key(operation),
                member(operation, "name"),
                member(operation, "status"),
            ) else {
                continue;
            };
            if self.shown.get(&key).map(String::as_str) == Some(status) {
                continue;
            }
            self.shown.insert(key, status.to_owned());
            let mark = match status {
                "SUCCEEDED" => "✓",
                "FAILED" | "TIMED_OUT" | "STOPPED" | "CANCELLED" => "✗",
                _ => "…",
            };
            output::note(format!(
                "{:>8}  {mark} {name}{}",
                elapsed(described, operation),
                remark(operation, status)
            ));
        }
    }
}

fn remark(operation: &Value, status: &str) -> String {
    let kind = member(operation, "kind").unwrap_or_default();
    match (kind, status) {
        ("CALLBACK", "STARTED") => "  waiting, without a process".to_owned(),
        ("WAIT", "STARTED") => "  asleep".to_owned(),
        (_, "PENDING") => "  will be tried again".to_owned(),
        (_, "SUCCEEDED" | "STARTED" | "READY") => String::new(),
        _ => format!("  {status}"),
    }
}

/// Operations that a person can name: without containers, and without what happens inside them.
fn operations(described: &Value) -> impl Iterator<Item = &Value> {
    let all = described.get("operations").and_then(Value::as_array);
    all.into_iter()
        .flatten()
        .filter(|operation| operation.get("parent").is_none())
        .filter(|operation| {
            matches!(
                member(operation, "kind"),
                Some("STEP" | "WAIT" | "CALLBACK" | "CHAINED_INVOKE")
            )
        })
}

fn key(operation: &Value) -> Option<String> {
    operation.get("number").map(Value::to_string)
}

fn member<'a>(operation: &'a Value, name: &str) -> Option<&'a str> {
    operation.get(name).and_then(Value::as_str)
}

/// From the execution's start to the operation's last change.
fn elapsed(described: &Value, operation: &Value) -> String {
    let time = |value: &Value, name: &str| {
        member(value, name).and_then(|text| text.parse::<jiff::Timestamp>().ok())
    };
    let ended = time(operation, "ended_at").or_else(|| time(operation, "started_at"));
    let begun = described
        .get("execution")
        .and_then(|execution| time(execution, "started_at"));
    match (begun, ended) {
        (Some(begun), Some(ended)) => format!("{:.1} s", ended.duration_since(begun).as_secs_f64()),
        _ => String::new(),
    }
}
