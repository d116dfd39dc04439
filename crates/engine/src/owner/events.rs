//! What others want to hear of: from the kernel's events to letters.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use everstep_core::{
    ExecutionId, Failure, Generation, KernelEvent, Operation, Outcome, Status, Target, Timestamp,
};
use serde_json::{Map, Value, json};

use super::Owner;
use crate::attempt::{Attempt, Verb};
use crate::catalogue::machine_name;
use crate::letter::{LetterState, topic};
use crate::registry::AnyCell;

/// A task outside that has a note: whoever has it works for this execution.
pub(super) struct Noted {
    operation: Operation,
    generation: Generation,
    target: Target,
    note: Bytes,
}

/// The tasks outside that have a note.
pub(super) fn noted(cell: &AnyCell) -> Vec<Noted> {
    let execution = cell.execution();
    let notes = execution.notes().filter_map(|(operation, note)| {
        let task = execution.task(operation)?;
        (task.generation == note.generation).then(|| Noted {
            operation,
            generation: note.generation,
            target: task.target.clone(),
            note: note.bytes.clone(),
        })
    });
    notes.collect()
}

/// The one operation whose task an input ends in the name of the one that has it.
pub(super) const fn answers<R>(input: &everstep_core::Input<R>) -> Option<Operation> {
    use everstep_core::Input as Kernel;
    match input {
        // What a function's invocation came to is told by a request.
        Kernel::Request(_) => Some(Operation(0)),
        Kernel::Accepted { operation, .. }
        | Kernel::Claim { operation, .. }
        | Kernel::Settle { operation, .. } => Some(*operation),
        Kernel::Start(_)
        | Kernel::Wake
        | Kernel::TaskLost { .. }
        | Kernel::Note { .. }
        | Kernel::Watch { .. }
        | Kernel::Stop { .. }
        | Kernel::Pause { .. }
        | Kernel::Resume { .. }
        | Kernel::Redrive
        | Kernel::Quarantine { .. } => None,
    }
}

const fn status_event(status: Status) -> Option<&'static str> {
    Some(match status {
        Status::Running => "execution.running",
        Status::Succeeded => "execution.succeeded",
        Status::Failed => "execution.failed",
        Status::TimedOut => "execution.timed_out",
        Status::Stopped => "execution.stopped",
        Status::Cancelled => "execution.cancelled",
        Status::Quarantined => "execution.quarantined",
        Status::Pausing => "execution.pausing",
        Status::Paused => "execution.paused",
        Status::Deleting => return None,
    })
}

fn bytes(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

/// JSON where it is JSON, else text.
fn shown(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(bytes).into_owned()))
}

fn error(failure: &Failure) -> Value {
    json!({ "kind": failure.kind, "message": failure.message, "data": failure.data })
}

fn attempted(attempt: &Attempt) -> Value {
    json!({
        "operation": attempt.operation.0,
        "generation": attempt.generation.0,
        "verb": attempt.verb.as_str(),
        "outcome": attempt.outcome.as_str(),
        "via": attempt.source.via.as_str(),
        "peer": attempt.source.peer,
        "who": attempt.source.who,
        "bytes": attempt.source.bytes,
    })
}

/// Why a closed execution has not succeeded. A machine that panics over it is found when its end is read.
fn failure(cell: &AnyCell) -> Option<Failure> {
    match catch_unwind(AssertUnwindSafe(|| cell.outcome())).ok()? {
        Outcome::Succeeded(_) => None,
        Outcome::Failed(failure) | Outcome::TimedOut(failure) | Outcome::Stopped(failure) => {
            Some(failure)
        }
    }
}

/// What is kept of a result that came too late or too often.
pub(super) fn unwanted(attempt: &Attempt, failure: Option<&Failure>) -> Bytes {
    let mut body = attempted(attempt);
    if let (Some(body), Some(failure)) = (body.as_object_mut(), failure) {
        body.insert("error".to_owned(), error(failure));
    }
    bytes(&body)
}

impl Owner {
    /// Whether anybody wants to hear of it.
    fn is_heard(&self, event: &str) -> bool {
        let mut subscriptions = self.options.subscriptions.iter();
        subscriptions.any(|subscription| subscription.wants(event))
    }

    /// Writes a letter for each sink that wants to hear of an event.
    fn tell(&mut self, now: Timestamp, id: ExecutionId, event: &str, detail: Value) {
        if !self.is_heard(event) {
            return;
        }
        let Some(slot) = self.cells.get(&id) else {
            return;
        };
        let row = &slot.row;
        let mut about = json!({
            "id": id.to_string(),
            "name": row.name,
            "definition": machine_name(&row.definition).unwrap_or(&row.definition),
            "version": row.version,
            "machine": row.machine,
            "status": row.status.as_str(),
            "started": row.started.0,
            "closed": row.closed.map(|closed| closed.0),
            "attributes": row.attributes,
        });
        if row.status.is_closed()
            && let Some(failure) = failure(&slot.cell)
            && let Some(about) = about.as_object_mut()
        {
            about.insert("error".to_owned(), error(&failure));
        }
        let definition = row.definition.clone();
        let subscriptions = self.options.subscriptions.iter();
        let sinks: Vec<String> = subscriptions
            .filter(|subscription| subscription.wants_from(event, &definition))
            .map(|subscription| subscription.sink.clone())
            .collect();
        let mut body = Map::new();
        body.insert("event".to_owned(), Value::from(event));
        body.insert("time".to_owned(), Value::from(now.0));
        body.insert("execution".to_owned(), about);
        if !detail.is_null() {
            body.insert("detail".to_owned(), detail);
        }
        for sink in sinks {
            body.insert("sink".to_owned(), Value::from(sink));
            let text = bytes(&Value::Object(body.clone()));
            let letter = self.letter(now, id, topic::NOTIFY, text);
            self.post(&letter);
        }
    }

    /// The letters that follow from a turn's batch. `noted` is what stood at tasks before it, `answered` whose end it was.
    pub(super) fn tell_of(
        &mut self,
        now: Timestamp,
        id: ExecutionId,
        recorded: &[KernelEvent],
        noted: Vec<Noted>,
        answered: Option<Operation>,
    ) {
        for event in recorded {
            match event {
                KernelEvent::Started(_) => self.tell(now, id, "execution.started", Value::Null),
                KernelEvent::Reopened => self.tell(now, id, "execution.reopened", Value::Null),
                KernelEvent::Closed { status } | KernelEvent::Marked { status } => {
                    if let Some(event) = status_event(*status) {
                        self.tell(now, id, event, Value::Null);
                    }
                }
                KernelEvent::Quarantined { reason } => {
                    // The backtrace is for the history.
                    let reason = reason.lines().next().unwrap_or_default();
                    let detail = json!({ "reason": reason });
                    self.tell(now, id, "execution.quarantined", detail);
                }
                KernelEvent::Posted { topic, body } => self.posted(now, id, topic, body.clone()),
                KernelEvent::TimerSet(_)
                | KernelEvent::TimerCleared { .. }
                | KernelEvent::Opened { .. }
                | KernelEvent::Settled { .. }
                | KernelEvent::Shut { .. }
                | KernelEvent::TaskStarted(_)
                | KernelEvent::TaskEnded { .. }
                | KernelEvent::Noted { .. }
                | KernelEvent::Watched(_) => {}
            }
        }
        for noted in noted {
            if answered != Some(noted.operation) && has_ended(recorded, &noted) {
                self.cancel_outside(now, id, &noted);
            }
        }
    }

    /// A machine's own: a letter under one of the topics, or an event.
    fn posted(&mut self, now: Timestamp, id: ExecutionId, topic: &str, body: Bytes) {
        if topic == topic::NOTIFY || topic == topic::AGENT_CANCEL {
            let letter = self.letter(now, id, topic, body);
            self.post(&letter);
        } else if topic::is_kept(topic) {
            let mut letter = self.letter(now, id, topic, body);
            letter.state = LetterState::Dead {
                since: now,
                tries: 0,
                reason: topic.to_owned(),
            };
            self.post(&letter);
        } else {
            self.tell(now, id, topic, shown(&body));
        }
    }

    /// Whoever has the task works for nobody any more.
    fn cancel_outside(&mut self, now: Timestamp, id: ExecutionId, noted: &Noted) {
        let body = json!({
            "agent": noted.target.address,
            "operation": noted.operation.0,
            "generation": noted.generation.0,
            "note": shown(&noted.note),
        });
        let mut letter = self.letter(now, id, topic::AGENT_CANCEL, bytes(&body));
        letter.operation = Some(noted.operation);
        self.post(&letter);
    }

    /// Somebody outside has settled something, or tried to.
    pub(super) fn processed(&mut self, now: Timestamp, id: ExecutionId, attempt: &Attempt) {
        let settles = matches!(attempt.verb, Verb::Succeed | Verb::Fail);
        if settles && self.is_heard("callback.processed") {
            self.tell(now, id, "callback.processed", attempted(attempt));
        }
    }
}

/// Whether a task has ended in this batch without having been settled.
fn has_ended(recorded: &[KernelEvent], noted: &Noted) -> bool {
    let settled = recorded.iter().any(|event| match event {
        KernelEvent::Settled {
            operation,
            generation,
            ..
        } => (*operation, *generation) == (noted.operation, noted.generation),
        _ => false,
    });
    let ended = recorded.iter().any(|event| match event {
        KernelEvent::TaskEnded { operation } => *operation == noted.operation,
        KernelEvent::TaskStarted(task) => {
            task.operation == noted.operation && task.generation != noted.generation
        }
        _ => false,
    });
    ended && !settled
}
