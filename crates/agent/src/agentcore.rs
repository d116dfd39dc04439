//! Bedrock AgentCore: runtimes behind AWS's API, or their containers themselves. A payload goes in and an answer, a stream or an
//! acknowledgement comes out; the dialects of A2A may travel as payloads too.

#[cfg(feature = "aws")]
pub(crate) mod aws;

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::a2a::events::Events;
use crate::a2a::{reading, rpc};
use crate::agent::{Address, Arn, Completion, Credentials};
use crate::client::{Call, Listener};
use crate::error::Error;
use crate::http::{Answer, Body, Request};
use crate::legacy;
use crate::task::{Output, Progress, Said, State, Task, TaskRef};

const SESSION: &str = "x-amzn-bedrock-agentcore-runtime-session-id";
const ACCEPT: &str = "application/json, text/event-stream";
const QUALIFIER: &str = "DEFAULT";

/// The session of a task and of what follows it up. AgentCore wants at least 33 characters.
pub(crate) fn session(context: &str) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(context.as_bytes());
    let mut session = String::from("everstep-");
    for byte in digest {
        // Writing to a string does not fail.
        write!(session, "{byte:02x}").ok();
    }
    session
}

pub(crate) async fn send(
    call: &Call<'_>,
    task: &Task,
    listener: &dyn Listener,
) -> Result<Said, Error> {
    let payload = Bytes::from(legacy::payload(call, task)?.to_string());
    let (headers, body) = match &call.agent.address {
        Address::Arn(arn) => open(call, arn, payload).await?,
        Address::Url(_) | Address::Process { .. } => {
            let mut request = contained(call, payload)?;
            request.timeout = patience(call);
            call.client.http.open(request).await?
        }
    };
    let mut said = read(call, task, body, listener).await?;
    let trace = headers.get("traceparent");
    said.traceparent = trace.and_then(|trace| Some(trace.to_str().ok()?.to_owned()));
    Ok(said)
}

async fn read(
    call: &Call<'_>,
    task: &Task,
    mut body: Body,
    listener: &dyn Listener,
) -> Result<Said, Error> {
    let media = body.media_type().unwrap_or("application/json").to_owned();
    let essence = media.split(';').next().unwrap_or_default().trim();
    match essence {
        "text/event-stream" => {
            let value = events(body, listener).await?;
            let output = Output::Json(value.to_string().into());
            Ok(Said::new(None, State::Done(output)))
        }
        _ if essence.ends_with("json") || essence.starts_with("text/") || essence.is_empty() => {
            let answer = Answer {
                host: call.agent.address.to_string(),
                status: 200,
                headers: HeaderMap::new(),
                body: body.rest().await?,
            };
            legacy::understood(call, task, &answer)
        }
        _ => Ok(Said::new(None, State::Done(Output::Stream(Box::new(body))))),
    }
}

/// A stream's events: the one that there was, else all of them.
async fn events(mut body: Body, listener: &dyn Listener) -> Result<Value, Error> {
    let mut events = Events::default();
    let mut all: Vec<Value> = Vec::new();
    while let Some(piece) = body.chunk().await? {
        for event in events.feed(&piece)? {
            let text = String::from_utf8_lossy(&event);
            let value = serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.into()));
            // What a generator breaks with is told as an event of its own.
            if let Some(error) = reading::text(&value, "error")
                && value.get("error_type").is_some()
            {
                return Err(Error::Refused {
                    code: -32603,
                    message: reading::shortened(error, 500),
                });
            }
            let message = value.as_str().map(|text| reading::shortened(text, 200));
            listener.heard(Progress {
                message,
                percent: None,
            });
            all.push(value);
        }
    }
    match <[Value; 1]>::try_from(all) {
        Ok([one]) => Ok(one),
        Err(all) => Ok(Value::Array(all)),
    }
}

/// Posts a payload to a runtime and reads the answer whole.
pub(crate) async fn post(call: &Call<'_>, arn: &Arn, payload: Bytes) -> Result<Answer, Error> {
    let (headers, mut body) = open(call, arn, payload).await?;
    Ok(Answer {
        host: arn.as_str().to_owned(),
        status: 200,
        headers,
        body: body.rest().await?,
    })
}

/// Posts a payload to a runtime. With a bearer token AWS's SDK can't, so that goes by plain HTTP.
pub(crate) async fn open(
    call: &Call<'_>,
    arn: &Arn,
    payload: Bytes,
) -> Result<(HeaderMap, Body), Error> {
    if matches!(call.agent.credentials, Credentials::Bearer(_)) {
        let mut request = call.request(
            Method::POST,
            place(call, arn, "invocations")?,
            Some(payload),
            rpc::JSON,
        )?;
        request.header("accept", ACCEPT)?;
        request.header(SESSION, &session_of(call))?;
        request.timeout = patience(call);
        return call.client.http.open(request).await;
    }
    #[cfg(feature = "aws")]
    return aws::invoke(call, arn, payload).await;
    #[cfg(not(feature = "aws"))]
    Err(Error::AgentCore)
}

/// Ends the session of a task, and with it what works there.
pub(crate) async fn stop(call: &Call<'_>, task: &TaskRef) -> Result<Said, Error> {
    let Address::Arn(arn) = &call.agent.address else {
        return Err(Error::Unsupported {
            dialect: task.dialect.name(),
            what: "cancel a task",
        });
    };
    let canceled = Said::new(Some(task.clone()), State::Canceled { message: None });
    if matches!(call.agent.credentials, Credentials::Bearer(_)) {
        let url = place(call, arn, "stopruntimesession")?;
        let mut request = call.request(Method::POST, url, Some(Bytes::new()), rpc::JSON)?;
        request.header(SESSION, &session_of(call))?;
        let answer = call.client.http.call(request).await?;
        return match answer.status {
            404 => Ok(canceled),
            _ => answer.success().map(|_| canceled),
        };
    }
    #[cfg(feature = "aws")]
    return aws::stop(call, arn).await.map(|()| canceled);
    #[cfg(not(feature = "aws"))]
    Err(Error::AgentCore)
}

/// Whether the agent is busy, where that can be asked.
pub(crate) async fn health(call: &Call<'_>, task: &TaskRef) -> Result<Said, Error> {
    let untold = || Said::new(Some(task.clone()), State::Untold);
    let url = match (&call.agent.ping, &call.agent.address) {
        (Some(url), _) => url.clone(),
        (None, Address::Url(url)) => {
            let mut url = url.clone();
            url.set_path("/ping");
            url
        }
        (None, Address::Arn(_) | Address::Process { .. }) => return Ok(untold()),
    };
    let mut request = Request::new(Method::GET, url, call.agent.call_timeout, 64 * 1024);
    if let Some(traceparent) = call.traceparent {
        request.header("traceparent", traceparent)?;
    }
    let answer = call.client.http.call(request).await?;
    if matches!(answer.status, 404 | 405) {
        return Ok(untold());
    }
    let answer = answer.success()?;
    let health: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    Ok(match reading::text(&health, "status") {
        Some("HealthyBusy") => Said::new(
            Some(task.clone()),
            State::Working(Progress {
                message: Some("HealthyBusy".to_owned()),
                percent: None,
            }),
        ),
        _ => untold(),
    })
}

/// A request to the container itself.
fn contained(call: &Call<'_>, payload: Bytes) -> Result<Request, Error> {
    let mut request = call.request(Method::POST, call.url()?.clone(), Some(payload), rpc::JSON)?;
    request.header("accept", ACCEPT)?;
    request.header(SESSION, &session_of(call))?;
    Ok(request)
}

pub(crate) fn session_of(call: &Call<'_>) -> String {
    session(call.context.unwrap_or_default())
}

/// How long the answer may take: it is the result, unless that comes by a callback.
pub(crate) fn patience(call: &Call<'_>) -> std::time::Duration {
    match call.agent.completion {
        Completion::Callback => call.agent.call_timeout,
        Completion::Told | Completion::Reply => call.agent.run_timeout,
    }
}

fn place(call: &Call<'_>, arn: &Arn, verb: &str) -> Result<Url, Error> {
    let mut url = match &call.agent.endpoint {
        Some(url) => url.clone(),
        None => {
            let text = format!(
                "https://bedrock-agentcore.{}.amazonaws.com",
                call.agent.region_of(arn)
            );
            Url::parse(&text).map_err(|_| Error::Address {
                text,
                why: "the ARN's region is none",
            })?
        }
    };
    let name = utf8_percent_encode(arn.as_str(), NON_ALPHANUMERIC);
    url.set_path(&format!("/runtimes/{name}/{verb}"));
    let qualifier = call.agent.qualifier.as_deref().unwrap_or(QUALIFIER);
    url.query_pairs_mut().append_pair("qualifier", qualifier);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defect_12_a_session_is_long_enough_and_the_same_for_what_follows() {
        let session = session("e/1");
        assert_eq!(session.len(), 73);
        assert!(session.is_ascii());
        assert_eq!(session, super::session("e/1"));
        assert_ne!(session, super::session("e/2"));
    }
}
