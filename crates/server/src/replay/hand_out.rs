//! The recorded operations as the state that the code gets.

use serde_json::{Map, Value, json};

use super::probe::Probe;
use super::recording::{Recorded, Recording};

/// What waits in the recording waits for so long that no replay sees its end; timers of JavaScript hold no more than 24 days.
const NEVER_MS: u64 = 3_600_000;

/// The operations that the code is shown, in the form of an invocation's event.
pub(super) fn state(recording: &Recording, probe: Option<&Probe>, now_ms: u64) -> Vec<Value> {
    let mut shown = Vec::with_capacity(recording.operations.len());
    shown.extend(
        recording
            .operations
            .first()
            .map(|first| execution(recording, first)),
    );
    below(recording, None, probe, now_ms, &mut shown);
    shown.sort_by_key(|(number, _)| *number);
    shown.into_iter().map(|(_, value)| value).collect()
}

fn execution(recording: &Recording, first: &Recorded) -> (u32, Value) {
    let mut details = Map::new();
    if let Some(input) = &recording.input {
        details.insert("InputPayload".to_owned(), json!(input));
    }
    let value = json!({
        "Id": first.id,
        "Type": "EXECUTION",
        "Name": first.name,
        "Status": "STARTED",
        "StartTimestamp": first.started_ms,
        "ExecutionDetails": details,
    });
    (0, value)
}

fn below(
    recording: &Recording,
    context: Option<&str>,
    probe: Option<&Probe>,
    now_ms: u64,
    shown: &mut Vec<(u32, Value)>,
) {
    for operation in recording.below(context) {
        if probe.is_some_and(|probe| probe.withholds(&operation.id)) {
            continue;
        }
        shown.push((operation.number, show(recording, operation, probe, now_ms)));
        if operation.is_context() && runs_again(recording, operation) {
            below(recording, Some(&operation.id), probe, now_ms, shown);
        }
    }
}

/// Whether the code of a context is run although it has ended: that of a failed one only if nothing in it could go on.
pub(super) fn runs_again(recording: &Recording, context: &Recorded) -> bool {
    match context.status.as_str() {
        "FAILED" => recording.is_settled(context),
        _ => true,
    }
}

fn show(recording: &Recording, operation: &Recorded, probe: Option<&Probe>, now_ms: u64) -> Value {
    let held = probe.is_some_and(|probe| probe.holds(&operation.id));
    let opened = probe.is_some_and(|probe| probe.opens(&operation.id))
        || (operation.is_context()
            && operation.status == "FAILED"
            && runs_again(recording, operation));
    let mut details = Map::new();
    let status = match operation.kind.as_str() {
        "STEP" if held || !operation.is_closed() => {
            details.insert("NextAttemptTimestamp".to_owned(), json!(now_ms + NEVER_MS));
            "PENDING"
        }
        "CONTEXT" if opened => "STARTED",
        _ => operation.status.as_str(),
    };
    match operation.kind.as_str() {
        "STEP" => {
            details.insert("Attempt".to_owned(), json!(operation.attempt));
        }
        "CONTEXT" => {
            // A context that has succeeded runs its code again over what lies in it, as after a large result.
            let replay = status == "SUCCEEDED";
            details.insert("ReplayChildren".to_owned(), json!(replay));
        }
        "WAIT" => {
            let end = operation.ended_ms.unwrap_or(now_ms + NEVER_MS);
            details.insert("ScheduledEndTimestamp".to_owned(), json!(end));
        }
        "CALLBACK" => {
            let id = format!("replay{}", operation.number);
            details.insert("CallbackId".to_owned(), json!(id));
        }
        _ => {}
    }
    let closed = !matches!(status, "STARTED" | "PENDING");
    if closed {
        outcome(operation, &mut details);
    }
    whole(operation, status, closed, details)
}

fn outcome(operation: &Recorded, details: &mut Map<String, Value>) {
    if let Some(result) = &operation.result {
        details.insert("Result".to_owned(), json!(result));
    }
    if let Some(error) = &operation.error {
        details.insert("Error".to_owned(), json!(error));
    }
}

fn whole(operation: &Recorded, status: &str, closed: bool, details: Map<String, Value>) -> Value {
    let mut value = json!({
        "Id": operation.id,
        "Type": operation.kind,
        "Status": status,
        "StartTimestamp": operation.started_ms,
        member(&operation.kind): details,
    });
    let Some(object) = value.as_object_mut() else {
        return value;
    };
    for (member, text) in [
        ("ParentId", &operation.parent),
        ("Name", &operation.name),
        ("SubType", &operation.sub_kind),
    ] {
        if let Some(text) = text {
            object.insert(member.to_owned(), json!(text));
        }
    }
    if let Some(ended) = operation.ended_ms.filter(|_| closed) {
        object.insert("EndTimestamp".to_owned(), json!(ended));
    }
    value
}

fn member(kind: &str) -> &'static str {
    match kind {
        "CONTEXT" => "ContextDetails",
        "STEP" => "StepDetails",
        "WAIT" => "WaitDetails",
        "CALLBACK" => "CallbackDetails",
        "CHAINED_INVOKE" => "ChainedInvokeDetails",
        _ => "ExecutionDetails",
    }
}

/// A context as it ended in the recording, for the answer to the checkpoint that ends it again. Times are seconds there.
pub(super) fn ended(operation: &Recorded) -> Value {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds stay exact for 280,000 years"
    )]
    let seconds = |ms: u64| json!(ms as f64 / 1_000.0);
    let mut details = Map::from_iter([("ReplayChildren".to_owned(), json!(false))]);
    outcome(operation, &mut details);
    let mut value = whole(operation, &operation.status, true, details);
    if let Some(object) = value.as_object_mut() {
        object.insert("StartTimestamp".to_owned(), seconds(operation.started_ms));
        if let Some(ended) = operation.ended_ms {
            object.insert("EndTimestamp".to_owned(), seconds(ended));
        }
    }
    value
}
