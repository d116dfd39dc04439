//! Who did what, when and by which way: the journal, as it is.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use everstep_approval::{Approver, Cast, Event};
use everstep_core::{EventId, Sequence};
use everstep_engine::{Direction, HistoryCursor, HistoryEvent, HistoryItem};
use serde_json::{Map, Value, json};

use super::{describe, find, identity};
use crate::errors::Code;
use crate::http::App;
use crate::query::Query;
use crate::rest::{Problem, time};

/// Entries of a page.
const PAGE: usize = 200;

pub(super) async fn audit(
    State(app): State<App>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = Query::parse(query.as_deref());
    let id = find(&app, &name).await?;
    let from = query.get("cursor").map(|cursor| {
        let (sequence, event) = cursor.split_once('-')?;
        Some(HistoryCursor {
            sequence: Sequence(sequence.parse().ok()?),
            event: EventId(event.parse().ok()?),
        })
    });
    let from = match from {
        Some(None) => {
            return Err(Problem::new(
                Code::InvalidParameter,
                "The cursor is none of this list",
            ));
        }
        from => from.flatten(),
    };
    let page = app.handle.history(id, from, Direction::Forward, PAGE);
    let page = page.await?;
    let digest = describe(&app, id).await?.state.settings;
    let digest = digest.map(|settings| settings.digest.hex());
    let entries: Vec<Value> = page
        .items
        .iter()
        .filter_map(|item| entry(item, digest.as_deref()))
        .collect();
    let next = page
        .next
        .map(|next| format!("{}-{}", next.sequence, next.event));
    Ok(Json(json!({ "audit": entries, "next": next })).into_response())
}

/// One entry: its number, its time, what it was, and the rest. A vote that counts was about what has this digest: any other is refused.
fn entry(item: &HistoryItem, digest: Option<&str>) -> Option<Value> {
    let HistoryEvent::Approval(event) = &item.event else {
        return None;
    };
    let mut entry = Map::new();
    entry.insert("number".to_owned(), item.id.0.into());
    entry.insert("at".to_owned(), time(item.at).into());
    entry.insert("event".to_owned(), event.name().into());
    entry.extend(details(event));
    if matches!(event, Event::Voted(_) | Event::VotedLate(_)) {
        entry.insert("digest".to_owned(), digest.into());
    }
    Some(Value::Object(entry))
}

/// The same in the form that histories of every kind have.
pub(crate) fn history_event(item: &HistoryItem, include: bool) -> Option<Value> {
    let HistoryEvent::Approval(event) = &item.event else {
        return None;
    };
    let mut details = details(event);
    if !include {
        for member in ["comment", "text", "form"] {
            details.remove(member);
        }
    }
    Some(json!({
        "EventId": item.id.0, "EventType": event.name(), "EventTimestamp": time(item.at),
        format!("{}Details", event.name()): details,
    }))
}

fn details(event: &Event) -> Map<String, Value> {
    let names =
        |approvers: &[Approver]| -> Vec<Value> { approvers.iter().map(identity::show).collect() };
    let details = match event {
        Event::Requested { settings, .. } => json!({
            "title": settings.title, "digest": settings.digest.hex(), "requester": settings.requester, "started_by": settings.starter,
            "approvers": names(&settings.approvers), "quorum": settings.quorum, "due_at": time(settings.due), "round": settings.round,
        }),
        Event::Voted(cast) | Event::VotedLate(cast) => vote(cast),
        Event::Commented(remark) => json!({
            "by": remark.by, "text": remark.text, "via": remark.via.as_str(), "peer": remark.peer,
        }),
        Event::Delegated {
            from,
            to,
            by,
            comment,
            via,
            peer,
        } => json!({
            "by": by, "from": from.as_ref().map(identity::show), "to": identity::show(to), "comment": comment,
            "via": via.as_str(), "peer": peer,
        }),
        Event::LinkMade {
            number,
            approver,
            expires,
            by,
        } => {
            json!({ "by": by, "number": number, "approver": approver, "expires_at": time(*expires) })
        }
        Event::Reminded { count } => json!({ "count": count }),
        Event::Escalated { to, due } => json!({ "to": names(to), "due_at": time(*due) }),
        Event::Decided { decision } => json!({ "decision": decision.as_str() }),
        Event::Expired => json!({}),
        Event::Cancelled { reason, by, via } => {
            json!({ "reason": reason, "by": by, "via": via.as_str() })
        }
    };
    match details {
        Value::Object(details) => details,
        _ => Map::new(),
    }
}

fn vote(cast: &Cast) -> Value {
    let form = cast.form.as_deref().map(serde_json::from_slice::<Value>);
    json!({
        "by": cast.by, "decision": cast.verdict.as_str(), "comment": cast.comment, "form": form.and_then(Result::ok),
        "via": cast.via.as_str(), "peer": cast.peer, "link": cast.link,
    })
}
