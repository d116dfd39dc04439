//! What can go wrong between us and an agent.

use std::time::Duration;

use crate::guard::Guarded;

/// What kind of failure it is; whether to try again follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The same call can never succeed.
    Invalid,
    /// What was asked for does not exist.
    NotFound,
    /// It is not possible any more, or not yet.
    Conflict,
    /// The agent asks for patience.
    Throttled,
    /// The agent was out of reach or broke down.
    Transient,
    /// What came back is no answer.
    Corrupt,
}

impl Kind {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Throttled | Self::Transient)
    }
}

/// A call of an agent that came to no answer of its dialect, or to a refusal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("nothing can be reached at {host}: {why} (E0301)")]
    Unreachable {
        host: String,
        why: String,
        /// Whether there was a connection, which then broke.
        begun: bool,
    },
    #[error("the agent answered nonsense: {why} (E0302)")]
    Nonsense { why: String },
    #[error("{host} did not answer within {} s (E0303)", after.as_secs_f32())]
    Silent { host: String, after: Duration },
    #[error("{0} (E0304)")]
    Guarded(#[from] Guarded),
    #[error(
        "{host} is not called without encryption: give its https address, or allow its network with --http-allow (E0305)"
    )]
    Plain { host: String },
    #[error("the agent at {host} does not accept the credentials: it answered {status} (E0306)")]
    Credentials { host: String, status: u16 },
    #[error("{host} sends elsewhere: {to} (E0307)")]
    Redirected { host: String, to: String },
    #[error("the answer of {host} is longer than {bytes_max} bytes (E0308)")]
    TooLarge { host: String, bytes_max: u64 },
    #[error("the agent's card is not signed by a key that is known: {why} (E0309)")]
    Signature { why: String },
    #[error("the agent speaks no dialect that is known here: {why} (E0310)")]
    Dialect { why: String },
    #[error(
        "this build calls Bedrock AgentCore with a bearer token only: build it with the feature aws (E0311)"
    )]
    AgentCore,
    #[error("the program {program} can't be run: {why} (E0312)")]
    Process { program: String, why: String },
    #[error("'{text}' is no address of an agent: {why} (E0313)")]
    Address { text: String, why: &'static str },
    #[error("{host} answered {status}: {text}")]
    Status {
        host: String,
        status: u16,
        text: String,
        retry_after: Option<Duration>,
    },
    #[error("the agent refused: {message} ({code})")]
    Refused { code: i64, message: String },
    /// Before anything was sent: what there is to know of the agent first can't be had.
    #[error("the agent's card can't be had: {0}")]
    Card(Box<Self>),
    #[error("{dialect} has no way to {what}")]
    Unsupported {
        dialect: &'static str,
        what: &'static str,
    },
    #[error("Bedrock AgentCore refused: {code}: {message}")]
    Service {
        code: String,
        message: String,
        status: u16,
    },
}

impl Error {
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Card(why) => why.kind(),
            Self::Unreachable { .. } | Self::Silent { .. } => Kind::Transient,
            Self::Nonsense { .. } => Kind::Corrupt,
            Self::Guarded(_)
            | Self::Plain { .. }
            | Self::Credentials { .. }
            | Self::Redirected { .. }
            | Self::TooLarge { .. }
            | Self::Signature { .. }
            | Self::Dialect { .. }
            | Self::AgentCore
            | Self::Process { .. }
            | Self::Address { .. }
            | Self::Unsupported { .. } => Kind::Invalid,
            Self::Status { status, .. } => of_status(*status),
            Self::Service { status, code, .. } => of_service(code.as_str(), *status),
            // What a peer breaks with by itself; every other code of JSON-RPC says that the request is wrong.
            Self::Refused { code: -32603, .. } => Kind::Transient,
            Self::Refused {
                code: TASK_NOT_FOUND,
                ..
            } => Kind::NotFound,
            Self::Refused {
                code: TASK_NOT_CANCELABLE,
                ..
            } => Kind::Conflict,
            Self::Refused { .. } => Kind::Invalid,
        }
    }

    /// The code whose page explains it.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Card(why) => why.code(),
            Self::Unreachable { .. } => Some("E0301"),
            Self::Nonsense { .. } => Some("E0302"),
            Self::Silent { .. } => Some("E0303"),
            Self::Guarded(_) => Some("E0304"),
            Self::Plain { .. } => Some("E0305"),
            Self::Credentials { .. } => Some("E0306"),
            Self::Redirected { .. } => Some("E0307"),
            Self::TooLarge { .. } => Some("E0308"),
            Self::Signature { .. } => Some("E0309"),
            Self::Dialect { .. } => Some("E0310"),
            Self::AgentCore => Some("E0311"),
            Self::Process { .. } => Some("E0312"),
            Self::Address { .. } => Some("E0313"),
            Self::Status { .. }
            | Self::Refused { .. }
            | Self::Unsupported { .. }
            | Self::Service { .. } => None,
        }
    }

    /// How long the agent asks to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::Card(why) => why.retry_after(),
            _ => None,
        }
    }

    /// Whether the agent may have taken the task all the same: the call may have arrived, and only its answer is missing.
    #[must_use]
    pub const fn may_have_begun(&self) -> bool {
        match self {
            Self::Silent { .. } | Self::Nonsense { .. } | Self::TooLarge { .. } => true,
            Self::Status { status, .. } | Self::Service { status, .. } => {
                matches!(*status, 408 | 500..=599)
            }
            Self::Refused { code, .. } => *code == -32603,
            Self::Unreachable { begun, .. } => *begun,
            Self::Card(_)
            | Self::Guarded(_)
            | Self::Plain { .. }
            | Self::Credentials { .. }
            | Self::Redirected { .. }
            | Self::Signature { .. }
            | Self::Dialect { .. }
            | Self::AgentCore
            | Self::Process { .. }
            | Self::Address { .. }
            | Self::Unsupported { .. } => false,
        }
    }

    /// The same while nothing has been handed over yet: what is in doubt is a card then, not a task.
    pub(crate) fn before_sending(self) -> Self {
        if self.may_have_begun() {
            Self::Card(Box::new(self))
        } else {
            self
        }
    }

    pub(crate) fn nonsense(why: impl Into<String>) -> Self {
        Self::Nonsense { why: why.into() }
    }
}

pub(crate) const TASK_NOT_FOUND: i64 = -32001;
pub(crate) const TASK_NOT_CANCELABLE: i64 = -32002;
pub(crate) const PUSH_NOT_SUPPORTED: i64 = -32003;
pub(crate) const UNSUPPORTED_OPERATION: i64 = -32004;
pub(crate) const METHOD_NOT_FOUND: i64 = -32601;

/// AWS names what is the matter; the status under which it does so is not the same for every service.
const fn of_service(code: &str, status: u16) -> Kind {
    match code.as_bytes() {
        b"ThrottlingException" | b"TooManyRequestsException" | b"ServiceQuotaExceededException" => {
            Kind::Throttled
        }
        b"RetryableConflictException" => Kind::Transient,
        _ => of_status(status),
    }
}

const fn of_status(status: u16) -> Kind {
    match status {
        404 | 410 => Kind::NotFound,
        408 | 500..=599 => Kind::Transient,
        409 | 412 => Kind::Conflict,
        429 => Kind::Throttled,
        _ => Kind::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_names_decides_before_its_status() {
        let kind = |code: &str, status| {
            let (code, message) = (code.to_owned(), String::new());
            Error::Service {
                code,
                message,
                status,
            }
            .kind()
        };
        assert_eq!(kind("ThrottlingException", 429), Kind::Throttled);
        assert_eq!(kind("ThrottlingException", 400), Kind::Throttled);
        assert_eq!(kind("ServiceQuotaExceededException", 402), Kind::Throttled);
        assert_eq!(kind("RetryableConflictException", 409), Kind::Transient);
        assert_eq!(kind("InternalServerException", 500), Kind::Transient);
        assert_eq!(kind("AccessDeniedException", 403), Kind::Invalid);
        assert_eq!(kind("ResourceNotFoundException", 404), Kind::NotFound);
    }
}
