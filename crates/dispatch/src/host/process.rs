//! A worker's process: started in its own process group behind a guard, with its own Runtime API port, home and keys.

use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use everstep_logs::LogStream;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::api::{self, Call};
use super::capture::Capture;
use super::command::{self, GUARD};
use super::environment::{self, Place, WorkerCredentials};
use super::function::FunctionSpec;
use super::inside::Shared;
use super::pool::WorkerId;
use super::{reaper, report};

/// Calls of one worker that may wait for its supervisor.
const CALLS_MAX: usize = 64;

pub(super) struct Process {
    pub child: Child,
    group: Option<Pid>,
    pub pid: i32,
    /// Never written to: its end tells the guard that the host is gone.
    _guard: Option<ChildStdin>,
    pub stdout: Capture,
    pub stderr: Capture,
    pub calls: mpsc::Receiver<Call>,
    server: JoinHandle<()>,
    home: PathBuf,
    records: PathBuf,
    pub log_stream: String,
    pub access_key_id: String,
}

impl Process {
    /// Listens first and starts then. The error is worded for the user: there is no such program, no place to listen, no more processes.
    pub(super) async fn launch(
        shared: &Shared,
        id: WorkerId,
        spec: &FunctionSpec,
    ) -> Result<Process, String> {
        let path = std::env::var_os("PATH");
        let line = command::of(
            spec,
            &shared.options,
            &shared.folders.runtime,
            path.as_ref(),
        )?;
        let (listener, runtime_api) = listen(shared)
            .await
            .map_err(|error| format!("no port for the Runtime API: {error}"))?;
        let home = shared.folders.homes.join(id.to_string());
        furnish(&home)
            .await
            .map_err(|error| format!("no scratch folder: {error}"))?;
        let credentials = WorkerCredentials::random(&spec.arn);
        let log_stream = format!(
            "{}/[{}]{}",
            report::date_path(),
            spec.version,
            uuid::Uuid::new_v4().simple()
        );
        let place = Place {
            runtime_api,
            home: &home,
            credentials: &credentials,
            log_stream: &log_stream,
            runtime_dir: &shared.folders.runtime,
        };
        let variables =
            environment::variables(spec, &shared.options, &place, |name| std::env::var_os(name));
        let (sender, calls) = mpsc::channel(CALLS_MAX);
        let server = api::serve(listener, sender, shared.options.response_limit);
        let mut command = guarded(shared, line);
        command.envs(variables).current_dir(&spec.code);
        let started = command.spawn().and_then(captured);
        let (child, guard, stdout, stderr) = match started {
            Ok(parts) => parts,
            Err(error) => {
                server.abort();
                return Err(format!("the process cannot be started: {error}"));
            }
        };
        let pid = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .unwrap_or(0);
        let records = shared.folders.records.clone();
        if let Err(error) = reaper::record(&records, pid) {
            tracing::warn!(pid, %error, "a worker is not on record");
        }
        let access_key_id = credentials.access_key_id.clone();
        shared.admit(credentials);
        Ok(Process {
            child,
            group: Pid::from_raw(pid),
            pid,
            _guard: guard,
            stdout,
            stderr,
            calls,
            server,
            home,
            records,
            log_stream,
            access_key_id,
        })
    }

    /// To every process of the group. One that is gone already is fine.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            match kill_process_group(group, signal) {
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => {
                    tracing::warn!(pid = self.pid, %error, "a worker cannot be signalled")
                }
            }
        }
    }

    /// After the exit: what is left of the group, the port, the record and the home go too.
    pub(super) async fn clean_up(self, shared: &Shared) {
        // The guard is alive until its pipe is closed below, so the group's id cannot have been given to somebody else.
        self.signal(Signal::KILL);
        self.server.abort();
        shared.dismiss(&self.access_key_id);
        reaper::forget(&self.records, self.pid);
        if let Err(error) = tokio::fs::remove_dir_all(&self.home).await {
            tracing::debug!(path = %self.home.display(), %error, "a worker's home stays until the next start");
        }
    }
}

/// Without a shell the worker runs unguarded, and the reaper of the next start ends it should the host be killed.
fn guarded(shared: &Shared, line: command::CommandLine) -> Command {
    let shell = Path::new("/bin/sh");
    let mut command = if shell.exists() {
        let mut command = Command::new(shell);
        command
            .arg(shared.folders.runtime.join(GUARD))
            .arg(line.program);
        command
    } else {
        Command::new(line.program)
    };
    command
        .args(line.arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}

async fn listen(shared: &Shared) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(SocketAddr::new(shared.options.listen, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Makes a worker's home. Other users of the machine have no business there; other workers run as the same user.
async fn furnish(home: &Path) -> io::Result<()> {
    tokio::fs::create_dir_all(home.join("tmp")).await?;
    tokio::fs::set_permissions(home, Permissions::from_mode(0o700)).await
}

type Parts = (Child, Option<ChildStdin>, Capture, Capture);

fn captured(mut child: Child) -> io::Result<Parts> {
    let missing = || io::Error::other("an output pipe is missing");
    let stdout = child.stdout.take().ok_or_else(missing)?.into_owned_fd()?;
    let stderr = child.stderr.take().ok_or_else(missing)?.into_owned_fd()?;
    let guard = child.stdin.take();
    Ok((
        child,
        guard,
        Capture::new(LogStream::Stdout, stdout)?,
        Capture::new(LogStream::Stderr, stderr)?,
    ))
}
