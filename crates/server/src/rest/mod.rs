//! Our own API: what the CLI, the dashboard and people with curl use.

mod agents;
mod cancel;
mod definitions;
mod executions;
mod follow;
mod fork;
mod logs;
mod pauses;
mod problem;
mod recording;
mod redrive;
mod result;
mod sam;
mod waiting;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use everstep_core::Timestamp;
use everstep_engine::Error;
use serde::de::DeserializeOwned;

use crate::errors::Code;
use crate::http::{self, App};
use crate::lambda::arn::is_word;

pub(crate) use problem::Problem;
pub(crate) use waiting::note;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/health", get(health))
        .route("/metrics", get(crate::metrics::get))
        .route("/executions", get(executions::list))
        .route(
            "/executions/{id}",
            get(executions::get).delete(pauses::delete),
        )
        .route("/executions/{id}/events", get(follow::events))
        .route("/workflows/{id}/events", get(follow::of_workflow))
        .route("/executions/{id}/history", get(executions::history))
        .route("/executions/{id}/result", get(result::get))
        .route("/executions/{id}/input", get(result::input))
        .route("/executions/{id}/stop", post(executions::stop))
        .route("/executions/{id}/cancel", post(cancel::cancel))
        .route("/executions/{id}/pause", post(pauses::pause))
        .route("/executions/{id}/resume", post(pauses::resume))
        .route("/executions/{id}/recording", get(recording::get))
        .route("/executions/{id}/fork", post(fork::fork))
        .route("/executions/{id}/redrive", post(redrive::redrive))
        .route("/definitions/{name}/start", post(definitions::start))
        .route("/definitions/{name}/logs", get(logs::logs))
        .route("/functions/{name}/start", post(definitions::start_function))
        .route("/functions/{name}/logs", get(logs::of_function))
        .route("/start-durable-execution", post(sam::start))
        .route("/agents", get(agents::list))
        .route(
            "/agents/{name}",
            get(agents::get).put(agents::put).delete(agents::delete),
        )
}

async fn health() -> Response {
    axum::Json(serde_json::json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
        .into_response()
}

/// RFC 3339 in UTC with milliseconds: every time of this API.
pub(crate) fn time(moment: Timestamp) -> String {
    let moment = i64::try_from(moment.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The name that an execution of a function is to be given.
pub(crate) fn check_name(name: Option<&str>) -> Result<(), Problem> {
    if name.is_none_or(|name| is_word(name, 64)) {
        return Ok(());
    }
    Err(Problem::new(
        Code::InvalidParameter,
        "A name has 1 to 64 letters, digits, hyphens and underscores",
    ))
}

/// Why an execution did not begin; a name that is taken leads to who has it.
pub(crate) async fn not_begun(app: &App, error: Error) -> Problem {
    let Error::NameTaken { id } = error else {
        return error.into();
    };
    match app.handle.row(id).await {
        Ok(row) => {
            let arn = crate::executions::arn(&app.options, &row);
            let text = format!("The name is taken by {arn}, which was started with something else");
            Problem::new(Code::Conflict, text)
        }
        Err(error) => error.into(),
    }
}

/// What there is for executions of functions and for no others.
fn of_functions_alone(done: &str) -> Problem {
    let text = format!("Only executions of functions can be {done}");
    Problem::new(Code::Conflict, text)
}

/// Reads a body that is a JSON object, or is not there.
pub(crate) async fn read_json_or_default<T: DeserializeOwned + Default>(
    app: &App,
    body: Body,
) -> Result<T, Problem> {
    let limits = app.options.limits;
    let bytes = http::read(body, limits.body_bytes_max, limits.body_timeout).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    object(&bytes)
}

/// Reads a body that is a JSON object.
pub(crate) async fn read_json<T: DeserializeOwned>(app: &App, body: Body) -> Result<T, Problem> {
    let limits = app.options.limits;
    let bytes = http::read(body, limits.body_bytes_max, limits.body_timeout).await?;
    object(&bytes)
}

pub(super) fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let refused = |why: String| Problem::new(Code::MalformedJson, why);
    // Serde would take an array for the members in their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(refused(
            "The body can't be read: it is an array, not an object".to_owned(),
        ));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| refused(format!("The body can't be read: {error}")))
}
