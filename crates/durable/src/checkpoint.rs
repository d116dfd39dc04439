//! Checkpoints: a batch of updates is checked whole, then taken whole, in the handler's order.

use std::collections::BTreeMap;
use std::sync::Arc;

use everstep_core::{Failure, Operation, OperationStatus, Payload, Status, Turn};

use crate::answer;
use crate::event::Event;
use crate::machine::Durable;
use crate::model::{Action, Divergence, Identity, OperationKind, Update};
use crate::operations::{callback, chained_invoke, context, execution, require, step, wait};
use crate::pause;
use crate::request::{Limits, Position, Refusal, Reply};
use crate::state::State;

/// CheckpointDurableExecution.
pub(crate) fn checkpoint(
    turn: &mut Turn<'_, Durable>,
    position: Position,
    client_token: Option<String>,
    updates: Vec<Update>,
) -> Reply {
    if let Some(token) = &client_token
        && let Some(given) = turn.state().given(position, token, turn.now())
    {
        return answer::checkpoint(turn.state(), given);
    }
    if turn.execution().status().is_closed() || !turn.state().accepts(position) {
        return Reply::Refused(Refusal::InvalidToken);
    }
    if let Err(refusal) = check(turn.state(), &updates) {
        note(turn, &refusal);
        return Reply::Refused(refusal);
    }
    chained_invoke::show_kept_back(turn);
    let mut closes = None;
    for update in updates {
        closes = take(turn, update).or(closes);
    }
    let pausing = turn.state().pause.is_some();
    let next = match closes {
        Some(_) => None,
        // The token is withdrawn: the handler ends, and goes on after the pause.
        None if pausing => None,
        None => Some(Position {
            sequence: position.sequence.saturating_add(1),
            ..position
        }),
    };
    turn.emit(Event::Answered {
        position,
        client_token: client_token.map(Arc::from),
        next,
    });
    if let Some(status) = closes {
        turn.close(status);
    } else {
        pause::begin(turn);
    }
    match turn.state().answers.back() {
        Some(given) => answer::checkpoint(turn.state(), given),
        None => Reply::Refused(Refusal::InvalidToken),
    }
}

/// Keeps where the code differs from what is recorded, so that people can see it. It is told once: SDKs repeat themselves.
fn note(turn: &mut Turn<'_, Durable>, refusal: &Refusal) {
    let Refusal::Diverged { divergence, .. } = refusal else {
        return;
    };
    let known = turn.state().divergence.as_ref() == Some(divergence);
    let operation = turn
        .state()
        .by_id(&divergence.id)
        .map(|found| found.operation);
    if let Some(operation) = operation.filter(|_| !known) {
        turn.emit(Event::Diverged {
            operation,
            divergence: Arc::clone(divergence),
        });
    }
}

/// Takes one update of a batch that was checked. Returns how the execution ends by it, if it does.
fn take(turn: &mut Turn<'_, Durable>, update: Update) -> Option<Status> {
    if update.kind == OperationKind::Execution {
        return Some(execution::take(turn, update));
    }
    let known = turn
        .state()
        .by_id(&update.identity.id)
        .map(|snapshot| snapshot.operation);
    let operation = known.unwrap_or_else(|| {
        let operation = turn.state().next_operation();
        turn.emit(Event::Declared {
            operation,
            kind: update.kind,
            identity: update.identity.clone(),
        });
        operation
    });
    match update.kind {
        OperationKind::Context => context::take(turn, operation, update),
        OperationKind::Step => step::take(turn, operation, update),
        OperationKind::Wait => wait::take(turn, operation, &update),
        OperationKind::Callback => callback::take(turn, operation, &update),
        OperationKind::ChainedInvoke => chained_invoke::take(turn, operation, update),
        OperationKind::Execution => {}
    }
    None
}

/// How an operation stands after the updates that came before in the same batch.
struct Draft<'a> {
    kind: OperationKind,
    status: OperationStatus,
    identity: &'a Identity,
    last: Action,
}

/// The state as the batch would leave it, update by update.
struct Checked<'a> {
    state: &'a State,
    drafts: BTreeMap<&'a str, Draft<'a>>,
    new: u32,
    bytes: u64,
}

fn check(state: &State, updates: &[Update]) -> Result<(), Refusal> {
    let endings = updates
        .iter()
        .filter(|update| update.kind == OperationKind::Execution)
        .count();
    require(
        endings <= 1,
        "Cannot checkpoint multiple EXECUTION updates.",
    )?;
    let last = updates
        .last()
        .is_some_and(|update| update.kind == OperationKind::Execution);
    require(
        endings == 0 || last,
        "EXECUTION checkpoint must be the last update.",
    )?;
    let limits = state
        .settings
        .as_ref()
        .map_or_else(Limits::default, |settings| settings.limits);
    let mut checked = Checked {
        state,
        drafts: BTreeMap::new(),
        new: 0,
        bytes: state.bytes,
    };
    for update in updates {
        if update.kind == OperationKind::Execution {
            check_sizes(update, &limits)?;
            execution::check(update)?;
        } else {
            checked.add(update, &limits)?;
        }
    }
    check_totals(&checked, &limits)
}

impl<'a> Checked<'a> {
    fn add(&mut self, update: &'a Update, limits: &Limits) -> Result<(), Refusal> {
        let id = &*update.identity.id;
        if let Some(draft) = self.drafts.get(id) {
            let pair = matches!(draft.kind, OperationKind::Step | OperationKind::Context)
                && draft.last == Action::Start
                && update.action != Action::Start;
            require(
                pair,
                "Cannot checkpoint multiple operations with the same ID.",
            )?;
        }
        if let Some(parent) = &update.identity.parent {
            require(
                self.kind(parent) == Some(OperationKind::Context),
                "Invalid parent operation id.",
            )?;
        }
        let current = self.standing(id);
        if let Some((kind, _, identity)) = current {
            check_identity(kind, identity, update)?;
        }
        check_sizes(update, limits)?;
        let status = current.map(|(_, status, _)| status);
        match update.kind {
            OperationKind::Context => context::check(status, update)?,
            OperationKind::Step => step::check(status, update)?,
            OperationKind::Wait => wait::check(status, update)?,
            OperationKind::Callback => callback::check(status, update)?,
            OperationKind::Execution => {}
            OperationKind::ChainedInvoke => chained_invoke::check(status, update, limits)?,
        }
        self.new += u32::from(current.is_none());
        let payload = update.payload.as_ref().map_or(0, Payload::len)
            + update.error.as_ref().map_or(0, Failure::len);
        self.bytes = self.bytes.saturating_add(payload as u64);
        let identity = current.map_or(&update.identity, |(_, _, identity)| identity);
        let draft = Draft {
            kind: update.kind,
            status: after(update.action),
            identity,
            last: update.action,
        };
        self.drafts.insert(id, draft);
        Ok(())
    }

    fn standing(&self, id: &str) -> Option<(OperationKind, OperationStatus, &'a Identity)> {
        if let Some(draft) = self.drafts.get(id) {
            return Some((draft.kind, draft.status, draft.identity));
        }
        self.state
            .by_id(id)
            .map(|snapshot| (snapshot.kind(), snapshot.status, &snapshot.identity))
    }

    fn kind(&self, id: &str) -> Option<OperationKind> {
        self.standing(id).map(|(kind, _, _)| kind)
    }
}

const fn after(action: Action) -> OperationStatus {
    match action {
        Action::Start => OperationStatus::Started,
        Action::Succeed => OperationStatus::Succeeded,
        Action::Fail => OperationStatus::Failed,
        Action::Retry => OperationStatus::Pending,
        Action::Cancel => OperationStatus::Cancelled,
    }
}

/// What an update says of an operation's names has to be what was said first; what it leaves out is not compared.
fn check_identity(kind: OperationKind, known: &Identity, update: &Update) -> Result<(), Refusal> {
    let asked = &update.identity;
    if kind != update.kind {
        let (recorded, asked_for) = (kind.as_str(), update.kind.as_str());
        let message = "Inconsistent operation type.";
        return diverged(message, "type", &asked.id, recorded, asked_for);
    }
    for (message, what, said, known) in [
        (
            "Inconsistent operation subtype.",
            "subtype",
            &asked.sub_kind,
            &known.sub_kind,
        ),
        (
            "Inconsistent operation name.",
            "name",
            &asked.name,
            &known.name,
        ),
        (
            "Inconsistent parent operation id.",
            "parent",
            &asked.parent,
            &known.parent,
        ),
    ] {
        if said.is_some() && said != known {
            let text = |part: &Option<Arc<str>>| part.as_deref().unwrap_or("none").to_owned();
            return diverged(message, what, &asked.id, &text(known), &text(said));
        }
    }
    Ok(())
}

fn diverged(
    message: &'static str,
    what: &str,
    id: &Arc<str>,
    recorded: &str,
    asked: &str,
) -> Result<(), Refusal> {
    let divergence = Divergence {
        id: Arc::clone(id),
        what: what.to_owned(),
        recorded: recorded.to_owned(),
        asked: asked.to_owned(),
    };
    Err(Refusal::Diverged {
        message,
        divergence: Arc::new(divergence),
    })
}

fn check_sizes(update: &Update, limits: &Limits) -> Result<(), Refusal> {
    let invalid = |message: String| {
        Err(Refusal::InvalidUpdate {
            message: message.into(),
        })
    };
    let error = update.error.as_ref().map_or(0, Failure::len);
    if error > limits.error_bytes_max as usize {
        return invalid(format!(
            "Error object size must be less than {} bytes.",
            limits.error_bytes_max
        ));
    }
    let payload = update.payload.as_ref().map_or(0, Payload::len);
    let (what, max) = match update.kind {
        // Its payload is an input, which it checks by itself.
        OperationKind::ChainedInvoke => return Ok(()),
        OperationKind::Execution => ("Execution", limits.result_bytes_max),
        kind => (kind.as_str(), limits.payload_bytes_max),
    };
    if payload > max as usize {
        return invalid(format!(
            "{what} output payload size must be less than or equal to {max} bytes."
        ));
    }
    Ok(())
}

fn check_totals(checked: &Checked<'_>, limits: &Limits) -> Result<(), Refusal> {
    let invalid = |message: String| {
        Err(Refusal::InvalidUpdate {
            message: message.into(),
        })
    };
    // Operation 0, the execution itself, does not count.
    let operations = checked
        .state
        .next_operation()
        .0
        .saturating_sub(1)
        .saturating_add(checked.new);
    if operations > limits.operations_max {
        return invalid(format!(
            "Durable execution cannot have more than {} operations.",
            limits.operations_max
        ));
    }
    if checked.bytes > limits.bytes_max {
        return invalid(format!(
            "Durable execution cannot hold more than {} bytes of data.",
            limits.bytes_max
        ));
    }
    Ok(())
}

/// The operation's names, for showing history events.
pub(crate) fn identify(state: &State, operations: &[Operation]) -> Reply {
    let names = operations.iter().map(|operation| {
        state
            .operation(*operation)
            .map(|snapshot| snapshot.identity.clone())
    });
    Reply::Identified(names.collect())
}
