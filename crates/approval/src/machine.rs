//! The machine: which command leads to which rule.

use everstep_core::{
    Command, Execution, Failure, Generation, Machine, Operation, Outcome, Payload,
    Reply as KernelReply, Stamp, Start, Status, Task, Timer, TimerKind, Timestamp, Turn, View,
};

use crate::event::{Event, Via};
use crate::outcome::{self, Notice};
use crate::request::{Described, Reply, Request};
use crate::settings::{Expiry, Settings};
use crate::state::State;
use crate::{invite, people, view, vote};

/// The name of what every approval runs.
pub const APPROVAL_DEFINITION: &str = "approval:";

/// The operation that waits for the decision.
pub const DECISION: Operation = Operation(1);
/// The operation that brings it to whoever waits.
pub(crate) const DELIVERY: Operation = Operation(2);
/// The operation that is settled when whoever waits does so no more.
const WATCH: Operation = Operation(3);

// Persisted and never reused. When two are due at the same time, the lower goes first.
pub(crate) const EXPIRY: TimerKind = TimerKind(1);
pub(crate) const ESCALATION: TimerKind = TimerKind(2);
pub(crate) const REMINDER: TimerKind = TimerKind(3);

/// People decide.
#[derive(Clone, Copy, Debug)]
pub struct Approval;

impl Machine for Approval {
    type State = State;
    type Event = Event;
    type Request = Request;
    type Reply = Reply;
    /// No task of an approval is built late.
    type Late = std::convert::Infallible;
    type Surroundings = ();

    fn handle(turn: &mut Turn<'_, Self>, command: Command<Request>) -> KernelReply<Reply> {
        match command {
            Command::Start(start) => return begin(turn, start),
            Command::TimerDue { kind, .. } => due(turn, kind),
            Command::Stop { failure } => {
                let reason = failure.and_then(|failure| failure.message);
                let reason = reason.unwrap_or_else(|| "It was stopped".to_owned());
                outcome::cancel(turn, reason, None, Via::Server, Status::Stopped);
            }
            Command::Request(request) => return KernelReply::Own(requested(turn, request)),
            Command::Pause { .. } | Command::Resume { .. } => {
                return KernelReply::Refused("an approval can't be paused: nothing of it runs");
            }
            Command::Redrive => {
                return KernelReply::Refused("an approval is not redriven: ask again instead");
            }
            Command::Claimed { .. } => {
                return KernelReply::Refused("nothing of it can be claimed");
            }
            Command::Settled {
                operation: WATCH,
                outcome,
                ..
            } => unwanted(turn, &outcome),
            Command::Settled { .. } | Command::TaskLost { .. } | Command::GoOn => {}
        }
        KernelReply::Done
    }

    fn apply(state: &mut State, event: &Event, stamp: Stamp) {
        state.apply(event, stamp);
    }

    fn late(_: &Execution, _: &State, (): &(), _: &Task) -> Option<Self::Late> {
        None
    }

    fn result(state: &State) -> Option<Payload> {
        Some(Payload::from(outcome::result(state)?.to_string()))
    }

    fn failure(state: &State) -> Failure {
        outcome::failure(state)
    }

    fn view(execution: &Execution, state: &State) -> View {
        view::view(execution, state)
    }
}

fn set(turn: &mut Turn<'_, Approval>, kind: TimerKind, due: Timestamp) {
    turn.set_timer(Timer {
        operation: DECISION,
        kind,
        due,
        heartbeat_ms: None,
    });
}

fn begin(turn: &mut Turn<'_, Approval>, start: Start) -> KernelReply<Reply> {
    let Ok(settings) = Settings::decode(&start.settings) else {
        return KernelReply::Refused("the settings can't be read");
    };
    let due = settings.due;
    let escalation = settings.escalation.as_ref();
    let escalates_after = escalation.and_then(|escalation| escalation.after_ms);
    let reminds_after = settings.reminders_ms.first().copied();
    let waiting = settings.waiting.clone();
    turn.emit(Event::Requested {
        id: turn.execution().id().to_string(),
        settings: Box::new(settings),
        content: start.input,
    });
    let now = turn.now();
    set(turn, EXPIRY, due);
    if let Some(after) = escalates_after {
        set(turn, ESCALATION, now.after_ms(after));
    }
    if let Some(after) = reminds_after {
        set(turn, REMINDER, now.after_ms(after));
    }
    if let Some(address) = waiting {
        turn.watch(WATCH, Generation(0), address);
    }
    outcome::tell(turn, Notice::Requested);
    invite::invite(turn, Notice::Requested);
    KernelReply::Done
}

/// Whoever waited does so no more: nobody is asked for nothing.
fn unwanted(turn: &mut Turn<'_, Approval>, outcome: &Outcome) {
    let state = turn.state();
    if state.ended.is_some() {
        return;
    }
    let settles = state.settings.as_ref().is_none_or(|it| it.settles);
    let how = match outcome {
        _ if !settles => "Whoever asked has gone on, or has ended",
        Outcome::Succeeded(Some(Payload::Inline(name))) => match &name[..] {
            b"\"timed_out\"" => {
                "Whoever waited for it has waited long enough: its own time is over"
            }
            b"\"conflict\"" => "Somebody else has answered whoever waited for it",
            _ => "Nobody waits for it any more",
        },
        _ => "Nobody waits for it any more",
    };
    outcome::cancel(turn, how.to_owned(), None, Via::Server, Status::Cancelled);
}

fn due(turn: &mut Turn<'_, Approval>, kind: TimerKind) {
    if turn.state().ended.is_some() {
        return;
    }
    match kind {
        EXPIRY => expire(turn),
        ESCALATION => escalate(turn, None),
        REMINDER => remind(turn),
        _ => {}
    }
}

/// By time nothing is approved: it is rejected, or others are asked first.
fn expire(turn: &mut Turn<'_, Approval>) {
    let state = turn.state();
    let again = state.settings.as_ref().filter(|settings| {
        let escalates = settings.on_expiry == Expiry::Escalate && settings.escalation.is_some();
        escalates && state.due == settings.due
    });
    // They have as much time as the first ones had, once, whenever they were asked.
    let time = again.map(|settings| settings.due.since_ms(state.requested));
    match time {
        Some(ms) => escalate(turn, Some(turn.now().after_ms(ms))),
        None => outcome::expire(turn),
    }
}

fn escalate(turn: &mut Turn<'_, Approval>, due: Option<Timestamp>) {
    let state = turn.state();
    let settings = state.settings.as_ref();
    let escalation = settings.and_then(|settings| settings.escalation.clone());
    // Who was asked before the expiry hears by it that there is more time.
    let wanted = state.escalated.is_none() || due.is_some();
    let Some(escalation) = escalation.filter(|_| wanted) else {
        return;
    };
    let until = due.unwrap_or(state.due);
    turn.emit(Event::Escalated {
        to: escalation.to,
        due: until,
    });
    turn.clear_timer(DECISION, ESCALATION);
    if due.is_some() {
        set(turn, EXPIRY, until);
    }
    outcome::tell(turn, Notice::Escalated);
    invite::invite(turn, Notice::Escalated);
}

fn remind(turn: &mut Turn<'_, Approval>) {
    let count = turn.state().reminded.saturating_add(1);
    turn.emit(Event::Reminded { count });
    let state = turn.state();
    let reminders = state
        .settings
        .as_ref()
        .map(|settings| &settings.reminders_ms);
    let next = reminders.and_then(|reminders| reminders.get(count as usize).copied());
    let requested = state.requested;
    if let Some(after) = next {
        set(turn, REMINDER, requested.after_ms(after));
    }
    outcome::tell(turn, Notice::Reminded);
    invite::invite(turn, Notice::Reminded);
}

fn requested(turn: &mut Turn<'_, Approval>, request: Request) -> Reply {
    match request {
        Request::Describe => Reply::Described(Box::new(Described {
            status: turn.execution().status(),
            started: turn.execution().started(),
            now: turn.now(),
            state: turn.state().clone(),
        })),
        Request::Vote {
            cast,
            groups,
            digest,
        } => vote::vote(turn, cast, &groups, &digest),
        Request::Comment { remark, link } => people::comment(turn, remark, link),
        Request::Delegate {
            by,
            from,
            to,
            reassigns,
            comment,
            via,
            peer,
            link,
        } => people::delegate(
            turn,
            people::Handing {
                by,
                from,
                to,
                reassigns,
                comment,
                via,
                peer,
                link,
            },
        ),
        Request::MakeLink {
            approver,
            expires,
            by,
        } => people::make_link(turn, &approver, expires, by),
        Request::Cancel { reason, by, via } => match people::over(turn.state()) {
            Some(refusal) => Reply::Refused(refusal),
            None => {
                outcome::cancel(turn, reason, by, via, Status::Cancelled);
                Reply::Recorded(turn.state().ended.as_ref().map(|ended| ended.decision))
            }
        },
    }
}
