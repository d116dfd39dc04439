//! What a run showed, once the code has ended or something decided it.

use serde_json::Value;

use super::recording::Recording;
use super::session::{Divergence, Ended, Session, Verdict};

impl Session {
    /// Judges a run. `None` is the end of a run that was broken off because something had decided it.
    #[must_use]
    pub fn judge(&self, ended: Option<Ended>) -> Verdict {
        if let Some(verdict) = self.first_note() {
            return verdict;
        }
        let ended = match (self.ended_by_checkpoint(), ended) {
            (Some(checkpointed), _) => checkpointed,
            (None, Some(ended)) => ended,
            (None, None) => Ended::Broken("it was broken off".to_owned()),
        };
        let recording = self.recording();
        match ended {
            Ended::Broken(why) => end("code", recording, why),
            Ended::NotStarted(why) => Verdict::NotStarted(why),
            Ended::Pending => pending(recording),
            Ended::Succeeded(result) => succeeded(recording, result.as_deref()),
            Ended::Failed(kind, message) => failed(recording, kind, message),
        }
    }

    /// What a run with a probe showed. `None` for `ended` is a run that was broken off because something had decided it.
    #[must_use]
    pub fn judge_probe(&self, ended: Option<Ended>) -> Option<Divergence> {
        let probe = self.probe().filter(|_| !self.reached())?;
        let about = &probe.about;
        match self.first_note() {
            Some(Verdict::Diverges(found)) if matches!(found.kind, "inserted" | "identity") => {
                return Some(found);
            }
            Some(Verdict::RecordingEnds(_)) => return None,
            _ if probe.is_for_more => return None,
            _ => {}
        }
        matches!(ended?, Ended::Succeeded(_) | Ended::Failed(..)).then(|| Divergence {
            kind: "removed",
            operation: Some(about.number),
            recorded: about.title(),
            asked: "the code ends without it".to_owned(),
        })
    }
}

fn end(kind: &'static str, recording: &Recording, asked: String) -> Verdict {
    let mut recorded = format!("the execution {}", recording.status);
    if let Some(waits) = recording.in_flight().next()
        && !recording.is_whole()
    {
        recorded = format!("{recorded}, {} {}", waits.title(), waits.status);
    }
    Verdict::Diverges(Divergence {
        kind,
        operation: None,
        recorded,
        asked,
    })
}

fn pending(recording: &Recording) -> Verdict {
    if recording.is_whole() {
        return end("waits", recording, "it waits".to_owned());
    }
    let waits = recording.in_flight().next();
    let waits = waits.map_or_else(
        || "it waits".to_owned(),
        |found| format!("{} waits", found.title()),
    );
    Verdict::RecordingEnds(waits)
}

fn succeeded(recording: &Recording, result: Option<&str>) -> Verdict {
    match recording.status.as_str() {
        "SUCCEEDED" => {
            let recorded = recording.result.as_deref();
            if same_json(recorded, result) {
                return Verdict::Matches;
            }
            Verdict::Diverges(Divergence {
                kind: "result",
                operation: None,
                recorded: recorded.unwrap_or("none").to_owned(),
                asked: result.unwrap_or("none").to_owned(),
            })
        }
        "FAILED" => end("end", recording, "it succeeds".to_owned()),
        _ if recording.in_flight().next().is_none() => {
            Verdict::RecordingEnds("the execution ends".to_owned())
        }
        _ => end("end", recording, "it succeeds".to_owned()),
    }
}

fn failed(recording: &Recording, kind: Option<String>, message: Option<String>) -> Verdict {
    let said = format!(
        "it fails: {}: {}",
        kind.as_deref().unwrap_or("Error"),
        message.as_deref().unwrap_or_default()
    );
    // Every SDK has an error of its own for a history that does not fit the code, and names the operation's id in it.
    let own_check = [&kind, &message].into_iter().flatten().any(|text| {
        let text = text.to_ascii_lowercase().replace(['-', '_', ' '], "");
        text.contains("nondeterminis") || text.contains("replayconsistency")
    });
    if own_check {
        let text = message.unwrap_or_default();
        let about = recording
            .operations
            .iter()
            .skip(1)
            .find(|found| text.contains(&found.id));
        return Verdict::Diverges(Divergence {
            kind: "identity",
            operation: about.map(|found| found.number),
            recorded: about.map_or_else(|| "another operation".to_owned(), super::Recorded::title),
            asked: about.map_or_else(
                || text.clone(),
                |found| text.replace(&found.id, &found.number.to_string()),
            ),
        });
    }
    match (recording.status.as_str(), &recording.error) {
        ("FAILED", Some(error))
            if (&error.error_type, &error.error_message) == (&kind, &message) =>
        {
            Verdict::Matches
        }
        ("FAILED", error) => {
            let error = error.clone().unwrap_or_default();
            Verdict::Diverges(Divergence {
                kind: "end",
                operation: None,
                recorded: format!(
                    "it failed: {}: {}",
                    error.error_type.unwrap_or_default(),
                    error.error_message.unwrap_or_default()
                ),
                asked: said,
            })
        }
        _ => end("end", recording, said),
    }
}

/// Whether two texts are the same JSON, or the same text where they are none.
fn same_json(one: Option<&str>, other: Option<&str>) -> bool {
    let parse = |text: Option<&str>| -> Option<Value> {
        match text {
            None | Some("") => Some(Value::Null),
            Some(text) => serde_json::from_str(text).ok(),
        }
    };
    one == other || parse(one).is_some_and(|one| Some(one) == parse(other))
}
