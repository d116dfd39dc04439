//! Custom metrics in CloudWatch's embedded metric format: a log line that CloudWatch reads as figures, so that nothing has to be called.

use std::time::Duration;

use serde_json::{Map, Value, json};

/// The namespace of the figures, which the alarms of `deploy/aws` look at.
pub const NAMESPACE: &str = "ResearchWorkflow/Callbacks";

/// What one request counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// The answer is 4xx.
    pub client_errors: u32,
    /// The answer is 5xx.
    pub server_errors: u32,
    /// DynamoDB, S3 or the durable execution service failed.
    pub storage_failures: u32,
    /// Kept and delivered, but the workflow's record was not updated.
    pub update_failures: u32,
    /// Nobody waits for the token.
    pub orphans: u32,
    /// The wait had ended, or another answer came first.
    pub late: u32,
    /// The same answer again.
    pub duplicates: u32,
}

/// The line for one request.
#[must_use]
pub fn line(function: &str, counts: Counts, took: Duration, now_ms: i64) -> Value {
    let figures = [
        ("Callbacks", 1),
        ("ClientErrors", counts.client_errors),
        ("ServerErrors", counts.server_errors),
        ("StorageFailures", counts.storage_failures),
        ("WorkflowUpdateFailures", counts.update_failures),
        ("OrphanCallbacks", counts.orphans),
        ("LateCallbacks", counts.late),
        ("DuplicateCallbacks", counts.duplicates),
    ];
    let mut metrics: Vec<Value> = figures
        .iter()
        .map(|(name, _)| json!({ "Name": name, "Unit": "Count" }))
        .collect();
    metrics.push(json!({ "Name": "Latency", "Unit": "Milliseconds" }));
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": now_ms,
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["FunctionName"]], "Metrics": metrics }],
        }),
    );
    line.insert("FunctionName".to_owned(), function.into());
    for (name, value) in figures {
        line.insert(name.to_owned(), value.into());
    }
    let milliseconds = took.as_secs_f64() * 1000.0;
    line.insert("Latency".to_owned(), milliseconds.into());
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_declared_figure_stands_in_the_line() {
        let counts = Counts {
            storage_failures: 1,
            ..Counts::default()
        };
        let line = line("F", counts, Duration::from_millis(12), 7);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], NAMESPACE);
        let metrics = directive["Metrics"].as_array().expect("metrics");
        assert_eq!(metrics.len(), 9);
        for metric in metrics {
            let name = metric["Name"].as_str().expect("a name");
            assert!(line[name].is_number(), "{name} in {line}");
        }
        assert_eq!(
            (&line["StorageFailures"], &line["Latency"]),
            (&json!(1), &json!(12.0))
        );
        assert_eq!(line["FunctionName"], "F", "the dimension's value");
    }
}
