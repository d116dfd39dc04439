//! Answers in AWS's forms.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use everstep_core::{Status, Timestamp};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// A JSON answer with the request's id.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => bytes_as_json(status, bytes.into()),
        // Only a map with keys that are not text can't be written, and there is none.
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// JSON that has been written already.
pub(super) fn bytes_as_json(status: StatusCode, bytes: Bytes) -> Response {
    let mut response = empty(status);
    *response.body_mut() = Body::from(bytes);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let mut id = uuid::Uuid::encode_buffer();
    let id: &str = uuid::Uuid::new_v4().hyphenated().encode_lower(&mut id);
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

/// Gives an object another member.
pub(super) fn add(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value.into());
    }
}

/// `{}`
pub(super) fn nothing() -> Response {
    bytes_as_json(StatusCode::OK, Bytes::from_static(b"{}"))
}

/// AWS's time in REST bodies: seconds since 1970 with milliseconds behind the point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seconds(pub Timestamp);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Exact: milliseconds of this age are far below 2^53.
        serializer.serialize_f64(self.0.0 as f64 / 1000.0)
    }
}

/// AWS's word for a status; it has fewer of them.
pub(super) const fn status(status: Status) -> &'static str {
    match status {
        Status::Running
        | Status::Succeeded
        | Status::Failed
        | Status::TimedOut
        | Status::Stopped
        | Status::Pausing
        | Status::Paused
        | Status::Deleting => status.as_str(),
        Status::Cancelled => Status::Stopped.as_str(),
        Status::Quarantined => Status::Failed.as_str(),
    }
}

/// The statuses that AWS's word stands for; `None` for a word that it does not have.
pub(super) fn statuses(word: &str) -> Option<Vec<Status>> {
    match word {
        "RUNNING" | "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "STOPPED" | "PAUSING" | "PAUSED"
        | "DELETING" => Some(
            Status::ALL
                .into_iter()
                .filter(|candidate| status(*candidate) == word)
                .collect(),
        ),
        _ => None,
    }
}
