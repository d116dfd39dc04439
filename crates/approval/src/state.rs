//! What the journal of an approval adds up to.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use everstep_core::{Payload, Stamp, Timestamp};

use crate::event::{Cast, Decision, Event, Remark, Verdict};
use crate::settings::{Approver, Settings};

/// A place among those who decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    pub approver: Approver,
    /// Who handed it on.
    pub from: Option<Approver>,
    /// It was added by the escalation.
    pub escalated: bool,
}

/// A vote that counts: the last one of its person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    pub cast: Cast,
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    pub remark: Remark,
    pub at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    Good,
    Used,
    /// Its seat went to somebody else.
    Revoked,
}

/// A way in for somebody without an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub approver: String,
    pub expires: Timestamp,
    pub by: String,
    pub state: LinkState,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub decision: Decision,
    pub at: Timestamp,
    /// Why it was cancelled, and by whom.
    pub reason: Option<String>,
    pub by: Option<String>,
}

/// Everything that is known of an approval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub id: String,
    pub settings: Option<Settings>,
    pub content: Option<Payload>,
    pub seats: Vec<Seat>,
    pub votes: Vec<Vote>,
    pub comments: Vec<Comment>,
    pub links: BTreeMap<u32, Link>,
    /// When its time is over.
    pub due: Timestamp,
    pub requested: Timestamp,
    pub reminded: u32,
    pub escalated: Option<Timestamp>,
    pub ended: Option<Ended>,
    /// Votes until the end, those that were changed as well.
    pub cast: u32,
    /// Votes after the end.
    pub late: u32,
    pub delegations: u32,
    /// Members of groups that have brought somebody in: that one votes for them.
    pub stand_back: BTreeSet<String>,
}

impl State {
    pub(crate) fn apply(&mut self, event: &Event, stamp: Stamp) {
        match event {
            Event::Requested {
                id,
                settings,
                content,
            } => self.begin(id, settings, content.clone(), stamp.at),
            Event::Voted(cast) => self.voted(cast, stamp.at),
            Event::VotedLate(_) => self.late = self.late.saturating_add(1),
            Event::Commented(remark) => self.comments.push(Comment {
                remark: remark.clone(),
                at: stamp.at,
            }),
            Event::Delegated { from, to, by, .. } => self.hand_on(from.as_ref(), to, by),
            Event::LinkMade {
                number,
                approver,
                expires,
                by,
            } => {
                let link = Link {
                    approver: approver.clone(),
                    expires: *expires,
                    by: by.clone(),
                    state: LinkState::Good,
                };
                self.links.insert(*number, link);
            }
            Event::Reminded { count } => self.reminded = *count,
            Event::Escalated { to, due } => {
                self.escalated.get_or_insert(stamp.at);
                self.due = *due;
                for approver in to {
                    self.add_seat(approver, None, true);
                }
            }
            Event::Decided { decision } => self.end(*decision, stamp.at, None, None),
            Event::Expired => self.end(Decision::Expired, stamp.at, None, None),
            Event::Cancelled { reason, by, .. } => {
                let reason = Some(reason.clone());
                self.end(Decision::Cancelled, stamp.at, reason, by.clone());
            }
        }
    }

    fn begin(&mut self, id: &str, settings: &Settings, content: Option<Payload>, at: Timestamp) {
        id.clone_into(&mut self.id);
        for approver in &settings.approvers {
            self.add_seat(approver, None, false);
        }
        self.due = settings.due;
        self.requested = at;
        self.content = content;
        self.settings = Some(settings.clone());
    }

    fn add_seat(&mut self, approver: &Approver, from: Option<&Approver>, escalated: bool) {
        if !self.seats.iter().any(|seat| seat.approver == *approver) {
            self.seats.push(Seat {
                approver: approver.clone(),
                from: from.cloned(),
                escalated,
            });
        }
    }

    fn voted(&mut self, cast: &Cast, at: Timestamp) {
        self.cast = self.cast.saturating_add(1);
        self.votes.retain(|vote| vote.cast.by != cast.by);
        self.votes.push(Vote {
            cast: cast.clone(),
            at,
        });
        let link = cast.link.and_then(|number| self.links.get_mut(&number));
        if let Some(link) = link {
            link.state = LinkState::Used;
        }
    }

    fn hand_on(&mut self, from: Option<&Approver>, to: &Approver, by: &str) {
        self.delegations = self.delegations.saturating_add(1);
        match from {
            Some(from) => self.seats.retain(|seat| seat.approver != *from),
            None => {
                self.stand_back.insert(by.to_owned());
            }
        }
        self.add_seat(to, from, false);
        let seats = &self.seats;
        let links = self.links.values_mut();
        for link in links.filter(|link| link.state == LinkState::Good) {
            let name = &link.approver;
            let named = || {
                seats
                    .iter()
                    .any(|seat| matches!(&seat.approver, Approver::User(user) if user == name))
            };
            let ends = match from {
                Some(Approver::User(user)) => user == name,
                // Nobody knows here who was in the group: whoever is asked by name keeps a link.
                Some(Approver::Group(_)) => !named(),
                None => name == by,
            };
            if ends {
                link.state = LinkState::Revoked;
            }
        }
    }

    fn end(
        &mut self,
        decision: Decision,
        at: Timestamp,
        reason: Option<String>,
        by: Option<String>,
    ) {
        self.ended = Some(Ended {
            decision,
            at,
            reason,
            by,
        });
    }

    /// Whether everybody with a name may decide, whoever else is asked later.
    #[must_use]
    pub fn asks_everybody(&self) -> bool {
        let settings = self.settings.as_ref();
        settings.is_some_and(|settings| settings.approvers.is_empty())
    }

    /// Whether somebody is asked: by name, by a group, or because everybody is.
    #[must_use]
    pub fn asks(&self, name: &str, groups: &[String]) -> bool {
        self.asks_everybody()
            || self.seats.iter().any(|seat| match &seat.approver {
                Approver::User(user) => user == name,
                Approver::Group(group) => groups.contains(group) && !self.stand_back.contains(name),
            })
    }

    /// Whether a link still speaks for somebody.
    #[must_use]
    pub fn is_good(&self, number: u32, name: &str, now: Timestamp) -> bool {
        self.links.get(&number).is_some_and(|link| {
            link.approver == name && link.state == LinkState::Good && now < link.expires
        })
    }

    /// Whether this name asked for it, or had it asked, and may not decide it.
    #[must_use]
    pub fn is_own(&self, name: &str) -> bool {
        self.settings.as_ref().is_some_and(|settings| {
            let mut names = settings.requester.iter().chain(&settings.starter);
            !settings.self_approval && names.any(|own| own.eq_ignore_ascii_case(name))
        })
    }

    /// Where it stands, in one word.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match &self.ended {
            None => "PENDING",
            Some(ended) => ended.decision.as_str(),
        }
    }

    /// The form as the last approval has it that has one.
    #[must_use]
    pub fn form(&self) -> Option<&Bytes> {
        let approvals = self.votes.iter().rev();
        approvals
            .filter(|vote| vote.cast.verdict == Verdict::Approve)
            .find_map(|vote| vote.cast.form.as_ref())
    }

    /// What it is found by: how it stands, and who is asked.
    #[must_use]
    pub fn attributes(&self) -> BTreeMap<String, String> {
        let mut attributes = BTreeMap::new();
        attributes.insert("approval.status".to_owned(), self.status().to_owned());
        for seat in &self.seats {
            let (sort, name) = match &seat.approver {
                Approver::User(name) => ("approver", name),
                Approver::Group(name) => ("group", name),
            };
            attributes.insert(format!("approval.{sort}.{name}"), "asked".to_owned());
        }
        if self.asks_everybody() {
            attributes.insert("approval.everybody".to_owned(), "asked".to_owned());
        }
        if let Some(previous) = self
            .settings
            .as_ref()
            .and_then(|settings| settings.previous)
        {
            attributes.insert("approval.previous".to_owned(), previous.to_string());
        }
        attributes
    }
}
