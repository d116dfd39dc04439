//! Approvals as their journals tell them. Every turn is also replayed: the same journal gives the same state.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't go on says where"
)]

mod invitations;
mod links;
mod places;
mod rig;
mod time;
mod votes;
