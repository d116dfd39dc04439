//! What the handlers of `parallel` and `map` share: completion rules, what is told of a batch.

use crate::Done;
use aws_durable_execution_sdk::BoxError;
use aws_durable_execution_sdk::builders::map_parallel::{BatchResult, CompletionConfig};
use serde_json::{Map, Value, json};

pub(crate) fn fail() -> BoxError {
    "made to fail".into()
}

/// The results of a batch that succeeded, in the order of its items.
pub(crate) fn results(batch: &BatchResult<Value>) -> Done {
    Ok(json!(batch.results()))
}

/// The projection of a batch that a requirement asks for, in its own field names; all of them when none is named.
pub(crate) fn told(batch: &BatchResult<Value>, fields: &[&str]) -> Done {
    let known = [
        ("completionReason", json!(batch.reason.as_str())),
        ("status", json!(batch.status().as_str())),
        ("successCount", json!(batch.success_count())),
        ("failureCount", json!(batch.failure_count())),
        ("totalCount", json!(batch.total_count())),
    ];
    let wanted = known
        .into_iter()
        .filter(|(name, _)| fields.is_empty() || fields.contains(name));
    let told: Map<String, Value> = wanted
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Ok(Value::Object(told))
}

pub(crate) const ALL: &[&str] = &[];
pub(crate) const COUNTS: &[&str] = &[
    "completionReason",
    "successCount",
    "failureCount",
    "totalCount",
];
pub(crate) const SUCCESSES: &[&str] = &["completionReason", "successCount", "totalCount"];

pub(crate) fn min_successful(count: usize) -> CompletionConfig {
    CompletionConfig::with_min_successful(count)
}

pub(crate) fn tolerating(count: usize) -> CompletionConfig {
    CompletionConfig::with_tolerated_failure_count(count)
}

pub(crate) fn tolerating_percent(percent: usize) -> CompletionConfig {
    CompletionConfig::with_tolerated_failure_percentage(percent)
}
