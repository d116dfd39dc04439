//! The server that a command asks: one that runs, or one of its own.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::client::Client;
use crate::error::Failed;
use crate::verbs::Context;

/// What the first line of a server that is ready begins with.
const READY: &str = "everstep ready ";
/// A test of a state takes at most five minutes.
const PATIENCE: Duration = Duration::from_secs(310);

/// A server that answers.
pub struct Server {
    client: Client,
    _own: Option<Own>,
}

impl Server {
    /// The server that is named or runs in this folder; one of our own if there is none.
    pub fn reach(context: &Context) -> Result<Self> {
        let client = context.client()?;
        // Whoever names a server means that one, even if it does not answer.
        if context.url.is_some() || client.get("/health").is_ok() {
            return Ok(Self { client, _own: None });
        }
        let own = Own::start()?;
        let client = Client::new(Some(&own.url), &own.data, &context.access)?;
        Ok(Self {
            client,
            _own: Some(own),
        })
    }

    /// Calls an operation of Step Functions' API.
    ///
    /// # Errors
    /// [`Failed`], with the service's own words.
    pub fn states(&self, operation: &str, body: &Value) -> Result<Value> {
        let target = format!("AWSStepFunctions.{operation}");
        self.client.aws_json(&target, body, PATIENCE)
    }
}

/// A server that ends with the command.
struct Own {
    child: Child,
    data: PathBuf,
    url: String,
}

impl Own {
    fn start() -> Result<Self> {
        let data = std::env::temp_dir().join(format!("everstep-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&data)
            .with_context(|| format!("{} can't be made", data.display()))?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["dev", "--no-demo", "--memory", "--with-parent"])
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let printed = child.stdout.take();
        let mut own = Self {
            child,
            data,
            url: String::new(),
        };
        let mut line = String::new();
        if let Some(printed) = printed {
            BufReader::new(printed).read_line(&mut line)?;
        }
        let url = line.trim().strip_prefix(READY);
        own.url = url
            .ok_or_else(|| Failed::Outcome("a server of our own does not start".to_owned()))?
            .to_owned();
        Ok(own)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // It ends when its standard input closes, and takes its functions with it.
        drop(self.child.stdin.take());
        // What can't be waited for has ended; a folder that is left is in the way of nobody.
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}
