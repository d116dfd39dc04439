//! An approval as JSON.

use everstep_approval::{Described, LinkState, Seat};
use everstep_core::ExecutionId;
use serde_json::{Map, Value, json};

use super::identity;
use crate::http::App;
use crate::rest::time;

/// Everything.
pub(super) fn show(app: &App, id: ExecutionId, described: &Described, input: &Value) -> Value {
    let mut shown = summary(app, id, described);
    let state = &described.state;
    let Some(settings) = &state.settings else {
        return Value::Object(shown);
    };
    let content = input.get("content").unwrap_or(&Value::Null);
    for member in ["summary", "details", "form", "artifacts"] {
        let value = content.get(member).cloned().unwrap_or_default();
        shown.insert(member.to_owned(), value);
    }
    let comments = state.comments.iter().map(|comment| {
        json!({
            "by": comment.remark.by, "text": comment.remark.text, "asks": comment.remark.asks,
            "at": time(comment.at), "via": comment.remark.via.as_str(),
        })
    });
    let links = state.links.iter().map(|(number, link)| {
        json!({
            "number": number, "approver": link.approver, "made_by": link.by, "expires_at": time(link.expires),
            "state": match link.state {
                LinkState::Used => "used",
                LinkState::Revoked => "revoked",
                LinkState::Good if state.ended.is_some() || link.expires <= described.now => "over",
                LinkState::Good => "good",
            },
        })
    });
    let escalation = settings.escalation.as_ref().map(|escalation| {
        json!({
            "to": escalation.to.iter().map(identity::show).collect::<Vec<_>>(),
            "after_s": escalation.after_ms.map(|ms| ms / 1_000),
        })
    });
    let more = json!({
        "quorum_against": settings.quorum_against,
        "no_self_approval": !settings.self_approval,
        "delegation": settings.delegation,
        "on_expiry": match settings.on_expiry {
            everstep_approval::Expiry::Reject => "reject",
            everstep_approval::Expiry::Escalate => "escalate",
        },
        "reminders_s": settings.reminders_ms.iter().map(|ms| ms / 1_000).collect::<Vec<_>>(),
        "reminded": state.reminded,
        "escalation": escalation,
        "escalated_at": state.escalated.map(time),
        "previous": settings.previous.map(|id| id.to_string()),
        "comments": comments.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
        "late_votes": state.late,
        "waits_for_it": settings.waiting.is_some(),
        "result": everstep_approval::result(state),
    });
    if let Value::Object(more) = more {
        shown.extend(more);
    }
    Value::Object(shown)
}

/// What lists show.
pub(super) fn summary(app: &App, id: ExecutionId, described: &Described) -> Map<String, Value> {
    let state = &described.state;
    let Some(settings) = &state.settings else {
        return Map::new();
    };
    let votes = state.votes.iter().map(|vote| {
        json!({
            "by": vote.cast.by, "decision": vote.cast.verdict.as_str(), "comment": vote.cast.comment,
            "at": time(vote.at), "via": vote.cast.via.as_str(),
        })
    });
    let shown = json!({
        "id": id.to_string(),
        "arn": super::arn(&app.options, id),
        "status": state.status(),
        "title": settings.title,
        "digest": settings.digest.hex(),
        "requester": settings.requester,
        "started_by": settings.starter,
        "approvers": state.seats.iter().map(seat).collect::<Vec<_>>(),
        "quorum": settings.quorum,
        "votes": votes.collect::<Vec<_>>(),
        "round": settings.round,
        "requested_at": time(state.requested),
        "due_at": time(state.due),
        "ended_at": state.ended.as_ref().map(|ended| time(ended.at)),
        "url": format!("{}/approvals/{id}/page", app.base),
    });
    match shown {
        Value::Object(shown) => shown,
        _ => Map::new(),
    }
}

fn seat(seat: &Seat) -> Value {
    let mut shown = identity::show(&seat.approver);
    if let Some(shown) = shown.as_object_mut() {
        if let Some(from) = &seat.from {
            shown.insert("from".to_owned(), identity::show(from));
        }
        if seat.escalated {
            shown.insert("escalated".to_owned(), true.into());
        }
    }
    shown
}
