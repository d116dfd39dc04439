//! Fork: another execution begins with what this one had done before an operation was started, and goes on by itself.
//!
//! The cut is a moment of the journal: everything before the operation's first event is taken over, whichever branch it belongs to, and nothing
//! after it. What was in flight then is in flight in the fork: an interrupted step is the handler's to repeat, a retry and a wait keep their
//! time, and a callback is asked for under an id of the fork's own, so that the step that hands the id out runs again.

use std::collections::BTreeSet;

use everstep_core::{ExecutionId, Operation, Payload, Reply as KernelReply, Timestamp, Turn};

use crate::event::Event;
use crate::machine::{Durable, EXECUTION};
use crate::model::{Details, Identity, OperationKind};
use crate::operations::chained_invoke;
use crate::request::{Reply, Settings};
use crate::state::State;
use crate::{arm, invocation, redrive};

/// The first two events of every execution.
#[must_use]
pub fn beginning(
    id: ExecutionId,
    name: &str,
    input: Option<Payload>,
    settings: Settings,
) -> [Event; 2] {
    let identity = Identity {
        id: id.to_string().into(),
        parent: None,
        name: Some(name.into()),
        sub_kind: None,
    };
    [
        Event::Declared {
            operation: EXECUTION,
            kind: OperationKind::Execution,
            identity,
        },
        Event::ExecutionStarted {
            input,
            settings: Box::new(settings),
        },
    ]
}

/// The events of a journal that a fork at this operation takes over; `None` when the journal has no such operation. Operation 0, the execution,
/// takes over nothing.
#[must_use]
pub fn before(events: impl IntoIterator<Item = Event>, at: Operation) -> Option<Vec<Event>> {
    let mut taken = Vec::new();
    if at == EXECUTION {
        return Some(taken);
    }
    for event in events {
        if matches!(&event, Event::Declared { operation, .. } if *operation == at) {
            return Some(taken);
        }
        let of_an_operation = event
            .operation()
            .is_some_and(|operation| operation != EXECUTION);
        if of_an_operation || matches!(event, Event::Redriven { .. }) {
            taken.push(event);
        }
    }
    None
}

/// The first turn of a fork whose events stand in its journal already.
pub(crate) fn go_on(turn: &mut Turn<'_, Durable>) -> KernelReply<Reply> {
    if turn.execution().fork().is_none() || turn.state().position.sequence > 0 {
        return KernelReply::Refused("it is no fork that begins");
    }
    let again: BTreeSet<Operation> = turn
        .state()
        .operations
        .iter()
        .filter(|snapshot| {
            matches!(snapshot.details, Details::Callback { .. }) && snapshot.is_waiting()
        })
        .flat_map(|callback| redrive::submitters(turn.state(), callback))
        .collect();
    turn.emit(Event::Forked {
        operations: again.into_iter().collect(),
    });
    chained_invoke::show_kept_back(turn);
    arm::timeout(turn);
    arm::waiting(turn);
    invocation::invoke(turn);
    KernelReply::Own(Reply::Finished)
}

/// Applies [`Event::Forked`].
pub(crate) fn apply(state: &mut State, operations: &[Operation], at: Timestamp) {
    for operation in operations {
        redrive::begin_again(state, *operation, at);
    }
    redrive::callbacks_anew(state, at);
    // To the fork's first invocation nothing is news: it has seen none of it.
    state.unseen.clear();
}
