//! What an agent tells of a task as it goes on.

use std::collections::VecDeque;

use bytes::Bytes;
use serde_json::Value;

use crate::a2a::events::Events;
use crate::a2a::exact;
use crate::a2a::reading;
use crate::a2a::rpc;
use crate::a2a::value::Artifact;
use crate::agent::Dialect;
use crate::error::Error;
use crate::http::Body;
use crate::task::{Said, TaskRef};

/// What is read of an answer that is no stream.
const REFUSAL_BYTES_MAX: u64 = 64 * 1024;

/// The stream of a task.
#[derive(Debug)]
pub struct Updates {
    body: Body,
    dialect: Dialect,
    events: Events,
    waiting: VecDeque<Bytes>,
    /// As they have grown so far.
    artifacts: Vec<Artifact>,
}

impl Updates {
    pub(crate) fn of(body: Body, dialect: Dialect) -> Self {
        Self {
            body,
            dialect,
            events: Events::default(),
            waiting: VecDeque::new(),
            artifacts: Vec::new(),
        }
    }

    /// The next news; `None` when the agent tells no more.
    ///
    /// # Errors
    /// The stream broke, or is none.
    pub async fn next(&mut self) -> Result<Option<Said>, Error> {
        let media = self.body.media_type().unwrap_or_default();
        if !media.starts_with("text/event-stream") {
            return self.refusal().await;
        }
        loop {
            while let Some(event) = self.waiting.pop_front() {
                if let Some(said) = self.read(&event)? {
                    return Ok(Some(said));
                }
            }
            match self.body.chunk().await? {
                Some(piece) => self.waiting.extend(self.events.feed(&piece)?),
                None => return Ok(None),
            }
        }
    }

    /// A JSON-RPC server answers with an envelope when it does not stream.
    async fn refusal(&mut self) -> Result<Option<Said>, Error> {
        let mut text = Vec::new();
        while let Some(piece) = self.body.chunk().await? {
            text.extend_from_slice(&piece);
            if text.len() as u64 > REFUSAL_BYTES_MAX {
                break;
            }
        }
        let envelope: Option<Value> = serde_json::from_slice(&text).ok();
        match envelope.as_ref().and_then(|envelope| envelope.get("error")) {
            Some(error) => Err(rpc::refused(error)),
            None => Err(Error::nonsense("no stream of events")),
        }
    }

    /// One event; `None` when it changes nothing that is told.
    fn read(&mut self, event: &[u8]) -> Result<Option<Said>, Error> {
        let value = exact::parse(event)
            .map_err(|error| Error::nonsense(format!("an event is no JSON: {error}")))?;
        let Value::Object(mut members) = value else {
            return Err(Error::nonsense("an event is no object"));
        };
        if let Some(error) = members.get("error").filter(|error| error.is_object()) {
            return Err(rpc::refused(error));
        }
        // Over JSON-RPC each event is the result of the call.
        let inner = match members.remove("result") {
            Some(result) => result,
            None => Value::Object(members),
        };
        let kind = reading::text(&inner, "kind").unwrap_or_default().to_owned();
        if let Some(update) = member(&inner, "artifactUpdate", &kind, "artifact-update") {
            self.grow(update);
            return Ok(None);
        }
        if let Some(update) = member(&inner, "statusUpdate", &kind, "status-update") {
            return self.status(update).map(Some);
        }
        reading::answer(inner, self.dialect).map(Some)
    }

    /// Adds a piece of an artifact, or begins it anew.
    fn grow(&mut self, update: &Value) {
        let piece = Artifact::of(update.get("artifact").unwrap_or(&Value::Null));
        let is_more = update.get("append").and_then(Value::as_bool) == Some(true);
        let mut known = self.artifacts.iter_mut();
        match known.find(|known| known.id == piece.id) {
            Some(known) if is_more => known.parts.extend(piece.parts),
            Some(known) => *known = piece,
            None => self.artifacts.push(piece),
        }
    }

    fn status(&self, update: &Value) -> Result<Said, Error> {
        let status = update.get("status").unwrap_or(&Value::Null);
        let state = reading::state(status, &self.artifacts)?;
        let task = reading::text(update, "taskId").map(|id| TaskRef {
            dialect: self.dialect,
            id: id.to_owned(),
            context_id: reading::text(update, "contextId").map(str::to_owned),
        });
        Ok(Said::new(task, state))
    }
}

/// What an event holds under a name of 1.0, or is by its kind in 0.3.
fn member<'a>(event: &'a Value, name: &str, kind: &str, old: &str) -> Option<&'a Value> {
    match event.get(name) {
        Some(inner @ Value::Object(_)) => Some(inner),
        _ => (kind == old).then_some(event),
    }
}

#[cfg(test)]
mod tests;
