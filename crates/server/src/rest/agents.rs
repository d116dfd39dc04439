//! Agents: what they are called, where they are and how they are dealt with, and how things stand with each.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use everstep_engine::catalogue::{AgentConfig, NotAnAgent};
use everstep_engine::{Agent, AgentState, Breaker, Error};
use hyper::StatusCode;
use serde::Serialize;
use serde_json::json;

use super::{Problem, read_json, time};
use crate::errors::Code;
use crate::http::App;

#[derive(Serialize)]
struct AgentOut {
    name: String,
    #[serde(flatten)]
    config: AgentConfig,
    state: StateOut,
}

#[derive(Serialize)]
struct StateOut {
    /// `closed`, `open` or `half-open`.
    breaker: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_until: Option<String>,
    failures: u32,
    /// Tasks that it has, and tasks that wait to be sent to it.
    out: u32,
    waiting: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

impl StateOut {
    fn of(state: AgentState) -> Self {
        let (breaker, open_until) = match state.breaker {
            Breaker::Closed => ("closed", None),
            Breaker::Open { until } => ("open", Some(time(until))),
            Breaker::HalfOpen => ("half-open", None),
        };
        Self {
            breaker,
            open_until,
            failures: state.failures,
            out: state.out,
            waiting: state.waiting,
            last_error: state.last_error,
        }
    }
}

fn show(app: &App, agent: Agent) -> AgentOut {
    let state = StateOut::of(app.handle.agent_state(&agent.name));
    AgentOut {
        name: agent.name,
        config: agent.config,
        state,
    }
}

pub(super) async fn list(State(app): State<App>) -> Result<Response, Problem> {
    let agents = app.handle.agents().await?.into_iter();
    let agents: Vec<AgentOut> = agents.map(|agent| show(&app, agent)).collect();
    Ok(Json(json!({ "agents": agents })).into_response())
}

pub(super) async fn get(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let agent = app.handle.agent(&name).await?;
    Ok(Json(show(&app, agent)).into_response())
}

/// Declares an agent, or gives its name another description.
pub(super) async fn put(
    State(app): State<App>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let members = read_json(&app, body).await?;
    let config = AgentConfig::read(members).map_err(refused)?;
    let agent = Agent { name, config };
    agent.check().map_err(refused)?;
    app.handle
        .put_agent(&agent)
        .await
        .map_err(|error| match error {
            Error::EntryExists { name, .. } => Problem::new(
                Code::Conflict,
                format!("The function {name} has this name; an agent needs one of its own"),
            ),
            error => error.into(),
        })?;
    Ok(Json(show(&app, agent)).into_response())
}

/// Forgets an agent; the tasks that it has go on.
pub(super) async fn delete(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    app.handle.remove_agent(&name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn refused(why: NotAnAgent) -> Problem {
    Problem::new(
        Code::InvalidAgent,
        format!("The agent can't be declared: {why}"),
    )
}
