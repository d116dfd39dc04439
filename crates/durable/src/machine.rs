//! The machine: which command leads to which rule.

use everstep_core::{
    Command, Execution, ExecutionId, Failure, Machine, Operation, Outcome, Payload,
    Reply as KernelReply, Stamp, Start, Status, Task, Timer, TimerKind, Turn, View,
};

use crate::event::Event;
use crate::model::{Mode, OperationKind, OperationSnapshot};
use crate::operations::{callback, chained_invoke, step, wait};
use crate::request::{Invocation, Reply, Request, Settings};
use crate::state::State;
use crate::{answer, apply, checkpoint, fork, invocation, pause, redrive, view};

/// Operation 0: the execution itself.
pub(crate) const EXECUTION: Operation = Operation(0);

// Persisted and never reused. When two are due at the same time for one operation, the lower goes first.
pub(crate) const EXECUTION_TIMEOUT: TimerKind = TimerKind(1);
pub(crate) const INVOCATION_RETRY: TimerKind = TimerKind(2);
pub(crate) const WAIT: TimerKind = TimerKind(3);
pub(crate) const STEP_RETRY: TimerKind = TimerKind(4);
pub(crate) const CALLBACK_TIMEOUT: TimerKind = TimerKind(5);
pub(crate) const CALLBACK_HEARTBEAT: TimerKind = TimerKind(6);

/// AWS Lambda durable functions, and plain functions invoked asynchronously.
#[derive(Clone, Copy, Debug)]
pub struct Durable;

/// What a task of this machine carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Late {
    /// A call of a function: the execution's own, or a plain one that it invokes.
    Invocation(Box<Invocation>),
    /// A child execution to be started under this id.
    Start(ExecutionId, Box<Start>),
}

impl Machine for Durable {
    type State = State;
    type Event = Event;
    type Request = Request;
    type Reply = Reply;
    type Late = Late;
    type Surroundings = ();

    fn handle(turn: &mut Turn<'_, Self>, command: Command<Request>) -> KernelReply<Reply> {
        match command {
            Command::Start(start) => begin(turn, start),
            Command::Settled {
                operation: EXECUTION,
                generation,
                outcome,
            } => invocation::answered(turn, generation, outcome),
            Command::Settled {
                operation, outcome, ..
            } => {
                settled(turn, operation, outcome);
                KernelReply::Done
            }
            Command::TimerDue { operation, kind } => {
                due(turn, operation, kind);
                KernelReply::Done
            }
            Command::TaskLost { generation, .. } => {
                invocation::lost(turn, generation);
                KernelReply::Done
            }
            Command::Stop { failure } => {
                turn.emit(Event::ExecutionStopped {
                    error: failure.unwrap_or_default(),
                });
                turn.close(Status::Stopped);
                KernelReply::Done
            }
            Command::Pause { reason } => KernelReply::Own(pause::pause(turn, None, reason, true)),
            Command::Resume { reason } => KernelReply::Own(pause::resume(turn, None, reason)),
            Command::Redrive => redrive::redrive(turn),
            // No task of this machine waits in a queue, and no turn of it comes near its budget.
            Command::Claimed { .. } => KernelReply::Refused("nothing of it can be claimed"),
            Command::GoOn => KernelReply::Done,
            Command::Request(request) => requested(turn, request),
        }
    }

    fn apply(state: &mut State, event: &Event, stamp: Stamp) {
        apply::apply(state, event, stamp);
    }

    fn late(execution: &Execution, state: &State, (): &(), task: &Task) -> Option<Late> {
        if task.operation == EXECUTION {
            let invocation = invocation::late(execution, state, task)?;
            return Some(Late::Invocation(Box::new(invocation)));
        }
        let (call, target) = chained_invoke::of_task(state.operation(task.operation)?)?;
        Some(match target.settings.mode {
            Mode::Durable => {
                let start = chained_invoke::start(execution, task, call, target);
                Late::Start(target.id, Box::new(start))
            }
            Mode::Plain => Late::Invocation(Box::new(invocation::of_plain(task, call, target))),
        })
    }

    fn result(state: &State) -> Option<Payload> {
        state.result.clone()
    }

    fn failure(state: &State) -> Failure {
        state.error.clone().unwrap_or_default()
    }

    fn view(execution: &Execution, state: &State) -> View {
        view::view(execution, state)
    }
}

fn begin(turn: &mut Turn<'_, Durable>, start: Start) -> KernelReply<Reply> {
    let Ok(settings) = Settings::decode(&start.settings) else {
        return KernelReply::Refused("the settings can't be read");
    };
    let timeout = settings
        .execution_timeout_s
        .filter(|_| settings.mode == Mode::Durable);
    let id = turn.execution().id();
    for event in fork::beginning(id, &start.name, start.input, settings) {
        turn.emit(event);
    }
    if let Some(seconds) = timeout {
        let due = turn.now().after_seconds(u64::from(seconds));
        turn.set_timer(Timer {
            operation: EXECUTION,
            kind: EXECUTION_TIMEOUT,
            due,
            heartbeat_ms: None,
        });
    }
    invocation::invoke(turn);
    KernelReply::Done
}

fn settled(turn: &mut Turn<'_, Durable>, operation: Operation, outcome: Outcome) {
    match turn
        .state()
        .operation(operation)
        .map(OperationSnapshot::kind)
    {
        Some(OperationKind::Callback) => callback::settled(turn, operation, outcome),
        Some(OperationKind::ChainedInvoke) => chained_invoke::settled(turn, operation, outcome),
        _ => return,
    }
    invocation::wake(turn);
}

fn due(turn: &mut Turn<'_, Durable>, operation: Operation, kind: TimerKind) {
    match kind {
        EXECUTION_TIMEOUT => {
            turn.emit(Event::ExecutionTimedOut);
            turn.close(Status::TimedOut);
            return;
        }
        INVOCATION_RETRY => return invocation::invoke(turn),
        WAIT => wait::due(turn, operation),
        STEP_RETRY => step::due(turn, operation),
        CALLBACK_TIMEOUT => callback::timed_out(
            turn,
            operation,
            Failure::new("Callback.Timeout", "Callback timed out"),
        ),
        CALLBACK_HEARTBEAT => {
            callback::timed_out(
                turn,
                operation,
                Failure::new("Callback.Heartbeat", "Callback timed out on heartbeat"),
            );
        }
        _ => {}
    }
    invocation::wake(turn);
}

fn requested(turn: &mut Turn<'_, Durable>, request: Request) -> KernelReply<Reply> {
    match request {
        Request::Checkpoint {
            position,
            client_token,
            updates,
        } => KernelReply::Own(checkpoint::checkpoint(
            turn,
            position,
            client_token,
            updates,
        )),
        Request::State {
            position,
            marker,
            max_items,
        } => KernelReply::Own(answer::state_for(
            turn,
            position,
            marker.as_deref(),
            max_items,
        )),
        Request::Describe => match answer::describe(turn.execution(), turn.state()) {
            Some(snapshot) => KernelReply::Own(Reply::Described(Box::new(snapshot))),
            None => KernelReply::Refused("the execution has not begun"),
        },
        Request::Recording => answer::recording(turn.execution(), turn.state()),
        Request::Identify { operations } => {
            KernelReply::Own(checkpoint::identify(turn.state(), &operations))
        }
        Request::GoOn => fork::go_on(turn),
        Request::Pause {
            client_token,
            reason,
            timeout_paused,
        } => KernelReply::Own(pause::pause(turn, client_token, reason, timeout_paused)),
        Request::Resume {
            client_token,
            reason,
        } => KernelReply::Own(pause::resume(turn, client_token, reason)),
        Request::Finish { generation, output } => invocation::finish(turn, generation, output),
    }
}
