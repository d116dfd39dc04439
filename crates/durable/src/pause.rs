//! Pauses: while one lasts the function is not invoked, and all else goes on: waits end, callbacks are taken.

use std::sync::Arc;

use everstep_core::{Status, Timer, Timestamp, Turn};

use crate::event::Event;
use crate::invocation;
use crate::machine::{Durable, EXECUTION, EXECUTION_TIMEOUT, INVOCATION_RETRY};
use crate::model::Mode;
use crate::operations::DELAY_S_MAX;
use crate::request::{Refusal, Reply};
use crate::state::ANSWER_KEPT_MS;

/// A pause that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub requested: Timestamp,
    pub reason: Option<Arc<str>>,
    /// Whether the execution's timeout stands still meanwhile.
    pub timeout_paused: bool,
    /// Whether it has begun; until then the invocation in flight goes on to its next checkpoint.
    pub(crate) begun: bool,
    /// What was left of the execution's timeout when it began.
    pub(crate) timeout_left_ms: Option<u64>,
    /// Whether an invocation was cut short by it, or was to be tried again.
    pub(crate) interrupted: bool,
}

/// Which request was taken last, so that its repetition is known: pause or resume, by client token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub resume: bool,
    pub client_token: Arc<str>,
    pub at: Timestamp,
}

fn is_repeated(turn: &Turn<'_, Durable>, resume: bool, client_token: Option<&str>) -> bool {
    turn.state().asked.as_ref().is_some_and(|asked| {
        asked.resume == resume
            && Some(&*asked.client_token) == client_token
            && turn.now().since_ms(asked.at) <= ANSWER_KEPT_MS
    })
}

/// PauseDurableExecution.
pub(crate) fn pause(
    turn: &mut Turn<'_, Durable>,
    client_token: Option<String>,
    reason: Option<String>,
    timeout_paused: bool,
) -> Reply {
    if is_repeated(turn, false, client_token.as_deref()) {
        return Reply::Finished;
    }
    let durable = turn
        .state()
        .settings
        .as_ref()
        .is_some_and(|settings| settings.mode == Mode::Durable);
    if turn.execution().status().is_closed() || !durable {
        return Reply::Refused(Refusal::NotRunning);
    }
    if turn.state().pause.is_some() {
        return Reply::Refused(Refusal::Paused);
    }
    turn.emit(Event::PauseRequested {
        client_token: client_token.map(Arc::from),
        reason: reason.map(Arc::from),
        timeout_paused,
    });
    if turn.state().invocation.is_some() {
        turn.mark(Status::Pausing);
    } else {
        begin(turn);
    }
    Reply::Finished
}

/// The pause that was asked for begins, if there is one that has not.
pub(crate) fn begin(turn: &mut Turn<'_, Durable>) {
    let Some(pause) = turn.state().pause.clone().filter(|pause| !pause.begun) else {
        return;
    };
    let timeout = turn.execution().timer(EXECUTION, EXECUTION_TIMEOUT);
    let timeout_left_ms = timeout
        .filter(|_| pause.timeout_paused)
        .map(|timer| timer.due.since_ms(turn.now()));
    let retry = turn
        .execution()
        .timer(EXECUTION, INVOCATION_RETRY)
        .is_some();
    turn.clear_timer(EXECUTION, INVOCATION_RETRY);
    turn.emit(Event::ExecutionPaused {
        requested: pause.requested,
        reason: pause.reason,
        timeout_paused: pause.timeout_paused,
        timeout_left_ms,
        interrupted: retry || turn.state().invocation.is_some(),
    });
    turn.mark(Status::Paused);
    if timeout_left_ms.is_some() {
        let due = last_moment(turn);
        set_timeout(turn, due);
    }
}

/// ResumeDurableExecution.
pub(crate) fn resume(
    turn: &mut Turn<'_, Durable>,
    client_token: Option<String>,
    reason: Option<String>,
) -> Reply {
    if is_repeated(turn, true, client_token.as_deref()) {
        return Reply::Finished;
    }
    let closed = turn.execution().status().is_closed();
    let Some(pause) = turn.state().pause.clone().filter(|_| !closed) else {
        return Reply::Refused(Refusal::NotPaused);
    };
    let client_token = client_token.map(Arc::from);
    if !pause.begun {
        turn.emit(Event::PauseCancelled { client_token });
        turn.mark(Status::Running);
        return Reply::Finished;
    }
    turn.emit(Event::ExecutionResumed {
        reason: reason.map(Arc::from),
        client_token,
    });
    turn.mark(Status::Running);
    if let Some(left) = pause.timeout_left_ms {
        let due = turn.now().after_ms(left).min(last_moment(turn));
        set_timeout(turn, due);
    }
    invocation::wake(turn);
    Reply::Finished
}

/// No pause makes an execution last longer than this.
fn last_moment(turn: &Turn<'_, Durable>) -> Timestamp {
    turn.execution()
        .started()
        .after_seconds(u64::from(DELAY_S_MAX))
}

fn set_timeout(turn: &mut Turn<'_, Durable>, due: Timestamp) {
    turn.set_timer(Timer {
        operation: EXECUTION,
        kind: EXECUTION_TIMEOUT,
        due,
        heartbeat_ms: None,
    });
}
