//! A2A 1.0 over HTTP+JSON.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, Url};
use serde_json::Value;

use super::jsonrpc::{HISTORY, LISTED, among, among_history, lost, traced};
use super::{exact, reading, rpc, shape};
use crate::agent::Dialect;
use crate::client::{Call, Found, Updates};
use crate::error::{Error, PUSH_NOT_SUPPORTED, TASK_NOT_CANCELABLE, TASK_NOT_FOUND};
use crate::http::Answer;
use crate::task::{Reply, Said, Task, TaskRef};

const DIALECT: Dialect = Dialect::A2aRest;
pub(crate) const MEDIA: &str = "application/a2a+json";
/// What a segment of a path shows as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

pub(crate) async fn send(call: &Call<'_>, task: &Task) -> Result<Said, Error> {
    let message = shape::message(task, true)?;
    let push = task.push.as_ref().filter(|_| call.profile.takes_push());
    let url = place(call, "message:send")?;
    let params = shape::params_v1(message.clone(), push, None);
    let answered = match post(call, url.clone(), &params).await {
        Err(Error::Refused {
            code: PUSH_NOT_SUPPORTED,
            ..
        }) if push.is_some() => {
            let params = shape::params_v1(message, None, None);
            post(call, url, &params).await?
        }
        answered => answered?,
    };
    said(&answered)
}

pub(crate) async fn answer(call: &Call<'_>, task: &TaskRef, reply: &Reply) -> Result<Said, Error> {
    let params = shape::params_v1(shape::reply(task, reply, true)?, None, None);
    match post(call, place(call, "message:send")?, &params).await {
        Err(error) if rpc::is_unknown_task(&error) => Ok(lost(task)),
        answered => said(&answered?),
    }
}

fn said(answer: &Answer) -> Result<Said, Error> {
    let said = reading::answer(json(answer)?, DIALECT)?;
    Ok(traced(said, &answer.headers))
}

pub(crate) async fn get(call: &Call<'_>, task: &TaskRef) -> Result<Said, Error> {
    let mut url = place(call, &format!("tasks/{}", segment(&task.id)))?;
    url.query_pairs_mut().append_pair("historyLength", "0");
    match ask(call, Method::GET, url, None).await {
        Ok(answer) => {
            let said = reading::task(json(&answer)?, DIALECT)?;
            Ok(traced(said, &answer.headers))
        }
        Err(error) if rpc::is_unknown_task(&error) => Ok(lost(task)),
        Err(error) => Err(error),
    }
}

pub(crate) async fn has(
    call: &Call<'_>,
    task: &TaskRef,
    message_id: &str,
) -> Result<Option<bool>, Error> {
    let mut url = place(call, &format!("tasks/{}", segment(&task.id)))?;
    url.query_pairs_mut()
        .append_pair("historyLength", &HISTORY.to_string());
    match ask(call, Method::GET, url, None).await {
        Ok(answer) => Ok(among_history(&json(&answer)?, message_id)),
        Err(error) if rpc::is_unknown_task(&error) => Ok(Some(true)),
        Err(error) => Err(error),
    }
}

pub(crate) async fn find(call: &Call<'_>, task: &Task) -> Result<Found, Error> {
    let mut url = place(call, "tasks")?;
    url.query_pairs_mut()
        .append_pair("contextId", &task.context_id)
        .append_pair("pageSize", &LISTED.to_string())
        .append_pair("includeArtifacts", "true");
    match ask(call, Method::GET, url, None).await {
        Ok(answer) => among(json(&answer)?, task, DIALECT),
        Err(
            Error::Status {
                status: 404 | 405 | 501,
                ..
            }
            | Error::Refused { .. },
        ) => Ok(Found::Unable),
        Err(error) => Err(error),
    }
}

pub(crate) async fn cancel(call: &Call<'_>, task: &TaskRef) -> Result<Said, Error> {
    let url = place(call, &format!("tasks/{}:cancel", segment(&task.id)))?;
    match post(call, url, &shape::named(&task.id, None)).await {
        Ok(answer) => reading::task(json(&answer)?, DIALECT),
        Err(error) if rpc::is_unknown_task(&error) => Ok(lost(task)),
        Err(Error::Refused {
            code: TASK_NOT_CANCELABLE,
            ..
        }) => get(call, task).await,
        Err(error) => Err(error),
    }
}

pub(crate) async fn subscribe(call: &Call<'_>, task: &TaskRef) -> Result<Updates, Error> {
    let url = place(call, &format!("tasks/{}:subscribe", segment(&task.id)))?;
    let (_, body) = call.stream_from(Method::GET, url, None).await?;
    Ok(Updates::of(body, DIALECT))
}

pub(crate) async fn drop_push(call: &Call<'_>, task: &TaskRef, id: &str) -> Result<(), Error> {
    let path = format!(
        "tasks/{}/pushNotificationConfigs/{}",
        segment(&task.id),
        segment(id)
    );
    match ask(call, Method::DELETE, place(call, &path)?, None).await {
        Ok(_) | Err(Error::Status { status: 404, .. }) => Ok(()),
        Err(error) if rpc::is_unknown_task(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn post(call: &Call<'_>, url: Url, body: &Value) -> Result<Answer, Error> {
    ask(call, Method::POST, url, Some(Bytes::from(body.to_string()))).await
}

/// A call whose refusal is one of A2A, where it says so.
async fn ask(
    call: &Call<'_>,
    method: Method,
    url: Url,
    body: Option<Bytes>,
) -> Result<Answer, Error> {
    let answer = call.ask(method, url, body, MEDIA).await?;
    match answer.status {
        200..=299 => Ok(answer),
        _ => Err(refusal(&answer)),
    }
}

/// Errors of this binding are those of Google's APIs: the reason stands among the details.
fn refusal(answer: &Answer) -> Error {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let error = body.as_ref().and_then(|body| body.get("error"));
    let details = error.and_then(|error| error.get("details")?.as_array());
    let mut reasons = details
        .into_iter()
        .flatten()
        .filter_map(|detail| reading::text(detail, "reason"));
    let code = reasons.find_map(|reason| match reason {
        "TASK_NOT_FOUND" => Some(TASK_NOT_FOUND),
        "TASK_NOT_CANCELABLE" => Some(TASK_NOT_CANCELABLE),
        "PUSH_NOTIFICATION_NOT_SUPPORTED" => Some(PUSH_NOT_SUPPORTED),
        "UNSUPPORTED_OPERATION" => Some(crate::error::UNSUPPORTED_OPERATION),
        "VERSION_NOT_SUPPORTED" => Some(-32009),
        _ => None,
    });
    let Some(code) = code else {
        return answer.refusal();
    };
    let message = error.and_then(|error| reading::text(error, "message"));
    Error::Refused {
        code,
        message: reading::shortened(message.unwrap_or("no reason given"), 500),
    }
}

fn json(answer: &Answer) -> Result<Value, Error> {
    exact::parse(&answer.body).map_err(|error| Error::nonsense(format!("no JSON: {error}")))
}

fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// A path below the agent's address, and below its tenant.
fn place(call: &Call<'_>, path: &str) -> Result<Url, Error> {
    let mut url = call.url()?.clone();
    let mut whole = url.path().trim_end_matches('/').to_owned();
    if let Some(tenant) = &call.profile.tenant {
        whole.push('/');
        whole.push_str(&segment(tenant));
    }
    whole.push('/');
    whole.push_str(path);
    url.set_path(&whole);
    Ok(url)
}
