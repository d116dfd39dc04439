//! The function host: runs functions as native processes and serves them Lambda's Runtime API.
//!
//! One [`FunctionHost`] holds a pool of warm workers per function revision. A worker is a process in its own process group with its own Runtime
//! API port, home folder and access keys; a supervisor task owns it and alone decides what its calls, deadlines and exit mean. The pools
//! (`pool`) are synchronous and know no processes. How functions see all this is described in `docs/functions.md`.
//!
//! What the host must not know: executions, checkpoints, retries. It runs an invocation once and says how it ended.

mod accept;
mod answer;
mod api;
mod bootstrap;
mod capture;
mod command;
mod environment;
mod error;
mod exit;
mod function;
mod inside;
mod journal;
mod memory;
mod options;
mod pool;
mod process;
mod reaper;
mod report;
mod worker;

use std::fs::{self, File, TryLockError};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use subtle::ConstantTimeEq as _;
use tokio::sync::oneshot;

pub(crate) use answer::made_up_trace;
pub use environment::{RESERVED, WorkerCredentials};
pub use error::{Error, Kind};
pub use function::{
    ErrorKind, FunctionError, FunctionSpec, Invocation, LogFormat, Outcome, Runtime, Scaling,
};
pub use options::HostOptions;
pub use pool::PoolStats;

use inside::{Counters, Folders, Shared};
use pool::{Job, Key, Limits, Pools};

/// Cloneable handle of a running host. Call [`FunctionHost::shutdown`] before the last one goes.
#[derive(Clone)]
pub struct FunctionHost {
    shared: Arc<Shared>,
}

/// A picture of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    pub pools: Vec<PoolStats>,
    /// Processes started since the host was.
    pub processes: u64,
    /// Invocations handed to a worker.
    pub invocations: u64,
    /// Those of all invocations that did not return a result.
    pub failures: u64,
    pub timeouts: u64,
    /// Processes that ended while they held an invocation.
    pub exits: u64,
}

impl FunctionHost {
    /// Prepares the folders, ends workers that a killed host left behind, and checks that the Runtime API can be served.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn start(options: HostOptions) -> Result<FunctionHost, Error> {
        // What the server's own parent has left open for it is not for functions.
        close_fds::set_fds_cloexec_threadsafe(3, &[]);
        let scratch = absolute(&options.scratch)?;
        let options = HostOptions {
            scratch: scratch.clone(),
            ..options
        };
        let folders = Folders {
            runtime: scratch.join("runtime"),
            homes: scratch.join("workers"),
            records: scratch.join("processes"),
        };
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Folder { path, source }
        };
        let lock = lock(&scratch)?;
        let reaped = reaper::reap(&folders.records).map_err(at(&folders.records))?;
        if reaped > 0 {
            tracing::warn!(reaped, "workers of a former host were ended");
        }
        match fs::remove_dir_all(&folders.homes) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(at(&folders.homes)(error));
            }
            _ => fs::create_dir_all(&folders.homes).map_err(at(&folders.homes))?,
        }
        bootstrap::write(&folders.runtime).map_err(at(&folders.runtime))?;
        let address = SocketAddr::new(options.listen, 0);
        TcpListener::bind(address).map_err(|source| Error::Listen {
            address: address.to_string(),
            source,
        })?;
        let pools = Pools::new(Limits {
            workers: options.max_workers.max(1),
            workers_per_function: options.max_workers_per_function.max(1),
            queued_per_function: options.max_queued_per_function,
            turn: options.turn,
        });
        Ok(FunctionHost {
            shared: Arc::new(Shared::new(options, folders, pools, lock)),
        })
    }

    /// Runs the function once, in a warm worker if there is one. Never an `Err` of its own: what the host cannot do is an outcome too.
    ///
    /// Dropping the future withdraws an invocation that still waits for a worker; one that runs goes on.
    pub async fn invoke(&self, spec: &FunctionSpec, invocation: Invocation) -> Outcome {
        let (reply, mut outcome) = oneshot::channel();
        let deadline = invocation.deadline;
        let request_id = invocation.request_id.clone();
        let submitted = self.shared.pools().submit(spec, |spec| Job {
            spec,
            invocation,
            queued_at: Instant::now(),
            reply,
        });
        match submitted {
            Ok(launches) => self.shared.start(launches),
            Err(_) => return self.refused(),
        }
        if let Some(deadline) = deadline {
            let left = deadline
                .duration_since(SystemTime::now())
                .unwrap_or_default();
            if let Ok(answer) = tokio::time::timeout(left, &mut outcome).await {
                return answer.unwrap_or_else(|_| Outcome::unserved(answer::host_closed()));
            }
            if let Some(job) = self.shared.pools().withdraw(&Key::of(spec), &request_id) {
                drop(job);
                return self.unserved(FunctionError::of_request(
                    ErrorKind::Host,
                    "Everstep.NoWorkerInTime",
                    &request_id,
                    "No worker became free before the deadline",
                ));
            }
        }
        // Only a supervisor that died, with the whole runtime, forgets to answer.
        outcome
            .await
            .unwrap_or_else(|_| Outcome::unserved(answer::host_closed()))
    }

    /// Makes a function known before its first invocation: the workers that it always has start now, and those of its former revisions are
    /// no longer kept.
    pub fn prepare(&self, spec: &FunctionSpec) {
        let launches = self.shared.pools().prepare(spec);
        self.shared.start(launches);
    }

    /// Stops the warm workers of a function, or of one revision of it, and waits until they are gone. Busy ones finish their invocation first, and
    /// that is not waited for. A later invocation starts new workers.
    pub async fn retire(&self, arn: &str, revision: Option<&str>) {
        let ids = self.shared.pools().retire(arn, revision);
        self.wait_for_workers(None, |pools| !ids.iter().any(|id| pools.exists(*id)))
            .await;
    }

    /// As [`FunctionHost::retire`], for every revision but this one; not waited for.
    pub fn retire_others(&self, arn: &str, revision: &str) {
        let others: Vec<String> = self
            .shared
            .pools()
            .stats()
            .into_iter()
            .filter(|pool| pool.arn == arn && pool.revision != revision)
            .map(|pool| pool.revision)
            .collect();
        for other in others {
            self.shared.pools().retire(arn, Some(&other));
        }
    }

    /// Refuses new work, lets running invocations go on for the drain time, then ends every worker: SIGTERM, the grace time, SIGKILL, each to the
    /// whole process group. Returns when all processes are gone.
    pub async fn shutdown(&self) {
        let jobs = self.shared.pools().close();
        for job in jobs {
            drop(job.reply.send(Outcome::unserved(answer::host_closed())));
        }
        let drained = self
            .wait_for_workers(Some(self.shared.options.drain), Pools::is_empty)
            .await;
        if !drained {
            self.shared.pools().stop_all_now();
            self.wait_for_workers(None, Pools::is_empty).await;
        }
    }

    /// The keys of a live worker and what they are good for at this moment, for whoever checks the signature of its calls.
    #[must_use]
    pub fn credentials(&self, access_key_id: &str) -> Option<WorkerCredentials> {
        self.shared.credentials(access_key_id)
    }

    /// The live worker whose bearer token this is: what a function sends as `Authorization: Bearer $EVERSTEP_WORKER_TOKEN`.
    #[must_use]
    pub fn bearer(&self, token: &str) -> Option<WorkerCredentials> {
        let (access_key_id, _) = token.split_once('.')?;
        let known = self.shared.credentials(access_key_id)?;
        let same: bool = known.token.as_bytes().ct_eq(token.as_bytes()).into();
        same.then_some(known)
    }

    #[must_use]
    pub fn stats(&self) -> Stats {
        let counters = &self.shared.counters;
        Stats {
            pools: self.shared.pools().stats(),
            processes: counters.processes.load(Ordering::Relaxed),
            invocations: counters.invocations.load(Ordering::Relaxed),
            failures: counters.failures.load(Ordering::Relaxed),
            timeouts: counters.timeouts.load(Ordering::Relaxed),
            exits: counters.exits.load(Ordering::Relaxed),
        }
    }

    fn refused(&self) -> Outcome {
        let error = if self.shared.pools().is_closed() {
            answer::host_closed()
        } else {
            FunctionError::new(
                ErrorKind::Host,
                "TooManyRequestsException",
                "Rate Exceeded.",
            )
        };
        self.unserved(error)
    }

    fn unserved(&self, error: FunctionError) -> Outcome {
        Counters::count(&self.shared.counters.failures);
        Outcome::unserved(error)
    }

    /// False when the time was up first.
    async fn wait_for_workers(
        &self,
        limit: Option<Duration>,
        done: impl Fn(&Pools) -> bool,
    ) -> bool {
        let all = async {
            loop {
                let gone = self.shared.gone.notified();
                tokio::pin!(gone);
                // Listening begins before the look, or the last worker could leave in between.
                gone.as_mut().enable();
                if done(&self.shared.pools()) {
                    return;
                }
                gone.await;
            }
        };
        match limit {
            Some(limit) => tokio::time::timeout(limit, all).await.is_ok(),
            None => {
                all.await;
                true
            }
        }
    }
}

/// Creates a folder. Workers run elsewhere, so every path they get is absolute.
fn absolute(folder: &Path) -> Result<std::path::PathBuf, Error> {
    fs::create_dir_all(folder)
        .and_then(|()| folder.canonicalize())
        .map_err(|source| Error::Folder {
            path: folder.to_owned(),
            source,
        })
}

fn lock(scratch: &Path) -> Result<File, Error> {
    let path = scratch.join("host.lock");
    let failed = |source| Error::Folder {
        path: path.clone(),
        source,
    };
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::ScratchInUse {
            path: scratch.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
