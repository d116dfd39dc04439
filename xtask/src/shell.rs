//! Running other programs: shown as they run, kept for reading, ended when they take too long.

use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How a program ended and everything it printed, stdout and stderr in the order of arrival.
#[derive(Debug)]
pub struct Ended {
    pub success: bool,
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub timed_out: bool,
    pub text: String,
    pub elapsed: Duration,
}

/// Runs a program, shows its output live and keeps it. It gets a process group of its own, which is killed when `limit`
/// has passed and swept when it has ended: what a suite leaves behind must not hold our pipes or the machine.
pub fn run(command: &mut Command, limit: Duration) -> Result<Ended> {
    run_with(command, limit, Show::Plain)
}

/// The same for one of several programs that run side by side: each line begins with its name.
pub fn run_named(command: &mut Command, limit: Duration, name: &str) -> Result<Ended> {
    run_with(command, limit, Show::Named(format!("{name:<12} | ")))
}

/// How a program's output is shown while it runs.
#[derive(Clone)]
enum Show {
    Plain,
    Named(String),
    #[cfg(test)]
    Not,
}

fn run_with(command: &mut Command, limit: Duration, show: Show) -> Result<Ended> {
    let began = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .with_context(|| format!("starting {}", name(command)))?;
    let text = Arc::new(Mutex::new(Vec::new()));
    let readers = [
        child
            .stdout
            .take()
            .map(|pipe| tee(pipe, &text, show.clone())),
        child.stderr.take().map(|pipe| tee(pipe, &text, show)),
    ];
    let status = wait(&mut child, limit)?;
    end_group(child.id());
    if status.is_none() {
        child.wait().context("waiting for a killed program")?;
    }
    for reader in readers.into_iter().flatten() {
        let _ = reader.join();
    }
    let bytes = std::mem::take(
        &mut *text
            .lock()
            .expect("no reader panics while it holds the text"),
    );
    Ok(Ended {
        success: status.is_some_and(|status| status.success()),
        code: status.and_then(|status| status.code()),
        timed_out: status.is_none(),
        text: String::from_utf8_lossy(&bytes).into_owned(),
        elapsed: began.elapsed(),
    })
}

/// Runs a program in our own terminal and process group; for cargo, which draws its progress there.
pub fn run_plainly(command: &mut Command) -> Result<bool> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("starting {}", name(command)))?;
    Ok(status.success())
}

/// The standard output of a program that must succeed.
pub fn output(command: &mut Command) -> Result<String> {
    let done = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {}", name(command)))?;
    anyhow::ensure!(
        done.status.success(),
        "{} ended with {}: {}",
        name(command),
        done.status,
        String::from_utf8_lossy(&done.stderr).trim()
    );
    String::from_utf8(done.stdout).with_context(|| format!("{} printed no UTF-8", name(command)))
}

/// Cargo as it was called, so that a toolchain override stays in force.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Set for us by `cargo run`; a nested cargo must not believe that it builds xtask.
    for (key, _) in std::env::vars_os() {
        let key = key.to_string_lossy().into_owned();
        if key.starts_with("CARGO_PKG_") || key.starts_with("CARGO_MANIFEST_") {
            command.env_remove(key);
        }
    }
    command
}

/// Waits for the end; `None` when `limit` passed first and the process group was killed.
pub fn wait(child: &mut Child, limit: Duration) -> Result<Option<std::process::ExitStatus>> {
    let until = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().context("asking for a child's status")? {
            return Ok(Some(status));
        }
        if Instant::now() >= until {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Kills what is left of a process group that `run` made. The group may be gone already, so the answer is of no interest.
pub fn end_group(leader: u32) {
    // The shell's own kill: a minimal Debian has no /bin/kill.
    let _ = Command::new("sh")
        .args(["-c", &format!("kill -s KILL -- -{leader}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

fn tee(pipe: impl Read + Send + 'static, text: &Arc<Mutex<Vec<u8>>>, show: Show) -> JoinHandle<()> {
    let text = Arc::clone(text);
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        // A read error here means the same as the end: there is no more to show.
        while pipe.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let _ = match &show {
                Show::Plain => std::io::stdout().write_all(&line),
                Show::Named(name) => {
                    std::io::stdout().write_all(&[name.as_bytes(), &line].concat())
                }
                #[cfg(test)]
                Show::Not => Ok(()),
            };
            text.lock()
                .expect("no reader panics while it holds the text")
                .append(&mut line);
        }
    })
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_kept_and_the_verdict_is_the_exit_code() {
        let ended = run_with(
            Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]),
            Duration::from_secs(20),
            Show::Not,
        )
        .unwrap();
        assert!(!ended.success && !ended.timed_out);
        assert!(ended.text.contains("out\n") && ended.text.contains("err\n"));
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children() {
        let ended = run_with(
            Command::new("sh").args(["-c", "sleep 600 & echo begun; wait"]),
            Duration::from_millis(200),
            Show::Not,
        )
        .unwrap();
        assert!(!ended.success && ended.timed_out);
        assert_eq!(ended.text, "begun\n");
    }
}
