//! Approvals as their journals tell them. Every turn is also replayed: the same journal gives the same state.

mod links;
mod places;
mod rig;
mod time;
mod votes;
