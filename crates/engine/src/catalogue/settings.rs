//! What is said of a function beside its revisions. It holds from the moment that it is said, for every version that it is said of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A function's settings. Those by qualifier have `$LATEST` for the function itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FunctionSettings {
    /// How many invocations may run at once; 0 stops the function.
    pub reserved_concurrency: Option<u32>,
    pub policies: BTreeMap<String, Policy>,
    pub async_invokes: BTreeMap<String, AsyncInvoke>,
    pub urls: BTreeMap<String, FunctionUrl>,
    pub provisioned: BTreeMap<String, Provisioned>,
    /// `Allow` or `Terminate`; kept and shown.
    pub recursive_loop: Option<String>,
    /// Kept and shown.
    pub runtime_updates: BTreeMap<String, RuntimeUpdates>,
}

/// Who may do what, kept and shown: requests are let in by their keys, not by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub revision: String,
    /// Each is an object with a `Sid`.
    pub statements: Vec<Value>,
}

impl Policy {
    /// The place of the statement of this id.
    #[must_use]
    pub fn position(&self, id: &str) -> Option<usize> {
        let has_id = |statement: &Value| statement.get("Sid").and_then(Value::as_str) == Some(id);
        self.statements.iter().position(has_id)
    }
}

/// How asynchronous calls are tried again, and who hears of their end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AsyncInvoke {
    /// 0 to 2.
    pub retries_max: Option<u32>,
    /// 60 to 21,600.
    pub age_max_s: Option<u32>,
    /// A function's ARN or an address.
    pub on_success: Option<String>,
    pub on_failure: Option<String>,
    /// Milliseconds since 1970.
    pub modified_ms: u64,
}

/// A function's own address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionUrl {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Whether requests have to be signed.
    pub signed: bool,
    pub streamed: bool,
    pub cors: Option<Value>,
    /// Milliseconds since 1970.
    pub created_ms: u64,
    pub modified_ms: u64,
}

/// Processes that are asked to be ready; kept and shown, since idle workers stay warm anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provisioned {
    pub requested: u32,
    /// Milliseconds since 1970.
    pub modified_ms: u64,
}

/// When a runtime may be replaced by a newer one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeUpdates {
    pub update_on: String,
    pub version_arn: Option<String>,
}
