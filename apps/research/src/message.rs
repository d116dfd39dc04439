//! Shapes that leave or enter the workflow: input, agent payloads, decisions, results, events. Pure.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::artifact::LARGE_PAYLOAD_BYTES;
use crate::error::WorkflowError;
use crate::record::{Phase, Record, status};

/// A valid start of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    /// What to research; not empty.
    pub topic: String,
    /// An object; `{}` when the caller gave none.
    pub parameters: Value,
    /// Given by the caller, or nothing yet.
    pub workflow_id: Option<String>,
}

/// What a person decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Only JSON `true` approves.
    pub approved: bool,
    /// Who is to do it again before the person decides once more.
    pub changes: Option<Phase>,
    /// For the writer; empty by default.
    pub feedback: String,
    /// Who decided, if known.
    pub approved_by: Option<String>,
    /// For the result of a rejection.
    pub reason: Option<String>,
}

/// Reads a start request.
///
/// # Errors
/// The seed's `Missing required field: 'topic'` and `Parameters must be a dictionary`; a workflow_id that cannot name an execution.
pub fn parse_start(event: &Value) -> Result<Start, WorkflowError> {
    let topic = event
        .get("topic")
        .and_then(Value::as_str)
        .map(str::trim)
        .unwrap_or_default();
    if topic.is_empty() {
        return Err(WorkflowError::Invalid(
            "Missing required field: 'topic'".to_owned(),
        ));
    }
    let parameters = match event.get("parameters") {
        None | Some(Value::Null) => json!({}),
        Some(given) => {
            validate_workflow_parameters(given)?;
            given.clone()
        }
    };
    let workflow_id = match event.get("workflow_id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) if is_workflow_id(id) => Some(id.clone()),
        Some(_) => {
            return Err(WorkflowError::Invalid(
                "workflow_id must be 1 to 64 letters, digits, hyphens or underscores".to_owned(),
            ));
        }
    };
    Ok(Start {
        topic: topic.to_owned(),
        parameters,
        workflow_id,
    })
}

/// The seed's check, which the seed itself never called.
///
/// # Errors
/// `Parameters must be a dictionary`.
pub fn validate_workflow_parameters(parameters: &Value) -> Result<(), WorkflowError> {
    if parameters.is_object() {
        Ok(())
    } else {
        Err(WorkflowError::Invalid(
            "Parameters must be a dictionary".to_owned(),
        ))
    }
}

/// Whether a text can be a workflow id, which is the durable execution's name too.
#[must_use]
pub fn is_workflow_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// A new workflow id: UUIDv4 text.
#[must_use]
pub fn generate_workflow_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A token of 256 random bits in hexadecimal. The workflow itself uses the service's callback ids, which are signed.
#[must_use]
pub fn generate_callback_token() -> String {
    [
        uuid::Uuid::new_v4(),
        uuid::Uuid::new_v4(),
        uuid::Uuid::new_v4(),
    ]
    .iter()
    .fold(Sha256::new(), |digest, part| {
        digest.chain_update(part.as_bytes())
    })
    .finalize()
    .as_slice()
    .iter()
    .map(|byte| format!("{byte:02x}"))
    .collect()
}

/// The workflow id that an Idempotency-Key stands for: the same key is the same workflow.
#[must_use]
pub fn workflow_id_for_key(key: &str) -> String {
    uuid_of(&format!("everstep-research/idempotency-key/{key}"))
}

/// Message id of one dispatch: the same for every re-send, another for every decided new generation.
#[must_use]
pub fn message_id(execution_arn: &str, step: &str, generation: u32) -> String {
    uuid_of(&format!("{execution_arn}/{step}/{generation}"))
}

/// The A2A context of one dispatch, by which a task is looked up before a message is sent again.
#[must_use]
pub fn context_id(workflow_id: &str, step: &str, generation: u32) -> String {
    format!("{workflow_id}-{step}-{generation}")
}

fn uuid_of(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut bytes = [0_u8; 16];
    for (target, source) in bytes.iter_mut().zip(digest.as_slice()) {
        *target = *source;
    }
    uuid::Builder::from_custom_bytes(bytes)
        .into_uuid()
        .to_string()
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex_digest(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What an agent works on.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    /// What the workflow is about.
    pub topic: &'a str,
    /// The caller's parameters.
    pub parameters: &'a Value,
    /// The result of the phase before.
    pub input: &'a Value,
    /// The reviewer's words.
    pub feedback: &'a str,
    /// What the reviewer wants changed; null when there is nothing yet.
    pub draft: &'a Value,
}

/// What a phase's agent is sent besides the callback: `task` always, then the seed's fields of that phase. An agent that is to change
/// something also gets what it made, as `draft`, and the analyst the feedback.
#[must_use]
pub fn phase_payload(phase: Phase, work: &Work<'_>) -> Value {
    let (task, topic, parameters) = (phase.task(), work.topic, work.parameters);
    let mut payload = match phase {
        Phase::Research => json!({ "task": task, "topic": topic, "parameters": parameters }),
        Phase::Analysis => json!({ "task": task, "research_data": work.input, "topic": topic }),
        Phase::Writing => {
            json!({ "task": task, "analysis": work.input, "feedback": work.feedback, "topic": topic, "parameters": parameters })
        }
    };
    if let Some(fields) = payload.as_object_mut() {
        if !work.draft.is_null() {
            fields.insert("draft".to_owned(), work.draft.clone());
        }
        if phase == Phase::Analysis && !work.feedback.is_empty() {
            fields.insert("feedback".to_owned(), work.feedback.into());
        }
    }
    payload
}

/// Adds the address of the wait to a payload.
#[must_use]
pub fn with_callback(
    payload: Value,
    workflow_id: &str,
    callback_url: &str,
    callback_token: &str,
) -> Value {
    let mut payload = match payload {
        Value::Object(fields) => fields,
        other => Map::from_iter([("data".to_owned(), other)]),
    };
    payload.insert("workflow_id".to_owned(), workflow_id.into());
    payload.insert("callback_url".to_owned(), callback_url.into());
    payload.insert("callback_token".to_owned(), callback_token.into());
    Value::Object(payload)
}

/// The seed's `format_agent_payload`: `{task, data, workflow_id, timestamp[, callback_url, callback_token]}`.
#[must_use]
pub fn format_agent_payload(
    task: &str,
    data: &Value,
    workflow_id: &str,
    callback: Option<(&str, &str)>,
    timestamp: &str,
) -> Value {
    let mut payload =
        json!({ "task": task, "data": data, "workflow_id": workflow_id, "timestamp": timestamp });
    if let (Some((url, token)), Some(fields)) = (callback, payload.as_object_mut()) {
        fields.insert("callback_url".to_owned(), url.into());
        fields.insert("callback_token".to_owned(), token.into());
    }
    payload
}

impl Decision {
    /// Reads the value of the human_approval wait. Anything that does not clearly approve, rejects.
    #[must_use]
    pub fn from_value(value: &Value) -> Self {
        let text = |field: &str| {
            value
                .get(field)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let changes = verdict(value) == Some(Verdict::Changes);
        Self {
            approved: value
                .get("approved")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            changes: changes.then(|| producer(value)).flatten(),
            feedback: text("feedback").unwrap_or_default(),
            approved_by: text("approved_by"),
            reason: text("reason"),
        }
    }

    /// The rejection of an approval that nobody gave in time.
    #[must_use]
    pub fn expired() -> Self {
        Self {
            approved: false,
            changes: None,
            feedback: String::new(),
            approved_by: None,
            reason: Some("Approval timed out".to_owned()),
        }
    }
}

/// The three answers that a person can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Approved,
    Rejected,
    Changes,
}

/// What a decision says: in one word, or in the seed's field. A word that contradicts the field is none.
fn verdict(body: &Value) -> Option<Verdict> {
    let approved = body.get("approved").and_then(Value::as_bool);
    let Some(word) = body.get("decision").and_then(Value::as_str) else {
        return approved.map(|approved| {
            if approved {
                Verdict::Approved
            } else {
                Verdict::Rejected
            }
        });
    };
    let verdict = match word.to_ascii_lowercase().as_str() {
        "approve" | "approved" => Verdict::Approved,
        "reject" | "rejected" => Verdict::Rejected,
        "changes" | "request_changes" | "changes_requested" => Verdict::Changes,
        _ => return None,
    };
    let agrees = approved.is_none_or(|approved| approved == (verdict == Verdict::Approved));
    agrees.then_some(verdict)
}

/// Whose work is to be done again: the writer's, unless the decision names the analyst.
fn producer(body: &Value) -> Option<Phase> {
    match body.get("changes_to").and_then(Value::as_str) {
        None | Some("") if is_for_analyst(body) => Some(Phase::Analysis),
        None | Some("" | "writer") => Some(Phase::Writing),
        Some("analyst") => Some(Phase::Analysis),
        Some(_) => None,
    }
}

/// In an approval people have words alone: those that begin with `@analyst` are for the analyst.
fn is_for_analyst(body: &Value) -> bool {
    let feedback = body.get("feedback").and_then(Value::as_str);
    let first = feedback.and_then(|text| text.split_whitespace().next());
    first.is_some_and(|word| {
        word.trim_end_matches([':', ','])
            .eq_ignore_ascii_case("@analyst")
    })
}

/// The value that settles the human_approval wait, from what a client sent.
///
/// # Errors
/// `approved` is missing or not a boolean and there is no decision in a word: an API must not turn a typing error into a rejection. Changes
/// are asked for without saying which, or of nobody who makes any.
pub fn decision_value(
    body: &Value,
    approved_by: Option<&str>,
    now: &str,
) -> Result<Value, WorkflowError> {
    let invalid = |text: &str| Err(WorkflowError::Invalid(text.to_owned()));
    let Some(verdict) = verdict(body) else {
        return invalid(if body.get("decision").is_some() {
            "decision must be approved, rejected or changes_requested, and agree with 'approved'"
        } else {
            "Missing required field: 'approved'"
        });
    };
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    let feedback = text("feedback").unwrap_or_default();
    let approved = verdict == Verdict::Approved;
    let mut value = json!({
        "approved": approved,
        "feedback": feedback,
        "approved_by": approved_by.or_else(|| text("approved_by")),
        "approved_at": text("approved_at").unwrap_or(now),
        "reason": text("reason").or_else(|| Some(feedback).filter(|feedback| !approved && !feedback.is_empty())),
    });
    if verdict == Verdict::Changes {
        if feedback.is_empty() {
            return invalid("Missing required field: 'feedback'");
        }
        let Some(phase) = producer(body) else {
            return invalid("changes_to must be writer or analyst");
        };
        if let Some(fields) = value.as_object_mut() {
            fields.insert("decision".to_owned(), "changes_requested".into());
            fields.insert("changes_to".to_owned(), phase.agent().into());
        }
    }
    Ok(value)
}

/// The name of a step, wait or phase in a round: the seed's in the first one, with its number in the others.
#[must_use]
pub fn in_round(name: &str, round: u32) -> String {
    if round <= 1 {
        name.to_owned()
    } else {
        format!("{name}_{round}")
    }
}

/// What a caller is told about a workflow that waits or is over (specification, §4).
#[must_use]
pub fn result_of(record: &Record, callback_url: &str) -> Value {
    let id = record.workflow_id.as_str();
    match record.status.as_str() {
        status::AWAITING_APPROVAL => json!({
            "status": status::AWAITING_APPROVAL, "workflow_id": id, "callback_url": callback_url,
            "message": "Workflow suspended awaiting human approval",
        }),
        status::REJECTED => rejected(id, record.text("rejection_reason")),
        status::COMPLETED => completed(id, record.text("report_url"), record.text("completed_at")),
        status::FAILED => {
            json!({ "status": status::FAILED, "workflow_id": id, "error": record.extra.get("error") })
        }
        status::CANCELLED => {
            json!({ "status": status::CANCELLED, "workflow_id": id, "reason": record.text("cancellation_reason") })
        }
        _ => {
            let phase = Phase::ALL
                .into_iter()
                .find(|phase| phase.step() == record.current_step)
                .unwrap_or(Phase::Research);
            pending(id, phase)
        }
    }
}

/// `PENDING` for a phase.
#[must_use]
pub fn pending(workflow_id: &str, phase: Phase) -> Value {
    let (awaiting, message) = phase.awaiting();
    json!({ "status": "PENDING", "workflow_id": workflow_id, "awaiting": awaiting, "message": message })
}

/// `REJECTED`; the reason defaults to the seed's.
#[must_use]
pub fn rejected(workflow_id: &str, reason: Option<&str>) -> Value {
    let reason = reason
        .filter(|reason| !reason.is_empty())
        .unwrap_or("No reason provided");
    json!({ "status": status::REJECTED, "workflow_id": workflow_id, "reason": reason })
}

/// `COMPLETED`.
#[must_use]
pub fn completed(workflow_id: &str, report_url: Option<&str>, completed_at: Option<&str>) -> Value {
    json!({ "status": status::COMPLETED, "workflow_id": workflow_id, "report_url": report_url, "completed_at": completed_at })
}

/// SNS and EventBridge take 256 KB, in which this must fit as JSON. A longer summary belongs to an analysis that is linked whole.
const SUMMARY_BYTES: usize = LARGE_PAYLOAD_BYTES;

/// As much of the beginning as is at most `limit` bytes of JSON.
pub(crate) fn beginning(text: &str, limit: usize) -> Cow<'_, str> {
    let written = |letter: char| match letter {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        control if control < ' ' => 6,
        other => other.len_utf8(),
    };
    let mut left = limit;
    for (place, letter) in text.char_indices() {
        match left.checked_sub(written(letter)) {
            Some(rest) => left = rest,
            None => return Cow::Owned(format!("{}…", text.get(..place).unwrap_or_default())),
        }
    }
    Cow::Borrowed(text)
}

/// The message of an approval request (specification, §9). An analysis may be any JSON: text, list and null included.
#[must_use]
pub fn approval_message(
    workflow_id: &str,
    analysis: &Value,
    review_url: Option<&str>,
    approve_url: &str,
    now: &str,
) -> Value {
    let summary = analysis
        .get("summary")
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(|text| beginning(text, SUMMARY_BYTES));
    json!({
        "workflow_id": workflow_id,
        "status": "approval_required",
        "analysis_summary": summary.as_deref().unwrap_or("No summary available"),
        "review_url": review_url,
        "callback_url": approve_url,
        "requested_at": now,
    })
}

/// Whether an agent's result is more than nothing.
#[must_use]
pub fn has_result(result: &Value) -> bool {
    match result {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests;
