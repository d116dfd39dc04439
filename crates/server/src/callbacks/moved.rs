//! An agent that this server drives tells that a task of its has moved. What it says is not read: whoever drives the task asks the agent itself.

use std::net::SocketAddr;

use axum::body::Body;
use axum::response::Response;
use everstep_core::token::Purpose;
use everstep_engine::{Error, Source, Via};
use hyper::StatusCode;

use crate::http::{self, App};
use crate::trace;

/// What is taken off the wire; an agent may send a whole result along.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Takes a push whose token was made for just that.
pub(super) async fn moved(
    app: &App,
    token: &str,
    peer: Option<SocketAddr>,
    body: Body,
) -> Response {
    let patience = app.options.limits.body_timeout;
    // Whether it was too long or broke off: that the task has moved is known by now.
    let bytes = http::read(body, BODY_BYTES_MAX, patience)
        .await
        .map_or(0, |body| body.len());
    let source = Source {
        peer: peer.map(|peer| peer.ip().to_string()),
        bytes: bytes as u64,
        ..Source::new(Via::A2a)
    };
    if let Ok(task) = app.handle.verify(Purpose::Push, token) {
        trace::link(&app.handle, task.execution).await;
    }
    match app.handle.moved(token, source).await {
        // One that comes late or twice changes nothing; who sent it has done its part.
        Ok(_) => answer(StatusCode::NO_CONTENT),
        Err(Error::InvalidToken | Error::UnknownExecution { .. }) => answer(StatusCode::NOT_FOUND),
        Err(error) => {
            tracing::warn!(%error, "an agent's push was not taken");
            answer(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

fn answer(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
