//! The way in: a cloneable handle that every front end holds.

mod agents;
mod attempts;
mod calls;
mod cancel;
mod children;
mod fork;
mod functions;
mod history;
mod letters;
mod payloads;
mod poll;
mod redrive;
mod settle;
mod state_machines;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use bytes::Bytes;
use everstep_core::token::{Keyring, Purpose, Token};
use everstep_core::{
    Answer, BLOB_THRESHOLD_BYTES, Definition, ExecutionId, Failure, Generation, Operation, Parent,
    Start, StartKey,
};
use everstep_store::blobs::Blobs;
use everstep_store::{Cursor, ExecutionRow, ListFilter, Page, Store};
use tokio::sync::oneshot;

use crate::catalogue::Reserved;
use crate::figures::Figures;
use crate::input::{Input, ReplyTo};
use crate::letter::Counters;
use crate::pressure::{Pressure, Urgency};
use crate::{Clock, Dispatcher, Error, Options, Reply, Request, Snapshot, Started};

pub use fork::{ForkExecution, ForkVersion};
pub use history::{HistoryCursor, HistoryItem, HistoryPage};
pub use settle::SettleWith;
pub use state_machines::{
    ALIAS_ATTRIBUTE, ResolvedMachine, StartMachine, StartMachineError, StartedMachine,
    VERSION_ATTRIBUTE,
};

pub(crate) struct Inner {
    pub inputs: Sender<Input>,
    pub pressure: Arc<Pressure>,
    pub options: Options,
    pub clock: Clock,
    pub store: Arc<dyn Store>,
    pub blobs: Blobs,
    pub keyring: Keyring,
    pub reserved: Reserved,
    pub dispatcher: Arc<dyn Dispatcher>,
    pub runtime: tokio::runtime::Handle,
    pub letters: Arc<Counters>,
}

/// The way to executions and the catalogue.
#[derive(Clone)]
pub struct Handle {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handle")
    }
}

/// How an execution is started.
#[derive(Clone, Debug)]
pub struct StartExecution {
    pub definition: Definition,
    /// Unique below the definition while the execution is kept; `None` takes the execution's id.
    pub name: Option<String>,
    pub input: Option<Bytes>,
    /// In the machine's encoding.
    pub settings: Bytes,
    pub retention_ms: u64,
    pub parent: Option<Parent>,
    /// What it is found by, beside its name. A repeated start does not change them.
    pub attributes: BTreeMap<String, String>,
}

impl Handle {
    pub(crate) fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.inner.keyring
    }

    #[must_use]
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// How many invocations of each function may run at once.
    #[must_use]
    pub fn reserved(&self) -> &Reserved {
        &self.inner.reserved
    }

    #[must_use]
    pub fn blobs(&self) -> &Blobs {
        &self.inner.blobs
    }

    /// How many commands wait for the loop or for their commit.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.inner.pressure.waiting()
    }

    /// What the engine counts of itself. Never shed: who watches wants to see an overload.
    ///
    /// # Errors
    /// [`Error::Ended`].
    pub async fn figures(&self) -> Result<Figures, Error> {
        let (reply, answer) = oneshot::channel();
        self.send_unshed(Input::Figures { reply });
        answer.await.map_err(|_| Error::Ended)
    }

    /// Synced writes since the store was opened, and bytes of disk in use.
    #[must_use]
    pub fn store_figures(&self) -> (u64, u64) {
        (self.inner.store.syncs(), self.inner.store.disk_bytes())
    }

    pub(crate) fn send_unshed(&self, input: Input) {
        self.inner.pressure.queue();
        // Without a loop nobody answers, which the caller sees by its closed reply.
        let _ = self.inner.inputs.send(input);
    }

    fn admit(&self, urgency: Urgency) -> Result<(), Error> {
        let max = self.inner.options.queue_max;
        self.inner.pressure.admit(urgency, max)
    }

    async fn ask<T>(
        &self,
        urgency: Urgency,
        input: impl FnOnce(ReplyTo<T>) -> Input,
    ) -> Result<T, Error> {
        self.admit(urgency)?;
        let (reply, answer) = oneshot::channel();
        self.send_unshed(input(reply));
        answer.await.map_err(|_| Error::Ended)?
    }

    /// Starts an execution, or finds the one that has the name and the same content.
    ///
    /// # Errors
    /// [`Error::NameTaken`], [`Error::Overloaded`], or the store's.
    pub async fn start(&self, start: StartExecution) -> Result<Started, Error> {
        let StartExecution {
            definition,
            name,
            input,
            settings,
            retention_ms,
            parent,
            attributes,
        } = start;
        // Asked here too, so that no blob is written for a start that is turned away.
        self.admit(Urgency::Start)?;
        let (id, name) = self.new_id(&definition.name, name);
        let digest = start_digest(&definition, input.as_deref());
        let key = StartKey::new(&definition.name, &name);
        let input = match input {
            Some(bytes) => Some(self.own_payload(definition.machine, id, bytes).await?),
            None => None,
        };
        let start = Start {
            definition,
            name,
            input,
            settings,
            retention_ms,
            parent,
            attributes,
            fork: None,
        };
        self.ask(Urgency::Start, |reply| Input::Start {
            id,
            key,
            digest,
            start,
            reply,
        })
        .await
    }

    /// Id and name of a new execution. A name leads to its shard; one without a name goes by its id, in any shard.
    fn new_id(&self, definition: &str, name: Option<String>) -> (ExecutionId, String) {
        let (now, chance) = (self.inner.clock.now(), fastrand::u64(..));
        match name {
            Some(name) => {
                let shard = StartKey::new(definition, &name).shard();
                (ExecutionId::new(now.0, chance, shard), name)
            }
            None => {
                let shard = everstep_core::Shard(fastrand::u16(..everstep_core::SHARDS));
                let id = ExecutionId::new(now.0, chance, shard);
                (id, id.to_string())
            }
        }
    }

    /// The execution that has this name below the definition.
    ///
    /// # Errors
    /// The store's.
    pub async fn find(&self, definition: &str, name: &str) -> Result<Option<ExecutionId>, Error> {
        let key = StartKey::new(definition, name);
        let found = self
            .ask(Urgency::Read, |reply| Input::Find { key, reply })
            .await?;
        if found.is_some() {
            return Ok(found);
        }
        // Executions that nobody named go by their id, in a shard of their own choice.
        let Ok(id) = name.parse::<ExecutionId>() else {
            return Ok(None);
        };
        match self.row(id).await {
            Ok(row) if row.definition == definition => Ok(Some(id)),
            Ok(_) | Err(Error::UnknownExecution { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn turn(
        &self,
        urgency: Urgency,
        execution: ExecutionId,
        input: everstep_core::Input<Request>,
    ) -> Result<Answer<Reply>, Error> {
        self.ask(urgency, |reply| Input::Turn {
            execution,
            input,
            reply,
        })
        .await
    }

    /// Hands a machine one of its own commands.
    ///
    /// # Errors
    /// [`Error::UnknownExecution`], [`Error::Overloaded`], or the store's. What the machine refuses stands in its reply.
    pub async fn request(&self, id: ExecutionId, request: Request) -> Result<Reply, Error> {
        self.own(id, Urgency::Request, request).await
    }

    /// As [`Handle::request`], for results of work: never shed.
    ///
    /// # Errors
    /// [`Error::UnknownExecution`] or the store's.
    pub async fn report(&self, id: ExecutionId, request: Request) -> Result<Reply, Error> {
        self.own(id, Urgency::Never, request).await
    }

    async fn own(
        &self,
        id: ExecutionId,
        urgency: Urgency,
        request: Request,
    ) -> Result<Reply, Error> {
        match self
            .turn(urgency, id, everstep_core::Input::Request(request))
            .await?
        {
            Answer::Own(reply) => Ok(reply),
            Answer::Refused(why) => Err(Error::Refused { id, why }),
            Answer::Done | Answer::Settled(_) | Answer::AlreadyClosed => Err(Error::Refused {
                id,
                why: "its machine does not know the request",
            }),
        }
    }

    /// The token that settles an operation.
    #[must_use]
    pub fn token(
        &self,
        purpose: Purpose,
        execution: ExecutionId,
        operation: Operation,
        generation: Generation,
        position: u64,
    ) -> String {
        self.inner.keyring.sign(&Token {
            purpose,
            execution,
            operation,
            generation,
            position,
        })
    }

    /// # Errors
    /// [`Error::InvalidToken`] for anything that was not signed here for this purpose.
    pub fn verify(&self, purpose: Purpose, text: &str) -> Result<Token, Error> {
        self.inner
            .keyring
            .verify(purpose, text)
            .map_err(|_| Error::InvalidToken)
    }

    /// Closes an execution as stopped; the answer is its row, stopped now or closed before.
    ///
    /// # Errors
    /// [`Error::UnknownExecution`] or the store's.
    pub async fn stop(
        &self,
        id: ExecutionId,
        failure: Option<Failure>,
    ) -> Result<ExecutionRow, Error> {
        match self
            .turn(Urgency::Never, id, everstep_core::Input::Stop { failure })
            .await?
        {
            Answer::Refused(why) => Err(Error::Refused { id, why }),
            Answer::Done | Answer::AlreadyClosed | Answer::Settled(_) | Answer::Own(_) => {
                // What has been done is not unsaid because reads are shed.
                self.gated_row(Urgency::Never, id).await
            }
        }
    }

    /// Deletes a closed execution: its row says so when this returns, and is gone soon after with all that belongs to it.
    ///
    /// # Errors
    /// [`Error::Refused`] for one that has not ended, [`Error::UnknownExecution`], or the store's.
    pub async fn delete(&self, id: ExecutionId) -> Result<ExecutionRow, Error> {
        self.ask(Urgency::Request, |reply| Input::Delete {
            execution: id,
            reply,
        })
        .await
    }

    /// What stands in memory of an execution, once it is durable.
    ///
    /// # Errors
    /// [`Error::UnknownExecution`], [`Error::Overloaded`], or the store's.
    pub async fn snapshot(&self, id: ExecutionId) -> Result<Snapshot, Error> {
        self.ask(Urgency::Read, |reply| Input::Snapshot {
            execution: id,
            reply,
        })
        .await
    }

    /// The execution's row, once it is durable.
    ///
    /// # Errors
    /// As [`Handle::snapshot`].
    pub async fn row(&self, id: ExecutionId) -> Result<ExecutionRow, Error> {
        self.gated_row(Urgency::Read, id).await
    }

    pub(super) async fn gated_row(
        &self,
        urgency: Urgency,
        id: ExecutionId,
    ) -> Result<ExecutionRow, Error> {
        self.ask(urgency, |reply| Input::Row {
            execution: id,
            reply,
        })
        .await
    }

    /// Waits until an execution is closed. Load does not end the wait: the work is begun, and who tried again would begin it once more.
    ///
    /// # Errors
    /// [`Error::UnknownExecution`] or the store's.
    pub async fn wait(&self, id: ExecutionId) -> Result<ExecutionRow, Error> {
        self.ask(Urgency::Never, |reply| Input::Watch {
            execution: id,
            reply,
        })
        .await
    }

    /// Lists committed executions.
    ///
    /// # Errors
    /// The store's, for a cursor of another list among others.
    pub async fn list(
        &self,
        filter: ListFilter,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Page<ExecutionRow>, Error> {
        self.read(move |store| store.list(&filter, cursor.as_ref(), limit))
            .await
    }

    /// Runs a blocking read of the store on a thread for such things.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Store) -> Result<T, everstep_store::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = Arc::clone(&self.inner.store);
        tokio::task::spawn_blocking(move || read(&*store))
            .await
            .map_err(|_| Error::Ended)?
            .map_err(Error::from)
    }
}

fn start_digest(definition: &Definition, input: Option<&[u8]>) -> [u8; 32] {
    use sha2::{Digest as _, Sha256};
    let mut hash = Sha256::new();
    hash.update(definition.version.as_bytes());
    hash.update([0, u8::from(input.is_some())]);
    hash.update(input.unwrap_or_default());
    hash.finalize().into()
}

/// Whether bytes go to the blob store rather than into the journal.
const fn is_large(len: usize) -> bool {
    len > BLOB_THRESHOLD_BYTES
}
