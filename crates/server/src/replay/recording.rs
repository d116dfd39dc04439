//! What was recorded of an execution, in the form in which it travels.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An execution with every operation, whatever a handler would be shown of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Recording {
    pub id: String,
    pub arn: String,
    pub function_arn: String,
    pub function: String,
    pub version: String,
    /// AWS's spelling.
    pub status: String,
    /// JSON text, as it was given.
    pub input: Option<String>,
    pub result: Option<String>,
    pub error: Option<RecordedError>,
    /// `python`, `node` or `provided`.
    pub runtime: String,
    pub handler: String,
    pub environment: BTreeMap<String, String>,
    pub timeout_s: u32,
    /// In the order of starts; the execution itself is the first.
    pub operations: Vec<Recorded>,
}

/// One operation as it stood when it was recorded.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Recorded {
    pub number: u32,
    pub id: String,
    pub parent: Option<String>,
    pub name: Option<String>,
    /// AWS's words.
    pub kind: String,
    pub sub_kind: Option<String>,
    pub status: String,
    /// Milliseconds since 1970.
    pub started_ms: u64,
    pub ended_ms: Option<u64>,
    pub attempt: u32,
    pub result: Option<String>,
    pub error: Option<RecordedError>,
}

/// AWS's ErrorObject.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RecordedError {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_data: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stack_trace: Vec<String>,
}

impl Recording {
    pub(super) fn by_id(&self, id: &str) -> Option<&Recorded> {
        self.operations.iter().skip(1).find(|found| found.id == id)
    }

    /// The operations that lie directly in a context, or with `None` at the top.
    pub(super) fn below<'a>(
        &'a self,
        context: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Recorded> {
        self.operations
            .iter()
            .skip(1)
            .filter(move |found| found.parent.as_deref() == context)
    }

    /// The ids of the contexts around an operation.
    pub(super) fn around(&self, operation: &Recorded) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut next = operation.parent.as_deref();
        while let Some(context) = next.and_then(|id| self.by_id(id)) {
            // A record that is no tree has to end, too.
            if found.contains(&context.id) {
                break;
            }
            found.push(context.id.clone());
            next = context.parent.as_deref();
        }
        found
    }

    /// Whether everything below a context has ended.
    pub(super) fn is_settled(&self, context: &Recorded) -> bool {
        self.below(Some(&context.id))
            .all(|child| child.is_closed() && self.is_settled(child))
    }

    /// Whether the execution has come to an end of its code.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self.status.as_str(), "SUCCEEDED" | "FAILED")
    }

    /// Operations that were under way when the recording ended.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = &Recorded> {
        self.operations
            .iter()
            .skip(1)
            .filter(|found| !found.is_closed() && found.kind != "CONTEXT")
    }
}

/// Without the `{"t": TYPE, "v": VALUE}` that Python's SDK writes around what JSON has no type for.
fn plain(value: &Value) -> &Value {
    let mut value = value;
    while let Some(inner) = value.get("t").and_then(|_| value.get("v")) {
        value = inner;
    }
    value
}

impl Recorded {
    pub(super) fn is_closed(&self) -> bool {
        !matches!(self.status.as_str(), "STARTED" | "PENDING" | "READY")
    }

    pub(super) fn is_context(&self) -> bool {
        self.kind == "CONTEXT"
    }

    /// Whether what lies below runs side by side.
    pub(super) fn is_fan_out(&self) -> bool {
        matches!(self.sub_kind.as_deref(), Some("Map" | "Parallel"))
    }

    /// Whether a fan-out says in its result that it waited for every branch; the SDKs write one object with this member.
    pub(super) fn all_completed(&self) -> bool {
        let result = self.result.as_deref().unwrap_or_default();
        let result: Value = serde_json::from_str(result).unwrap_or_default();
        ["completionReason", "completion_reason"]
            .into_iter()
            .filter_map(|member| plain(plain(&result).get(member)?).as_str())
            .any(|reason| reason.replace('_', "").eq_ignore_ascii_case("allcompleted"))
    }

    /// For people: `step 3 (reserve)`.
    #[must_use]
    pub fn title(&self) -> String {
        let kind = self.kind.to_ascii_lowercase().replace('_', " ");
        match &self.name {
            Some(name) => format!("{kind} {} ({name})", self.number),
            None => format!("{kind} {}", self.number),
        }
    }
}
