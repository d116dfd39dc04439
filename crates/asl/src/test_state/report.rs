//! What came of a test.

use std::sync::Arc;

use everstep_expr::json::Value;

use super::inspection::Inspection;
use super::request::Level;
use crate::machine::ErrorOutput;

/// How the state ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Succeeded,
    Failed,
    /// It would be tried again.
    Retriable,
    /// A catcher took the error.
    CaughtError,
}

impl Status {
    /// The service's name for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Retriable => "RETRIABLE",
            Self::CaughtError => "CAUGHT_ERROR",
        }
    }
}

/// What came of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub status: Status,
    pub output: Option<Value>,
    pub failure: ErrorOutput,
    /// The state that would follow.
    pub next_state: Option<Arc<str>>,
    pub inspection: Option<Inspection>,
    /// Values that were given, with the texts that they were read from.
    pub(super) given: Vec<(Value, Arc<str>)>,
}

impl Report {
    /// The JSON text of a value in this report: what was only passed on is shown as it was given.
    #[must_use]
    pub fn text(&self, value: &Value) -> String {
        let given = self.given.iter().find(|(given, _)| given.is_same(value));
        given.map_or_else(|| value.to_text(), |(_, text)| text.to_string())
    }

    /// What is told at a level.
    #[must_use]
    pub fn at(mut self, level: Level) -> Self {
        if level == Level::Info {
            self.inspection = None;
        }
        if level != Level::Trace
            && let Some(inspection) = &mut self.inspection
        {
            inspection.request = None;
            inspection.response = None;
        }
        self
    }
}
