//! Who is called, and how.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::card::Key;
use crate::error::Error;

/// For a call that is only to be taken or to look something up.
const CALL: Duration = Duration::from_secs(30);
/// For a call that answers with the result: what AgentCore gives a synchronous one.
const RUN: Duration = Duration::from_secs(900);
/// What an answer may hold: the most that AgentCore moves, and a little for what is around it.
const REPLY_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// What a file may hold that a result links to.
const LINK_BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;

/// How an agent is spoken to. The names are written into notes and files: they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// A2A 1.0, JSON-RPC.
    #[serde(rename = "a2a-1.0")]
    A2a,
    /// A2A 1.0, HTTP+JSON.
    #[serde(rename = "a2a-1.0-rest")]
    A2aRest,
    /// A2A 0.3, JSON-RPC: `message/send`.
    #[serde(rename = "a2a-0.3")]
    A2a03,
    /// `tasks/send`, posted to `/invocations`.
    #[serde(rename = "legacy")]
    Legacy,
    /// What Bedrock AgentCore takes of itself: a JSON payload in, a JSON answer or a stream out.
    #[serde(rename = "agentcore")]
    AgentCore,
    /// A webhook, signed as Standard Webhooks says.
    #[serde(rename = "webhook")]
    Webhook,
    /// A program of this machine.
    #[serde(rename = "process")]
    Process,
}

/// The text names no dialect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no dialect: {names} are", names = Dialect::ALL.map(Dialect::name).join(", "))]
pub struct NotADialect(String);

impl Dialect {
    pub const ALL: [Self; 7] = [
        Self::A2a,
        Self::A2aRest,
        Self::A2a03,
        Self::Legacy,
        Self::AgentCore,
        Self::Webhook,
        Self::Process,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A2a => "a2a-1.0",
            Self::A2aRest => "a2a-1.0-rest",
            Self::A2a03 => "a2a-0.3",
            Self::Legacy => "legacy",
            Self::AgentCore => "agentcore",
            Self::Webhook => "webhook",
            Self::Process => "process",
        }
    }

    /// Whether a task can be asked for after it was sent.
    #[must_use]
    pub const fn has_look_up(self) -> bool {
        matches!(self, Self::A2a | Self::A2aRest | Self::A2a03)
    }

    /// Whether a question of a task can be answered.
    #[must_use]
    pub const fn takes_answers(self) -> bool {
        match self {
            Self::A2a | Self::A2aRest | Self::A2a03 | Self::Webhook | Self::Process => true,
            Self::Legacy | Self::AgentCore => false,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = NotADialect;

    fn from_str(text: &str) -> Result<Self, NotADialect> {
        let mut all = Self::ALL.into_iter();
        all.find(|dialect| dialect.name() == text)
            .ok_or_else(|| NotADialect(text.to_owned()))
    }
}

/// The name of a runtime on Bedrock AgentCore.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Arn {
    text: String,
    region: String,
}

impl Arn {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }
}

/// Where an agent is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    Url(Url),
    Arn(Arn),
    /// A program and its arguments; no shell reads them.
    Process {
        program: PathBuf,
        arguments: Vec<String>,
    },
}

impl FromStr for Address {
    type Err = Error;

    /// A URL, or an ARN of AgentCore.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why| Error::Address {
            text: text.to_owned(),
            why,
        };
        if text.starts_with("arn:") {
            return arn(text).map(Self::Arn).ok_or_else(|| {
                wrong("an ARN looks like arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/NAME")
            });
        }
        let url = Url::parse(text).map_err(|_| {
            wrong("it begins with https:// or http://, or it is the ARN of a runtime")
        })?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(wrong("it begins with https:// or http:// and names a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("credentials do not stand in the address"));
        }
        Ok(Self::Url(url))
    }
}

fn arn(text: &str) -> Option<Arn> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [
        "arn",
        partition,
        "bedrock-agentcore",
        region,
        account,
        resource,
    ] = parts[..]
    else {
        return None;
    };
    let plain = |text: &str| {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !text.is_empty() && text.chars().all(fits)
    };
    let (kind, name) = resource.split_once('/')?;
    let is_runtime = matches!(kind, "runtime" | "agent-runtime") && !name.is_empty();
    let fits = plain(partition) && plain(region) && plain(account) && is_runtime;
    fits.then(|| Arn {
        text: text.to_owned(),
        region: region.to_owned(),
    })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url.as_str()),
            Self::Arn(arn) => f.write_str(arn.as_str()),
            Self::Process { program, .. } => write!(f, "{}", program.display()),
        }
    }
}

/// How we show who calls. Never part of a message or of an error.
#[derive(Clone, Debug, Default)]
pub enum Credentials {
    #[default]
    None,
    Bearer(SecretString),
    Basic {
        username: String,
        password: SecretString,
    },
    /// A header of the agent's own.
    Header {
        name: String,
        value: SecretString,
    },
    /// The key of a webhook's signature: `whsec_` and base64.
    Signature(SecretString),
    /// Keys of an AWS account; without them AgentCore is called with those that AWS's tools would find.
    Aws {
        access_key_id: String,
        secret_access_key: SecretString,
        session_token: Option<SecretString>,
    },
}

/// What the answer to a task means, in the dialects that do not say so themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completion {
    /// What the answer looks like: an acknowledgement, or a result.
    #[default]
    Told,
    /// It is the result.
    Reply,
    /// It says that the task was taken, and the result comes by its callback.
    Callback,
}

/// An agent that work can be given to.
#[derive(Clone, Debug)]
pub struct Agent {
    /// What it is called here.
    pub name: String,
    pub address: Address,
    /// Without it, the agent's card says.
    pub dialect: Option<Dialect>,
    pub credentials: Credentials,
    /// Keys that sign the agent's card. With any, a card without such a signature is refused.
    pub keys: Vec<Key>,
    pub completion: Completion,
    /// For a call that is only to be taken or to look something up.
    pub call_timeout: Duration,
    /// For a call that answers with the result.
    pub run_timeout: Duration,
    /// For an answer that is read whole.
    pub reply_bytes_max: u64,
    /// For a file that a result links to, which is read by and by.
    pub link_bytes_max: u64,
    /// AgentCore: another region than the ARN's.
    pub region: Option<String>,
    /// AgentCore: another address than that of the region.
    pub endpoint: Option<Url>,
    /// AgentCore: which of the runtime's endpoints.
    pub qualifier: Option<String>,
    /// Where the agent says whether it is busy, for dialects in which a task can't be asked for: the container's `/ping`.
    pub ping: Option<Url>,
    /// A program's variables; it has no others but `PATH`.
    pub environment: Vec<(String, SecretString)>,
    /// W3C trace context of the calls: it goes along with each that has headers.
    pub traceparent: Option<String>,
    pub tracestate: Option<String>,
}

impl Agent {
    /// The region in which its runtime is called.
    pub(crate) fn region_of<'a>(&'a self, arn: &'a Arn) -> &'a str {
        self.region.as_deref().unwrap_or(arn.region())
    }

    /// An agent with everything else as it usually is.
    #[must_use]
    pub fn new(name: impl Into<String>, address: Address) -> Self {
        Self {
            name: name.into(),
            address,
            dialect: None,
            credentials: Credentials::None,
            keys: Vec::new(),
            completion: Completion::Told,
            call_timeout: CALL,
            run_timeout: RUN,
            reply_bytes_max: REPLY_BYTES_MAX,
            link_bytes_max: LINK_BYTES_MAX,
            region: None,
            endpoint: None,
            qualifier: None,
            ping: None,
            environment: Vec::new(),
            traceparent: None,
            tracestate: None,
        }
    }
}

#[cfg(test)]
mod tests;
