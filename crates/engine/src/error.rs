//! What the engine refuses, and why.

use everstep_core::{ExecutionId, Kind, LetterId, Operation};

/// Why a call of [`crate::Handle`] was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("there is no execution {id}")]
    UnknownExecution { id: ExecutionId },
    #[error("the name is taken by execution {id}, which was started with something else")]
    NameTaken { id: ExecutionId },
    #[error("the token is not valid")]
    InvalidToken,
    #[error("execution {id} does not take this: {why}")]
    Refused { id: ExecutionId, why: &'static str },
    #[error("execution {id} has no operation {operation}")]
    UnknownOperation {
        id: ExecutionId,
        operation: Operation,
    },
    #[error("execution {id} can't be redriven: {why}")]
    NotRedrivable { id: ExecutionId, why: &'static str },
    #[error("too much is waiting ({waiting} commands); try again in {retry_after_s} s")]
    Overloaded { waiting: usize, retry_after_s: u32 },
    #[error("function {function} runs as often at once as it may")]
    ConcurrencyReached { function: String },
    #[error("our own code crashed on execution {id}: {detail}")]
    Crashed { id: ExecutionId, detail: String },
    #[error("the journal of execution {id} can't be read: {detail}")]
    Damaged { id: ExecutionId, detail: String },
    #[error("the store does not answer: {detail}")]
    Store { detail: String, kind: Kind },
    #[error("the payload {digest} is not in the blob store, or not what it was: {detail}")]
    Payload { digest: String, detail: String },
    #[error("the engine has ended; whether the command was taken is not known")]
    Ended,
    #[error("there is no letter {id}")]
    UnknownLetter { id: LetterId },
    #[error("letter {id} does not take this: {why}")]
    LetterRefused { id: LetterId, why: &'static str },
    #[error("there is no {what} {name}")]
    UnknownEntry { what: &'static str, name: String },
    #[error("{what} {name} exists already")]
    EntryExists { what: &'static str, name: String },
    #[error("{what} {name} was changed by somebody else meanwhile")]
    EntryChanged { what: &'static str, name: String },
}

impl Error {
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::UnknownExecution { .. }
            | Self::UnknownOperation { .. }
            | Self::InvalidToken
            | Self::UnknownLetter { .. }
            | Self::UnknownEntry { .. } => Kind::NotFound,
            Self::NameTaken { .. }
            | Self::Refused { .. }
            | Self::LetterRefused { .. }
            | Self::NotRedrivable { .. }
            | Self::EntryExists { .. }
            | Self::EntryChanged { .. } => Kind::Conflict,
            Self::Overloaded { .. } | Self::ConcurrencyReached { .. } => Kind::Throttled,
            Self::Crashed { .. } => Kind::Bug,
            Self::Damaged { .. } | Self::Payload { .. } => Kind::Corrupt,
            Self::Store { kind, .. } => *kind,
            Self::Ended => Kind::Transient,
        }
    }
}

impl From<everstep_store::Error> for Error {
    fn from(error: everstep_store::Error) -> Self {
        Self::Store {
            kind: error.kind(),
            detail: error.to_string(),
        }
    }
}
