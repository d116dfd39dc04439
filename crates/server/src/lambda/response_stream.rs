//! InvokeWithResponseStream: the answer as a stream of events, each framed as AWS's event streams are.

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use everstep_engine::Called;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;

use super::errors::Error;
use super::invoke::{self, InvocationType};
use super::route::Name;
use super::{Call, reply};
use crate::stream::{self, Parts, Streamed};

pub(super) async fn invoke(name: &Name, call: &Call<'_>) -> Result<Response, Error> {
    let function = call.called(name).await?;
    let resolved = call.route(&function, None).await?;
    if resolved.revision.config.durable.is_some() {
        return Err(Error::invalid(
            "A durable function can't be invoked with a response stream.",
        ));
    }
    let payload = invoke::payload(&call.body)?;
    match call.invocation_type()? {
        InvocationType::RequestResponse => {}
        InvocationType::DryRun => return Ok(reply::empty(StatusCode::NO_CONTENT)),
        InvocationType::Event => {
            return Err(Error::invalid("Invalid invocation type: Event"));
        }
    }
    let tail = call.wants_tail()?;
    let plain = call.plain_call(&function, &resolved, payload)?;
    let body = match stream::call(call.app, plain).await? {
        Streamed::Whole(called) => {
            let mut frames = Vec::new();
            if let Ok(result) = &called.result {
                frames.extend_from_slice(&chunk(result));
            }
            frames.extend_from_slice(&complete(Ok(called), tail));
            Body::from(frames)
        }
        Streamed::Parts(parts) => Body::from_stream(frames(parts, tail)),
    };
    let mut response = reply::empty(StatusCode::OK);
    *response.body_mut() = body;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/vnd.amazon.eventstream"),
    );
    invoke::executed(headers, &resolved);
    Ok(response)
}

/// Each part as it comes, and what became of the call.
fn frames(
    parts: Parts,
    tail: bool,
) -> impl futures_util::Stream<Item = Result<Bytes, std::convert::Infallible>> {
    futures_util::stream::unfold(Some(parts), move |parts| async move {
        let mut parts = parts?;
        match parts.next().await {
            Some(bytes) => Some((Ok(chunk(&bytes)), Some(parts))),
            None => {
                let ended = parts.end().await;
                Some((Ok(complete(ended, tail)), None))
            }
        }
    })
}

fn chunk(bytes: &[u8]) -> Bytes {
    frame("PayloadChunk", "application/octet-stream", bytes)
}

fn complete(ended: Result<Called, everstep_engine::Error>, tail: bool) -> Bytes {
    let mut said = json!({});
    match ended {
        Ok(called) => {
            if let Err(error) = &called.result {
                reply::add(&mut said, "ErrorCode", "Unhandled");
                reply::add(&mut said, "ErrorDetails", String::from_utf8_lossy(error));
            }
            if tail {
                reply::add(&mut said, "LogResult", STANDARD.encode(&called.log_tail));
            }
        }
        Err(error) => {
            tracing::error!(%error, "an invocation whose answer had begun was not brought to its end");
            reply::add(&mut said, "ErrorCode", "ServiceException");
            reply::add(&mut said, "ErrorDetails", "The server's log says more");
        }
    }
    let said = said.to_string();
    frame("InvokeComplete", "application/json", said.as_bytes())
}

/// One message: lengths and their checksum, headers, payload, and the checksum of it all.
fn frame(event: &str, content_type: &str, payload: &[u8]) -> Bytes {
    const PRELUDE: usize = 12;
    const CHECKSUM: usize = 4;
    const TEXT: u8 = 7;
    let mut headers = Vec::new();
    for (name, value) in [
        (":message-type", "event"),
        (":event-type", event),
        (":content-type", content_type),
    ] {
        headers.push(name.len() as u8);
        headers.extend_from_slice(name.as_bytes());
        headers.push(TEXT);
        headers.extend_from_slice(&(value.len() as u16).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let total = PRELUDE + headers.len() + payload.len() + CHECKSUM;
    let mut message = Vec::with_capacity(total);
    message.extend_from_slice(&(total as u32).to_be_bytes());
    message.extend_from_slice(&(headers.len() as u32).to_be_bytes());
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message.extend_from_slice(&headers);
    message.extend_from_slice(payload);
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message.into()
}
