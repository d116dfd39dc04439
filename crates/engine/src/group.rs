//! Group commit: what is queued is written, synced and answered together; the next group gathers meanwhile.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use everstep_core::{Epoch, ExecutionId, Shard};
use everstep_store::{Commit, Committed, Store, Write};

use crate::dispatcher::{Dispatcher, Work};
use crate::exchange::{self, Message};
use crate::input::Input;
use crate::letter::{self, Letter};
use crate::{Error, Handle};

const BYTES_MAX: usize = 8 * 1024 * 1024;

/// What waits for a commit to be durable.
pub(crate) enum Release {
    /// Answers a caller: with `Err` when the commit failed.
    Reply(Box<dyn FnOnce(Result<(), Error>) + Send>),
    Dispatch(Box<Work>),
    /// Goes to the outside, as often as it takes.
    Deliver(Box<Letter>),
    /// Goes to another execution.
    Exchange(Box<Message>),
    /// The execution's rows are gone: its blobs may go.
    Purged(ExecutionId),
}

/// Writes of many executions, and all that has to wait for them, in order.
#[derive(Default)]
pub(crate) struct Group {
    pub number: u64,
    writes: BTreeMap<Shard, (Epoch, Vec<Write>)>,
    /// Of its journal batches.
    bytes: usize,
    pub releases: Vec<Release>,
}

impl Group {
    pub(crate) fn new(number: u64) -> Self {
        Self {
            number,
            ..Self::default()
        }
    }

    pub(crate) fn write(&mut self, shard: Shard, epoch: Epoch, write: Write) {
        if let Write::Journal(row) = &write {
            self.bytes += row.batch.len();
        }
        self.writes
            .entry(shard)
            .or_insert_with(|| (epoch, Vec::new()))
            .1
            .push(write);
    }

    /// How many wait for this group.
    pub(crate) const fn waiting(&self) -> usize {
        self.releases.len()
    }

    /// Executions that could go on wait until it is written: they would fill the memory.
    pub(crate) const fn is_full(&self) -> bool {
        self.bytes >= BYTES_MAX
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.releases.is_empty()
    }

    pub(crate) fn into_parts(self) -> (Vec<Commit>, Vec<Release>) {
        let commits = self
            .writes
            .into_iter()
            .map(|(shard, (epoch, writes))| Commit {
                shard,
                epoch,
                writes,
            });
        (commits.collect(), self.releases)
    }
}

/// Tells the loop when this thread ends by a panic: it would wait for the commit for ever.
struct Ending<'a>(&'a Handle);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.send_unshed(Input::Committed {
                group: 0,
                outcome: Err(Error::Store {
                    detail: "the thread that commits has panicked".to_owned(),
                    kind: everstep_core::Kind::Bug,
                }),
            });
        }
    }
}

/// The thread that commits one group after the other and releases what waited for it. Ends when the loop has gone or a commit failed.
pub(crate) fn commit_groups(
    store: &dyn Store,
    dispatcher: &Arc<dyn Dispatcher>,
    handle: &Handle,
    groups: &Receiver<Group>,
) {
    let _ending = Ending(handle);
    for group in groups {
        let number = group.number;
        let (commits, releases) = group.into_parts();
        let outcome = if commits.is_empty() {
            Ok(())
        } else {
            verdict(&store.commit(commits))
        };
        for release in releases {
            match (release, &outcome) {
                (Release::Reply(reply), _) => reply(outcome.clone()),
                (Release::Dispatch(work), Ok(())) => send(&**dispatcher, handle, *work),
                (Release::Deliver(sent), Ok(())) => letter::send(dispatcher, handle, *sent),
                (Release::Exchange(message), Ok(())) => exchange::send(handle, *message),
                (Release::Purged(execution), Ok(())) => handle.forget_blobs(execution),
                (
                    Release::Dispatch(_)
                    | Release::Deliver(_)
                    | Release::Exchange(_)
                    | Release::Purged(_),
                    Err(_),
                ) => {}
            }
        }
        let failed = outcome.is_err();
        handle.send_unshed(Input::Committed {
            group: number,
            outcome,
        });
        if failed {
            return;
        }
    }
}

/// A dispatcher that panics loses its own task, which the task's lease finds, and nobody else's.
fn send(dispatcher: &dyn Dispatcher, handle: &Handle, work: Work) {
    let (execution, operation) = (work.execution, work.task.operation);
    let sent = catch_unwind(AssertUnwindSafe(|| dispatcher.dispatch(handle, work)));
    if let Err(panic) = sent {
        let detail = crate::panics::describe(panic.as_ref());
        tracing::error!(%execution, %operation, detail, "the dispatcher crashed on a task");
    }
}

/// With one owner for all shards a refused or unknown commit of any of them ends the owner: recovery reads the truth.
fn verdict(commits: &[Committed]) -> Result<(), Error> {
    use everstep_core::Kind;
    for committed in commits {
        let detail = match committed {
            Committed::Durable(_) => continue,
            Committed::Fenced => "another owner has taken the shard over",
            Committed::Unknown => "the outcome of a synced write is unknown",
        };
        return Err(Error::Store {
            detail: detail.to_owned(),
            kind: Kind::Transient,
        });
    }
    Ok(())
}
