//! The test itself.

use std::sync::Arc;

use everstep_core::Timestamp;
use everstep_expr::json::{Map, Value};

use super::context;
use super::inspection::{HttpRequest, HttpResponse, Inspection};
use super::items;
use super::mock::{self, Mocked};
use super::refusal::Refusal;
use super::report::{Report, Status};
use super::request::{Request, Surroundings};
use super::scope::Scope;
use crate::definition::{
    Definition, Kind, Map as MapState, QueryLanguage, State, StateId, Task, Wait,
};
use crate::diagnostic::message_for_create;
use crate::machine::flow::{self, Fault, Point, Tolerance};
use crate::machine::{Call, Chance, ErrorOutput, following, has_token};

const TASK_FAILED: &str = "States.TaskFailed";
const THRESHOLD: &str = "States.ExceedToleratedFailureThreshold";
const THRESHOLD_CAUSE: &str = "The specified tolerated failure threshold was exceeded";

/// A test under way.
pub struct Test {
    pub(super) definition: Arc<Definition>,
    pub(super) id: StateId,
    pub(super) input: Value,
    pub(super) mocked: Option<Mocked>,
    /// How often the retrier of an error has tried again.
    pub(super) retries: u32,
    pub(super) failures: Option<u32>,
    pub(super) read: Option<Value>,
    pub(super) scope: Scope,
    pub(super) surroundings: Surroundings,
    pub(super) role_arn: Option<String>,
    pub(super) inspection: Inspection,
    /// Values that were given, with their texts.
    pub(super) given: Vec<(Value, Arc<str>)>,
}

/// What a test comes to.
#[derive(Debug)]
pub enum Step {
    Done(Box<Report>),
    /// Somebody must do this: [`Test::called`] goes on with what came of it.
    Call {
        call: Box<Call>,
        timeout_s: Option<u64>,
    },
    /// The state waits: [`Test::waited`] goes on.
    Wait {
        until: Timestamp,
    },
}

impl Test {
    /// Reads and checks a request.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub fn new(request: &Request<'_>, surroundings: Surroundings) -> Result<Self, Refusal> {
        let (definition, id) = parse(request)?;
        let state = definition.get(id).ok_or(Refusal::NoSuchState)?;
        let mocked = mock::read(request, &state.kind)?;
        let input = json(request.input, |reason| Refusal::Input { reason })?;
        let variables = json(request.variables, |reason| Refusal::Variables { reason })?;
        let variables = variables.as_object().cloned().ok_or(Refusal::Variables {
            reason: "variables must be a JSON object".to_owned(),
        })?;
        let configuration = &request.configuration;
        let read = match (&state.kind, configuration.map_item_reader_data) {
            (Kind::Map(map), Some(text)) => Some(items::read(map, text)?),
            _ => None,
        };
        if let Some(name) = configuration.error_caused_by_state
            && definition.find(name).is_none()
        {
            return Err(Refusal::NoSuchState);
        }
        let retries = configuration.retrier_retry_count.unwrap_or(0);
        let mut chance = Chance::new(surroundings.seeds);
        let context = context_of(request, state, &input, &surroundings, &mut chance)?;
        let limits = surroundings.limits.expression;
        let mut given = Vec::new();
        if let Some(text) = request.input {
            given.push((input.clone(), text.into()));
        }
        let result = request.mock.as_ref().and_then(|mock| mock.result);
        if let (Some(Mocked::Result(value)), Some(text)) = (&mocked, result) {
            given.push((value.clone(), text.into()));
        }
        Ok(Self {
            given,
            id,
            mocked,
            retries,
            failures: configuration.map_iteration_failure_count,
            read,
            scope: Scope::new(context, variables, surroundings.now.0, chance, limits),
            inspection: Inspection {
                input: input.clone(),
                ..Inspection::default()
            },
            input,
            role_arn: request.role_arn.map(str::to_owned),
            surroundings,
            definition: Arc::new(definition),
        })
    }

    /// Runs the state as far as it runs by itself.
    ///
    /// # Errors
    /// What only its data shows to be wrong with the request.
    pub fn begin(&mut self) -> Result<Step, Refusal> {
        let definition = Arc::clone(&self.definition);
        let state = definition.get(self.id).ok_or(Refusal::NoSuchState)?;
        let (input, scope) = (&self.input, &mut self.scope);
        let report = match &state.kind {
            Kind::Pass(pass) => {
                self.inspection.result.clone_from(&pass.result);
                let left = flow::pass(pass, input, scope);
                self.left(state, left, following(pass.next))
            }
            Kind::Succeed(succeed) => {
                let left = flow::idle(&succeed.flow, input, scope);
                self.left(state, left, None)
            }
            Kind::Choice(choice) => match flow::choose(choice, input, scope) {
                Ok(chosen) => self.left(state, Ok(chosen.left), Some(chosen.next)),
                Err(fault) => self.fault(state, &fault),
            },
            Kind::Fail(fail) => {
                if state.query_language == QueryLanguage::JsonPath {
                    scope.passed.insert(Point::InputPath, input.clone());
                }
                match flow::failure(fail, input, scope) {
                    Ok(failure) => self.failed(state, failure),
                    Err(fault) => self.fault(state, &fault),
                }
            }
            Kind::Wait(wait) => return Ok(self.wait(state, wait)),
            Kind::Task(task) => return Ok(self.task(state, task)),
            Kind::Parallel(parallel) => match flow::work(&parallel.flow, input, scope) {
                Ok(_) => self.mocked(state),
                Err(fault) => self.fault(state, &fault),
            },
            Kind::Map(map) => self.map(state, map)?,
        };
        Ok(Step::Done(Box::new(report)))
    }

    /// Goes on with what came of the call.
    #[must_use]
    pub fn called(mut self, outcome: Result<&str, ErrorOutput>) -> Report {
        let definition = Arc::clone(&self.definition);
        let Some(state) = definition.get(self.id) else {
            return self.report(Status::Failed);
        };
        let ended = match outcome.map(Value::parse) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(failure(TASK_FAILED, "The result is not JSON text.")),
            Err(failure) => Err(failure),
        };
        self.ended(state, ended)
    }

    /// Goes on when the state has waited.
    #[must_use]
    pub fn waited(mut self) -> Report {
        let definition = Arc::clone(&self.definition);
        match definition.get(self.id) {
            Some(state) => self.has_waited(state),
            None => self.report(Status::Failed),
        }
    }

    /// Shows what an HTTP task sent and got.
    pub fn show_http(&mut self, request: Option<HttpRequest>, response: Option<HttpResponse>) {
        self.inspection.request = request;
        self.inspection.response = response;
    }

    fn wait(&mut self, state: &State, wait: &Wait) -> Step {
        let (input, scope) = (&self.input, &mut self.scope);
        let seconds_max = self.surroundings.limits.wait_s_max;
        let until = flow::effective_input(&wait.flow, input, scope).and_then(|data| {
            flow::until(
                &wait.until,
                self.surroundings.now,
                seconds_max,
                &data,
                scope,
            )
        });
        let report = match until {
            Ok(until) if until > self.surroundings.now => return Step::Wait { until },
            Ok(_) => self.has_waited(state),
            Err(fault) => self.fault(state, &fault),
        };
        Step::Done(Box::new(report))
    }

    fn has_waited(&mut self, state: &State) -> Report {
        let Kind::Wait(wait) = &state.kind else {
            return self.report(Status::Failed);
        };
        let left = flow::idle(&wait.flow, &self.input, &mut self.scope);
        self.left(state, left, following(wait.next))
    }

    fn task(&mut self, state: &State, task: &Task) -> Step {
        let limit = self.surroundings.limits.payload_bytes;
        let prepared = flow::prepare(task, &self.input, &mut self.scope);
        let prepared = prepared.and_then(|prepared| {
            let text = prepared.arguments.to_text();
            if text.len() > limit {
                let of = state.name.to_string();
                return Err(Fault::DataLimit { of });
            }
            Ok((prepared, text))
        });
        let (prepared, arguments) = match prepared {
            Ok(prepared) => prepared,
            Err(fault) => return Step::Done(Box::new(self.fault(state, &fault))),
        };
        if self.mocked.is_some() {
            return Step::Done(Box::new(self.mocked(state)));
        }
        let call = Call {
            resource: task.resource.arn.clone(),
            arguments: arguments.into(),
            credentials: prepared.credentials,
            execution_arn: self.surroundings.execution_arn.clone(),
            state_machine_arn: self.surroundings.state_machine_arn.clone(),
            state: state.name.clone(),
            role_arn: self.role_arn.clone().unwrap_or_default(),
            token: None,
            trace: None,
            is_express: true,
            attempt: self.retries,
        };
        Step::Call {
            call: Box::new(call),
            timeout_s: prepared.timeout_s,
        }
    }

    fn map(&mut self, state: &State, map: &MapState) -> Result<Report, Refusal> {
        let language = state.query_language;
        let from = (&self.input, self.read.as_ref());
        let spread = items::spread(map, language, from, &mut self.scope, &mut self.inspection);
        let spread = match spread {
            Ok(spread) => spread,
            Err(fault) => return Ok(self.fault(state, &fault)),
        };
        let failures = self.failures.unwrap_or(0);
        let length = spread.length;
        if length.is_some_and(|length| failures > length) {
            return Err(Refusal::TooManyFailures);
        }
        // Without a bound, the service takes the mocked result whatever has failed.
        let is_bound = spread.tolerance != Tolerance::default();
        let is_result = matches!(self.mocked, Some(Mocked::Result(_)));
        if is_result && is_bound && failures > spread.tolerance.of(length.unwrap_or(0)) {
            return Ok(self.failed(state, failure(THRESHOLD, THRESHOLD_CAUSE)));
        }
        Ok(self.mocked(state))
    }

    /// Goes on with the mock.
    fn mocked(&mut self, state: &State) -> Report {
        let ended = match self.mocked.take() {
            Some(Mocked::Result(result)) => Ok(result),
            Some(Mocked::Error(failure)) => Err(failure),
            None => Err(ErrorOutput::default()),
        };
        self.ended(state, ended)
    }
}

/// The state that is tested, in its definition.
fn parse(request: &Request<'_>) -> Result<(Definition, StateId), Refusal> {
    let parsed = match request.state_name {
        Some(_) => Definition::parse(request.definition),
        None => Definition::parse_state(request.definition),
    };
    let definition = parsed.map_err(|found| Refusal::Definition {
        message: message_for_create(request.definition, &found),
    })?;
    let id = match request.state_name {
        Some(name) => definition.find(name).ok_or(Refusal::NoSuchState)?,
        None => definition.machine.start,
    };
    Ok((definition, id))
}

/// A JSON text, and an empty object where there is none.
fn json(text: Option<&str>, refuse: impl Fn(String) -> Refusal) -> Result<Value, Refusal> {
    match text {
        None => Ok(Map::new().into()),
        Some(text) => Value::parse(text).map_err(|error| refuse(error.to_string())),
    }
}

fn context_of(
    request: &Request<'_>,
    state: &State,
    input: &Value,
    surroundings: &Surroundings,
    chance: &mut Chance,
) -> Result<Map, Refusal> {
    if let Some(text) = request.context {
        return context::given(text, &state.kind);
    }
    let retries = request.configuration.retrier_retry_count.unwrap_or(0);
    let role_arn = request.role_arn;
    let mut context = context::made_up(&state.kind, input, role_arn, retries, surroundings);
    if let Kind::Task(task) = &state.kind
        && has_token(&task.resource)
    {
        let token = format!("{:016x}{:016x}", chance.draw(), chance.draw());
        let task: Map = [("Token", Value::from(token))].into_iter().collect();
        context.insert("Task", task.into());
    }
    Ok(context)
}

pub(super) fn failure(error: &str, cause: &str) -> ErrorOutput {
    ErrorOutput {
        error: Some(error.into()),
        cause: Some(cause.into()),
    }
}
