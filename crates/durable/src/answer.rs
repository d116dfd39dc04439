//! What handlers are shown: pages of state, answers of checkpoints, the execution as a whole.

use everstep_core::{Execution, Failure, Operation, Payload, Reply as KernelReply, Turn};

use crate::machine::{Durable, EXECUTION, EXECUTION_TIMEOUT};
use crate::model::{Details, ExecutionSnapshot, OperationSnapshot};
use crate::request::{Position, Refusal, Reply};
use crate::state::{Given, State};

const ITEMS_DEFAULT: u32 = 100;
const ITEMS_MAX: u32 = 1_000;
/// What an operation's names and numbers take on the wire, about.
const OVERHEAD_BYTES: usize = 512;

/// Some operations, and where to go on.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub operations: Vec<OperationSnapshot>,
    pub next_marker: Option<String>,
}

/// Where a page begins. `o5` is the state from operation 5 on, `a7.3` the answer that followed token 7 from its fourth entry on.
enum Marker {
    State(u32),
    Answer { sequence: u64, index: usize },
}

impl Marker {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let parse = || -> Option<Self> {
            if let Some(operation) = text.strip_prefix('o') {
                return Some(Self::State(operation.parse().ok()?));
            }
            let (sequence, index) = text.strip_prefix('a')?.split_once('.')?;
            Some(Self::Answer {
                sequence: sequence.parse().ok()?,
                index: index.parse().ok()?,
            })
        };
        parse().ok_or(Refusal::InvalidMarker)
    }
}

/// The first page of the state; empty when its first operation alone, the input, is too large.
pub(crate) fn first_page(state: &State, bytes_max: u32) -> Page {
    state_page(state, 0, u32::MAX, bytes_max as usize, false)
}

/// GetDurableExecutionState.
pub(crate) fn state(state: &State, marker: Option<&str>, max_items: u32) -> Reply {
    let bytes_max = state.settings.as_ref().map_or(usize::MAX, |settings| {
        settings.limits.page_bytes_max as usize
    });
    let items = if max_items == 0 {
        ITEMS_DEFAULT
    } else {
        max_items.min(ITEMS_MAX)
    };
    let page = match marker
        .filter(|text| !text.is_empty())
        .map_or(Ok(Marker::State(0)), Marker::parse)
    {
        Ok(Marker::State(from)) => state_page(state, from, items, bytes_max, true),
        Ok(Marker::Answer { sequence, index }) => {
            match state.answers.iter().find(|given| {
                given.position.sequence == sequence && index <= given.operations.len()
            }) {
                Some(given) => answer_page(given, index, items, bytes_max),
                None => return Reply::Refused(Refusal::InvalidMarker),
            }
        }
        Err(refusal) => return Reply::Refused(refusal),
    };
    Reply::State {
        operations: page.operations,
        next_marker: page.next_marker,
    }
}

/// An answer to a checkpoint, the same whenever it is given.
pub(crate) fn checkpoint(state: &State, given: &Given) -> Reply {
    let bytes_max = state.settings.as_ref().map_or(usize::MAX, |settings| {
        settings.limits.page_bytes_max as usize
    });
    let page = answer_page(given, 0, u32::MAX, bytes_max);
    Reply::Checkpoint {
        next: given.next,
        operations: page.operations,
        next_marker: page.next_marker,
    }
}

fn state_page(
    state: &State,
    from: u32,
    items_max: u32,
    bytes_max: usize,
    at_least_one: bool,
) -> Page {
    let mut page = Page::default();
    let mut bytes = 0_usize;
    for operation in state.visible.range(Operation(from)..) {
        let Some(snapshot) = state.operation(*operation) else {
            continue;
        };
        bytes = bytes.saturating_add(size(snapshot));
        let full = page.operations.len() >= items_max as usize || bytes > bytes_max;
        if full && !(at_least_one && page.operations.is_empty()) {
            page.next_marker = Some(format!("o{operation}"));
            break;
        }
        page.operations.push(snapshot.clone());
    }
    page
}

fn answer_page(given: &Given, from: usize, items_max: u32, bytes_max: usize) -> Page {
    let mut page = Page::default();
    let mut bytes = 0_usize;
    for (index, snapshot) in given.operations.iter().enumerate().skip(from) {
        bytes = bytes.saturating_add(size(snapshot));
        let full = page.operations.len() >= items_max as usize || bytes > bytes_max;
        if full && !page.operations.is_empty() {
            page.next_marker = Some(format!("a{}.{index}", given.position.sequence));
            break;
        }
        page.operations.push(snapshot.clone());
    }
    page
}

fn size(snapshot: &OperationSnapshot) -> usize {
    let (payload, error) = match &snapshot.details {
        Details::Execution { input } => (input.as_ref(), None),
        Details::Context { result, error, .. }
        | Details::Step { result, error, .. }
        | Details::Callback { result, error, .. }
        | Details::ChainedInvoke { result, error, .. } => (result.as_ref(), error.as_ref()),
        Details::Wait { .. } => (None, None),
    };
    payload.map_or(0, Payload::len) + error.map_or(0, Failure::len) + OVERHEAD_BYTES
}

/// GetDurableExecutionState behind its token.
pub(crate) fn state_for(
    turn: &Turn<'_, Durable>,
    position: Position,
    marker: Option<&str>,
    max_items: u32,
) -> Reply {
    if turn.execution().status().is_closed() || !turn.state().accepts(position) {
        return Reply::Refused(Refusal::InvalidToken);
    }
    state(turn.state(), marker, max_items)
}

/// The execution as a whole, with every operation.
pub(crate) fn recording(execution: &Execution, state: &State) -> KernelReply<Reply> {
    let (Some(snapshot), Some(settings)) = (describe(execution, state), &state.settings) else {
        return KernelReply::Refused("the execution has not begun");
    };
    KernelReply::Own(Reply::Recording {
        execution: Box::new(snapshot),
        revision: settings.address(),
        operations: state.operations.clone(),
    })
}

/// GetDurableExecution; `None` before the execution's first event.
pub(crate) fn describe(execution: &Execution, state: &State) -> Option<ExecutionSnapshot> {
    let settings = state.settings.as_ref()?;
    let input = match state.operation(EXECUTION).map(|snapshot| &snapshot.details) {
        Some(Details::Execution { input }) => input.clone(),
        _ => None,
    };
    Some(ExecutionSnapshot {
        name: execution.name().to_owned(),
        arn: settings
            .function
            .execution(execution.name(), execution.id()),
        function: settings.function.clone(),
        status: execution.status(),
        started: execution.started(),
        closed: execution.closed(),
        input,
        result: state.result.clone(),
        error: state.error.clone(),
        trace_header: settings.trace_header.clone(),
        execution_timeout_s: settings.execution_timeout_s,
        retention_days: settings.retention_days,
        pause: state.pause.clone(),
        divergence: state.divergence.clone(),
        times_out: execution
            .timer(EXECUTION, EXECUTION_TIMEOUT)
            .map(|timer| timer.due),
    })
}
