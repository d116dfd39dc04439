//! Agents that have a name.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use everstep_engine::Agent;
use serde::Deserialize;
use serde_json::json;

use super::{Problem, read_json};
use crate::errors::Code;
use crate::http::App;
use crate::lambda::arn::is_word;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentIn {
    url: String,
    #[serde(default)]
    description: String,
}

pub(super) async fn list(State(app): State<App>) -> Result<Response, Problem> {
    Ok(Json(json!({ "agents": app.handle.agents().await? })).into_response())
}

pub(super) async fn get(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    Ok(Json(app.handle.agent(&name).await?).into_response())
}

/// Names an agent, or gives its name another URL.
pub(super) async fn put(
    State(app): State<App>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let AgentIn { url, description } = read_json(&app, body).await?;
    if !is_word(&name, 64) {
        return Err(Problem::new(
            Code::InvalidParameter,
            "A name has 1 to 64 letters, digits, hyphens and underscores",
        ));
    }
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(Problem::new(
            Code::InvalidParameter,
            "An agent's URL begins with http:// or https://",
        ));
    }
    let agent = Agent {
        name,
        url,
        description,
    };
    app.handle.put_agent(&agent).await?;
    Ok(Json(agent).into_response())
}
