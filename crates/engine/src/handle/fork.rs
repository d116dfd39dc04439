//! Fork: a new execution from a part of another one's journal.

use std::collections::BTreeMap;

use bytes::Bytes;
use everstep_core::{ExecutionId, Fork, Operation, Payload, Sequence, Start, StartKey};
use everstep_store::Direction;
use sha2::{Digest as _, Sha256};

use super::Handle;
use crate::input::{Forking, Input};
use crate::pressure::Urgency;
use crate::registry::{Taken, forked, forks};
use crate::{Error, Started};

/// Batches read at a time.
const PAGE: usize = 512;

/// How an execution is forked.
#[derive(Clone, Debug)]
pub struct ForkExecution {
    pub source: ExecutionId,
    /// The first operation that is not taken over; 0 begins from the start.
    pub at: Operation,
    /// As for a start.
    pub name: Option<String>,
    /// `None` takes the source's.
    pub input: Option<Bytes>,
    /// Another version of the same definition; `None` goes on with the source's.
    pub version: Option<ForkVersion>,
    /// Beside the source's, which stay where they are not given anew.
    pub attributes: BTreeMap<String, String>,
}

/// The version that a fork runs.
#[derive(Clone, Debug)]
pub struct ForkVersion {
    pub version: String,
    /// In the machine's encoding.
    pub settings: Bytes,
    pub retention_ms: u64,
}

impl Handle {
    /// Starts an execution whose journal begins with the source's up to the start of an operation. The source, running or closed, is left as it
    /// is. Payloads are copied.
    ///
    /// # Errors
    /// [`Error::UnknownOperation`], [`Error::NameTaken`], [`Error::UnknownExecution`], [`Error::Overloaded`], or the store's.
    pub async fn fork(&self, fork: ForkExecution) -> Result<Started, Error> {
        self.admit(Urgency::Start)?;
        let (mut start, taken) = self.source(fork.source, fork.at).await?;
        let (id, name) = self.new_id(&start.definition.name, fork.name);
        start.name = name;
        if let Some(version) = fork.version {
            start.definition.version = version.version;
            start.settings = version.settings;
            start.retention_ms = version.retention_ms;
        }
        let digest = digest(fork.source, fork.at, &start, fork.input.as_deref());
        start.input = match (fork.input, start.input.take()) {
            (Some(bytes), _) => Some(self.put_payload(id, bytes).await?),
            (None, Some(input)) => Some(self.copy_payload(fork.source, id, &input).await?),
            (None, None) => None,
        };
        for payload in taken.payloads() {
            self.copy_payload(fork.source, id, payload).await?;
        }
        start.attributes.extend(fork.attributes);
        start.parent = None;
        start.fork = Some(Fork {
            execution: fork.source,
            operation: fork.at,
        });
        let key = StartKey::new(&start.definition.name, &start.name);
        let wanted = Box::new(Forking {
            id,
            key,
            digest,
            start,
            taken,
        });
        self.ask(Urgency::Start, |reply| Input::Fork { wanted, reply })
            .await
    }

    /// How the source began, and what of its journal is taken over.
    async fn source(&self, id: ExecutionId, at: Operation) -> Result<(Start, Taken), Error> {
        // Behind this gate everything that was acknowledged is in the store.
        let machine = self.row(id).await?.machine;
        if !forks(machine) {
            let why = "executions of state machines can't be forked";
            return Err(Error::Refused { id, why });
        }
        let rows = self.read(move |store| {
            let mut rows = Vec::new();
            let mut from = Sequence(0);
            loop {
                let page = store.journal(id, from, Direction::Forward, PAGE)?;
                let last = page.last().map(|row| row.sequence);
                let ended = page.len() < PAGE;
                rows.extend(page);
                match last {
                    Some(last) if !ended => from = Sequence(last.0.saturating_add(1)),
                    Some(_) | None => return Ok(rows),
                }
            }
        });
        let rows = rows.await?;
        let read = tokio::task::spawn_blocking(move || forked(machine, rows, at)).await;
        let read = read.map_err(|_| Error::Ended)?;
        let read = read.map_err(|corrupt| Error::Damaged {
            id,
            detail: corrupt.to_string(),
        })?;
        read.ok_or(Error::UnknownOperation { id, operation: at })
    }

    async fn copy_payload(
        &self,
        from: ExecutionId,
        to: ExecutionId,
        payload: &Payload,
    ) -> Result<Payload, Error> {
        match payload {
            Payload::Inline(_) => Ok(payload.clone()),
            Payload::Blob { .. } => {
                let bytes = self.payload(from, payload).await?;
                self.put_payload(to, bytes).await
            }
        }
    }
}

/// Tells a repeated fork from another one of the same name.
fn digest(source: ExecutionId, at: Operation, start: &Start, input: Option<&[u8]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"fork");
    hash.update(source.as_bytes());
    hash.update(at.0.to_be_bytes());
    hash.update(start.definition.version.as_bytes());
    hash.update([0, u8::from(input.is_some())]);
    hash.update(input.unwrap_or_default());
    hash.finalize().into()
}
