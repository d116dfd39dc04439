//! What is written down of a task while it is out: enough for the next server to go on with it, and for people to see how far it is.

use bytes::Bytes;
use everstep_agent::{Progress, TaskRef};
use everstep_core::{Digest, ExecutionId, Generation, Operation};
use serde::{Deserialize, Serialize};

/// What a note may hold is little; a text in it is cut here.
const TEXT_BYTES_MAX: usize = 1_024;

/// The task of an agent by its place in an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Seat {
    pub execution: ExecutionId,
    pub operation: Operation,
    pub generation: Generation,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// It is about to be sent: whether it was is known only when the agent is asked.
    Sending,
    /// The agent has it.
    Out,
}

/// A question of the agent that people were asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// Of its words.
    pub digest: String,
    /// Of what the agent tells it by, where it has that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The approval that asks.
    pub approval: String,
    pub stage: Stage,
}

/// How far a question is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stage {
    /// People are asked.
    Open,
    /// The answer is about to be sent: whether it was is known only when the agent is asked.
    Answering,
    /// The agent has it.
    Answered,
}

const fn is_none_yet(questions: &u32) -> bool {
    *questions == 0
}

/// The note. `message` and `percent` are what every report of progress has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// 1.
    pub format: u8,
    pub agent: String,
    /// The version of the agent that was called: `$LATEST` is whatever it is now.
    pub version: String,
    /// With the letter that it comes back in it says which task it is of.
    pub generation: u32,
    /// Milliseconds since 1970.
    pub began_ms: u64,
    /// Counts the times that the task was sent anew because the agent had lost it.
    pub dispatch: u32,
    pub phase: Phase,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// What it waits for an answer to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Asked>,
    /// How many questions of it are behind us.
    #[serde(default, skip_serializing_if = "is_none_yet")]
    pub questions: u32,
    /// Why the last call came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The agent has nothing more to do.
    #[serde(skip)]
    pub is_over: bool,
}

const FORMAT: u8 = 1;

impl Note {
    pub(crate) fn new(agent: &str, version: &str, seat: &Seat, began_ms: u64) -> Self {
        Self {
            format: FORMAT,
            agent: agent.to_owned(),
            version: version.to_owned(),
            generation: seat.generation.0,
            began_ms,
            dispatch: 0,
            phase: Phase::Sending,
            task: None,
            message: None,
            percent: None,
            question: None,
            questions: 0,
            error: None,
            is_over: false,
        }
    }

    /// Takes over what is said about how far the task is.
    pub(crate) fn tell(&mut self, progress: Progress) {
        self.message = progress.message.or(self.message.take());
        self.percent = progress.percent.or(self.percent);
    }

    /// `None` for what is no note of an agent's task.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let note: Self = serde_json::from_slice(bytes).ok()?;
        (note.format == FORMAT).then_some(note)
    }

    pub(crate) fn write(&self) -> Bytes {
        let mut shown = self.clone();
        for text in [&mut shown.message, &mut shown.error].into_iter().flatten() {
            cut(text, TEXT_BYTES_MAX);
        }
        serde_json::to_vec(&shown).unwrap_or_default().into()
    }

    /// The same for every repetition of this dispatch.
    pub(crate) fn message_id(&self, seat: &Seat) -> String {
        seat.id("message", self.dispatch)
    }

    /// The same for all that is said about the task.
    pub(crate) fn context_id(&self, seat: &Seat) -> String {
        seat.id("context", self.dispatch)
    }
}

impl Seat {
    /// A UUID that follows from the place and what it is for.
    pub(crate) fn id(&self, what: &str, number: u32) -> String {
        let Self {
            execution,
            operation,
            generation,
        } = self;
        let text = format!("{what}/{execution}/{operation}/{generation}/{number}");
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = Digest::of(text.as_bytes()).0;
        let bytes = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p];
        uuid::Builder::from_custom_bytes(bytes)
            .into_uuid()
            .to_string()
    }
}

/// Cuts a text where it becomes too long.
pub(super) fn cut(text: &mut String, bytes_max: usize) {
    if text.len() <= bytes_max {
        return;
    }
    let mut end = bytes_max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    use everstep_agent::Dialect;
    use everstep_core::Shard;

    fn seat() -> Seat {
        Seat {
            execution: ExecutionId::new(1, 2, Shard(3)),
            operation: Operation(4),
            generation: Generation(5),
        }
    }

    #[test]
    fn a_note_reads_back_and_stays_small() {
        let mut note = Note::new("writer", "$LATEST", &seat(), 7);
        note.task = Some(TaskRef {
            dialect: Dialect::A2a,
            id: "t".to_owned(),
            context_id: None,
        });
        note.phase = Phase::Out;
        assert_eq!(Note::read(&note.write()), Some(note.clone()));
        note.message = Some("ä".repeat(10_000));
        note.error = Some("x".repeat(10_000));
        assert!(note.write().len() < 8 * 1024);
        assert_eq!(Note::read(b"{\"percent\":1}"), None);
    }

    #[test]
    fn ids_follow_from_the_place_and_the_dispatch() {
        let seat = seat();
        let mut note = Note::new("writer", "1", &seat, 0);
        let first = note.message_id(&seat);
        assert_eq!(first, note.message_id(&seat));
        assert_ne!(first, note.context_id(&seat));
        note.dispatch = 1;
        assert_ne!(first, note.message_id(&seat));
        let next = Seat {
            generation: Generation(6),
            ..seat
        };
        note.dispatch = 0;
        assert_ne!(first, note.message_id(&next));
    }
}
