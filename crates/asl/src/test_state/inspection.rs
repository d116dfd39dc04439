//! The data on its way through a state.

use std::collections::BTreeMap;

use everstep_expr::json::Value;

use crate::machine::flow::Point;

/// The data on its way through a state, as far as it came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inspection {
    pub input: Value,
    /// What lay behind the fields of the state.
    pub passed: BTreeMap<Point, Value>,
    /// What the state's work gave.
    pub result: Option<Value>,
    /// What each iteration of a Map state gets.
    pub after_item_selector: Option<Value>,
    pub after_items_pointer: Option<Value>,
    /// What each iteration gets that takes several items.
    pub after_item_batcher: Option<Value>,
    pub max_concurrency: Option<u64>,
    pub tolerated_failure_count: Option<u64>,
    pub tolerated_failure_percentage: Option<f64>,
    pub variables: Option<Value>,
    pub error: Option<ErrorDetails>,
    pub request: Option<HttpRequest>,
    pub response: Option<HttpResponse>,
}

/// What became of an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorDetails {
    /// The catcher that took it.
    pub catch_index: Option<usize>,
    /// The retrier that is for it.
    pub retry_index: Option<usize>,
    /// The time before the next attempt.
    pub retry_backoff_interval_seconds: Option<u64>,
}

/// What an HTTP task sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpRequest {
    pub protocol: String,
    pub method: String,
    pub url: String,
    pub headers: String,
    pub body: Option<String>,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    pub protocol: String,
    pub status_code: String,
    pub status_message: String,
    pub headers: String,
    pub body: Option<String>,
}
