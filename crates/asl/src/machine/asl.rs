//! The machine: which command leads to what.

use std::sync::Arc;

use everstep_core::{
    Command, Execution, Failure, Machine, Outcome, Payload, Reply as KernelReply, Stamp, Start,
    Task, Timer, Turn, View,
};

use super::apply;
use super::document::{Body, Document, DocumentId};
use super::event::{Event, Worker};
use super::limits::Surroundings;
use super::request::{Call, Late, Reply, Request};
use super::run::{EXECUTION, EXECUTION_TIMEOUT, Run};
use super::settings::{Kind, Settings};
use super::state::State;
use super::view;

/// The Amazon States Language.
#[derive(Clone, Copy, Debug)]
pub struct Asl;

impl Machine for Asl {
    type State = State;
    type Event = Event;
    type Request = Request;
    type Reply = Reply;
    type Late = Late;
    type Surroundings = Option<Arc<Surroundings>>;

    fn handle(turn: &mut Turn<'_, Self>, command: Command<Request>) -> KernelReply<Reply> {
        let Some(surroundings) = turn.surroundings() else {
            return KernelReply::Refused("the definition is missing");
        };
        if turn.execution().status().is_closed() && !matches!(command, Command::Redrive) {
            return closed(&command);
        }
        let start = match command {
            Command::Start(start) => return begin(turn, surroundings, start),
            command => command,
        };
        let mut run = Run::new(turn, surroundings);
        match start {
            Command::Settled {
                operation,
                generation,
                outcome,
            } => run.settled(operation, generation, &outcome),
            Command::TimerDue { operation, kind } => run.due(operation, kind),
            Command::Claimed {
                operation,
                generation,
                by,
            } => run.claimed(operation, generation, &by),
            Command::TaskLost {
                operation,
                generation,
            } => {
                let failure = Failure::new("States.TaskFailed", "The task was lost.");
                run.settled(operation, generation, &Outcome::Failed(failure));
            }
            Command::GoOn => run.go(),
            Command::Stop { failure } => run.stop(failure),
            Command::Redrive => return run.redrive(),
            Command::Pause { .. } | Command::Resume { .. } => {
                return KernelReply::Refused("a state machine's execution can't be paused");
            }
            Command::Request(Request::Submitted {
                operation,
                generation,
                output,
            }) => return run.submitted(operation, generation, &output),
            Command::Request(Request::IsSubmitted {
                operation,
                generation,
            }) => return run.is_submitted(operation, generation),
            Command::Start(_) => {}
        }
        KernelReply::Done
    }

    fn apply(state: &mut State, event: &Event, stamp: Stamp) {
        apply::apply(state, event, stamp);
    }

    fn late(
        execution: &Execution,
        state: &State,
        surroundings: &Option<Arc<Surroundings>>,
        task: &Task,
    ) -> Option<Late> {
        if let Some((first, last)) = state.logs.get(&task.operation) {
            return Some(Late::Log {
                first: *first,
                last: *last,
            });
        }
        if let Some(arn) = state.stops.get(&task.operation) {
            return Some(Late::Stop(arn.clone()));
        }
        call(execution, state, surroundings.as_deref()?, task)
            .map(|call| Late::Call(Box::new(call)))
    }

    fn result(state: &State) -> Option<Payload> {
        let output = state.output.as_ref();
        let text = output.map_or_else(|| "null".to_owned(), |output| output.text().to_string());
        Some(Payload::from(text))
    }

    fn failure(state: &State) -> Failure {
        Failure {
            kind: state.failure.error.as_ref().map(ToString::to_string),
            message: state.failure.cause.as_ref().map(ToString::to_string),
            ..Failure::default()
        }
    }

    fn view(execution: &Execution, state: &State) -> View {
        view::view(execution, state)
    }
}

/// What comes after the end changes nothing.
fn closed(command: &Command<Request>) -> KernelReply<Reply> {
    match command {
        Command::Request(Request::Submitted { .. } | Request::IsSubmitted { .. }) => {
            KernelReply::Own(Reply::Superseded)
        }
        Command::Start(_) => KernelReply::Refused("the execution has begun"),
        _ => KernelReply::Done,
    }
}

fn begin<'a>(
    turn: &mut Turn<'a, Asl>,
    surroundings: &'a Surroundings,
    start: Start,
) -> KernelReply<Reply> {
    let Ok(settings) = Settings::decode(&start.settings) else {
        return KernelReply::Refused("the settings can't be read");
    };
    let text = match &start.input {
        None => "{}",
        Some(Payload::Inline(bytes)) => match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) => return KernelReply::Refused("the input is not text"),
        },
        Some(Payload::Blob { .. }) => return KernelReply::Refused("the input is not at hand"),
    };
    let sequence = turn.execution().next_sequence();
    let input = Document::new(DocumentId(0), sequence, text.into());
    if input.parsed().is_err() {
        return KernelReply::Refused("the input is not JSON");
    }
    let mut run = Run::new(turn, surroundings);
    run.record(Event::ExecutionStarted {
        name: start.name.into(),
        input: Body::first(input),
        settings: Arc::new(settings),
    });
    run.after_start();
    KernelReply::Done
}

impl Run<'_, '_> {
    fn after_start(&mut self) {
        self.restart_documents();
        self.limit_time();
        self.go();
    }

    /// Sets the time after which the execution ends.
    pub fn limit_time(&mut self) {
        let settings = self.turn.state().settings.as_ref();
        let is_express = settings.is_some_and(|settings| settings.kind == Kind::Express);
        let limit = is_express.then_some(self.limits().express_timeout_s);
        let wanted = self.definition().timeout_seconds;
        let seconds = match (wanted, limit) {
            (Some(wanted), Some(limit)) => Some(wanted.min(limit)),
            (wanted, limit) => wanted.or(limit),
        };
        if let Some(seconds) = seconds {
            self.turn.set_timer(Timer {
                operation: EXECUTION,
                kind: EXECUTION_TIMEOUT,
                due: self.turn.now().after_seconds(seconds),
                heartbeat_ms: None,
            });
        }
    }
}

/// The work of an attempt that is out.
fn call(
    execution: &Execution,
    state: &State,
    surroundings: &Surroundings,
    task: &Task,
) -> Option<Call> {
    let frame = state.operations.get(&task.operation)?;
    let visit = state.visit(*frame)?;
    let (attempt, arguments) = visit.attempt.as_ref()?;
    if attempt.generation != task.generation {
        return None;
    }
    let is_activity = matches!(attempt.worker, Worker::Activity);
    let has_token = is_activity || attempt.worker.has_token();
    let token =
        has_token.then(|| surroundings.task_token(execution.id(), task.operation, task.generation));
    let settings = state.settings.as_ref()?;
    Some(Call {
        resource: attempt.resource.clone(),
        arguments: arguments.text().clone(),
        credentials: attempt.credentials.clone(),
        execution_arn: settings.execution_arn.clone(),
        state_machine_arn: settings.state_machine_arn.clone(),
        state: visit.name.clone(),
        role_arn: settings.role_arn.clone(),
        token,
        trace: settings.trace.clone(),
        is_express: settings.kind == Kind::Express,
        attempt: attempt.generation.0,
    })
}
