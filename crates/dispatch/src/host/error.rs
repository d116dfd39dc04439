//! Why a host could not be started.

use std::io;
use std::path::PathBuf;

/// Failures of [`super::FunctionHost::start`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A folder or file of the host cannot be created or written.
    #[error("cannot prepare {path}: {source}")]
    Folder { path: PathBuf, source: io::Error },
    /// Another live host holds the scratch folder; its workers must not be reaped.
    #[error("another server works in {path}")]
    ScratchInUse { path: PathBuf },
    /// The address for the Runtime API cannot be listened on.
    #[error("cannot listen on {address} for the Runtime API: {source}")]
    Listen { address: String, source: io::Error },
}

/// The classes of the house's error policy that occur here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Invalid,
    Conflict,
    Transient,
}

impl Error {
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Error::Folder { .. } => Kind::Transient,
            Error::ScratchInUse { .. } => Kind::Conflict,
            Error::Listen { .. } => Kind::Invalid,
        }
    }
}
