//! An engine's life: open the store, recover, run, end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use everstep_core::token::Keyring;
use everstep_core::{SHARDS, Shard};
use everstep_store::Store;
use everstep_store::blobs::Blobs;

use crate::catalogue::Reserved;
use crate::figures::Latencies;
use crate::handle::Inner;
use crate::input::Input;
use crate::owner::Owner;
use crate::pressure::Pressure;
use crate::run::Loop;
use crate::{Clock, Dispatcher, Error, Handle, Options, panics};

/// What an engine is made of.
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub blobs: Blobs,
    pub dispatcher: Arc<dyn Dispatcher>,
    pub keyring: Keyring,
}

/// A running engine. [`Engine::shutdown`] ends it in order; dropped, it ends in order without anybody waiting for it.
pub struct Engine {
    handle: Handle,
    ended: Mutex<Receiver<Result<(), Error>>>,
    threads: Vec<JoinHandle<()>>,
    over: Arc<AtomicBool>,
}

impl Engine {
    /// Takes all shards over, recovers, and starts the two threads. Must be called on a tokio runtime; blocks while it recovers.
    ///
    /// # Errors
    /// [`Error::Store`] when the store can't be read, [`Error::Damaged`] when what it holds can't be.
    pub fn start(parts: Parts, options: Options) -> Result<Self, Error> {
        panics::keep_on_loop_threads();
        let clock = Clock::new(options.clock);
        let shards: Vec<Shard> = (0..SHARDS).map(Shard).collect();
        let owner = Owner::open(
            Arc::clone(&parts.store),
            options.clone(),
            parts.keyring.clone(),
            &shards,
            clock.now(),
            fastrand::u64(..),
        )?;
        let reserved = Reserved::load(&*parts.store)?;
        let (inputs, received) = mpsc::channel();
        let pressure = Arc::new(Pressure::default());
        // One group is committed while one waits: the third gathers in the owner.
        let (groups, to_commit) = mpsc::sync_channel(1);
        let (ended, has_ended) = mpsc::channel();
        let over = Arc::new(AtomicBool::new(false));
        let sweep = crate::sweep::sweep_daily(
            Arc::downgrade(&parts.store),
            parts.blobs.clone(),
            Arc::clone(&over),
        );
        tokio::spawn(sweep);
        tokio::spawn(crate::sweep::expire_artifacts(
            parts.blobs.artifacts().clone(),
            clock.clone(),
            Arc::clone(&over),
        ));
        let handle = Handle::new(Inner {
            inputs,
            pressure: Arc::clone(&pressure),
            options,
            clock: clock.clone(),
            store: Arc::clone(&parts.store),
            blobs: parts.blobs,
            keyring: parts.keyring,
            reserved,
            dispatcher: Arc::clone(&parts.dispatcher),
            runtime: tokio::runtime::Handle::current(),
            letters: owner.letter_counters(),
        });
        let looping = Loop {
            owner,
            clock,
            inputs: received,
            pressure,
            groups,
            ended,
            nothing_ahead: false,
            clock_told: false,
            commits: Latencies::default(),
        };
        let committer = {
            let handle = handle.clone();
            let (store, dispatcher) = (parts.store, parts.dispatcher);
            spawn("everstep-commit", move || {
                crate::group::commit_groups(&*store, &dispatcher, &handle, &to_commit)
            })?
        };
        let looping = spawn(panics::LOOP_THREAD, move || looping.run())?;
        Ok(Self {
            handle,
            ended: Mutex::new(has_ended),
            threads: vec![looping, committer],
            over,
        })
    }

    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Blocks until the engine has ended by itself, which it does only when its store fails.
    ///
    /// # Errors
    /// Why it ended.
    pub fn wait(&self) -> Result<(), Error> {
        let ended = self.ended.lock().map_err(|_| Error::Ended)?;
        ended.recv().unwrap_or(Err(Error::Ended))
    }

    /// Asks the engine to commit and answer what it has taken, and to end: [`Engine::wait`] then returns.
    pub fn finish(&self) {
        self.over.store(true, Ordering::Relaxed);
        self.handle.send_unshed(Input::Shutdown);
    }

    /// Commits what has been taken, answers it, and ends the threads.
    ///
    /// # Errors
    /// Why the last commit failed.
    pub fn shutdown(mut self) -> Result<(), Error> {
        self.finish();
        let outcome = self.wait();
        for thread in std::mem::take(&mut self.threads) {
            let _ = thread.join();
        }
        outcome
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.finish();
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    started.map_err(|error| Error::Store {
        detail: format!("no thread can be started: {error}"),
        kind: everstep_core::Kind::Transient,
    })
}
