//! The durable execution service as far as the SDK uses it: operations, checkpoints with single-use tokens, callbacks, history.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

/// When the process dies around a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dies {
    /// The request is lost.
    Before,
    /// The request is stored, its reply is lost.
    After,
}

#[derive(Default)]
pub struct Execution {
    pub arn: String,
    pub input: Value,
    pub operations: Vec<Map<String, Value>>,
    pub events: Vec<Value>,
    pub checkpoints: u64,
    pub crash: Option<(u64, Dies)>,
    pub settles: Vec<(String, bool)>,
    /// The body of the call that stopped it.
    pub stopped: Option<String>,
    token: u64,
}

pub type Answer = (StatusCode, [(&'static str, String); 2], String);

pub fn refusal(status: u16, kind: &'static str, message: &str) -> Answer {
    let body = json!({ "Type": "User", "message": message }).to_string();
    let status = StatusCode::from_u16(status).expect("a status");
    (
        status,
        [
            ("x-amzn-errortype", kind.to_owned()),
            ("content-type", "application/json".to_owned()),
        ],
        body,
    )
}

fn answer(body: &Value) -> Answer {
    (
        StatusCode::OK,
        [
            ("x-amzn-requestid", "r".to_owned()),
            ("content-type", "application/json".to_owned()),
        ],
        body.to_string(),
    )
}

impl Execution {
    pub fn begin(&mut self, name: &str, input: &Value) {
        self.arn = format!(
            "arn:aws:lambda:eu-west-1:123456789012:function:ResearchWorkflow:$LATEST/durable-execution/{name}/1"
        );
        self.input = input.clone();
    }

    /// The invocation event; whatever token an earlier invocation holds is void from here on.
    pub fn invocation(&mut self) -> Value {
        self.token += 1;
        let mut operations = vec![json!({
            "Id": "execution", "Type": "EXECUTION", "Status": "STARTED", "StartTimestamp": 1,
            "ExecutionDetails": { "InputPayload": self.input.to_string() },
        })];
        operations.extend(
            self.operations
                .iter()
                .map(|operation| Value::Object(operation.clone())),
        );
        json!({
            "DurableExecutionArn": self.arn, "CheckpointToken": self.token_text(),
            "InitialExecutionState": { "Operations": operations, "NextMarker": "" }, "UpdatedOperationIds": [],
        })
    }

    fn token_text(&self) -> String {
        format!("token{}", self.token)
    }

    /// Applies a checkpoint; the flag says that the caller's process dies now.
    pub fn checkpoint(&mut self, body: &[u8]) -> (Answer, bool) {
        let request: Value = serde_json::from_slice(body).expect("a JSON checkpoint");
        if request["CheckpointToken"] != self.token_text() {
            return (
                refusal(
                    400,
                    "InvalidParameterValueException",
                    "Invalid Checkpoint Token: it was used",
                ),
                false,
            );
        }
        self.checkpoints += 1;
        let dies = self
            .crash
            .filter(|(number, _)| *number == self.checkpoints)
            .map(|(_, when)| when);
        if dies == Some(Dies::Before) {
            return (answer(&json!({})), true);
        }
        let mut changed = Vec::new();
        for update in request["Updates"].as_array().into_iter().flatten() {
            changed.push(self.apply(update));
        }
        self.token += 1;
        let body = json!({ "CheckpointToken": self.token_text(), "NewExecutionState": { "Operations": changed, "NextMarker": "" } });
        (answer(&body), dies.is_some())
    }

    fn apply(&mut self, update: &Value) -> Value {
        let text = |field: &str| update[field].as_str().unwrap_or_default().to_owned();
        let (id, kind, action) = (text("Id"), text("Type"), text("Action"));
        let place = self
            .operations
            .iter()
            .position(|operation| operation["Id"] == id.as_str())
            .unwrap_or_else(|| {
                let mut operation = Map::new();
                for field in ["Id", "Type", "SubType", "Name", "ParentId"] {
                    if let Some(value) = update.get(field) {
                        operation.insert(field.to_owned(), value.clone());
                    }
                }
                operation.insert("StartTimestamp".to_owned(), json!(1));
                self.operations.push(operation);
                self.operations.len() - 1
            });
        let operation = &mut self.operations[place];
        if let Some(seconds) = update.pointer("/WaitOptions/WaitSeconds") {
            operation.insert("WaitSeconds".to_owned(), seconds.clone());
        }
        let details = details_name(&kind);
        let mut detail = operation
            .get(details)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let finished = detail.get("Attempt").and_then(Value::as_i64).unwrap_or(0) + 1;
        let status = match action.as_str() {
            "START" => {
                if kind == "CALLBACK" {
                    detail.insert("CallbackId".to_owned(), format!("cb{}secret", place).into());
                    let started = json!({ "EventId": 1, "EventType": "CallbackStarted", "EventTimestamp": 1, "Id": id, "Name": update["Name"],
                        "CallbackStartedDetails": { "CallbackId": detail["CallbackId"] } });
                    self.events.push(started);
                }
                "STARTED"
            }
            "SUCCEED" => {
                detail.insert("Result".to_owned(), update["Payload"].clone());
                detail.insert("Attempt".to_owned(), finished.into());
                if update.pointer("/ContextOptions/ReplayChildren") == Some(&Value::Bool(true)) {
                    detail.insert("ReplayChildren".to_owned(), true.into());
                }
                "SUCCEEDED"
            }
            "FAIL" => {
                detail.insert("Error".to_owned(), update["Error"].clone());
                detail.insert("Attempt".to_owned(), finished.into());
                "FAILED"
            }
            "RETRY" => {
                detail.insert("Error".to_owned(), update["Error"].clone());
                detail.insert("Attempt".to_owned(), finished.into());
                "PENDING"
            }
            other => panic!("no action {other}"),
        };
        if kind != "STEP" {
            detail.remove("Attempt");
        }
        operation.insert(details.to_owned(), detail.into());
        operation.insert("Status".to_owned(), status.into());
        Value::Object(operation.clone())
    }

    pub fn succeed(&mut self, callback_id: &str, result: &str) -> Response {
        let first = self.settle(callback_id, "SUCCEEDED", json!({ "Result": result }));
        self.settles.push((callback_id.to_owned(), first));
        if first {
            answer(&json!({})).into_response()
        } else {
            refusal(404, "ResourceNotFoundException", "closed").into_response()
        }
    }

    /// The first settle wins; the answer says whether this one was it.
    pub fn settle(&mut self, callback_id: &str, status: &str, outcome: Value) -> bool {
        let found = self.operations.iter_mut().find(|operation| {
            operation
                .get("CallbackDetails")
                .is_some_and(|details| details["CallbackId"] == callback_id)
        });
        let Some(operation) = found.filter(|operation| operation["Status"] == "STARTED") else {
            return false;
        };
        let fields = outcome.as_object().cloned().unwrap_or_default();
        operation
            .get_mut("CallbackDetails")
            .and_then(Value::as_object_mut)
            .expect("details")
            .extend(fields);
        operation.insert("Status".to_owned(), status.into());
        let kind = match status {
            "SUCCEEDED" => "CallbackSucceeded",
            "FAILED" => "CallbackFailed",
            _ => "CallbackTimedOut",
        };
        self.events.push(json!({ "EventId": 2, "EventType": kind, "EventTimestamp": 1, "Id": operation["Id"], "Name": operation["Name"] }));
        true
    }

    pub fn history(&self) -> Value {
        json!({ "Events": self.events.iter().rev().collect::<Vec<_>>() })
    }

    pub fn callback(&self, name: &str) -> Option<String> {
        let operation = self
            .operations
            .iter()
            .find(|operation| operation.get("Name") == Some(&json!(name)))?;
        operation["CallbackDetails"]["CallbackId"]
            .as_str()
            .map(str::to_owned)
    }

    pub fn status(&self, name: &str) -> Option<&str> {
        self.operations
            .iter()
            .rev()
            .find(|operation| operation.get("Name") == Some(&json!(name)))?["Status"]
            .as_str()
    }

    /// Names of the steps and callbacks of the workflow itself, in start order.
    pub fn names(&self) -> Vec<String> {
        let own = |operation: &&Map<String, Value>| {
            !operation.contains_key("ParentId") && operation["Type"] != "CONTEXT"
        };
        self.operations
            .iter()
            .filter(own)
            .filter_map(|operation| operation.get("Name")?.as_str().map(str::to_owned))
            .collect()
    }

    /// Lets the oldest pending retry or wait become due.
    pub fn tick(&mut self) -> bool {
        for operation in &mut self.operations {
            let next = match (operation["Type"].as_str(), operation["Status"].as_str()) {
                (Some("STEP"), Some("PENDING")) => "READY",
                (Some("WAIT"), Some("STARTED")) => "SUCCEEDED",
                _ => continue,
            };
            operation.insert("Status".to_owned(), next.into());
            return true;
        }
        false
    }
}

fn details_name(kind: &str) -> &'static str {
    match kind {
        "STEP" => "StepDetails",
        "CONTEXT" => "ContextDetails",
        "WAIT" => "WaitDetails",
        "CALLBACK" => "CallbackDetails",
        other => panic!("no operation type {other}"),
    }
}
