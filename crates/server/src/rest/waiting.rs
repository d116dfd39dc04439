//! What an execution waits for, in members for programs and in one sentence for people.

use everstep_core::token::Address;
use everstep_core::{
    ExecutionId, Note, Operation, OperationStatus, TargetKind, Timestamp, ViewOperation,
};
use everstep_engine::{Snapshot, Wait};
use serde_json::{Value, json};

use super::time;

/// Of a message that agents send about their progress.
const MESSAGE_CHARACTERS_MAX: usize = 200;

/// A note as it was left: JSON where it is JSON, else text.
pub(crate) fn note(note: &Note) -> Value {
    serde_json::from_slice(&note.bytes)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&note.bytes).into_owned()))
}

/// The public id of what is waited for.
pub(super) fn address(execution: ExecutionId, wait: &Wait) -> Address {
    Address {
        execution,
        operation: wait.operation,
        generation: wait.generation,
    }
}

/// Everything that is waited for.
pub(super) fn waiting(snapshot: &Snapshot, now: Timestamp) -> Vec<Value> {
    let operations = snapshot.view.operations.iter();
    operations
        .filter_map(|operation| waits_for(snapshot, operation, now))
        .collect()
}

/// What an open operation that nobody works on waits for.
fn waits_for(snapshot: &Snapshot, operation: &ViewOperation, now: Timestamp) -> Option<Value> {
    if snapshot.row.status.is_closed() || operation.status.is_closed() {
        return None;
    }
    let mut waits = snapshot.waits.iter();
    let wait = waits.find(|wait| wait.operation == operation.operation);
    let agent = wait.and_then(Agent::of);
    let has_agent = agent.is_some();
    let what = match (operation.kind, operation.status) {
        // Its invocations keep failing: nothing else would say so.
        ("EXECUTION", _) if last_error(operation).is_some() => "invocation",
        ("CALLBACK", _) => "callback",
        ("EXECUTION" | "CHAINED_INVOKE" | "TASK", OperationStatus::Started) if has_agent => "agent",
        ("WAIT", _) => "time",
        ("CHAINED_INVOKE", _) => "function",
        ("STEP" | "TASK" | "PARALLEL" | "MAP", OperationStatus::Pending) => "retry",
        ("TASK", _) => "task",
        _ => return None,
    };
    let beat = last_beat(snapshot, operation.operation);
    let mut shown = json!({
        "what": what,
        "number": operation.operation.0,
        "name": operation.name,
        "since": time(operation.started),
        "until": operation.due.map(time),
        "last_heartbeat_at": beat.map(time),
        "text": sentence(&subject(what, operation, agent.as_ref()), operation, beat, wait, now),
    });
    let Some(members) = shown.as_object_mut() else {
        return Some(shown);
    };
    if let Some(error) = last_error(operation) {
        members.insert("attempts".to_owned(), operation.attempts.into());
        members.insert("last_error".to_owned(), error.into());
    }
    if let Some(wait) = wait {
        let target = wait.target.as_ref();
        let target = target.map(|target| target.address.clone());
        members.insert("target".to_owned(), target.into());
        let due = wait.timeout.map(time);
        members.insert("gives_up_at".to_owned(), due.into());
        let due = wait.heartbeat_timeout.map(time);
        members.insert("heartbeat_due_at".to_owned(), due.into());
        if what == "callback" {
            let id = address(snapshot.row.id, wait);
            members.insert("callback".to_owned(), id.to_string().into());
        }
        if let Some(agent) = agent {
            let approval = agent.question;
            let shown = json!({ "name": agent.name, "task": agent.task, "asks_by": approval });
            members.insert("agent".to_owned(), shown);
        }
        if let Some(left) = &wait.note {
            members.insert("progress".to_owned(), note(left));
            members.insert("progress_at".to_owned(), time(left.at).into());
        }
    }
    Some(shown)
}

/// An agent that has a task.
struct Agent {
    name: String,
    /// What the agent calls it.
    task: Option<String>,
    /// The approval by which it asks something.
    question: Option<String>,
}

impl Agent {
    /// By the task's target or, where a state machine has the task, by what whoever drives it has noted.
    fn of(wait: &Wait) -> Option<Self> {
        let note = wait.note.as_ref().map(note).unwrap_or_default();
        let text = |path: &str| note.pointer(path).and_then(Value::as_str);
        let target = wait.target.as_ref();
        let target = target.filter(|target| target.kind == TargetKind::Agent);
        let address = target.and_then(|target| target.address.split('/').next());
        // Whoever reports progress may write anything; only an agent's driver says a phase.
        let noted = text("/agent").filter(|_| text("/phase").is_some());
        Some(Self {
            name: address.or(noted)?.to_owned(),
            task: text("/task/id").map(str::to_owned),
            question: text("/question/approval")
                .filter(|_| text("/question/stage") == Some("open"))
                .map(str::to_owned),
        })
    }
}

/// Why it did not work so far.
fn last_error(operation: &ViewOperation) -> Option<String> {
    let failure = operation.failure.as_ref()?;
    let kind = failure.kind.as_deref().unwrap_or("Error");
    let message = failure.message.as_deref().unwrap_or_default();
    (operation.attempts > 0).then(|| format!("{kind}: {message}"))
}

pub(super) fn last_beat(snapshot: &Snapshot, operation: Operation) -> Option<Timestamp> {
    let mut beats = snapshot.beats.iter();
    let beat = beats.find(|(beaten, _)| *beaten == operation);
    beat.map(|(_, at)| Timestamp(*at))
}

/// `researcher (agent, task T)`, `callback review`.
fn subject(what: &str, operation: &ViewOperation, agent: Option<&Agent>) -> String {
    let name = operation.name.as_deref().unwrap_or(&operation.id);
    match (what, agent) {
        ("agent", Some(agent)) => {
            let task = agent.task.as_deref().map(short);
            let task = task.map_or_else(String::new, |task| format!(", task {task}"));
            format!("waiting for {} (agent{task})", agent.name)
        }
        ("time", _) => format!("waiting for the time of {name}"),
        ("retry", _) => format!("waiting for the next attempt of {name}"),
        ("invocation", _) => "waiting for an invocation that does not fail".to_owned(),
        _ => format!("waiting for {what} {name}"),
    }
}

fn sentence(
    subject: &str,
    operation: &ViewOperation,
    beat: Option<Timestamp>,
    wait: Option<&Wait>,
    now: Timestamp,
) -> String {
    let mut text = subject.to_owned();
    text.push_str(&format!(", since {}", ago(now, operation.started)));
    if let Some(beat) = beat {
        text.push_str(&format!(", last heartbeat {} ago", ago(now, beat)));
    }
    if let Some(left) = wait.and_then(|wait| wait.note.as_ref()) {
        text.push_str(&progress(&note(left)));
    }
    if let Some(question) = wait.and_then(Agent::of).and_then(|agent| agent.question) {
        text.push_str(&format!(" (asked by approval {question})"));
    }
    if let Some(error) = last_error(operation) {
        text.push_str(&format!(
            ", {} failed, at last with {}",
            operation.attempts,
            short(&error)
        ));
    }
    text
}

/// `, 40 %: reading sources`.
fn progress(note: &Value) -> String {
    let percent = note.get("percent").and_then(Value::as_f64);
    let message = note.get("message").and_then(Value::as_str);
    let message = message.or_else(|| note.as_str()).map(short);
    match (percent, message) {
        (Some(percent), Some(message)) => format!(", {percent} %: {message}"),
        (Some(percent), None) => format!(", {percent} %"),
        (None, Some(message)) => format!(", {message}"),
        (None, None) => String::new(),
    }
}

/// One line of what others wrote.
fn short(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(MESSAGE_CHARACTERS_MAX)
        .collect()
}

/// How long ago, in its largest unit: `3 m`.
fn ago(now: Timestamp, at: Timestamp) -> String {
    let seconds = now.0.saturating_sub(at.0) / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} m", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_progress_read_as_people_say_them() {
        let ago = |seconds: u64| ago(Timestamp(seconds * 1_000), Timestamp(0));
        assert_eq!(
            [ago(0), ago(59), ago(180), ago(7_200), ago(200_000)],
            ["0 s", "59 s", "3 m", "2 h", "2 d"]
        );
        for (note, text) in [
            (
                json!({ "percent": 40, "message": "reading\nsources" }),
                ", 40 %: reading sources",
            ),
            (json!({ "percent": 12.5 }), ", 12.5 %"),
            (json!("half way"), ", half way"),
            (json!({ "step": 3 }), ""),
        ] {
            let shown = progress(&note);
            assert_eq!(shown, text);
        }
    }
}
