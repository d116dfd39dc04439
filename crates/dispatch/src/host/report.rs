//! The platform's own log lines: START, END, REPORT, INIT_REPORT, in Lambda's text and JSON forms.

use std::time::Duration;

use serde_json::json;

use super::function::LogFormat;

/// Figures of one finished invocation.
pub(super) struct Report<'a> {
    pub request_id: &'a str,
    pub duration: Duration,
    pub init: Option<Duration>,
    pub memory_mb: u32,
    pub memory_used_bytes: u64,
    /// `success`, `error`, `timeout` or `failure`, with the error's type.
    pub status: &'a str,
    pub error_type: Option<&'a str>,
}

/// Now, as log lines carry it.
pub(super) fn now() -> String {
    format!("{:.6}", jiff::Timestamp::now())
}

/// Today, for log stream names: `2026/11/21`.
pub(super) fn date_path() -> String {
    jiff::Timestamp::now().strftime("%Y/%m/%d").to_string()
}

pub(super) fn start(format: LogFormat, request_id: &str, version: &str) -> String {
    match format {
        LogFormat::Text => format!("START RequestId: {request_id} Version: {version}"),
        LogFormat::Json => json!({
            "time": now(),
            "type": "platform.start",
            "record": { "requestId": request_id, "version": version },
        })
        .to_string(),
    }
}

/// What is written at the end of an invocation.
pub(super) fn end(format: LogFormat, report: &Report<'_>) -> Vec<String> {
    match format {
        LogFormat::Text => vec![
            format!("END RequestId: {}", report.request_id),
            text_report(report),
        ],
        LogFormat::Json => vec![json_report(report)],
    }
}

fn text_report(report: &Report<'_>) -> String {
    let mut line = format!(
        "REPORT RequestId: {}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
        report.request_id,
        millis(report.duration),
        millis(report.duration).ceil(),
        report.memory_mb,
        mebibytes(report.memory_used_bytes),
    );
    if let Some(init) = report.init {
        line.push_str(&format!("Init Duration: {:.2} ms\t", millis(init)));
    }
    if report.status != "success" {
        line.push_str(&format!("Status: {}\t", report.status));
    }
    if let Some(error_type) = report.error_type {
        line.push_str(&format!("Error Type: {error_type}\t"));
    }
    line
}

fn json_report(report: &Report<'_>) -> String {
    let mut metrics = json!({
        "durationMs": rounded(report.duration),
        "billedDurationMs": millis(report.duration).ceil(),
        "memorySizeMB": report.memory_mb,
        "maxMemoryUsedMB": mebibytes(report.memory_used_bytes),
    });
    let mut record = json!({ "requestId": report.request_id, "status": report.status });
    if let (Some(init), Some(metrics)) = (report.init, metrics.as_object_mut()) {
        metrics.insert("initDurationMs".to_owned(), json!(rounded(init)));
    }
    if let Some(record) = record.as_object_mut() {
        if let Some(error_type) = report.error_type {
            record.insert("errorType".to_owned(), json!(error_type));
        }
        record.insert("metrics".to_owned(), metrics);
    }
    json!({ "time": now(), "type": "platform.report", "record": record }).to_string()
}

/// Written only when a process did not become ready.
pub(super) fn init_failed(format: LogFormat, after: Duration, error_type: &str) -> String {
    match format {
        LogFormat::Text => format!(
            "INIT_REPORT Init Duration: {:.2} ms\tPhase: init\tStatus: error\tError Type: {error_type}",
            millis(after)
        ),
        LogFormat::Json => json!({
            "time": now(),
            "type": "platform.initReport",
            "record": {
                "initializationType": "on-demand",
                "phase": "init",
                "status": "error",
                "errorType": error_type,
                "metrics": { "durationMs": rounded(after) },
            },
        })
        .to_string(),
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn rounded(duration: Duration) -> f64 {
    (millis(duration) * 1e3).round() / 1e3
}

fn mebibytes(bytes: u64) -> u64 {
    bytes.div_ceil(1024 * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(status: &'static str, error_type: Option<&'static str>) -> Report<'static> {
        Report {
            request_id: "r-1",
            duration: Duration::from_micros(12_341),
            init: Some(Duration::from_millis(200)),
            memory_mb: 128,
            memory_used_bytes: 35 * 1024 * 1024,
            status,
            error_type,
        }
    }

    #[test]
    fn text_lines_have_lambda_s_shape() {
        assert_eq!(
            start(LogFormat::Text, "r-1", "$LATEST"),
            "START RequestId: r-1 Version: $LATEST"
        );
        assert_eq!(
            end(LogFormat::Text, &sample("success", None)),
            [
                "END RequestId: r-1",
                "REPORT RequestId: r-1\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 35 MB\tInit Duration: 200.00 ms\t",
            ]
        );
        let failed = end(
            LogFormat::Text,
            &sample("timeout", Some("Sandbox.Timedout")),
        );
        assert!(failed[1].ends_with("Status: timeout\tError Type: Sandbox.Timedout\t"));
    }

    #[test]
    fn json_lines_parse_and_carry_the_figures() {
        let lines = end(LogFormat::Json, &sample("error", Some("ValueError")));
        let value: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(value["type"], "platform.report");
        assert_eq!(value["record"]["requestId"], "r-1");
        assert_eq!(value["record"]["errorType"], "ValueError");
        assert_eq!(value["record"]["metrics"]["durationMs"], 12.341);
        assert_eq!(value["record"]["metrics"]["initDurationMs"], 200.0);
    }
}
