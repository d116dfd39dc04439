//! The details of events: of executions, states and maps. Those of work are in `work`.

use super::super::{Assigned, Body, ErrorOutput, Event, Settings};
use serde_json::{Map, Value, json};

use super::work;

/// The name of a member of the event, and what it holds.
pub(super) type Details = Option<(&'static str, Map<String, Value>)>;

/// The details of an event; many have none.
pub(super) fn of(event: &Event, includes: bool) -> Details {
    match event {
        Event::ExecutionStarted {
            input, settings, ..
        } => Some(started(input, settings, includes)),
        Event::ExecutionSucceeded { output, .. } => Some((
            "executionSucceededEventDetails",
            Object::new().data("output", output, includes).0,
        )),
        Event::ExecutionFailed { failure, .. } => Some((
            "executionFailedEventDetails",
            Object::new().failure(failure).0,
        )),
        Event::ExecutionAborted { failure } => Some((
            "executionAbortedEventDetails",
            Object::new().failure(failure).0,
        )),
        Event::ExecutionTimedOut => Some(("executionTimedOutEventDetails", Map::new())),
        Event::ExecutionRedriven { count, .. } => Some((
            "executionRedrivenEventDetails",
            Object::new().with("redriveCount", *count).0,
        )),
        Event::StateEntered { name, input, .. } => Some((
            "stateEnteredEventDetails",
            Object::new()
                .with("name", name.as_ref())
                .data("input", input, includes)
                .0,
        )),
        Event::StateExited {
            name,
            output,
            assigned,
            ..
        } => Some(exited(name, output, assigned, includes)),
        Event::MapStateStarted { length, .. } => Some((
            "mapStateStartedEventDetails",
            Object::new().with("length", *length).0,
        )),
        Event::EvaluationFailed {
            failure,
            location,
            state,
            ..
        } => Some((
            "evaluationFailedEventDetails",
            Object::new()
                .failure(failure)
                .maybe("location", location.as_deref())
                .with("state", state.as_ref())
                .0,
        )),
        Event::Scheduled { .. }
        | Event::Started { .. }
        | Event::Submitted { .. }
        | Event::Succeeded { .. }
        | Event::Failed { .. }
        | Event::TimedOut { .. } => work::of(event, includes),
        _ => of_map(event),
    }
}

fn of_map(event: &Event) -> Details {
    let iteration =
        |name: &str, index: u32| Object::new().with("name", name).with("index", index).0;
    Some(match event {
        Event::MapIterationStarted { name, index, .. } => {
            ("mapIterationStartedEventDetails", iteration(name, *index))
        }
        Event::MapIterationSucceeded { name, index, .. } => {
            ("mapIterationSucceededEventDetails", iteration(name, *index))
        }
        Event::MapIterationFailed { name, index, .. } => {
            ("mapIterationFailedEventDetails", iteration(name, *index))
        }
        Event::MapIterationAborted { name, index, .. } => {
            ("mapIterationAbortedEventDetails", iteration(name, *index))
        }
        Event::MapRunStarted { arn, .. } => (
            "mapRunStartedEventDetails",
            Object::new().with("mapRunArn", arn.as_ref()).0,
        ),
        Event::MapRunFailed { failure, .. } => {
            ("mapRunFailedEventDetails", Object::new().failure(failure).0)
        }
        Event::MapRunRedriven { arn, count, .. } => (
            "mapRunRedrivenEventDetails",
            Object::new()
                .with("mapRunArn", arn.as_ref())
                .with("redriveCount", *count)
                .0,
        ),
        _ => return None,
    })
}

fn started(
    input: &Body,
    settings: &Settings,
    includes: bool,
) -> (&'static str, Map<String, Value>) {
    let details = Object::new()
        .data("input", input, includes)
        .with("roleArn", settings.role_arn.as_str())
        .maybe("stateMachineVersionArn", settings.version_arn.as_deref())
        .maybe("stateMachineAliasArn", settings.alias_arn.as_deref());
    ("executionStartedEventDetails", details.0)
}

fn exited(
    name: &str,
    output: &Body,
    assigned: &[Assigned],
    includes: bool,
) -> (&'static str, Map<String, Value>) {
    let mut details = Object::new()
        .with("name", name)
        .data("output", output, includes);
    if includes && !assigned.is_empty() {
        let values = assigned
            .iter()
            .map(|(name, value)| (name.as_ref().to_owned(), value.text().into()));
        details = details
            .with("assignedVariables", Map::from_iter(values))
            .with("assignedVariablesDetails", json!({ "truncated": false }));
    }
    ("stateExitedEventDetails", details.0)
}

/// Details in the making.
pub(super) struct Object(pub(super) Map<String, Value>);

impl Object {
    pub(super) fn new() -> Self {
        Self(Map::new())
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(super) fn failure(self, failure: &ErrorOutput) -> Self {
        self.maybe("error", failure.error.as_deref())
            .maybe("cause", failure.cause.as_deref())
    }

    /// An input or output, which is never cut short here.
    pub(super) fn data(self, name: &str, body: &Body, includes: bool) -> Self {
        if !includes {
            return self;
        }
        self.with(name, body.text())
            .with(&format!("{name}Details"), json!({ "truncated": false }))
    }
}
