//! `POST /approvals`: asks people.

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse as _, Response};
use everstep_approval::{APPROVAL_DEFINITION, Approver, Escalation, Expiry, Settings};
use everstep_core::token::{Purpose, Token};
use everstep_core::{Definition, Digest, ExecutionId, Timestamp};
use everstep_engine::{APPROVAL, Error, StartExecution};
use hyper::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::identity::{Named, check};
use super::link::{EXPIRES_MS_DEFAULT, EXPIRES_MS_MAX};
use super::span::{SPAN_MS_MAX, Span, moment};
use super::{describe, form, whole};
use crate::door::Caller;
use crate::errors::Code;
use crate::http::App;
use crate::rest::{Problem, check_name, not_begun, read_json};

const TITLE_CHARACTERS_MAX: usize = 200;
const SUMMARY_BYTES_MAX: usize = 64 * 1024;
const APPROVERS_MAX: usize = 100;
const WORKFLOW_BYTES_MAX: usize = 256;
/// Of a summary, in a notice.
const NOTICE_LETTERS_MAX: usize = 1_000;
const ARTIFACTS_MAX: usize = 100;
const REMINDERS_MAX: usize = 32;
const DUE_MS_DEFAULT: u64 = 7 * 24 * 3_600_000;
const RETENTION_DAYS_DEFAULT: u32 = 90;
const RETENTION_DAYS_MAX: u32 = 3_650;
const DAY_MS: u64 = 24 * 3_600_000;

/// What is asked of whom.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    name: Option<String>,
    title: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    details: Value,
    /// JSON Schema.
    form: Option<Value>,
    #[serde(default)]
    artifacts: Vec<Artifact>,
    #[serde(default)]
    approvers: Vec<Named>,
    quorum: Option<u32>,
    quorum_against: Option<u32>,
    no_self_approval: Option<bool>,
    requester: Option<String>,
    due: Option<String>,
    expires_in: Option<Span>,
    #[serde(default)]
    on_expiry: OnExpiry,
    #[serde(default)]
    reminders: Vec<Span>,
    escalation: Option<EscalationIn>,
    delegation: Option<bool>,
    /// Whether everybody who is named is sent a link of their own, and for how long it is good.
    links: Option<Links>,
    /// The token that the decision settles: a durable callback's id, or a task token.
    callback: Option<String>,
    /// The approval whose request for changes led to this one.
    previous: Option<String>,
    retention_days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Links {
    Wanted(bool),
    For(Span),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Artifact {
    title: String,
    url: String,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnExpiry {
    #[default]
    Reject,
    Escalate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EscalationIn {
    to: Vec<Named>,
    after: Option<Span>,
}

fn invalid(text: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::new(Code::InvalidParameter, text)
}

pub(super) async fn start(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mut request: Start = read_json(&app, body).await?;
    let key = headers.get("idempotency-key").map(|key| key.to_str());
    let key = key
        .transpose()
        .map_err(|_| invalid("An Idempotency-Key is plain text"))?;
    request.name = request.name.or_else(|| key.map(str::to_owned));
    let (id, existing) = begin(&app, &caller, request).await?;
    let status = if existing {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let mut shown = whole(&app, id).await?;
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("existing".to_owned(), existing.into());
    }
    Ok((status, Json(shown)).into_response())
}

async fn begin(app: &App, caller: &Caller, request: Start) -> Result<(ExecutionId, bool), Problem> {
    check_name(request.name.as_deref())?;
    let callback = callback(app, caller, request.callback.as_deref())?;
    let (round, previous) = round(app, request.previous.as_deref()).await?;
    let content = content(&request)?;
    let digest = everstep_approval::digest(&content);
    let links_ms = links(request.links.as_ref())?;
    let name = request.name.clone();
    let retention = request.retention_days.unwrap_or(RETENTION_DAYS_DEFAULT);
    if !(1..=RETENTION_DAYS_MAX).contains(&retention) {
        return Err(invalid(format!(
            "retention_days lies between 1 and {RETENTION_DAYS_MAX}"
        )));
    }
    let asked = asked(&request);
    let (now, open) = (app.handle.clock().now(), app.options.door.open);
    let token = request.callback.clone();
    let mut settings = settings(now, (caller, open), request, digest)?;
    (settings.round, settings.previous, settings.links_ms) = (round, previous, links_ms);
    settings.workflow = workflow(app, &content, callback.as_ref()).await?;
    settings.waiting = callback.as_ref().and_then(Token::address);
    settings.pages = format!("{}/approvals/", app.base);
    let whole = json!({
        "content": content, "asked": asked, "requester": settings.requester, "starter": settings.starter,
        "previous": previous.map(|id| id.to_string()),
        // Not the token itself: only what tells one from another.
        "callback": token.map(|token| Digest::of(token.as_bytes()).hex()),
    });
    let start = StartExecution {
        definition: Definition {
            machine: APPROVAL,
            name: APPROVAL_DEFINITION.to_owned(),
            version: String::new(),
        },
        name,
        input: Some(everstep_approval::canonical(&whole).into()),
        settings: settings.encode(),
        retention_ms: u64::from(retention) * DAY_MS,
        parent: None,
        attributes: std::collections::BTreeMap::new(),
    };
    match app.handle.start(start).await {
        Ok(started) => Ok((started.id, started.existing)),
        Err(error) => Err(not_begun(app, error).await),
    }
}

/// How it was asked, for telling a repetition from something else.
fn asked(request: &Start) -> Value {
    let span = |span: &Span| span.ms("").unwrap_or_default();
    let names = |named: &[Named]| -> Vec<Value> {
        let approvers = named
            .iter()
            .filter_map(|named| named.clone().approver().ok());
        approvers
            .map(|approver| super::identity::show(&approver))
            .collect()
    };
    let mut asked = json!({
        "approvers": names(&request.approvers),
        "quorum": [request.quorum, request.quorum_against],
        "no_self_approval": request.no_self_approval,
        "delegation": request.delegation,
        "due": request.due,
        "expires_in_ms": request.expires_in.as_ref().map(span),
        "escalates": matches!(request.on_expiry, OnExpiry::Escalate),
        "reminders_ms": request.reminders.iter().map(span).collect::<Vec<_>>(),
        "escalation": request.escalation.as_ref().map(|escalation| json!({
            "to": names(&escalation.to), "after_ms": escalation.after.as_ref().map(span),
        })),
        "retention_days": request.retention_days,
    });
    // Only where it is said: what was asked before there were such links is asked in the same way still.
    if let (Some(asked), Ok(Some(ms))) = (asked.as_object_mut(), links(request.links.as_ref())) {
        asked.insert("links_ms".to_owned(), ms.into());
    }
    asked
}

/// So long each link is good, where everybody gets one.
fn links(links: Option<&Links>) -> Result<Option<u64>, Problem> {
    let ms = match links {
        None | Some(Links::Wanted(false)) => return Ok(None),
        Some(Links::Wanted(true)) => EXPIRES_MS_DEFAULT,
        Some(Links::For(span)) => span.ms("links").map_err(invalid)?,
    };
    if ms > EXPIRES_MS_MAX {
        return Err(invalid(
            "links is true, or says how long each is good: 12h, up to 7d",
        ));
    }
    Ok(Some(ms))
}

/// What it is about, as people know it: the workflow that its details name, or the one that waits.
async fn workflow(
    app: &App,
    content: &Value,
    callback: Option<&Token>,
) -> Result<Option<String>, Problem> {
    let named = content
        .pointer("/details/workflow_id")
        .and_then(Value::as_str);
    let named = named.filter(|name| !name.is_empty() && name.len() <= WORKFLOW_BYTES_MAX);
    match (named, callback) {
        (Some(name), _) => Ok(Some(name.to_owned())),
        (None, Some(waiting)) => match app.handle.row(waiting.execution).await {
            Ok(row) => Ok(Some(row.name)),
            // It has ended meanwhile: the approval will find that out by itself.
            Err(Error::UnknownExecution { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        },
        (None, None) => Ok(None),
    }
}

/// As much of the summary as a notice shows.
fn beginning(summary: &str) -> String {
    summary.chars().take(NOTICE_LETTERS_MAX).collect()
}

/// Exactly what is approved: its digest is over this.
fn content(request: &Start) -> Result<Value, Problem> {
    let length = request.title.chars().count();
    if !(1..=TITLE_CHARACTERS_MAX).contains(&length) || request.title.chars().any(char::is_control)
    {
        return Err(invalid(format!(
            "A title is one line of 1 to {TITLE_CHARACTERS_MAX} characters"
        )));
    }
    if request.summary.len() > SUMMARY_BYTES_MAX {
        return Err(invalid(format!(
            "A summary has at most {SUMMARY_BYTES_MAX} bytes: more belongs into details or an artifact"
        )));
    }
    if request.artifacts.len() > ARTIFACTS_MAX {
        return Err(invalid(format!("At most {ARTIFACTS_MAX} artifacts")));
    }
    if let Some(schema) = &request.form {
        form::check_schema(schema)?;
    }
    let artifacts: Vec<Value> = request
        .artifacts
        .iter()
        .map(|artifact| json!({ "title": artifact.title, "url": artifact.url }))
        .collect();
    Ok(json!({
        "title": request.title, "summary": request.summary, "details": request.details, "form": request.form, "artifacts": artifacts,
    }))
}

/// What the decision settles. A worker asks for its own executions alone.
fn callback(app: &App, caller: &Caller, token: Option<&str>) -> Result<Option<Token>, Problem> {
    let Some(token) = token else {
        return Ok(None);
    };
    let verified = [Purpose::Callback, Purpose::Task]
        .into_iter()
        .find_map(|purpose| app.handle.verify(purpose, token).ok());
    let verified = verified.ok_or_else(|| {
        Problem::new(
            Code::InvalidToken,
            "callback is the id of a durable callback or a task token, and this one was not issued here",
        )
    })?;
    match caller {
        Caller::Worker { executions, .. } if !executions.contains(&verified.execution) => {
            Err(Problem::new(
                Code::NotAllowed,
                "A function asks people for its own executions alone",
            ))
        }
        _ => Ok(Some(verified)),
    }
}

/// The round, and the approval before it.
async fn round(app: &App, previous: Option<&str>) -> Result<(u32, Option<ExecutionId>), Problem> {
    let Some(previous) = previous else {
        return Ok((1, None));
    };
    let id = super::find(app, previous).await?;
    let described = describe(app, id).await?;
    if described.state.ended.is_none() {
        return Err(Problem::new(
            Code::Conflict,
            format!("The approval {id} is still open: it has no next round yet"),
        ));
    }
    let settings = described.state.settings;
    let round = settings.map_or(1, |settings| settings.round);
    Ok((round.saturating_add(1), Some(id)))
}

fn approvers(named: Vec<Named>) -> Result<Vec<Approver>, Problem> {
    if named.len() > APPROVERS_MAX {
        return Err(invalid(format!("At most {APPROVERS_MAX} approvers")));
    }
    let mut approvers = named
        .into_iter()
        .map(Named::approver)
        .collect::<Result<Vec<_>, _>>()?;
    let mut seen = std::collections::BTreeSet::new();
    approvers.retain(|approver| seen.insert(approver.clone()));
    Ok(approvers)
}

fn settings(
    now: Timestamp,
    (caller, open): (&Caller, bool),
    request: Start,
    digest: Digest,
) -> Result<Settings, Problem> {
    let approvers = approvers(request.approvers)?;
    let quorum = request.quorum.unwrap_or(1);
    let quorum_against = request.quorum_against.unwrap_or(1);
    let users = approvers
        .iter()
        .all(|approver| matches!(approver, Approver::User(_)));
    let most = if approvers.is_empty() || !users {
        APPROVERS_MAX
    } else {
        approvers.len()
    };
    if [quorum, quorum_against]
        .iter()
        .any(|quorum| *quorum == 0 || *quorum as usize > most)
    {
        return Err(invalid(format!(
            "quorum and quorum_against lie between 1 and {most}: so many can decide"
        )));
    }
    let escalation = escalation(request.escalation)?;
    let on_expiry = match request.on_expiry {
        OnExpiry::Reject => Expiry::Reject,
        OnExpiry::Escalate if escalation.is_none() => {
            return Err(invalid(
                "on_expiry is escalate, and no escalation says to whom",
            ));
        }
        OnExpiry::Escalate => Expiry::Escalate,
    };
    let due = due(now, request.due.as_deref(), request.expires_in.as_ref())?;
    let (requester, starter) = requester(caller, open, request.requester)?;
    Ok(Settings {
        title: request.title,
        digest,
        requester,
        starter,
        approvers,
        quorum,
        quorum_against,
        self_approval: !request.no_self_approval.unwrap_or(true),
        delegation: request.delegation.unwrap_or(true),
        due,
        on_expiry,
        reminders_ms: reminders(&request.reminders)?,
        escalation,
        waiting: None,
        settles: true,
        round: 1,
        previous: None,
        pages: String::new(),
        has_form: request.form.is_some(),
        summary: beginning(&request.summary),
        workflow: None,
        links_ms: None,
    })
}

fn escalation(escalation: Option<EscalationIn>) -> Result<Option<Escalation>, Problem> {
    let Some(escalation) = escalation else {
        return Ok(None);
    };
    let to = approvers(escalation.to)?;
    if to.is_empty() {
        return Err(invalid("escalation.to names whoever is asked then"));
    }
    let after = escalation.after.map(|after| after.ms("escalation.after"));
    let after_ms = after.transpose().map_err(invalid)?;
    Ok(Some(Escalation { to, after_ms }))
}

fn reminders(reminders: &[Span]) -> Result<Vec<u64>, Problem> {
    if reminders.len() > REMINDERS_MAX {
        return Err(invalid(format!("At most {REMINDERS_MAX} reminders")));
    }
    let mut spans = reminders
        .iter()
        .map(|span| span.ms("A reminder"))
        .collect::<Result<Vec<_>, _>>()
        .map_err(invalid)?;
    spans.sort_unstable();
    spans.dedup();
    Ok(spans)
}

fn due(now: Timestamp, due: Option<&str>, expires_in: Option<&Span>) -> Result<Timestamp, Problem> {
    match (due, expires_in) {
        (Some(_), Some(_)) => Err(invalid(
            "Either due or expires_in says when the time is over",
        )),
        (None, Some(span)) => Ok(now.after_ms(span.ms("expires_in").map_err(invalid)?)),
        (None, None) => Ok(now.after_ms(DUE_MS_DEFAULT)),
        (Some(text), None) => moment(text)
            .filter(|at| *at > now && at.since_ms(now) <= SPAN_MS_MAX)
            .ok_or_else(|| {
                invalid("due is a time such as 2026-11-21T09:00:00Z, ahead by a year at most")
            }),
    }
}

/// Who asks, and who had it asked where that is somebody else: neither decides.
fn requester(
    caller: &Caller,
    open: bool,
    named: Option<String>,
) -> Result<(Option<String>, Option<String>), Problem> {
    if let Some(name) = &named {
        check("A requester's name", name)?;
    }
    Ok(match caller {
        Caller::Key { name, .. } => match named {
            // Where whoever decides is believed, the key says nothing about whoever asks either.
            Some(other) if other != *name => (Some(other), Some(name.clone()).filter(|_| !open)),
            _ => (Some(name.clone()), None),
        },
        Caller::Worker { function_arn, .. } => (named, Some(function_arn.clone())),
        Caller::Anyone | Caller::Nobody => (named, None),
    })
}
