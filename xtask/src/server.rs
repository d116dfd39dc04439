//! A server for suites: started on a free port with an empty data folder, ended by its process id.

use crate::root::TemporaryFolder;
use crate::shell;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Given to suites that talk to a running server: `http://127.0.0.1:PORT`, no slash at the end.
pub const VARIABLE: &str = "EVERSTEP_ENDPOINT";

/// What `everstep dev` prints on stdout once it answers, followed by its address.
pub const READY: &str = "everstep ready ";

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(5);

pub struct Server {
    child: Child,
    endpoint: String,
    ready_after: Duration,
    log: PathBuf,
    // Removed after the process has ended: fields are dropped after `drop` ran.
    _data: TemporaryFolder,
}

impl Server {
    /// Starts `everstep dev --listen 127.0.0.1:0 --data DIR`, and returns when it has said that it is ready. Everything it
    /// prints goes to `log`.
    pub fn start(binary: &Path, more: &[String], log: &Path) -> Result<Self> {
        let data = TemporaryFolder::new("data")?;
        let file = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let began = Instant::now();
        let mut child = Command::new(binary)
            .args(["dev", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path().join("store"))
            .args(more)
            .current_dir(data.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file.try_clone().context("sharing the log file")?)
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let stdout = child.stdout.take().context("the child has no stdout")?;
        let endpoint = watch(stdout, file);
        let mut server = Self {
            child,
            endpoint: String::new(),
            ready_after: Duration::ZERO,
            log: log.to_path_buf(),
            _data: data,
        };
        server.endpoint = endpoint
            .recv_timeout(START_LIMIT)
            .map_err(|_| server.unready())?;
        server.ready_after = began.elapsed();
        Ok(server)
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// From the start of the process to its ready line.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    fn unready(&mut self) -> anyhow::Error {
        let state = match self.child.try_wait() {
            Ok(Some(status)) => format!("ended with {status}"),
            _ => format!("did not print {READY:?} within {START_LIMIT:?}"),
        };
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(20).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        anyhow::anyhow!(
            "`everstep dev` {state}; its last lines:\n{}",
            tail.join("\n")
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A polite end first, so that the processes it started end with it.
        let _ = Command::new("sh")
            .args(["-c", &format!("kill -s TERM {}", self.child.id())])
            .stderr(Stdio::null())
            .status();
        if !matches!(shell::wait(&mut self.child, STOP_LIMIT), Ok(Some(_))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Copies the server's stdout to the log for as long as it lives, and sends the address of the ready line.
pub fn watch(stdout: ChildStdout, mut log: impl Write + Send + 'static) -> mpsc::Receiver<String> {
    let (found, endpoint) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // A log that cannot be written costs the log; the server must not block on a full pipe.
            let _ = writeln!(log, "{line}");
            if let Some(address) = line.strip_prefix(READY) {
                let _ = found.send(address.trim().trim_end_matches('/').to_owned());
            }
        }
    });
    endpoint
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn script(folder: &Path, text: &str) -> PathBuf {
        let path = folder.join("server");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn the_ready_line_gives_the_endpoint_and_the_end_takes_the_process() {
        let folder = TemporaryFolder::new("server-test").unwrap();
        let binary = script(
            folder.path(),
            "echo starting \"$@\"; echo everstep ready http://127.0.0.1:4711/; exec sleep 600",
        );
        let log = folder.path().join("log");
        let server = Server::start(&binary, &["--clock".into(), "skip".into()], &log).unwrap();
        assert_eq!(server.endpoint(), "http://127.0.0.1:4711");
        let process = PathBuf::from(format!("/proc/{}", server.process()));
        assert!(process.exists());
        drop(server);
        assert!(!process.exists());
        let log = std::fs::read_to_string(log).unwrap();
        assert!(log.starts_with("starting dev --listen 127.0.0.1:0 --data "));
        assert!(log.contains("--clock skip"));
    }

    #[test]
    fn a_server_that_ends_early_is_an_error_with_its_own_words() {
        let folder = TemporaryFolder::new("server-test").unwrap();
        let binary = script(folder.path(), "echo the port is taken >&2; exit 4");
        let error = Server::start(&binary, &[], &folder.path().join("log"))
            .map(|_| ())
            .unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("the port is taken"), "{text}");
    }
}
