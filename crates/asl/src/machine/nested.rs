//! Executions that states start and wait for: `states:startExecution` with `.sync`.

use std::sync::Arc;

use everstep_core::{
    Execution, Generation, Operation, Outcome, Payload, Recovery, Target, TargetKind, Task,
    TaskPayload, Timestamp,
};
use everstep_expr::json::{Map, Value};

use super::event::{Event, Worker};
use super::run::Run;
use super::state::{Phase, State, Visit};

/// The resource under which such executions are stopped.
const STOP: &str = "arn:aws:states:::aws-sdk:sfn:stopExecution";

/// Whether the attempt waits for an execution, and whether its output is to be JSON.
fn pattern(visit: &Visit) -> Option<bool> {
    let (attempt, _) = visit.attempt.as_ref()?;
    match &attempt.worker {
        Worker::Service { service, action } if &**service == "states" => match &**action {
            "startExecution.sync" => Some(false),
            "startExecution.sync:2" => Some(true),
            _ => None,
        },
        Worker::Service { .. } | Worker::Function | Worker::Activity => None,
    }
}

/// The ARN of the execution that the state waits for.
pub(crate) fn job(visit: &Visit) -> Option<Arc<str>> {
    pattern(visit)?;
    match visit.submitted.as_ref()?.value().get("ExecutionArn")? {
        Value::String(arn) => Some(arn.clone()),
        _ => None,
    }
}

/// The executions that states wait for.
pub(crate) fn running(state: &State) -> Vec<Arc<str>> {
    let frames = state.frames.values();
    let running = frames.filter(|frame| matches!(frame.phase, Phase::Running));
    running
        .filter_map(|frame| job(frame.visit.as_ref()?))
        .collect()
}

/// An execution that a state has begun, or is about to begin, and waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Child {
    /// Of a state machine.
    Execution { arn: Arc<str> },
    /// Of a function, as it was named; a plain one has none. Under the key of the task.
    Function {
        function: Arc<str>,
        operation: Operation,
        generation: Generation,
    },
}

/// The executions that states wait for; when it was stopped, those that they waited for then.
#[must_use]
pub fn children(state: &State) -> Vec<Child> {
    let frames = state.frames.values();
    let running = frames.filter(|frame| matches!(frame.phase, Phase::Running));
    running
        .filter_map(|frame| child(frame.visit.as_ref()?))
        .collect()
}

fn child(visit: &Visit) -> Option<Child> {
    if let Some(arn) = job(visit) {
        return Some(Child::Execution { arn });
    }
    let (attempt, arguments) = visit.attempt.as_ref()?;
    let function = match &attempt.worker {
        Worker::Function => attempt.resource.clone(),
        Worker::Service { service, action }
            if &**service == "lambda"
                && matches!(&**action, "invoke" | "invoke.waitForTaskToken") =>
        {
            let said = |name: &str| arguments.value().get(name).and_then(Value::as_str);
            // Such a call is over when it is taken.
            if said("InvocationType") == Some("Event") && !action.ends_with("Token") {
                return None;
            }
            Arc::from(said("FunctionName")?)
        }
        Worker::Service { .. } | Worker::Activity => return None,
    };
    Some(Child::Function {
        function,
        operation: attempt.operation,
        generation: attempt.generation,
    })
}

/// The executions whose stop has been decided and not yet been taken.
pub(crate) fn unstopped(execution: &Execution, state: &State) -> Vec<Arc<str>> {
    let stops = state.stops.iter();
    stops
        .filter(|(operation, _)| execution.task(**operation).is_some())
        .map(|(_, arn)| arn.clone())
        .collect()
}

/// Has executions stopped that nobody waits for any more.
pub(crate) fn stop(run: &mut Run<'_, '_>) {
    for arn in std::mem::take(&mut run.jobs) {
        let operation = run.next_operation();
        run.turn.emit(Event::StopDecided { operation, arn });
        run.turn.start_task(Task {
            operation,
            generation: Generation(0),
            target: Target {
                kind: TargetKind::Service,
                address: STOP.to_owned(),
            },
            payload: TaskPayload::Late,
            timeout_ms: None,
            heartbeat_ms: None,
            recovery: Recovery::Repeat,
        });
    }
}

/// What the state gets of an execution's end: a result, or the cause of `States.TaskFailed`. `None` when it waits for none.
pub(crate) fn result(
    visit: &Visit,
    outcome: &Outcome,
    now: Timestamp,
) -> Option<Result<Value, Value>> {
    let as_json = pattern(visit)?;
    let submitted = visit.submitted.as_ref()?.value();
    let arguments = visit.attempt.as_ref()?.1.value();
    let mut end = Map::with_capacity(12);
    let (status, failure) = match outcome {
        Outcome::Succeeded(_) => ("SUCCEEDED", None),
        Outcome::Failed(failure) => ("FAILED", Some(failure)),
        Outcome::TimedOut(failure) => ("TIMED_OUT", Some(failure)),
        Outcome::Stopped(failure) => ("ABORTED", Some(failure)),
    };
    let parts = failure.map(|failure| [("Cause", &failure.message), ("Error", &failure.kind)]);
    for (name, part) in parts.into_iter().flatten() {
        if let Some(text) = part {
            end.insert(name, text.as_str().into());
        }
    }
    let arn = submitted.get("ExecutionArn").cloned().unwrap_or_default();
    let (machine, name) = names(arn.as_str().unwrap_or_default());
    end.insert("ExecutionArn", arn);
    let input = input(arguments);
    end.insert("Input", part(input, as_json));
    end.insert("InputDetails", included());
    end.insert("Name", name.into());
    if let Outcome::Succeeded(payload) = outcome {
        end.insert("Output", part(output(payload.as_ref()), as_json));
        end.insert("OutputDetails", included());
        // So it is recorded for successes; there is no such recording of a failure.
        end.insert("RedriveCount", Value::from(0));
        end.insert("RedriveStatus", "NOT_REDRIVABLE".into());
        let reason = "Execution is SUCCEEDED and cannot be redriven";
        end.insert("RedriveStatusReason", reason.into());
    }
    end.insert(
        "StartDate",
        submitted.get("StartDate").cloned().unwrap_or_default(),
    );
    end.insert("StateMachineArn", machine.into());
    end.insert("Status", status.into());
    end.insert(
        "StopDate",
        Value::from(i64::try_from(now.0).unwrap_or(i64::MAX)),
    );
    let end = Value::from(end);
    Some(if failure.is_none() { Ok(end) } else { Err(end) })
}

fn included() -> Value {
    [("Included", Value::Bool(true))]
        .into_iter()
        .collect::<Map>()
        .into()
}

/// The state machine's ARN and the execution's name in an execution's ARN.
fn names(arn: &str) -> (String, String) {
    let (machine, name) = arn.rsplit_once(':').unwrap_or((arn, ""));
    let machine = machine.replacen(":execution:", ":stateMachine:", 1);
    (machine, name.to_owned())
}

/// The JSON text of the input that was handed on.
fn input(arguments: &Value) -> String {
    match arguments.get("Input") {
        None | Some(Value::Null) => "{}".to_owned(),
        Some(value) => value.to_text(),
    }
}

fn output(payload: Option<&Payload>) -> String {
    match payload {
        Some(Payload::Inline(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(Payload::Blob { .. }) | None => "null".to_owned(),
    }
}

fn part(text: String, as_json: bool) -> Value {
    if as_json {
        Value::parse(&text).unwrap_or_else(|_| text.into())
    } else {
        text.into()
    }
}
