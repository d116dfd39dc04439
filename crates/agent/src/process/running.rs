//! The programs that run.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;

use super::{Stand, line};
use crate::a2a::reading::shortened;
use crate::agent::Agent;
use crate::error::Error;
use crate::task::{Progress, Question};

/// What is kept of a program's complaints, for the error of one that ends without a result.
const COMPLAINT_BYTES_MAX: usize = 8 * 1024;

/// The programs by their task.
#[derive(Clone, Default)]
pub(crate) struct Running {
    known: Arc<Mutex<HashMap<String, Entry>>>,
}

struct Entry {
    group: Option<Pid>,
    stand: watch::Receiver<Stand>,
    /// Taken by whoever writes.
    input: Arc<tokio::sync::Mutex<Input>>,
}

struct Input {
    pipe: ChildStdin,
    /// The last answer that was written: a repetition is not.
    answered: Option<String>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Running")
    }
}

impl Running {
    /// Starts a program with its order. A task whose program runs already is not started twice.
    pub(super) async fn start(
        &self,
        id: &str,
        agent: &Agent,
        program: &Path,
        arguments: &[String],
        order: &Value,
    ) -> Result<watch::Receiver<Stand>, Error> {
        if let Some(stand) = self.watched(id) {
            return Ok(stand);
        }
        let fault = |why: &dyn fmt::Display| Error::Process {
            program: program.display().to_string(),
            why: why.to_string(),
        };
        let mut child = command(agent, program, arguments)
            .spawn()
            .map_err(|error| fault(&error))?;
        let (Some(pipe), Some(output), Some(complaints)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(fault(&"its pipes are missing"));
        };
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let (tell, stand) = watch::channel(Stand::Working(Progress::default()));
        let input = Arc::new(tokio::sync::Mutex::new(Input {
            pipe,
            answered: None,
        }));
        let bytes_max = usize::try_from(agent.reply_bytes_max).unwrap_or(usize::MAX);
        tokio::spawn(follow(child, group, output, complaints, tell, bytes_max));
        // Known before anything is waited for: whoever is dropped from here on ends it.
        let entry = Entry {
            group,
            stand: stand.clone(),
            input: Arc::clone(&input),
        };
        self.known().insert(id.to_owned(), entry);
        // A program that does not read its order says by its end what is wrong.
        input.lock().await.write(order).await.ok();
        Ok(stand)
    }

    pub(super) fn stand(&self, id: &str) -> Option<Stand> {
        let stand = self.watched(id)?;
        let now = stand.borrow().clone();
        Some(now)
    }

    /// Writes an answer; false when there is no such program any more.
    pub(super) async fn tell(&self, id: &str, key: &str, answer: &Value) -> Result<bool, Error> {
        let input = self.known().get(id).map(|entry| Arc::clone(&entry.input));
        let Some(input) = input else {
            return Ok(false);
        };
        let mut input = input.lock().await;
        if input.answered.as_deref() == Some(key) {
            return Ok(true);
        }
        match input.write(answer).await {
            Ok(()) => {
                input.answered = Some(key.to_owned());
                Ok(true)
            }
            // It reads no more: how it ended is told by its stand.
            Err(_) => Ok(true),
        }
    }

    /// Ends a program and what it has started; false when there is none.
    pub(super) fn kill(&self, id: &str) -> bool {
        let Some(entry) = self.known().remove(id) else {
            return false;
        };
        let has_ended = entry.stand.borrow().is_end();
        if let (false, Some(group)) = (has_ended, entry.group) {
            // It may have ended by itself this moment.
            kill_process_group(group, Signal::KILL).ok();
        }
        true
    }

    pub(super) fn forget(&self, id: &str) {
        self.known().remove(id);
    }

    fn watched(&self, id: &str) -> Option<watch::Receiver<Stand>> {
        self.known().get(id).map(|entry| entry.stand.clone())
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Entry>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Input {
    async fn write(&mut self, line: &Value) -> std::io::Result<()> {
        self.pipe.write_all(format!("{line}\n").as_bytes()).await?;
        self.pipe.flush().await
    }
}

fn command(agent: &Agent, program: &Path, arguments: &[String]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    for (name, value) in &agent.environment {
        command.env(name, value.expose_secret());
    }
    command
}

/// Reads what the program tells until it has ended, and sees to it that nothing of it is left.
async fn follow(
    mut child: Child,
    group: Option<Pid>,
    output: ChildStdout,
    complaints: impl AsyncRead + Unpin + Send + 'static,
    tell: watch::Sender<Stand>,
    bytes_max: usize,
) {
    let complaints = tokio::spawn(tail(complaints));
    let told = lines(output, &tell, bytes_max).await;
    if let Some(group) = group {
        // Also what the program has left behind.
        kill_process_group(group, Signal::KILL).ok();
    }
    let status = child.wait().await;
    let end = match told {
        Some(end) => end,
        None => {
            let complaints = complaints.await.unwrap_or_default();
            let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            let why = shortened(complaints.trim(), 1000);
            Stand::Failed(format!("the program ended without a result ({how}): {why}"))
        }
    };
    tell.send_replace(end);
}

/// The program's end, if it tells one.
async fn lines(
    mut output: ChildStdout,
    tell: &watch::Sender<Stand>,
    bytes_max: usize,
) -> Option<Stand> {
    let mut buffer = BytesMut::new();
    let (mut seen, mut questions) = (0, 0_u32);
    loop {
        if let Some(end) = buffer.iter().skip(seen).position(|byte| *byte == b'\n') {
            let line = buffer.split_to(seen + end + 1);
            seen = 0;
            match line::read(&line) {
                Some(stand) if stand.is_end() => return Some(stand),
                Some(Stand::Asking(question)) => {
                    questions += 1;
                    tell.send_replace(Stand::Asking(Question {
                        id: Some(questions.to_string()),
                        ..question
                    }));
                }
                Some(stand) => {
                    tell.send_replace(stand);
                }
                None => {}
            }
            continue;
        }
        seen = buffer.len();
        if seen > bytes_max {
            return Some(Stand::Failed(format!(
                "the program told a line of more than {bytes_max} bytes"
            )));
        }
        match output.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return line::read(&buffer).filter(Stand::is_end),
            Ok(_) => {}
        }
    }
}

/// The last words of a program.
async fn tail(mut complaints: impl AsyncRead + Unpin) -> String {
    let mut kept = BytesMut::new();
    while let Ok(1..) = complaints.read_buf(&mut kept).await {
        let over = kept.len().saturating_sub(COMPLAINT_BYTES_MAX);
        drop(kept.split_to(over));
    }
    String::from_utf8_lossy(&kept).into_owned()
}
