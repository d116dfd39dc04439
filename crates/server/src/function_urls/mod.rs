//! Functions behind addresses of their own: Lambda's function URLs, payload format 2.0.
//!
//! AWS gives each a host name; here they share the server's, and the id is a part of the path: `/function-urls/ID/…`.

mod answer;
mod cors;
mod event;
mod streamed;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use everstep_engine::catalogue::{FunctionUrl, UrlOwner};
use everstep_engine::{Call, Error};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use crate::door::{Caller, Need};
use crate::errors::Code;
use crate::http::{self, App};
use crate::lambda::arn::named_arn;
use crate::rest::Problem;
use crate::stream::{self, Streamed};

/// What the path of every such address begins with.
pub(crate) const PREFIX: &str = "/function-urls/";

/// The address of an id, with a slash at its end.
pub(crate) fn address(app: &App, id: &str) -> String {
    format!("{}{PREFIX}{id}/", app.base)
}

/// Answers a request to a function's address; one to another address gets its body back.
pub(crate) async fn serve(app: &App, head: &Parts, body: Body) -> Result<Response, Body> {
    let Some(rest) = head.uri.path().strip_prefix(PREFIX) else {
        return Err(body);
    };
    let (id, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let answered = answer_at(app, head, body, id, path).await;
    Ok(answered.unwrap_or_else(Problem::into_response))
}

async fn answer_at(
    app: &App,
    head: &Parts,
    body: Body,
    id: &str,
    path: &str,
) -> Result<Response, Problem> {
    let (owner, url) = find(app, id).await?;
    if let Some(preflight) = cors::preflight(&url, head) {
        return Ok(preflight);
    }
    if url.signed && !is_signed(head) {
        return Err(Problem::new(
            Code::NotSigned,
            "This address takes signed requests alone",
        ));
    }
    let limits = app.options.limits;
    let body = http::read(body, limits.invoke_bytes_max, limits.body_timeout).await?;
    let mut response = call(app, head, &body, &owner, &url, path).await?;
    cors::allow(&url, head, response.headers_mut());
    Ok(response)
}

/// Whose address it is, and what was said of it.
async fn find(app: &App, id: &str) -> Result<(UrlOwner, FunctionUrl), Problem> {
    let unknown = || Problem::new(Code::UnknownFunction, "No function has this address");
    let owner = match app.handle.url(id).await {
        Err(Error::UnknownEntry { .. }) => return Err(unknown()),
        other => other?,
    };
    let mut record = match app.handle.function(&owner.function).await {
        Err(Error::UnknownEntry { .. }) => return Err(unknown()),
        other => other?,
    };
    let url = record.settings.urls.remove(&owner.qualifier);
    let url = url.filter(|url| url.id == id).ok_or_else(unknown)?;
    Ok((owner, url))
}

/// Whether a request was signed by somebody who may call functions.
fn is_signed(head: &Parts) -> bool {
    let caller = head.extensions.get::<Caller>().unwrap_or(&Caller::Nobody);
    let action = format!("lambda:InvokeFunctionUrl on resource: {}", head.uri.path());
    caller.must(Need::Operate, &action).is_ok()
}

async fn call(
    app: &App,
    head: &Parts,
    body: &Bytes,
    owner: &UrlOwner,
    url: &FunctionUrl,
    path: &str,
) -> Result<Response, Problem> {
    let name = &owner.function;
    let qualifier = Some(owner.qualifier.as_str()).filter(|it| *it != "$LATEST");
    let resolved = app.handle.route(name, qualifier, None).await?;
    let request_id = uuid::Uuid::new_v4().to_string();
    let event = Bytes::from(event::write(app, head, body, &url.id, path, &request_id));
    let arn = named_arn(&app.options, name, qualifier);
    let call = Call::new(&resolved, arn, request_id, event);
    let called = if url.streamed {
        match stream::call(app, call).await? {
            Streamed::Parts(parts) => return streamed::respond(parts).await,
            Streamed::Whole(called) => called,
        }
    } else {
        app.handle.call(call).await?
    };
    match called.result {
        Ok(result) => answer::read(&result),
        Err(error) => {
            let error = String::from_utf8_lossy(&error);
            tracing::error!(function = name, %error, "a function behind its own address failed");
            Err(Problem::new(
                Code::FunctionFailed,
                format!("{name} failed; its log says why"),
            ))
        }
    }
}

/// An answer without a body.
fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS && head.headers.contains_key("access-control-request-method")
}
