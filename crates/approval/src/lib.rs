//! Machine 3: approvals. People decide, by name or group, and the decision settles what waits for it.
//!
//! An approval is an execution of its own: its journal is the audit, its timers remind, escalate and expire, and its end is a task that settles
//! the token of whoever waits (a durable callback, a task token). Asking again after a request for changes is another approval, its next round.
//!
//! It does not know: HTTP, keys, how a name was proven, what a JSON Schema means, who is in a group. Names and their groups arrive in the
//! request; a form arrives checked.
//!
//! Invariants
//! - The first quorum ends the approval; what comes later is recorded and changes nothing.
//! - Nothing is approved by time: expiry rejects, or escalates and then rejects.
//! - A vote names the digest of what it is about; another digest is refused.
//! - A person has one vote, and none on what they asked for themselves, unless that is allowed.
//! - A link decides once: its use, the decision and a reassignment of its seat end it.
//!
//! Read next: `machine` (which command leads to what), `vote` (the quorum), `people` (seats and links), `invite` (who is told alone), `outcome` (what is settled and told).

mod codec;
mod content;
mod event;
mod invite;
mod link;
mod machine;
mod outcome;
mod people;
mod request;
mod settings;
mod state;
mod timing;
mod view;
mod vote;

pub use content::{canonical, digest};
pub use event::{Cast, Decision, Event, Remark, Verdict, Via};
pub use invite::INVITED;
pub use link::{Claim, Presented};
pub use machine::{APPROVAL_DEFINITION, Approval, DECISION};
pub use outcome::{failure, result};
pub use request::{Described, Person, Refusal, Reply, Request};
pub use settings::{Approver, Escalation, Expiry, Settings};
pub use state::{Comment, Ended, Link, LinkState, Seat, State, Vote};
pub use timing::rfc3339;
