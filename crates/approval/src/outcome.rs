//! How an approval ends, what whoever waits gets of it, and what is told to others.

use bytes::Bytes;
use everstep_core::{Failure, Outcome, Payload, Status, Task, Timestamp, Turn};
use serde_json::{Value, json};

use crate::event::{Decision, Event, Verdict, Via};
use crate::machine::{Approval, DELIVERY};
use crate::settings::Approver;
use crate::state::{Ended, State, Vote};
use crate::timing::rfc3339;

/// The reason of what nobody decided in time, as the research workflow names it.
const TIMED_OUT: &str = "Approval timed out";
const NO_REASON: &str = "No reason provided";

/// What others are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    Requested,
    /// One person is asked, alone.
    Invited,
    Reminded,
    Escalated,
    Delegated,
    /// Somebody asks for information.
    Asked,
    Decided,
    Expired,
    Cancelled,
}

impl Notice {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "approval.requested",
            Self::Invited => crate::invite::INVITED,
            Self::Reminded => "approval.reminded",
            Self::Escalated => "approval.escalated",
            Self::Delegated => "approval.delegated",
            Self::Asked => "approval.information_requested",
            Self::Decided => "approval.decided",
            Self::Expired => "approval.expired",
            Self::Cancelled => "approval.cancelled",
        }
    }
}

/// Ends it by a quorum.
pub(crate) fn decide(turn: &mut Turn<'_, Approval>, decision: Decision, status: Status) {
    turn.emit(Event::Decided { decision });
    end(turn, status, Notice::Decided);
}

/// Ends it because its time is over.
pub(crate) fn expire(turn: &mut Turn<'_, Approval>) {
    turn.emit(Event::Expired);
    end(turn, Status::TimedOut, Notice::Expired);
}

/// Ends it because nobody wants it any more.
pub(crate) fn cancel(
    turn: &mut Turn<'_, Approval>,
    reason: String,
    by: Option<String>,
    via: Via,
    status: Status,
) {
    turn.emit(Event::Cancelled { reason, by, via });
    end(turn, status, Notice::Cancelled);
}

fn end(turn: &mut Turn<'_, Approval>, status: Status, notice: Notice) {
    turn.close(status);
    deliver(turn);
    tell(turn, notice);
}

/// What whoever waits gets, once it has ended.
#[must_use]
pub fn result(state: &State) -> Option<Value> {
    let (settings, ended) = (state.settings.as_ref()?, state.ended.as_ref()?);
    let decided_by = decided_by(state, ended);
    let decisions: Vec<Value> = state.votes.iter().map(shown).collect();
    let form = state
        .form()
        .filter(|_| ended.decision == Decision::Approved)
        .and_then(|form| serde_json::from_slice::<Value>(form).ok());
    Some(json!({
        "approved": ended.decision == Decision::Approved,
        "decision": ended.decision.as_str(),
        "feedback": feedback(state, ended),
        "reason": reason(state, ended),
        "approved_by": decided_by,
        "approved_at": rfc3339(ended.at),
        "form": form,
        "digest": settings.digest.hex(),
        "approval_id": state.id,
        "round": settings.round,
        "decisions": decisions,
    }))
}

/// A vote as results and descriptions have it.
fn shown(vote: &Vote) -> Value {
    json!({
        "by": vote.cast.by,
        "decision": vote.cast.verdict.as_str(),
        "comment": vote.cast.comment,
        "at": rfc3339(vote.at),
        "via": vote.cast.via.as_str(),
    })
}

/// The verdict that a decision consists of.
const fn verdict(decision: Decision) -> Option<Verdict> {
    match decision {
        Decision::Approved => Some(Verdict::Approve),
        Decision::Rejected => Some(Verdict::Reject),
        Decision::ChangesRequested => Some(Verdict::RequestChanges),
        Decision::Expired | Decision::Cancelled => None,
    }
}

fn deciding<'a>(state: &'a State, ended: &Ended) -> impl Iterator<Item = &'a Vote> {
    let verdict = verdict(ended.decision);
    let votes = state.votes.iter();
    votes.filter(move |vote| Some(vote.cast.verdict) == verdict)
}

fn decided_by(state: &State, ended: &Ended) -> Option<String> {
    let names: Vec<&str> = deciding(state, ended)
        .map(|vote| vote.cast.by.as_str())
        .collect();
    match names.is_empty() {
        true => ended.by.clone(),
        false => Some(names.join(", ")),
    }
}

/// What those who decided wrote, each in a paragraph.
fn words(state: &State, ended: &Ended) -> String {
    let comments: Vec<&str> = deciding(state, ended)
        .filter_map(|vote| vote.cast.comment.as_deref())
        .filter(|comment| !comment.is_empty())
        .collect();
    comments.join("\n\n")
}

fn feedback(state: &State, ended: &Ended) -> String {
    match ended.decision {
        Decision::Approved | Decision::ChangesRequested => words(state, ended),
        Decision::Rejected | Decision::Expired | Decision::Cancelled => String::new(),
    }
}

fn reason(state: &State, ended: &Ended) -> Option<String> {
    match ended.decision {
        Decision::Approved | Decision::ChangesRequested => None,
        Decision::Rejected => Some(words(state, ended))
            .filter(|words| !words.is_empty())
            .or_else(|| Some(NO_REASON.to_owned())),
        Decision::Expired => Some(TIMED_OUT.to_owned()),
        Decision::Cancelled => ended.reason.clone(),
    }
}

/// Why an approval that was not decided has ended.
#[must_use]
pub fn failure(state: &State) -> Failure {
    match &state.ended {
        Some(ended) if ended.decision == Decision::Expired => {
            Failure::new("Approval.Expired", TIMED_OUT)
        }
        Some(ended) if ended.decision == Decision::Cancelled => Failure::new(
            "Approval.Cancelled",
            ended.reason.clone().unwrap_or_default(),
        ),
        Some(_) | None => Failure::default(),
    }
}

/// What a notice says: enough to act on, and nothing that opens a door.
pub(crate) fn notice(state: &State, notice: Notice, at: Timestamp) -> Option<Value> {
    let settings = state.settings.as_ref()?;
    let names = |sort: fn(&Approver) -> Option<&String>| -> Vec<&String> {
        let seats = state.seats.iter();
        seats.filter_map(|seat| sort(&seat.approver)).collect()
    };
    let question = state.comments.last().filter(|_| notice == Notice::Asked);
    let ended = state.ended.as_ref();
    let asked = asked(state, notice);
    let whole = asked.get("summary").and_then(Value::as_str);
    let summary = whole.unwrap_or(&settings.summary);
    Some(json!({
        "at": rfc3339(at),
        "approval_id": state.id,
        "workflow_id": settings.workflow,
        "title": settings.title,
        "status": state.status(),
        "requester": settings.requester,
        "approvers": names(|approver| match approver {
            Approver::User(name) => Some(name),
            Approver::Group(_) => None,
        }),
        "groups": names(|approver| match approver {
            Approver::Group(name) => Some(name),
            Approver::User(_) => None,
        }),
        "digest": settings.digest.hex(),
        "round": settings.round,
        "due_at": rfc3339(state.due),
        "url": format!("{}{}/page", settings.pages, state.id),
        "summary": summary,
        "details": asked.get("details"),
        "artifacts": asked.get("artifacts"),
        "reminder": (notice == Notice::Reminded).then_some(state.reminded),
        "question": question.map(|comment| json!({ "by": comment.remark.by, "text": comment.remark.text })),
        "decided_by": ended.and_then(|ended| decided_by(state, ended)),
        "feedback": ended.map(|ended| feedback(state, ended)),
        "reason": ended.and_then(|ended| reason(state, ended)),
    }))
}

/// Brings the outcome to whoever waits: repeated until taken, so that it arrives once.
fn deliver(turn: &mut Turn<'_, Approval>) {
    let state = turn.state();
    let settings = state.settings.as_ref();
    let settling = settings.filter(|settings| settings.settles);
    let address = settling.and_then(|settings| settings.waiting.clone());
    let (Some(address), Some(result)) = (address, result(state)) else {
        return;
    };
    let outcome = Outcome::Succeeded(Some(Payload::from(result.to_string())));
    turn.start_task(Task::settling(DELIVERY, address, &outcome));
}

/// Tells whoever has subscribed to it.
pub(crate) fn tell(turn: &mut Turn<'_, Approval>, which: Notice) {
    if let Some(body) = notice(turn.state(), which, turn.now()) {
        turn.post(which.as_str(), Bytes::from(body.to_string()));
    }
}

/// The parts of what is asked that a notice has room for.
fn asked(state: &State, which: Notice) -> Value {
    let inline = match &state.content {
        Some(Payload::Inline(bytes)) if which == Notice::Requested => bytes,
        _ => return Value::Null,
    };
    let whole: Value = serde_json::from_slice(inline).unwrap_or_default();
    whole.get("content").cloned().unwrap_or_default()
}
