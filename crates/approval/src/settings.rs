//! How an approval goes: who is asked, how many of them decide, and what time does.

use everstep_core::codec::{Corrupt, Reader, Writer};
use everstep_core::{Digest, ExecutionId, Timestamp};

/// Somebody who may decide.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Approver {
    User(String),
    /// Whoever is in this group when they decide.
    Group(String),
}

/// What happens when the time is over. The numbers are persisted and never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    #[default]
    Reject = 1,
    /// Those of the escalation are asked, with as much time again; then it is rejected.
    Escalate = 2,
}

/// Who is asked, too, when nobody decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    pub to: Vec<Approver>,
    /// So long after the request, if it is not by expiry alone.
    pub after_ms: Option<u64>,
}

/// Everything that an approval is started with, but for its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub title: String,
    /// Of the content: what a vote has to be about.
    pub digest: Digest,
    pub requester: Option<String>,
    /// Who started it, where that is somebody else.
    pub starter: Option<String>,
    /// Nobody: everybody with a name may decide.
    pub approvers: Vec<Approver>,
    /// So many approvals are one.
    pub quorum: u32,
    /// So many rejections, or requests for changes, end it.
    pub quorum_against: u32,
    /// Whether the requester may decide.
    pub self_approval: bool,
    /// Whether approvers may hand their place on.
    pub delegation: bool,
    /// When its time is over.
    pub due: Timestamp,
    pub on_expiry: Expiry,
    /// So long after the request each, in their order.
    pub reminders_ms: Vec<u64>,
    pub escalation: Option<Escalation>,
    /// Where whoever waits for the decision is: [`everstep_core::token::Token::address`]. Of version 1 it is the token itself. It is withdrawn when
    /// they do so no more.
    pub waiting: Option<String>,
    /// Whether the decision settles them: else whoever waits reads it.
    pub settles: bool,
    /// 1 for what is asked for the first time.
    pub round: u32,
    /// The round before this one.
    pub previous: Option<ExecutionId>,
    /// Where its page is: what stands before the id.
    pub pages: String,
    pub has_form: bool,
    /// The beginning of the summary, for notices; the whole one is part of the content.
    pub summary: String,
    /// What it is about, as people know it: the workflow that waits.
    pub workflow: Option<String>,
    /// Everybody who is asked by name is sent a link of their own, which is good so long.
    pub links_ms: Option<u64>,
}

/// Version 1 ends with `has_form`, and has the token of whoever waits where later ones have their address; version 2 ends with `links_ms`.
const VERSION: u8 = 3;

fn approvers(to: &mut Writer, approvers: &[Approver]) {
    to.list(approvers, |to, approver| approver.encode(to));
}

impl Approver {
    pub(crate) fn encode(&self, to: &mut Writer) {
        match self {
            Self::User(name) => {
                to.u8(1);
                to.str(name);
            }
            Self::Group(name) => {
                to.u8(2);
                to.str(name);
            }
        }
    }

    pub(crate) fn decode(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        match from.u8()? {
            1 => Ok(Self::User(from.str()?)),
            2 => Ok(Self::Group(from.str()?)),
            tag => Err(Corrupt::tag("approver", tag)),
        }
    }
}

impl Settings {
    #[must_use]
    pub fn encode(&self) -> bytes::Bytes {
        let mut to = Writer::new();
        self.write(&mut to);
        to.finish()
    }

    pub(crate) fn write(&self, to: &mut Writer) {
        to.u8(VERSION);
        to.str(&self.title);
        to.raw(&self.digest.0);
        to.option(self.requester.as_ref(), |to, name| to.str(name));
        to.option(self.starter.as_ref(), |to, name| to.str(name));
        approvers(to, &self.approvers);
        to.u32(self.quorum);
        to.u32(self.quorum_against);
        to.bool(self.self_approval);
        to.bool(self.delegation);
        to.u64(self.due.0);
        to.u8(self.on_expiry as u8);
        to.list(&self.reminders_ms, |to, ms| to.u64(*ms));
        to.option(self.escalation.as_ref(), |to, escalation| {
            approvers(to, &escalation.to);
            to.option(escalation.after_ms.as_ref(), |to, ms| to.u64(*ms));
        });
        to.option(self.waiting.as_ref(), |to, address| to.str(address));
        to.u32(self.round);
        to.option(self.previous.as_ref(), |to, id| to.raw(id.as_bytes()));
        to.str(&self.pages);
        to.bool(self.has_form);
        to.str(&self.summary);
        to.option(self.workflow.as_ref(), |to, name| to.str(name));
        to.option(self.links_ms.as_ref(), |to, ms| to.u64(*ms));
        to.bool(self.settles);
    }

    /// # Errors
    /// [`Corrupt`] when the bytes are not settings of this build or an earlier one.
    pub fn decode(bytes: &[u8]) -> Result<Self, Corrupt> {
        let mut from = Reader::new(bytes);
        let settings = Self::read(&mut from)?;
        if from.is_empty() {
            Ok(settings)
        } else {
            Err(Corrupt::Malformed {
                what: "approval's settings",
            })
        }
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        let version = from.u8()?;
        if !(1..=VERSION).contains(&version) {
            return Err(Corrupt::tag("version of an approval's settings", version));
        }
        let mut settings = Self {
            title: from.str()?,
            digest: Digest(from.raw()?),
            requester: from.option(Reader::str)?,
            starter: from.option(Reader::str)?,
            approvers: from.list(Approver::decode)?,
            quorum: from.u32()?,
            quorum_against: from.u32()?,
            self_approval: from.bool()?,
            delegation: from.bool()?,
            due: Timestamp(from.u64()?),
            on_expiry: match from.u8()? {
                1 => Expiry::Reject,
                2 => Expiry::Escalate,
                tag => return Err(Corrupt::tag("expiry", tag)),
            },
            reminders_ms: from.list(Reader::u64)?,
            escalation: from.option(|from| {
                Ok(Escalation {
                    to: from.list(Approver::decode)?,
                    after_ms: from.option(Reader::u64)?,
                })
            })?,
            waiting: from.option(Reader::str)?,
            settles: true,
            round: from.u32()?,
            previous: from.option(|from| Ok(ExecutionId::from_bytes(from.raw()?)))?,
            pages: from.str()?,
            has_form: from.bool()?,
            summary: String::new(),
            workflow: None,
            links_ms: None,
        };
        if version > 1 {
            settings.summary = from.str()?;
            settings.workflow = from.option(Reader::str)?;
            settings.links_ms = from.option(Reader::u64)?;
        }
        if version > 2 {
            settings.settles = from.bool()?;
        }
        Ok(settings)
    }
}
