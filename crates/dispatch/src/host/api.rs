//! The Runtime API of one worker: HTTP in, [`Call`]s to the worker's supervisor out. A worker is told apart by the port it talks to, because
//! the runtimes accept nothing but `host:port`.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use bytes::{Bytes, BytesMut};
use everstep_engine::AnswerPart;
use http_body_util::BodyExt;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::accept::Connections;

/// Bytes of an oversized answer that are read and thrown away, so that the runtime sees the 413 and not a reset connection.
const DISCARD_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Bytes of an answer that is streamed: Lambda's figure.
const STREAM_BYTES_MAX: usize = 200 * 1024 * 1024;

/// A request of the worker, and where its answer goes.
pub(super) enum Call {
    Next {
        reply: oneshot::Sender<Result<Delivery, Refusal>>,
    },
    Answer {
        request_id: String,
        /// The header `Lambda-Runtime-Invocation-Id`, as `next` handed it out.
        invocation_id: Option<String>,
        answer: Answer,
        reply: oneshot::Sender<Result<(), Refusal>>,
    },
    /// The function begins to stream its answer.
    Stream {
        request_id: String,
        reply: oneshot::Sender<Result<Option<mpsc::Sender<AnswerPart>>, Refusal>>,
    },
    InitError {
        report: ErrorReport,
        reply: oneshot::Sender<Result<(), Refusal>>,
    },
}

/// An invocation as `next` hands it out.
pub(super) struct Delivery {
    pub headers: Vec<(&'static str, String)>,
    pub payload: Bytes,
}

/// What the function made of an invocation.
pub(super) enum Answer {
    Response(Bytes),
    Error(ErrorReport),
    /// Bytes that the answer had.
    TooLarge(usize),
}

/// An error as the runtime describes it.
pub(super) struct ErrorReport {
    /// The header `Lambda-Runtime-Function-Error-Type`.
    pub error_type: Option<String>,
    pub body: Bytes,
}

/// The documented 4xx answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Not an invocation of this worker.
    InvalidRequestId,
    /// The call does not fit the worker's state: answered already, or no work may be asked for now.
    InvalidStateTransition,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Refusal::InvalidRequestId => problem(
                StatusCode::BAD_REQUEST,
                "InvalidRequestID",
                "Invalid request ID",
            ),
            Refusal::InvalidStateTransition => problem(
                StatusCode::FORBIDDEN,
                "InvalidStateTransition",
                "State transition is not allowed",
            ),
        }
    }
}

#[derive(Clone)]
struct Api {
    calls: mpsc::Sender<Call>,
    response_limit: usize,
}

/// Serves the Runtime API on the listener until the task is aborted.
pub(super) fn serve(
    listener: TcpListener,
    calls: mpsc::Sender<Call>,
    response_limit: usize,
) -> JoinHandle<()> {
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route(
            "/2018-06-01/runtime/invocation/{request_id}/response",
            post(response),
        )
        .route(
            "/2018-06-01/runtime/invocation/{request_id}/error",
            post(error),
        )
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .fallback(unknown)
        .with_state(Api {
            calls,
            response_limit,
        });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(Connections(listener), router).await {
            tracing::error!(%error, "a Runtime API listener ended");
        }
    })
}

async fn next(State(api): State<Api>) -> Response {
    match api.ask(|reply| Call::Next { reply }).await {
        Some(Ok(delivery)) => delivery.into_response(),
        Some(Err(refusal)) => refusal.into_response(),
        None => gone(),
    }
}

async fn response(
    State(api): State<Api>,
    Path(request_id): Path<String>,
    headers: HeaderMap,
    request: Request<Body>,
) -> Response {
    if is_streamed(&headers) {
        let asked = api.ask(|reply| Call::Stream {
            request_id: request_id.clone(),
            reply,
        });
        match asked.await {
            // Nobody reads it as it comes: it is gathered, as any other answer.
            Some(Ok(None)) => {}
            Some(Ok(Some(to))) => {
                let begin = AnswerPart::Begin(content_type(&headers));
                return match forward(request.into_body(), begin, to).await {
                    Ok(answer) => {
                        api.answer(request_id, invocation_id(&headers), answer)
                            .await
                    }
                    Err(refused) => refused,
                };
            }
            Some(Err(refusal)) => return refusal.into_response(),
            None => return gone(),
        }
    }
    let answer = match read(request.into_body(), api.response_limit).await {
        Ok(Read::Whole {
            body,
            trailer_error: None,
        }) => Answer::Response(body),
        Ok(Read::Whole {
            trailer_error: Some(report),
            ..
        }) => Answer::Error(report),
        Ok(Read::TooLarge(size)) => Answer::TooLarge(size),
        Err(refused) => return refused,
    };
    api.answer(request_id, invocation_id(&headers), answer)
        .await
}

async fn error(
    State(api): State<Api>,
    Path(request_id): Path<String>,
    headers: HeaderMap,
    request: Request<Body>,
) -> Response {
    let answer = match read(request.into_body(), api.response_limit).await {
        Ok(Read::Whole { body, .. }) => Answer::Error(ErrorReport {
            error_type: error_type(&headers),
            body,
        }),
        Ok(Read::TooLarge(size)) => Answer::TooLarge(size),
        Err(refused) => return refused,
    };
    api.answer(request_id, invocation_id(&headers), answer)
        .await
}

async fn init_error(
    State(api): State<Api>,
    headers: HeaderMap,
    request: Request<Body>,
) -> Response {
    let body = match read(request.into_body(), api.response_limit).await {
        Ok(Read::Whole { body, .. }) => body,
        Ok(Read::TooLarge(_)) => return too_large(api.response_limit),
        Err(refused) => return refused,
    };
    let report = ErrorReport {
        error_type: error_type(&headers),
        body,
    };
    accepted(api.ask(|reply| Call::InitError { report, reply }).await)
}

async fn unknown() -> Response {
    problem(
        StatusCode::NOT_FOUND,
        "NotFound",
        "This Runtime API has invocation/next, invocation/ID/response, invocation/ID/error and init/error",
    )
}

impl Api {
    async fn ask<T>(&self, call: impl FnOnce(oneshot::Sender<T>) -> Call) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.calls.send(call(reply)).await.ok()?;
        answer.await.ok()
    }

    async fn answer(
        &self,
        request_id: String,
        invocation_id: Option<String>,
        answer: Answer,
    ) -> Response {
        let oversized = matches!(answer, Answer::TooLarge(_));
        let verdict = self
            .ask(|reply| Call::Answer {
                request_id,
                invocation_id,
                answer,
                reply,
            })
            .await;
        match verdict {
            Some(Ok(())) if oversized => too_large(self.response_limit),
            other => accepted(other),
        }
    }
}

impl IntoResponse for Delivery {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.payload));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        for (name, value) in self.headers {
            // A client context with a control character cannot be a header; the invocation is worth more than it.
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

enum Read {
    Whole {
        body: Bytes,
        trailer_error: Option<ErrorReport>,
    },
    TooLarge(usize),
}

async fn read(mut body: Body, limit: usize) -> Result<Read, Response> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut size = 0;
    let mut trailer_error = None;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(problem(
                StatusCode::BAD_REQUEST,
                "InvalidRequest",
                "The request body broke off",
            ));
        };
        match frame.into_data() {
            Ok(data) => {
                size += data.len();
                if size > DISCARD_BYTES_MAX {
                    break;
                }
                if size > limit {
                    rest = BytesMut::new();
                } else if first.is_empty() && rest.is_empty() {
                    first = data;
                } else {
                    rest.extend_from_slice(&std::mem::take(&mut first));
                    rest.extend_from_slice(&data);
                }
            }
            Err(frame) => {
                trailer_error = frame
                    .into_trailers()
                    .ok()
                    .and_then(|t| error_of_trailers(&t));
            }
        }
    }
    if size > limit {
        return Ok(Read::TooLarge(size));
    }
    let body = if first.is_empty() {
        rest.freeze()
    } else {
        first
    };
    Ok(Read::Whole {
        body,
        trailer_error,
    })
}

fn is_streamed(headers: &HeaderMap) -> bool {
    let mode = headers.get("lambda-runtime-function-response-mode");
    mode.is_some_and(|mode| mode.as_bytes().eq_ignore_ascii_case(b"streaming"))
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.to_owned())
}

/// Hands the parts on as they come. A reader that has gone away is not waited for; the function may end in peace.
async fn forward(
    mut body: Body,
    begin: AnswerPart,
    to: mpsc::Sender<AnswerPart>,
) -> Result<Answer, Response> {
    let mut size = 0;
    let mut trailer_error = None;
    let mut listening = to.send(begin).await.is_ok();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            problem(
                StatusCode::BAD_REQUEST,
                "InvalidRequest",
                "The request body broke off",
            )
        })?;
        match frame.into_data() {
            Ok(data) => {
                size += data.len();
                if size > STREAM_BYTES_MAX {
                    return Ok(Answer::TooLarge(size));
                }
                if listening {
                    listening = to.send(AnswerPart::Bytes(data)).await.is_ok();
                }
            }
            Err(frame) => {
                let trailers = frame.into_trailers().ok();
                trailer_error = trailers.and_then(|trailers| error_of_trailers(&trailers));
            }
        }
    }
    Ok(trailer_error.map_or(Answer::Response(Bytes::new()), Answer::Error))
}

/// A streamed answer may still end in an error: its type and its base64 body follow the last chunk.
fn error_of_trailers(trailers: &HeaderMap) -> Option<ErrorReport> {
    let error_type = error_type(trailers)?;
    let body = trailers
        .get("lambda-runtime-function-error-body")
        .and_then(|value| {
            base64::engine::general_purpose::STANDARD
                .decode(value.as_bytes())
                .ok()
        });
    Some(ErrorReport {
        error_type: Some(error_type),
        body: body.map(Bytes::from).unwrap_or_default(),
    })
}

fn error_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("lambda-runtime-function-error-type")?;
    Some(value.to_str().ok()?.to_owned()).filter(|text| !text.is_empty())
}

fn invocation_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("lambda-runtime-invocation-id")?;
    value.to_str().ok().map(str::to_owned)
}

fn accepted(verdict: Option<Result<(), Refusal>>) -> Response {
    match verdict {
        Some(Ok(())) => json(StatusCode::ACCEPTED, r#"{"status":"OK"}"#.to_owned()),
        Some(Err(refusal)) => refusal.into_response(),
        None => gone(),
    }
}

fn too_large(limit: usize) -> Response {
    problem(
        StatusCode::PAYLOAD_TOO_LARGE,
        "RequestEntityTooLarge",
        &format!("Exceeded maximum allowed payload size ({limit} bytes)."),
    )
}

/// By the protocol a 500 means: not recoverable, exit.
fn gone() -> Response {
    problem(
        StatusCode::INTERNAL_SERVER_ERROR,
        "ContainerError",
        "This worker is being stopped",
    )
}

fn problem(status: StatusCode, error_type: &str, message: &str) -> Response {
    let body = serde_json::json!({ "errorMessage": message, "errorType": error_type });
    json(status, body.to_string())
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
