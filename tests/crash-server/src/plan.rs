//! Where the blow falls. A boundary is a commit that appends to a journal: a start, a checkpoint, a timer that fired, a callback that was
//! answered, an invocation that ended. It outlives the lives, so a blow falls once and boundaries are counted through crashes.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// The server ends before the commit: its caller's request is lost.
    Before,
    /// The server ends when the commit is durable, before anybody hears of it.
    After,
    /// Every worker is killed, -9, when the commit is durable, before anybody hears of it.
    Worker,
}

pub struct Plan {
    /// The function host's records of its processes, by process id: what the server's next start ends them by, too.
    processes: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    armed: Option<(u64, Blow)>,
    counted: u64,
    fallen: u64,
    killed: u64,
}

impl Plan {
    pub fn new(processes: PathBuf) -> Self {
        Self {
            processes,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn arm(&self, at: u64, blow: Blow) {
        *self.state() = State {
            armed: Some((at, blow)),
            ..State::default()
        };
    }

    /// Boundaries since it was armed, blows, and workers that were killed.
    pub fn counted(&self) -> (u64, u64, u64) {
        let state = self.state();
        (state.counted, state.fallen, state.killed)
    }

    /// Counts a boundary. The blow that falls here, if one does.
    pub fn boundary(&self) -> Option<Blow> {
        let mut state = self.state();
        state.counted += 1;
        let (at, blow) = state.armed?;
        if state.counted != at {
            return None;
        }
        state.armed = None;
        state.fallen += 1;
        Some(blow)
    }

    pub fn kill_workers(&self) -> std::io::Result<()> {
        for entry in std::fs::read_dir(&self.processes)? {
            let name = entry?.file_name();
            let group = name.to_str().and_then(|name| name.parse().ok());
            if let Some(group) = group.and_then(Pid::from_raw) {
                match kill_process_group(group, Signal::KILL) {
                    Ok(()) => self.state().killed += 1,
                    // It was on its way out.
                    Err(rustix::io::Errno::SRCH) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}
