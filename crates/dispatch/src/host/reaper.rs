//! Records of worker processes, and the end of those that a former host left behind.
//!
//! The guard ends a worker when its host is gone; this is the second net, for systems without a shell and for guards that were killed.
//! A process is only killed if its start time and the boot of the system are those on record: ids are reused.

use std::fs;
use std::io;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    pid: i32,
    /// Clock ticks between boot and start: field 22 of `/proc/PID/stat`.
    started_ticks: u64,
    boot: String,
}

/// Remembers a process group by its leader.
pub(super) fn record(folder: &Path, pid: i32) -> io::Result<()> {
    let record = Record {
        pid,
        started_ticks: started_ticks(pid)?,
        boot: boot()?,
    };
    fs::write(
        folder.join(pid.to_string()),
        serde_json::to_vec(&record).map_err(io::Error::other)?,
    )
}

/// Forgets a process that is gone.
pub(super) fn forget(folder: &Path, pid: i32) {
    // What stays behind is judged by its start time at the next start.
    drop(fs::remove_file(folder.join(pid.to_string())));
}

/// Kills the process groups on record that still run, and empties the records. Returns how many.
pub(super) fn reap(folder: &Path) -> io::Result<usize> {
    fs::create_dir_all(folder)?;
    let boot = boot()?;
    let mut killed = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let record = fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
        if let Some(record) = record
            && record.boot == boot
            && started_ticks(record.pid).is_ok_and(|ticks| ticks == record.started_ticks)
            && let Some(group) = Pid::from_raw(record.pid)
        {
            match kill_process_group(group, Signal::KILL) {
                Ok(()) => killed += 1,
                Err(error) => {
                    tracing::warn!(pid = record.pid, %error, "a former worker cannot be ended");
                }
            }
        }
        fs::remove_file(path)?;
    }
    Ok(killed)
}

fn boot() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

fn started_ticks(pid: i32) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may contain anything; the fields after it are 3, 4, ...
    stat.rsplit_once(')')
        .and_then(|(_, rest)| rest.split_whitespace().nth(19))
        .and_then(|field| field.parse().ok())
        .ok_or_else(|| io::Error::other("/proc/PID/stat has another form"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    fn sleeper() -> Child {
        Command::new("sleep")
            .arg("1000")
            .process_group(0)
            .spawn()
            .unwrap()
    }

    #[test]
    fn a_survivor_is_killed_and_a_stranger_with_its_id_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut survivor = sleeper();
        let mut stranger = sleeper();
        let [survivor_pid, stranger_pid] = [&survivor, &stranger].map(|c| c.id() as i32);
        record(folder.path(), survivor_pid).unwrap();
        record(folder.path(), stranger_pid).unwrap();
        let path = folder.path().join(stranger_pid.to_string());
        let mut old: Record = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        old.started_ticks -= 1;
        fs::write(&path, serde_json::to_vec(&old).unwrap()).unwrap();
        fs::write(folder.path().join("nonsense"), "{").unwrap();

        assert_eq!(reap(folder.path()).unwrap(), 1);
        assert!(!survivor.wait().unwrap().success());
        assert!(stranger.try_wait().unwrap().is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}
