//! `GET /approvals`: by how they stand, and by who is asked.

use axum::Json;
use axum::extract::{Extension, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use everstep_approval::{APPROVAL_DEFINITION, Decision};
use everstep_core::{ExecutionId, Status};
use everstep_engine::{Cursor, ListFilter};
use serde_json::{Value, json};

use super::{describe, wire};
use crate::door::Caller;
use crate::errors::Code;
use crate::http::App;
use crate::query::Query;
use crate::rest::Problem;

const PAGE_DEFAULT: usize = 50;
const PAGE_MAX: usize = 500;

fn invalid(text: String) -> Problem {
    Problem::new(Code::InvalidParameter, text)
}

/// What lists are asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// `PENDING`, or a decision.
    pub status: Option<String>,
    pub approver: Option<String>,
    pub group: Option<String>,
    /// Those that anybody may decide.
    pub everybody: bool,
}

pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = Query::parse(query.as_deref());
    let mut wanted = Wanted::default();
    for (name, value) in query.pairs() {
        match name {
            "status" => wanted.status = Some(status(value)?),
            "approver" if value == "me" => match &caller {
                Caller::Key { name, .. } => wanted.approver = Some(name.clone()),
                _ => return Err(invalid("Without a key nobody is me".to_owned())),
            },
            "approver" => wanted.approver = Some(value.to_owned()),
            "group" => wanted.group = Some(value.to_owned()),
            "limit" | "cursor" => {}
            _ => {
                return Err(invalid(format!(
                    "Approvals can't be listed by {name}={value}"
                )));
            }
        }
    }
    let limit = match query.get("limit").map(str::parse::<usize>) {
        None => PAGE_DEFAULT,
        Some(Ok(limit)) if (1..=PAGE_MAX).contains(&limit) => limit,
        Some(_) => return Err(invalid(format!("limit must lie between 1 and {PAGE_MAX}"))),
    };
    let cursor = query
        .get("cursor")
        .map(|cursor| URL_SAFE_NO_PAD.decode(cursor).map(Bytes::from).map(Cursor));
    let cursor = cursor
        .transpose()
        .map_err(|_| invalid("The cursor is none of this list".to_owned()))?;
    let (ids, next) = ids(&app, &wanted, cursor, limit).await?;
    let mut approvals = Vec::new();
    for id in ids {
        let described = describe(&app, id).await?;
        approvals.push(Value::Object(wire::summary(&app, id, &described)));
    }
    let next = next.map(|next| URL_SAFE_NO_PAD.encode(&next.0));
    Ok(Json(json!({ "approvals": approvals, "next": next })).into_response())
}

fn status(text: &str) -> Result<String, Problem> {
    let wanted = text.to_ascii_uppercase();
    let known = Decision::ALL.map(Decision::as_str);
    if wanted == "PENDING" || known.contains(&wanted.as_str()) {
        return Ok(wanted);
    }
    Err(invalid(format!(
        "There is no status {text}; there are PENDING, {}",
        known.join(", ")
    )))
}

/// The approvals of a page, newest first.
pub(super) async fn ids(
    app: &App,
    wanted: &Wanted,
    cursor: Option<Cursor>,
    limit: usize,
) -> Result<(Vec<ExecutionId>, Option<Cursor>), Problem> {
    let mut attributes = Vec::new();
    let asked = || "asked".to_owned();
    if let Some(name) = &wanted.approver {
        attributes.push((format!("approval.approver.{name}"), asked()));
    }
    if let Some(name) = &wanted.group {
        attributes.push((format!("approval.group.{name}"), asked()));
    }
    if wanted.everybody {
        attributes.push(("approval.everybody".to_owned(), asked()));
    }
    if let Some(status) = &wanted.status {
        attributes.push(("approval.status".to_owned(), status.clone()));
    }
    let filter = ListFilter {
        definition: Some(APPROVAL_DEFINITION.to_owned()),
        attributes,
        ..ListFilter::default()
    };
    let page = app.handle.list(filter, cursor, limit).await?;
    let rows = page.rows.iter();
    let ids = rows
        .filter(|row| row.status != Status::Deleting)
        .map(|row| row.id);
    Ok((ids.collect(), page.next))
}
