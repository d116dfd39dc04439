//! One run of the code over a recording: what it asks is held against what was recorded.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::endpoint::Asked;
use super::hand_out;
use super::probe::Probe;
use super::recording::{Recorded, Recording};

/// One run.
#[derive(Debug)]
pub struct Session {
    recording: Arc<Recording>,
    probe: Option<Probe>,
    /// The token of every checkpoint of this run: what comes from the worker of an earlier one is not for it.
    pub(super) token: String,
    noted: Mutex<Noted>,
    /// Something was noted that decides the run.
    pub(super) decided: Notify,
}

#[derive(Debug, Default)]
struct Noted {
    divergence: Option<Divergence>,
    /// The code went on where the recording had not come to.
    beyond: Option<String>,
    /// The code asked for what the probe withholds.
    reached: bool,
    /// How the code ended by a checkpoint; its answer is empty then.
    ended: Option<Ended>,
}

/// How the code ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    Succeeded(Option<String>),
    /// Type and message.
    Failed(Option<String>, Option<String>),
    Pending,
    /// It gave no answer that a durable function may give.
    Broken(String),
    /// It came to no handler: the interpreter, a package or the handler is not there, or can't be read.
    NotStarted(String),
}

/// The first difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Divergence {
    /// `identity`, `inserted`, `removed`, `outcome`, `end`, `result`, `waits` or `code`.
    pub kind: &'static str,
    /// The number of the recorded operation that it is about; none for the execution's end and for what was not recorded.
    pub operation: Option<u32>,
    pub recorded: String,
    pub asked: String,
}

/// What a run showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The code came to the recorded end.
    Matches,
    /// So far it matches; the recording has no more.
    RecordingEnds(String),
    Diverges(Divergence),
    /// The code could not be run at all, which says nothing of its logic.
    NotStarted(String),
}

/// What a checkpoint is answered.
pub(super) enum Answer {
    Taken(Vec<Value>),
    /// The run is decided: nothing more is taken.
    Over,
    Refused(String),
}

impl Session {
    #[must_use]
    pub fn new(recording: Arc<Recording>, probe: Option<Probe>, run: usize) -> Self {
        Self {
            recording,
            token: format!("replay{run}"),
            probe,
            noted: Mutex::default(),
            decided: Notify::new(),
        }
    }

    pub(super) const fn recording(&self) -> &Arc<Recording> {
        &self.recording
    }

    /// The event of the one invocation, JSON text.
    #[must_use]
    pub fn event(&self, now_ms: u64) -> String {
        let operations = hand_out::state(&self.recording, self.probe.as_ref(), now_ms);
        json!({
            "DurableExecutionArn": self.recording.arn,
            "CheckpointToken": self.token,
            "InitialExecutionState": { "Operations": operations, "NextMarker": "" },
            "UpdatedOperationIds": [],
        })
        .to_string()
    }

    /// Waits until what the code asked has decided the run.
    pub async fn decided(&self) {
        self.decided.notified().await;
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what the probe is about was asked for.
    pub(super) fn reached(&self) -> bool {
        self.noted().reached
    }

    pub(super) const fn probe(&self) -> Option<&Probe> {
        self.probe.as_ref()
    }

    pub(super) fn ended_by_checkpoint(&self) -> Option<Ended> {
        self.noted().ended.clone()
    }

    pub(super) fn first_note(&self) -> Option<Verdict> {
        let noted = self.noted();
        let beyond = || noted.beyond.clone().map(Verdict::RecordingEnds);
        noted
            .divergence
            .clone()
            .map(Verdict::Diverges)
            .or_else(beyond)
    }

    /// A checkpoint's updates, in their order.
    pub(super) fn checkpoint(&self, updates: &[Asked]) -> Answer {
        let mut changed = Vec::new();
        for asked in updates {
            match self.update(asked) {
                Answer::Taken(operations) => changed.extend(operations),
                decided => {
                    self.decided.notify_one();
                    return decided;
                }
            }
        }
        Answer::Taken(changed)
    }

    fn update(&self, asked: &Asked) -> Answer {
        if asked.kind == "EXECUTION" {
            self.noted().ended = Some(asked.end());
            return Answer::Taken(Vec::new());
        }
        let Some(recorded) = self.recording.by_id(&asked.id) else {
            return self.new_operation(asked);
        };
        if self
            .probe
            .as_ref()
            .is_some_and(|probe| probe.withholds(&asked.id))
        {
            self.noted().reached = true;
            return Answer::Over;
        }
        if let Some(difference) = self.identity(recorded, asked) {
            return self.diverges(difference);
        }
        match (recorded.is_context(), asked.action.as_str()) {
            (true, "START") => Answer::Taken(Vec::new()),
            (true, "SUCCEED" | "FAIL") if !recorded.is_closed() => {
                self.goes_beyond(format!("{} ends", recorded.title()))
            }
            (true, "SUCCEED") if recorded.status == "SUCCEEDED" => {
                Answer::Taken(vec![hand_out::ended(recorded)])
            }
            (true, "FAIL") if recorded.status == "FAILED" => {
                Answer::Taken(vec![hand_out::ended(recorded)])
            }
            _ => self.diverges(Divergence {
                kind: "outcome",
                operation: Some(recorded.number),
                recorded: format!("{} {}", recorded.title(), recorded.status),
                asked: format!("{} of it", asked.action),
            }),
        }
    }

    /// An operation that the recording does not have: its next one, where it is still open, or one too many.
    fn new_operation(&self, asked: &Asked) -> Answer {
        let scope = asked.parent.as_deref();
        let context = scope.and_then(|id| self.recording.by_id(id));
        let open = match (scope, context) {
            (None, _) => !self.recording.is_whole(),
            (Some(_), Some(context)) => !context.is_closed(),
            (Some(_), None) => false,
        };
        // A fan-out that did not wait for all of its branches need not have begun all of them.
        let may_be_unbegun = self.probe.is_some()
            && context.is_some_and(|context| context.is_fan_out() && !context.all_completed());
        if open || may_be_unbegun {
            return self.goes_beyond(format!("{} is asked for", asked.title()));
        }
        let last = self.recording.below(scope).last();
        let place = context.map_or_else(|| "the execution".to_owned(), Recorded::title);
        let recorded = match last {
            Some(last) => format!("{} is the last operation of {place}", last.title()),
            None => format!("{place} has no operations"),
        };
        self.diverges(Divergence {
            kind: "inserted",
            operation: None,
            recorded,
            asked: asked.title(),
        })
    }

    fn identity(&self, recorded: &Recorded, asked: &Asked) -> Option<Divergence> {
        let parts = [
            ("type", Some(&recorded.kind), Some(&asked.kind)),
            (
                "subtype",
                recorded.sub_kind.as_ref(),
                asked.sub_kind.as_ref(),
            ),
            ("name", recorded.name.as_ref(), asked.name.as_ref()),
            ("parent", recorded.parent.as_ref(), asked.parent.as_ref()),
        ];
        let (part, was, is) = parts.into_iter().find(|(_, was, is)| was != is)?;
        let show = |value: Option<&String>| value.map_or("none", String::as_str).to_owned();
        Some(Divergence {
            kind: "identity",
            operation: Some(recorded.number),
            recorded: format!("{} with {part} {}", recorded.title(), show(was)),
            asked: format!("{part} {}", show(is)),
        })
    }

    fn diverges(&self, divergence: Divergence) -> Answer {
        let text = format!(
            "Everstep replay: recorded {}; asked {}",
            divergence.recorded, divergence.asked
        );
        self.noted().divergence.get_or_insert(divergence);
        Answer::Refused(text)
    }

    fn goes_beyond(&self, what: String) -> Answer {
        self.noted().beyond.get_or_insert(what);
        Answer::Over
    }
}
