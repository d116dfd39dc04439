//! What happens to an approval. All of it is public: the journal is the audit.

use bytes::Bytes;
use everstep_core::codec::{Corrupt, Reader, Writer};
use everstep_core::{Payload, Timestamp};

use crate::codec;
use crate::settings::{Approver, Settings};

/// What somebody says to what is asked. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Approve = 1,
    Reject = 2,
    /// It is to be done differently, and asked again.
    RequestChanges = 3,
}

impl Verdict {
    pub(crate) const ALL: [Self; 3] = [Self::Approve, Self::Reject, Self::RequestChanges];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "APPROVE",
            Self::Reject => "REJECT",
            Self::RequestChanges => "REQUEST_CHANGES",
        }
    }
}

/// How an approval ended. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Approved = 1,
    Rejected = 2,
    ChangesRequested = 3,
    /// Its time was over.
    Expired = 4,
    /// Nobody wants it any more.
    Cancelled = 5,
}

impl Decision {
    pub const ALL: [Self; 5] = [
        Self::Approved,
        Self::Rejected,
        Self::ChangesRequested,
        Self::Expired,
        Self::Cancelled,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "APPROVED",
            Self::Rejected => "REJECTED",
            Self::ChangesRequested => "CHANGES_REQUESTED",
            Self::Expired => "EXPIRED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// By which way somebody came. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    Api = 1,
    Cli = 2,
    /// The page, signed in.
    Page = 3,
    /// The page, by a link of one's own.
    Link = 4,
    /// This server: a workflow that ended, a clock.
    Server = 5,
}

impl Via {
    pub(crate) const ALL: [Self; 5] = [Self::Api, Self::Cli, Self::Page, Self::Link, Self::Server];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Cli => "cli",
            Self::Page => "page",
            Self::Link => "link",
            Self::Server => "server",
        }
    }
}

/// A vote as it was cast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cast {
    pub by: String,
    pub verdict: Verdict,
    /// Feedback or a reason.
    pub comment: Option<String>,
    /// The form's values as JSON.
    pub form: Option<Bytes>,
    pub via: Via,
    pub peer: Option<String>,
    /// The link that it came by.
    pub link: Option<u32>,
}

impl Cast {
    /// Whether a repetition says the same.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.by == other.by
            && self.verdict == other.verdict
            && self.comment == other.comment
            && self.form == other.form
    }
}

/// What somebody wrote without deciding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    pub by: String,
    pub text: String,
    /// It asks for information.
    pub asks: bool,
    pub via: Via,
    pub peer: Option<String>,
}

/// One event. The numbers in `codec` are persisted and never reused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Requested {
        /// The approval's own id as text.
        id: String,
        settings: Box<Settings>,
        content: Option<Payload>,
    },
    Voted(Cast),
    /// After the end: it changes nothing.
    VotedLate(Cast),
    Commented(Remark),
    Delegated {
        /// Whose place it was; `None` when a place was added for somebody beside a group.
        from: Option<Approver>,
        to: Approver,
        by: String,
        comment: Option<String>,
        via: Via,
        peer: Option<String>,
    },
    LinkMade {
        number: u32,
        approver: String,
        expires: Timestamp,
        by: String,
    },
    Reminded {
        count: u32,
    },
    Escalated {
        to: Vec<Approver>,
        /// When its time is over now.
        due: Timestamp,
    },
    Decided {
        decision: Decision,
    },
    /// Its time was over.
    Expired,
    Cancelled {
        reason: String,
        by: Option<String>,
        via: Via,
    },
}

impl everstep_core::Event for Event {
    fn is_public(&self) -> bool {
        true
    }

    fn encode(&self, to: &mut Writer) {
        codec::encode(self, to);
    }

    fn decode(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        codec::decode(from)
    }
}

impl Event {
    /// As histories name it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Requested { .. } => "ApprovalRequested",
            Self::Voted(_) => "ApprovalVoted",
            Self::VotedLate(_) => "ApprovalVotedLate",
            Self::Commented(remark) if remark.asks => "ApprovalInformationRequested",
            Self::Commented(_) => "ApprovalCommented",
            Self::Delegated { .. } => "ApprovalDelegated",
            Self::LinkMade { .. } => "ApprovalLinkMade",
            Self::Reminded { .. } => "ApprovalReminded",
            Self::Escalated { .. } => "ApprovalEscalated",
            Self::Decided { .. } => "ApprovalDecided",
            Self::Expired => "ApprovalExpired",
            Self::Cancelled { .. } => "ApprovalCancelled",
        }
    }
}
