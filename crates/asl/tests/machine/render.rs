//! The history as the service's API shows it.

use everstep_asl::machine::{Body, ErrorOutput, Event, Worker};
use everstep_core::EventId;
use serde_json::{Map, Value, json};

pub fn render(id: EventId, event: &Event) -> Value {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), id.0.into());
    shown.insert("previousEventId".to_owned(), event.previous().0.into());
    let kind = event.history_type().expect("only public events are shown");
    shown.insert("type".to_owned(), kind.into());
    if let Some((name, details)) = details(kind, event) {
        shown.insert(name, details);
    }
    Value::Object(shown)
}

fn details(kind: &str, event: &Event) -> Option<(String, Value)> {
    let own_name = || {
        let mut name = kind.to_owned();
        name.get_mut(..1)?.make_ascii_lowercase();
        Some(format!("{name}EventDetails"))
    };
    let (name, details) = match event {
        Event::ExecutionStarted {
            input, settings, ..
        } => {
            let mut details = text("input", input);
            details["roleArn"] = settings.role_arn.as_str().into();
            (own_name()?, details)
        }
        Event::ExecutionSucceeded { output, .. } => (own_name()?, text("output", output)),
        Event::ExecutionFailed { failure, .. }
        | Event::ExecutionAborted { failure, .. }
        | Event::MapRunFailed { failure, .. } => (own_name()?, error(failure)),
        Event::ExecutionTimedOut => (own_name()?, json!({})),
        Event::ExecutionRedriven { count, .. } => (own_name()?, json!({ "redriveCount": count })),
        Event::StateEntered { name, input, .. } => {
            let mut details = text("input", input);
            details["name"] = (&**name).into();
            ("stateEnteredEventDetails".to_owned(), details)
        }
        Event::StateExited {
            name,
            output,
            assigned,
            ..
        } => {
            let mut details = text("output", output);
            details["name"] = (&**name).into();
            if !assigned.is_empty() {
                let assigned: Map<_, _> = assigned
                    .iter()
                    .map(|(name, value)| (name.to_string(), value.text().into()))
                    .collect();
                details["assignedVariables"] = assigned.into();
                details["assignedVariablesDetails"] = json!({ "truncated": false });
            }
            ("stateExitedEventDetails".to_owned(), details)
        }
        Event::MapStateStarted { length, .. } => (own_name()?, json!({ "length": length })),
        Event::MapIterationStarted { name, index, .. }
        | Event::MapIterationSucceeded { name, index, .. }
        | Event::MapIterationFailed { name, index, .. }
        | Event::MapIterationAborted { name, index, .. } => {
            (own_name()?, json!({ "name": &**name, "index": index }))
        }
        Event::MapRunStarted { arn, .. } => (own_name()?, json!({ "mapRunArn": &**arn })),
        Event::MapRunRedriven { arn, count, .. } => (
            own_name()?,
            json!({ "mapRunArn": &**arn, "redriveCount": count }),
        ),
        Event::EvaluationFailed {
            failure,
            location,
            state,
            ..
        } => {
            let mut details = error(failure);
            if let Some(location) = location {
                details["location"] = (&**location).into();
            }
            details["state"] = (&**state).into();
            (own_name()?, details)
        }
        _ => return of_task(own_name()?, event),
    };
    Some((name, details))
}

fn of_task(name: String, event: &Event) -> Option<(String, Value)> {
    let (worker, mut details) = match event {
        Event::Scheduled { attempt, input, .. } => {
            let mut details = if matches!(attempt.worker, Worker::Service { .. }) {
                json!({ "parameters": input.text(), "region": &*attempt.region })
            } else {
                let mut details = text("input", input);
                details["resource"] = (&*attempt.resource).into();
                details
            };
            for (field, seconds) in [
                ("timeoutInSeconds", attempt.timeout_s),
                ("heartbeatInSeconds", attempt.heartbeat_s),
            ] {
                if let Some(seconds) = seconds {
                    details[field] = seconds.into();
                }
            }
            if let Some(role) = &attempt.credentials {
                details["taskCredentials"] = json!({ "roleArn": &**role });
            }
            (&attempt.worker, details)
        }
        Event::Started {
            worker: Worker::Function,
            ..
        } => return None,
        Event::Started { worker, by, .. } => (
            worker,
            by.as_ref()
                .map_or(json!({}), |by| json!({ "workerName": &**by })),
        ),
        Event::Submitted { worker, output, .. } | Event::Succeeded { worker, output, .. } => {
            (worker, text("output", output))
        }
        Event::Failed {
            worker, failure, ..
        }
        | Event::TimedOut {
            worker, failure, ..
        } => (worker, error(failure)),
        _ => return None,
    };
    if let Worker::Service { service, action } = worker {
        details["resourceType"] = (&**service).into();
        details["resource"] = (&**action).into();
    }
    Some((name, details))
}

fn text(field: &str, body: &Body) -> Value {
    json!({ field: body.text(), (format!("{field}Details")): { "truncated": false } })
}

fn error(failure: &ErrorOutput) -> Value {
    let mut details = json!({});
    for (field, part) in [("error", &failure.error), ("cause", &failure.cause)] {
        if let Some(part) = part {
            details[field] = (&**part).into();
        }
    }
    details
}
