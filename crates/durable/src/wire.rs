//! History events in AWS's JSON. The member names are those of botocore 1.44.5; a `<Type>Details` member is always there, also when it is
//! empty, because clients drop a member that is absent.

use std::borrow::Cow;

use everstep_core::{EventId, Failure, Generation, Operation, Payload, Timestamp};
use serde_json::{Map, Value, json};

use crate::event::{Event, InvocationError, StepRetry};
use crate::model::Identity;

/// What showing an event needs besides it.
pub struct Show<'a> {
    /// Whether payloads and errors are shown; else they are left out and marked as truncated.
    pub include_data: bool,
    /// An operation's names, from [`crate::Request::Identify`]; operation 0 is the execution.
    pub identity: &'a dyn Fn(Operation) -> Option<Identity>,
    /// The token by which a generation of a callback is settled.
    pub callback_id: &'a dyn Fn(Operation, Generation) -> String,
    /// A payload's text.
    pub payload: &'a dyn Fn(&Payload) -> Cow<'a, str>,
}

/// AWS's epoch seconds, with milliseconds as the fraction.
#[must_use]
pub fn seconds(at: Timestamp) -> Value {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds stay exact for 280,000 years"
    )]
    let seconds = at.0 as f64 / 1_000.0;
    json!(seconds)
}

/// AWS's ErrorObject.
#[must_use]
pub fn error(failure: &Failure) -> Value {
    let mut object = Map::new();
    for (name, part) in [
        ("ErrorMessage", &failure.message),
        ("ErrorType", &failure.kind),
        ("ErrorData", &failure.data),
    ] {
        if let Some(text) = part {
            object.insert(name.to_owned(), json!(text));
        }
    }
    if !failure.stack.is_empty() {
        object.insert("StackTrace".to_owned(), json!(failure.stack));
    }
    Value::Object(object)
}

/// A public event as GetDurableExecutionHistory shows it; `None` for an internal one.
#[must_use]
pub fn event(id: EventId, at: Timestamp, event: &Event, show: &Show<'_>) -> Option<Value> {
    let (kind, details) = details(event, show)?;
    let mut object = Map::new();
    object.insert("EventType".to_owned(), json!(kind));
    object.insert("EventId".to_owned(), json!(id.0));
    object.insert("EventTimestamp".to_owned(), seconds(at));
    let about = match event {
        Event::InvocationCompleted { .. } => None,
        _ => Some(event.operation().unwrap_or_default()),
    };
    if let Some(identity) = about.and_then(|operation| (show.identity)(operation)) {
        object.insert("Id".to_owned(), json!(&*identity.id));
        for (name, part) in [
            ("ParentId", &identity.parent),
            ("Name", &identity.name),
            ("SubType", &identity.sub_kind),
        ] {
            if let Some(text) = part {
                object.insert(name.to_owned(), json!(&**text));
            }
        }
    }
    let mut details = details;
    match event {
        Event::Redriven { .. } => put(&mut details, "ResumeRequestTimestamp", seconds(at)),
        // It happens when it ends.
        Event::InvocationCompleted { .. } => put(&mut details, "EndTimestamp", seconds(at)),
        // Taken at once.
        Event::ExecutionResumed { .. } => {
            put(&mut details, "ResumeRequestTimestamp", seconds(at));
        }
        _ => {}
    }
    object.insert(format!("{kind}Details"), Value::Object(details));
    Some(Value::Object(object))
}

type Shown = Option<(&'static str, Map<String, Value>)>;

fn details(event: &Event, show: &Show<'_>) -> Shown {
    let mut to = Map::new();
    let kind = match event {
        Event::ExecutionStarted { input, settings } => {
            put(&mut to, "Input", show.wrapped(input.as_ref()));
            put(
                &mut to,
                "ExecutionTimeout",
                json!(settings.execution_timeout_s.unwrap_or(0)),
            );
            "ExecutionStarted"
        }
        Event::ExecutionSucceeded { result } => {
            put(&mut to, "Result", show.wrapped(result.as_ref()));
            "ExecutionSucceeded"
        }
        Event::ExecutionFailed { error } => {
            put(&mut to, "Error", show.failed(error));
            "ExecutionFailed"
        }
        Event::ExecutionTimedOut => "ExecutionTimedOut",
        Event::Redriven { .. } => return redriven(to),
        Event::ExecutionStopped { error } => {
            put(&mut to, "Error", show.failed(error));
            "ExecutionStopped"
        }
        Event::InvocationCompleted {
            request_id,
            started,
            error,
            ..
        } => return completed(to, request_id, *started, error.as_ref(), show),
        Event::ContextStarted { .. } => "ContextStarted",
        Event::ContextSucceeded { result, .. } => {
            put(&mut to, "Result", show.wrapped(result.as_ref()));
            "ContextSucceeded"
        }
        Event::ContextFailed { error, .. } => {
            put(&mut to, "Error", show.failed(error));
            "ContextFailed"
        }
        Event::StepStarted { .. } => "StepStarted",
        Event::StepSucceeded {
            result,
            attempt,
            retry,
            ..
        } => {
            put(&mut to, "Result", show.wrapped(result.as_ref()));
            put(&mut to, "RetryDetails", attempts(*attempt, retry.as_ref()));
            "StepSucceeded"
        }
        Event::StepFailed {
            error,
            attempt,
            retry,
            ..
        } => {
            put(&mut to, "Error", show.failed(error));
            put(&mut to, "RetryDetails", attempts(*attempt, retry.as_ref()));
            "StepFailed"
        }
        _ => return details_of_pause(event, show),
    };
    Some((kind, to))
}

fn details_of_pause(event: &Event, show: &Show<'_>) -> Shown {
    let mut to = Map::new();
    let kind = match event {
        Event::WaitStarted {
            duration_s,
            scheduled_end,
            ..
        } => {
            put(&mut to, "Duration", json!(duration_s));
            put(&mut to, "ScheduledEndTimestamp", seconds(*scheduled_end));
            "WaitStarted"
        }
        Event::WaitSucceeded { duration_s, .. } => {
            put(&mut to, "Duration", json!(duration_s));
            "WaitSucceeded"
        }
        Event::WaitCancelled { .. } => "WaitCancelled",
        Event::CallbackStarted {
            operation,
            timeout_s,
            heartbeat_s,
        } => {
            let id = (show.callback_id)(*operation, Generation(0));
            return callback_started(to, id, *timeout_s, *heartbeat_s);
        }
        Event::CallbackReopened {
            operation,
            generation,
            timeout_s,
            heartbeat_s,
        } => {
            let id = (show.callback_id)(*operation, *generation);
            return callback_started(to, id, *timeout_s, *heartbeat_s);
        }
        Event::CallbackSucceeded { result, .. } => {
            put(&mut to, "Result", show.wrapped(result.as_ref()));
            "CallbackSucceeded"
        }
        Event::CallbackFailed { error, .. } => {
            put(&mut to, "Error", show.failed(error));
            "CallbackFailed"
        }
        Event::CallbackTimedOut { error, .. } => {
            put(&mut to, "Error", show.failed(error));
            "CallbackTimedOut"
        }
        _ => return details_of_chained_invoke(event, show),
    };
    Some((kind, to))
}

fn details_of_chained_invoke(event: &Event, show: &Show<'_>) -> Shown {
    let mut to = Map::new();
    let (kind, error) = match event {
        Event::ChainedInvokeStarted { call, .. } => {
            put(&mut to, "FunctionName", json!(call.function_name));
            put(&mut to, "Input", show.wrapped(call.input.as_ref()));
            if let Some(tenant) = &call.tenant_id {
                put(&mut to, "TenantId", json!(tenant));
            }
            if let Some(target) = &call.target {
                let version = &target.settings.function.version;
                put(&mut to, "ExecutedVersion", json!(version));
                if let Some(arn) = target.execution_arn() {
                    put(&mut to, "DurableExecutionArn", json!(arn));
                }
            }
            return Some(("ChainedInvokeStarted", to));
        }
        Event::ChainedInvokeSucceeded { result, .. } => {
            put(&mut to, "Result", show.wrapped(result.as_ref()));
            return Some(("ChainedInvokeSucceeded", to));
        }
        Event::ChainedInvokeFailed { error, .. } => ("ChainedInvokeFailed", error),
        Event::ChainedInvokeTimedOut { error, .. } => ("ChainedInvokeTimedOut", error),
        Event::ChainedInvokeStopped { error, .. } => ("ChainedInvokeStopped", error),
        _ => return details_of_interruption(event, show),
    };
    put(&mut to, "Error", show.failed(error));
    Some((kind, to))
}

/// AWS has no such event; this one of its own says what matters: the execution goes on.
fn redriven(mut to: Map<String, Value>) -> Shown {
    let reason = json!({ "Payload": "Redriven", "Truncated": false });
    put(&mut to, "Reason", reason);
    Some(("ExecutionResumed", to))
}

fn callback_started(
    mut to: Map<String, Value>,
    id: String,
    timeout_s: Option<u32>,
    heartbeat_s: Option<u32>,
) -> Shown {
    put(&mut to, "CallbackId", json!(id));
    for (name, value) in [("HeartbeatTimeout", heartbeat_s), ("Timeout", timeout_s)] {
        if let Some(seconds) = value {
            put(&mut to, name, json!(seconds));
        }
    }
    Some(("CallbackStarted", to))
}

fn details_of_interruption(event: &Event, show: &Show<'_>) -> Shown {
    let mut to = Map::new();
    let kind = match event {
        Event::ExecutionPaused {
            requested,
            reason,
            timeout_paused,
            ..
        } => {
            put(&mut to, "PauseRequestTimestamp", seconds(*requested));
            put(&mut to, "ExecutionTimeoutPaused", json!(timeout_paused));
            show.reason(&mut to, reason.as_deref());
            "ExecutionPaused"
        }
        Event::ExecutionResumed { reason, .. } => {
            show.reason(&mut to, reason.as_deref());
            "ExecutionResumed"
        }
        _ => return None,
    };
    Some((kind, to))
}

fn completed(
    mut to: Map<String, Value>,
    request_id: &str,
    started: Timestamp,
    error: Option<&InvocationError>,
    show: &Show<'_>,
) -> Shown {
    put(&mut to, "StartTimestamp", seconds(started));
    put(&mut to, "RequestId", json!(request_id));
    if let Some(error) = error {
        put(&mut to, "Error", show.failed(&error.failure));
    }
    Some(("InvocationCompleted", to))
}

fn put(to: &mut Map<String, Value>, name: &str, value: Value) {
    to.insert(name.to_owned(), value);
}

fn attempts(attempt: u32, retry: Option<&StepRetry>) -> Value {
    match retry {
        Some(retry) => {
            json!({ "CurrentAttempt": attempt, "NextAttemptDelaySeconds": retry.delay_s })
        }
        None => json!({ "CurrentAttempt": attempt }),
    }
}

impl Show<'_> {
    fn wrapped(&self, payload: Option<&Payload>) -> Value {
        match payload {
            Some(payload) if self.include_data => {
                json!({ "Payload": (self.payload)(payload), "Truncated": false })
            }
            Some(_) => json!({ "Truncated": true }),
            None => json!({ "Truncated": false }),
        }
    }

    fn reason(&self, to: &mut Map<String, Value>, reason: Option<&str>) {
        if let Some(reason) = reason {
            let shown = if self.include_data {
                json!({ "Payload": reason, "Truncated": false })
            } else {
                json!({ "Truncated": true })
            };
            put(to, "Reason", shown);
        }
    }

    fn failed(&self, failure: &Failure) -> Value {
        if self.include_data {
            json!({ "Payload": error(failure), "Truncated": false })
        } else {
            json!({ "Truncated": true })
        }
    }
}
