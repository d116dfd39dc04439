//! The rules of each kind of operation: what a handler may do in which status, and what follows.

pub(crate) mod callback;
pub(crate) mod chained_invoke;
pub(crate) mod context;
pub(crate) mod execution;
pub(crate) mod step;
pub(crate) mod wait;

use crate::request::Refusal;

/// The longest delay that a handler may ask for: 366 days.
pub(crate) const DELAY_S_MAX: u32 = 31_622_400;

pub(crate) const FAIL_WITH_PAYLOAD: &str = "Cannot provide a Payload for FAIL action.";
pub(crate) const SUCCEED_WITH_ERROR: &str = "Cannot provide an Error for SUCCEED action.";
const ACTION: &str = "Invalid action for the given operation type.";

/// Refuses unless `holds`.
pub(crate) fn require(holds: bool, message: &'static str) -> Result<(), Refusal> {
    if holds {
        Ok(())
    } else {
        Err(Refusal::InvalidUpdate {
            message: message.into(),
        })
    }
}

pub(crate) fn invalid_action() -> Result<(), Refusal> {
    require(false, ACTION)
}
