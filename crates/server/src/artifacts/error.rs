//! What goes wrong with artifacts.

use everstep_engine::blobs::Error;

use crate::errors::Code;
use crate::rest::Problem;

/// The answer for a fault of the blob store.
pub(super) fn fault(error: Error) -> Problem {
    match error {
        Error::NotFound { what } => {
            Problem::new(Code::UnknownArtifact, format!("{what} does not exist"))
        }
        Error::Precondition { .. } => Problem::new(Code::PreconditionFailed, error.to_string()),
        Error::InvalidName { .. } => Problem::new(Code::InvalidParameter, error.to_string()),
        Error::Source { .. } => Problem::new(
            Code::TooSlow,
            "The content broke off or did not arrive in time",
        ),
        Error::Damaged { .. } => Problem::inside(Code::DamagedStore, &error),
        Error::Io { .. } | Error::Place { .. } => Problem::inside(Code::StoreUnavailable, &error),
    }
}
