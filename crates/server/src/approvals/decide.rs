//! What people say: decisions, comments, places that are handed on, and that it is not wanted any more.

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, FromRequestParts, Path, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use everstep_approval::{
    Cast, Decision, Described, Person, Remark, Reply, Request, Settings, Verdict, Via,
};
use everstep_core::ExecutionId;
use everstep_engine::ExecutionRow;
use hyper::http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};

use super::identity::{self, Named, person};
use super::{ask, content, describe, find, form, refused, whole};
use crate::door::{Caller, Need};
use crate::errors::Code;
use crate::http::App;
use crate::rest::{Problem, read_json};

/// Of a comment, a reason or feedback.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Of the values of a form, however they come.
pub(super) const FORM_BYTES_MAX: usize = 256 * 1024;

/// How a request came.
pub(super) struct Way {
    pub via: Via,
    pub peer: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Way {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self {
            via: identity::via(head),
            peer: identity::peer(head),
        })
    }
}

/// A decision as the page and the API have it.
pub(super) struct Said {
    pub verdict: Verdict,
    pub digest: String,
    pub comment: Option<String>,
    pub form: Option<Value>,
    pub link: Option<u32>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DecisionIn {
    Approve,
    Reject,
    RequestChanges,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecideIn {
    decision: DecisionIn,
    digest: String,
    /// Feedback or a reason.
    comment: Option<String>,
    form: Option<Value>,
    by: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
}

pub(super) fn text(text: Option<String>) -> Result<Option<String>, Problem> {
    let text = text.map(|text| text.trim().to_owned());
    let text = text.filter(|text| !text.is_empty());
    if text
        .as_ref()
        .is_some_and(|text| text.len() > TEXT_BYTES_MAX)
    {
        let text = format!("A text has at most {TEXT_BYTES_MAX} bytes");
        return Err(Problem::new(Code::InvalidParameter, text));
    }
    Ok(text)
}

pub(super) async fn decide(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(caller): Extension<Caller>,
    way: Way,
    body: Body,
) -> Result<Response, Problem> {
    let request: DecideIn = read_json(&app, body).await?;
    let person = person(&app, &caller, request.by, request.groups)?;
    let id = find(&app, &name).await?;
    let said = Said {
        verdict: match request.decision {
            DecisionIn::Approve => Verdict::Approve,
            DecisionIn::Reject => Verdict::Reject,
            DecisionIn::RequestChanges => Verdict::RequestChanges,
        },
        digest: request.digest,
        comment: request.comment,
        form: request.form,
        link: None,
    };
    let (duplicate, decision) = vote(&app, id, person, way, said).await?;
    let mut shown = whole(&app, id).await?;
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("duplicate".to_owned(), duplicate.into());
        let decision = decision.map(Decision::as_str);
        shown.insert("decision".to_owned(), decision.into());
    }
    Ok(Json(shown).into_response())
}

/// Casts a vote. A form is held against its schema first: what the machine gets is right.
pub(super) async fn vote(
    app: &App,
    id: ExecutionId,
    person: Person,
    way: Way,
    said: Said,
) -> Result<(bool, Option<Decision>), Problem> {
    let described = describe(app, id).await?;
    let form = checked(app, id, &described, &said).await?;
    let comment = text(said.comment)?;
    if said.verdict == Verdict::RequestChanges && comment.is_none() {
        return Err(Problem::new(
            Code::InvalidParameter,
            "A request for changes says in its comment what is to be changed",
        ));
    }
    let cast = Cast {
        by: person.name,
        verdict: said.verdict,
        comment,
        form,
        via: way.via,
        peer: way.peer,
        link: said.link,
    };
    let request = Request::Vote {
        cast,
        groups: person.groups,
        digest: said.digest,
    };
    match ask(app, id, request).await? {
        Reply::Recorded(decision) => Ok((false, decision)),
        Reply::Duplicate(decision) => Ok((true, decision)),
        Reply::Refused(refusal) => Err(refused(refusal)),
        Reply::Described(_) | Reply::Link { .. } => Err(odd()),
    }
}

fn odd() -> Problem {
    Problem::new(
        Code::Crashed,
        "The approval gave an answer to something else",
    )
}

/// The form's values, once they fit. They are asked for only where it is approved.
async fn checked(
    app: &App,
    id: ExecutionId,
    described: &Described,
    said: &Said,
) -> Result<Option<Bytes>, Problem> {
    let settings = described.state.settings.as_ref();
    let has_form = settings.is_some_and(|settings| settings.has_form);
    if !has_form {
        return match &said.form {
            None | Some(Value::Null) => Ok(None),
            Some(_) => Err(Problem::new(
                Code::WrongForm,
                "The approval has no form, and the decision brings values for one",
            )),
        };
    }
    let values = said.form.as_ref().filter(|values| !values.is_null());
    let written = values.map(|values| Bytes::from(everstep_approval::canonical(values)));
    if written
        .as_ref()
        .is_some_and(|form| form.len() > FORM_BYTES_MAX)
    {
        return Err(Problem::new(
            Code::TooLarge,
            format!("The values of a form have at most {FORM_BYTES_MAX} bytes"),
        ));
    }
    let needed = said.verdict == Verdict::Approve;
    if !needed && said.form.is_none() {
        return Ok(None);
    }
    let input = content(app, id, described).await?;
    let schema = input.pointer("/content/form").unwrap_or(&Value::Null);
    let values = said.form.clone().unwrap_or_else(|| json!({}));
    match form::check_values(schema, &values) {
        Ok(()) => Ok(written),
        // Whoever comes too late is told what was decided. What does not fit is not kept.
        Err(_) if described.state.ended.is_some() => Ok(None),
        Err(problem) => Err(problem),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CommentIn {
    text: String,
    /// Whether it asks for information.
    #[serde(default)]
    asks: bool,
    by: Option<String>,
}

pub(super) async fn comment(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(caller): Extension<Caller>,
    way: Way,
    body: Body,
) -> Result<Response, Problem> {
    let request: CommentIn = read_json(&app, body).await?;
    let person = person(&app, &caller, request.by, Vec::new())?;
    let id = find(&app, &name).await?;
    let said = (request.text, request.asks);
    remark(&app, id, person, (way, None), said).await?;
    Ok(Json(whole(&app, id).await?).into_response())
}

pub(super) async fn remark(
    app: &App,
    id: ExecutionId,
    person: Person,
    (way, link): (Way, Option<u32>),
    (said, asks): (String, bool),
) -> Result<(), Problem> {
    let text = text(Some(said))?
        .ok_or_else(|| Problem::new(Code::InvalidParameter, "A comment has a text"))?;
    let remark = Remark {
        by: person.name,
        text,
        asks,
        via: way.via,
        peer: way.peer,
    };
    plain(app, id, Request::Comment { remark, link }).await
}

/// Something that is recorded or refused.
pub(super) async fn plain(app: &App, id: ExecutionId, request: Request) -> Result<(), Problem> {
    match ask(app, id, request).await? {
        Reply::Recorded(_) | Reply::Duplicate(_) => Ok(()),
        Reply::Refused(refusal) => Err(refused(refusal)),
        Reply::Described(_) | Reply::Link { .. } => Err(odd()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DelegateIn {
    to: Named,
    /// Whose place; one's own when nobody is named.
    from: Option<Named>,
    comment: Option<String>,
    by: Option<String>,
    #[serde(default)]
    groups: Vec<String>,
}

pub(super) async fn delegate(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(caller): Extension<Caller>,
    way: Way,
    body: Body,
) -> Result<Response, Problem> {
    let request: DelegateIn = read_json(&app, body).await?;
    let by = person(&app, &caller, request.by, request.groups)?;
    let id = find(&app, &name).await?;
    let handed = Request::Delegate {
        by,
        from: request.from.map(Named::approver).transpose()?,
        to: request.to.approver()?,
        reassigns: caller.may(Need::Administer),
        comment: text(request.comment)?,
        via: way.via,
        peer: way.peer,
        link: None,
    };
    plain(&app, id, handed).await?;
    Ok(Json(whole(&app, id).await?).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelIn {
    reason: String,
    by: Option<String>,
}

const NOT_YOURS: &str =
    "Whoever asked, or an administrator, takes an approval back; whoever is asked rejects it";

fn is_asker(settings: &Settings, name: &str) -> bool {
    let mut names = settings.requester.iter().chain(&settings.starter);
    names.any(|asker| asker == name)
}

/// Stopping an approval is taking it back: whoever may not do the one may not do the other, and the audit has the name. Its row afterwards.
pub(crate) async fn stop(
    app: &App,
    caller: &Caller,
    id: ExecutionId,
    why: Option<&str>,
) -> Result<ExecutionRow, Problem> {
    let described = describe(app, id).await?;
    if described.state.ended.is_some() {
        return Ok(app.handle.row(id).await?);
    }
    let by = match caller {
        Caller::Key { name, .. } => Some(name.clone()),
        Caller::Anyone | Caller::Nobody | Caller::Worker { .. } => None,
    };
    let settings = described.state.settings.as_ref();
    let own = by
        .as_ref()
        .is_some_and(|name| settings.is_some_and(|settings| is_asker(settings, name)));
    if !own && !caller.may(Need::Administer) {
        return Err(Problem::new(Code::NotAllowed, NOT_YOURS));
    }
    let reason = text(why.map(str::to_owned))?.unwrap_or_else(|| "It was stopped".to_owned());
    let cancelled = Request::Cancel {
        reason,
        by,
        via: Via::Api,
    };
    match plain(app, id, cancelled).await {
        // Somebody else was faster.
        Err(problem) if problem.code == Code::Decided => {}
        done => done?,
    }
    Ok(app.handle.row(id).await?)
}

/// Whoever asked takes it back, or an administrator does: whoever is asked rejects instead.
pub(super) async fn cancel(
    State(app): State<App>,
    Path(name): Path<String>,
    Extension(caller): Extension<Caller>,
    way: Way,
    body: Body,
) -> Result<Response, Problem> {
    let request: CancelIn = read_json(&app, body).await?;
    let person = person(&app, &caller, request.by, Vec::new())?;
    let id = find(&app, &name).await?;
    let described = describe(&app, id).await?;
    let settings = described.state.settings.as_ref();
    let own = settings.is_some_and(|settings| is_asker(settings, &person.name));
    if !own && !caller.may(Need::Administer) {
        return Err(Problem::new(Code::NotAllowed, NOT_YOURS));
    }
    let reason = text(Some(request.reason))?.unwrap_or_else(|| "It was taken back".to_owned());
    let cancelled = Request::Cancel {
        reason,
        by: Some(person.name),
        via: way.via,
    };
    plain(&app, id, cancelled).await?;
    Ok(Json(whole(&app, id).await?).into_response())
}
