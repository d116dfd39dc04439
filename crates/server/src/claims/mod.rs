//! Claim checks: what is too large to travel lies among the artifacts, and a reference travels in its place.
//!
//! Invariants
//! - What is large is never whole in memory, neither on its way in (`intake`, `cut`) nor on its way out (`shown`).
//! - A reference leads nowhere that its reader may not read without it.

mod cut;
mod input;
mod intake;
mod json;
mod room;
mod shown;

pub(crate) use cut::{Parted, Shape, Staged, parts, read};
pub(crate) use input::{Input, request};
pub(crate) use intake::{
    Begun, Checked, FULL_RETRY_SECONDS, Pieces, Refused, begin, check, checked, drain, pieces,
    plain, stored,
};
pub(crate) use json::{Fault as JsonFault, Part, Scanner};
pub(crate) use room::{Incoming, Room};
pub(crate) use shown::shown;
