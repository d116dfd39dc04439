//! Answers of agents and people: `POST /callbacks` and `POST /callbacks/{id}` in the research workflow's shape, and A2A pushes on the latter.
//!
//! The token in the body decides what is answered; the path's id is the caller's own note. A token that nobody issued is answered as if it had
//! been taken, because agents would otherwise go on trying; the log says what it was.

mod events;
mod policy;
mod push;
mod request;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use bytes::Bytes;
use everstep_core::token::Purpose;
use everstep_core::{Failure, Settlement};
use everstep_engine::{Error, SettleWith};
use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, HeaderValue};
use hyper::{Request, StatusCode};
use serde::Serialize;

use crate::http::{self, App, BodyError};
use crate::rest::time;
use crate::server::Peer;
use events::Received;
pub use policy::Callbacks;
use request::{Answer, Outcome};

/// The code of an agent's failure, as the seeds' specification has it.
const AGENT_ERROR: &str = "AgentExecutionError";

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/callbacks", post(receive))
        .route("/callbacks/{id}", post(receive))
}

#[derive(Serialize)]
struct Delivered<'a> {
    status: &'static str,
    token: &'a str,
    timestamp: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
}

#[derive(Serialize)]
struct Refused<'a> {
    error: &'a str,
}

async fn receive(State(app): State<App>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let received = Received::new(head.extensions.get::<Peer>().map(|peer| peer.0));
    let limits = app.options.limits;
    let body = match http::read(body, limits.body_bytes_max, limits.body_timeout).await {
        Ok(body) => body,
        Err(error) => {
            let status = match error {
                BodyError::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                BodyError::TooSlow { .. } | BodyError::BrokenOff => StatusCode::BAD_REQUEST,
            };
            return answer(
                &app,
                status,
                &Refused {
                    error: &error.to_string(),
                },
            );
        }
    };
    if let Some(token) = push::token(&head.headers) {
        return match push::read(&body) {
            Some(push) => pushed(&app, &received, token, push).await,
            None => {
                received.parse_error(body.len());
                answer(
                    &app,
                    StatusCode::BAD_REQUEST,
                    &Refused {
                        error: "The body is no A2A push",
                    },
                )
            }
        };
    }
    match request::parse(&body) {
        Ok(parsed) if outcome_bytes(&parsed) > limits.callback_bytes_max => {
            let text = format!(
                "The result is longer than {} bytes",
                limits.callback_bytes_max
            );
            answer(
                &app,
                StatusCode::PAYLOAD_TOO_LARGE,
                &Refused { error: &text },
            )
        }
        Ok(parsed) => deliver(&app, &received, &parsed.token, parsed.outcome).await,
        Err(invalid) => {
            if matches!(invalid, request::Invalid::NotJson) {
                received.parse_error(body.len());
            } else {
                received.validation_error(&invalid.to_string());
            }
            answer(
                &app,
                StatusCode::BAD_REQUEST,
                &Refused {
                    error: &invalid.to_string(),
                },
            )
        }
    }
}

fn outcome_bytes(answer: &Answer) -> usize {
    match &answer.outcome {
        Outcome::Success(bytes) | Outcome::Failure(bytes) => bytes.len(),
    }
}

/// A text is the message; anything else is kept beside it as it was written.
fn failure(error: &[u8]) -> Failure {
    match serde_json::from_slice::<String>(error) {
        Ok(text) => Failure::new(AGENT_ERROR, text),
        Err(_) => {
            let text = String::from_utf8_lossy(error).into_owned();
            Failure {
                data: Some(text.clone()),
                ..Failure::new(AGENT_ERROR, text)
            }
        }
    }
}

async fn deliver(app: &App, received: &Received, token: &str, outcome: Outcome) -> Response {
    received.processing(token, &outcome);
    let settle = match outcome {
        Outcome::Success(result) => SettleWith::Succeeded(Some(result)),
        Outcome::Failure(error) => SettleWith::Failed(failure(&error)),
    };
    settled(
        app,
        received,
        token,
        app.handle.settle(Purpose::Callback, token, settle).await,
    )
}

fn settled(
    app: &App,
    received: &Received,
    token: &str,
    settled: Result<Settlement, Error>,
) -> Response {
    let delivered = |duplicate: bool, late: bool| {
        received.completed(token, duplicate, late);
        let timestamp = time(app.handle.clock().now());
        answer(
            app,
            StatusCode::OK,
            &Delivered {
                status: "callback_delivered",
                token,
                timestamp,
                duplicate,
                late,
            },
        )
    };
    match settled {
        Ok(Settlement::Applied) => {
            received.stored(token);
            delivered(false, false)
        }
        Ok(Settlement::Duplicate) => delivered(true, false),
        Ok(Settlement::Conflict) => {
            received.refused(token, "another answer came first");
            answer(
                app,
                StatusCode::CONFLICT,
                &Refused {
                    error: "The callback has already been answered otherwise",
                },
            )
        }
        Ok(Settlement::TimedOut | Settlement::Closed | Settlement::Superseded) => {
            delivered(false, true)
        }
        Ok(Settlement::Unknown) | Err(Error::InvalidToken | Error::UnknownExecution { .. }) => {
            received.workflow_not_found(token);
            delivered(false, false)
        }
        Err(error) => {
            received.storage_error(token, &error);
            answer(
                app,
                StatusCode::INTERNAL_SERVER_ERROR,
                &Refused {
                    error: "Failed to store callback result",
                },
            )
        }
    }
}

/// What an A2A push says: an end settles, anything else is a sign of life. An end without its result leaves the settling to the one who asks the
/// agent for the task.
async fn pushed(app: &App, received: &Received, token: &str, push: push::Push) -> Response {
    match push {
        push::Push::Completed { result } => {
            deliver(app, received, token, Outcome::Success(result)).await
        }
        push::Push::Failed { message } => {
            let error = Bytes::from(serde_json::to_vec(&message).unwrap_or_default());
            deliver(app, received, token, Outcome::Failure(error)).await
        }
        push::Push::Alive => {
            received.alive(token);
            settled(
                app,
                received,
                token,
                app.handle.heartbeat(Purpose::Callback, token).await,
            )
        }
    }
}

fn answer(app: &App, status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = Response::new(Body::from(serde_json::to_vec(body).unwrap_or_default()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let origin = HeaderValue::from_str(&app.options.callbacks.cors_origin);
    headers.insert(
        ACCESS_CONTROL_ALLOW_ORIGIN,
        origin.unwrap_or(HeaderValue::from_static("null")),
    );
    response
}
