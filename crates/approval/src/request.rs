//! What an approval is asked, and what it answers.

use everstep_core::{Status, Timestamp};

use crate::event::{Cast, Decision, Remark, Via};
use crate::settings::Approver;
use crate::state::State;

/// Somebody whose name was proven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    /// The groups that they are in now.
    pub groups: Vec<String>,
}

/// A command that only this machine knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Describe,
    Vote {
        cast: Cast,
        /// Of the one who votes.
        groups: Vec<String>,
        /// Of what the vote is about, 64 hexadecimal digits.
        digest: String,
    },
    Comment {
        remark: Remark,
        /// The link that it came by.
        link: Option<u32>,
    },
    Delegate {
        by: Person,
        /// Whose place; one's own when nobody is named.
        from: Option<Approver>,
        to: Approver,
        /// Whether `by` may hand on anybody's place.
        reassigns: bool,
        comment: Option<String>,
        via: Via,
        peer: Option<String>,
        link: Option<u32>,
    },
    MakeLink {
        approver: Person,
        expires: Timestamp,
        by: String,
    },
    Cancel {
        reason: String,
        by: Option<String>,
        via: Via,
    },
}

/// Answers to those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Described(Box<Described>),
    /// It was recorded; the decision, if there is one now.
    Recorded(Option<Decision>),
    /// The same was said before.
    Duplicate(Option<Decision>),
    Link {
        number: u32,
    },
    Refused(Refusal),
}

/// Why a request changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{name} is not asked to decide this")]
    NotAsked { name: String },
    #[error("{name} has asked for this, and nobody decides what they asked for themselves")]
    OwnRequest { name: String },
    #[error("what is to be decided has the digest {current}, the decision names {named}")]
    Stale { current: String, named: String },
    #[error("it has been decided: {}", .decision.as_str())]
    Over {
        decision: Decision,
        at: Timestamp,
        by: Option<String>,
    },
    #[error("the link has been used, or is not good any more")]
    DeadLink,
    #[error("places of this approval can't be handed on")]
    NoDelegation,
    #[error("{name} has no place to hand on")]
    NoSeat { name: String },
    #[error("{name} has voted: what was decided can't be handed on")]
    Voted { name: String },
    #[error("{name} is asked already")]
    Asked { name: String },
    #[error("there are {max} {what} already")]
    TooMany { what: &'static str, max: u32 },
}

/// An approval as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    pub status: Status,
    pub started: Timestamp,
    pub now: Timestamp,
    pub state: State,
}
