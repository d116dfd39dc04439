//! What becomes of a result or an error.

use everstep_expr::json::Value;

use super::inspection::{ErrorDetails, Inspection};
use super::report::{Report, Status};
use super::test::Test;
use crate::definition::{Catcher, Flow, Kind, Next, State, StateId};
use crate::machine::flow::{self, Fault, Left, Point};
use crate::machine::{ErrorOutput, following};

impl Test {
    /// The state's work has ended.
    pub(super) fn ended(&mut self, state: &State, ended: Result<Value, ErrorOutput>) -> Report {
        let result = match ended {
            Ok(result) => result,
            Err(failure) => return self.failed(state, failure),
        };
        let Some((flow, next)) = work(&state.kind) else {
            return self.report(Status::Failed);
        };
        if matches!(state.kind, Kind::Task(_)) {
            self.inspection.result = Some(result.clone());
        }
        let left = flow::leave(flow, &self.input, Some(&result), &mut self.scope);
        self.left(state, left, following(next))
    }

    /// The state was left.
    pub(super) fn left(
        &mut self,
        state: &State,
        left: Result<Left, Fault>,
        next: Option<StateId>,
    ) -> Report {
        match left.and_then(|left| self.limited(left, state)) {
            Ok(left) => {
                let status = Status::Succeeded;
                self.with(status, left, next, ErrorOutput::default())
            }
            Err(fault) => self.fault(state, &fault),
        }
    }

    /// A step of the state's data failed.
    pub(super) fn fault(&mut self, state: &State, fault: &Fault) -> Report {
        self.failed(state, of_fault(fault))
    }

    /// The state failed: it is tried again, or the error is caught, or not.
    pub(super) fn failed(&mut self, state: &State, failure: ErrorOutput) -> Report {
        let name = failure.error.clone().unwrap_or_default();
        let (retriers, catchers) = state.kind.handlers();
        let mut details = ErrorDetails::default();
        let retrier = retriers
            .iter()
            .enumerate()
            .find(|(_, retrier)| retrier.errors.matches(&name));
        if let Some((index, retrier)) = retrier {
            details.retry_index = Some(index);
            if u64::from(self.retries) < retrier.max_attempts {
                let backoff_ms = retrier.delay_ms(self.retries);
                details.retry_backoff_interval_seconds = Some(backoff_ms / 1_000);
                self.inspection.error = Some(details);
                return self.failing(Status::Retriable, failure);
            }
            self.inspection.error = Some(details);
        }
        let catcher = catchers
            .iter()
            .enumerate()
            .find(|(_, catcher)| catcher.errors.matches(&name));
        if let Some((index, catcher)) = catcher {
            details.catch_index = Some(index);
            self.inspection.error = Some(details);
            return self.caught(state, catcher, failure);
        }
        self.failing(Status::Failed, failure)
    }

    fn caught(&mut self, state: &State, catcher: &Catcher, failure: ErrorOutput) -> Report {
        let error = flow::error_value(failure.error.as_ref(), failure.cause.as_ref());
        let left = flow::caught(&catcher.flow, &self.input, &error, &mut self.scope);
        match left.and_then(|left| self.limited(left, state)) {
            Ok(left) => self.with(Status::CaughtError, left, Some(catcher.next), failure),
            // What goes wrong in a catcher is not caught.
            Err(fault) => self.failing(Status::Failed, of_fault(&fault)),
        }
    }

    fn limited(&self, left: Left, state: &State) -> Result<Left, Fault> {
        let limit = self.surroundings.limits.payload_bytes;
        let mut values = left.assigned.iter().map(|(_, value)| value);
        let is_in =
            |value: &Value| value.len_at_least() <= limit && value.len_within(limit).is_some();
        if is_in(&left.output) && values.all(is_in) {
            return Ok(left);
        }
        let of = state.name.to_string();
        Err(Fault::DataLimit { of })
    }

    fn with(
        &mut self,
        status: Status,
        left: Left,
        next: Option<StateId>,
        failure: ErrorOutput,
    ) -> Report {
        self.scope.assign(&left.assigned);
        let next = next.and_then(|id| self.definition.get(id));
        let next_state = next.map(|state| state.name.clone());
        Report {
            output: Some(left.output),
            next_state,
            failure,
            ..self.report(status)
        }
    }

    fn failing(&mut self, status: Status, failure: ErrorOutput) -> Report {
        Report {
            failure,
            ..self.report(status)
        }
    }

    pub(super) fn report(&mut self, status: Status) -> Report {
        let kind = self.definition.get(self.id).map(|state| &state.kind);
        let shown = kind.map_or(&[][..], shown);
        let mut passed = std::mem::take(&mut self.scope.passed);
        passed.retain(|point, _| shown.contains(point));
        let variables = &self.scope.variables;
        Report {
            status,
            output: None,
            failure: ErrorOutput::default(),
            next_state: None,
            given: self.given.clone(),
            inspection: Some(Inspection {
                passed,
                variables: (!variables.is_empty()).then(|| variables.clone().into()),
                ..std::mem::take(&mut self.inspection)
            }),
        }
    }
}

/// An error as a test shows it: without the place in a history, for there is none.
fn of_fault(fault: &Fault) -> ErrorOutput {
    super::test::failure(fault.error(), &fault.to_string())
}

/// How the data of a state passes whose work gives a result, and where it leads.
const fn work(kind: &Kind) -> Option<(&Flow, Next)> {
    match kind {
        Kind::Task(task) => Some((&task.flow, task.next)),
        Kind::Parallel(parallel) => Some((&parallel.flow, parallel.next)),
        Kind::Map(map) => Some((&map.flow, map.next)),
        Kind::Pass(_) | Kind::Choice(_) | Kind::Wait(_) | Kind::Succeed(_) | Kind::Fail(_) => None,
    }
}

/// Where the service shows the data of a state.
const fn shown(kind: &Kind) -> &'static [Point] {
    match kind {
        Kind::Pass(_) | Kind::Task(_) => &[
            Point::InputPath,
            Point::Parameters,
            Point::Arguments,
            Point::ResultSelector,
            Point::ResultPath,
        ],
        Kind::Choice(_) | Kind::Wait(_) | Kind::Succeed(_) | Kind::Fail(_) => &[Point::InputPath],
        Kind::Parallel(_) => &[Point::ResultSelector, Point::ResultPath],
        Kind::Map(_) => &[
            Point::InputPath,
            Point::ItemsPath,
            Point::ResultSelector,
            Point::ResultPath,
        ],
    }
}
