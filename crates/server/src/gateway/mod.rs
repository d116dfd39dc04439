//! HTTP routes that functions answer, as API Gateway's proxy integration has it: the request becomes an event, the function's answer a response.

mod answer;
mod event;
mod pattern;

use axum::response::Response;
use bytes::Bytes;
use everstep_engine::Call;
use hyper::http::request::Parts;

use crate::errors::Code;
use crate::http::{self, App};
use crate::lambda::arn::named_arn;
use crate::rest::Problem;
use pattern::Found;

/// Answers a request by the first route that fits; `None` when none does.
pub(crate) async fn serve(
    app: &App,
    head: &Parts,
    body: axum::body::Body,
) -> Option<Result<Response, Problem>> {
    let found = pattern::find(&app.options.routes, &head.method, head.uri.path())?;
    Some(answer_by(app, head, body, found).await)
}

/// Whether a function answers this request.
pub(crate) fn answers(app: &App, head: &Parts) -> bool {
    pattern::find(&app.options.routes, &head.method, head.uri.path()).is_some()
}

async fn answer_by(
    app: &App,
    head: &Parts,
    body: axum::body::Body,
    found: Found<'_>,
) -> Result<Response, Problem> {
    let limits = app.options.limits;
    let body = http::read(body, limits.invoke_bytes_max, limits.body_timeout).await?;
    let function = &found.route.function;
    let (name, qualifier) = function
        .split_once(':')
        .map_or((function.as_str(), None), |(name, qualifier)| {
            (name, Some(qualifier))
        });
    let resolved = app.handle.route(name, qualifier, None).await?;
    if resolved.revision.config.durable.is_some() {
        let text = format!("{name} is durable: put a plain function before it that starts it");
        return Err(Problem::new(Code::FunctionFailed, text));
    }
    let request_id = uuid::Uuid::new_v4().to_string();
    let payload = Bytes::from(event::write(app, head, &body, &found, &request_id));
    let arn = named_arn(&app.options, name, qualifier);
    let call = Call::new(&resolved, arn, request_id, payload);
    match app.handle.call(call).await?.result {
        Ok(result) => answer::read(&result),
        Err(error) => {
            let error = String::from_utf8_lossy(&error);
            tracing::error!(function = name, %error, "a function behind a route failed");
            Err(Problem::new(
                Code::FunctionFailed,
                format!("{name} failed; its log says why"),
            ))
        }
    }
}
