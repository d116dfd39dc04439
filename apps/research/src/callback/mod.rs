//! The callback handler on AWS: an API Gateway proxy event in, the seed's answers out.
//!
//! A callback is kept under the hash of its token, then handed to the durable execution service, which decides whether anybody waits for
//! it. Whatever the service says, the agent gets its 200: an agent that is refused goes on trying. Only a callback that could not be kept
//! or handed over is answered with 500, so that the agent sends it again. On Everstep the server receives callbacks itself.

mod items;
mod metrics;
mod request;

use std::time::Instant;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub use items::{
    CallbackItems, CallbackPage, Content, Delivery, Kept, KeptByServer, Received, Wait,
};
pub use metrics::{Counts, NAMESPACE};
pub use request::{AgentFailure, Answer, Invalid, Outcome};

use crate::artifact::{LARGE_PAYLOAD_BYTES, Stored, parse_s3_uri, reference};
use crate::error::{Kind, WorkflowError};
use crate::log::{Level, token_hash};
use crate::message::{hex_digest, is_workflow_id};
use crate::record::{Change, now};
use crate::services::Services;
use crate::table::change_status;

/// Who is called, as Lambda tells it.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    /// Request id.
    pub request_id: &'a str,
    /// Name of the function: the dimension of its metrics.
    pub function: &'a str,
}

/// A message of an agent's error that is longer than this is cut; the whole of it lies in the artifact store.
const ERROR_MESSAGE_BYTES: usize = 4096;

/// What is answered, and what it counts for.
struct Reply {
    status: u16,
    body: Value,
}

/// Answers one proxy event.
pub async fn callback_handler(
    services: &Services,
    event: &Value,
    invocation: Invocation<'_>,
) -> Value {
    let began = Instant::now();
    let mut counts = Counts::default();
    let source = [
        "/requestContext/identity/sourceIp",
        "/requestContext/http/sourceIp",
    ]
    .iter()
    .find_map(|place| event.pointer(place));
    services.log.event_type(
        "callback_received",
        json!({ "request_id": invocation.request_id, "source_ip": source }),
    );
    let reply = match request::push_token(event) {
        Some(token) => pushed(services, event, token),
        None => match read(services, event) {
            Ok(answer) => deliver(services, event, &answer, &mut counts).await,
            Err(invalid) => refused(&invalid.to_string(), 400),
        },
    };
    counts.client_errors = u32::from((400..500).contains(&reply.status));
    counts.server_errors = u32::from(reply.status >= 500);
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let line = metrics::line(invocation.function, counts, began.elapsed(), now_ms);
    services.log.line(line);
    json!({
        "statusCode": reply.status,
        "headers": {
            "Content-Type": "application/json",
            "Access-Control-Allow-Origin": services.settings.callback_allow_origin,
        },
        "body": reply.body.to_string(),
    })
}

fn refused(error: &str, status: u16) -> Reply {
    Reply {
        status,
        body: json!({ "error": error }),
    }
}

/// What a token is known by wherever callbacks are kept: its SHA-256.
#[must_use]
pub fn key_of(token: &str) -> String {
    hex_digest(Sha256::digest(token.as_bytes()).as_slice())
}

/// A push settles nothing: what a task has come to, the agent says when the workflow looks at it. The agent has done its part all the same.
fn pushed(services: &Services, event: &Value, token: &str) -> Reply {
    if !request::body(event).is_ok_and(|body| request::is_push(&body)) {
        return refused("The body is no A2A push", 400);
    }
    services.log.event_type(
        "callback_push",
        json!({ "token": token_hash(token), "workflow_id": named_in_path(event) }),
    );
    Reply {
        status: 200,
        body: json!({ "status": "push_received", "timestamp": now() }),
    }
}

/// The body may hold a token even when it is no JSON, so that no log shows any of it.
fn read(services: &Services, event: &Value) -> Result<Answer, Invalid> {
    let body = request::body(event);
    let bytes = body.as_ref().map_or(0, |body| body.len());
    let answer = body.and_then(|body| request::parse(&body));
    if let Err(invalid) = &answer {
        let fields = json!({ "error": invalid.to_string(), "body_bytes": bytes });
        let event = match invalid {
            Invalid::NotJson => "parse_error",
            _ => "validation_error",
        };
        services.log.event_type(event, fields);
    }
    answer
}

async fn deliver(
    services: &Services,
    event: &Value,
    answer: &Answer,
    counts: &mut Counts,
) -> Reply {
    let token = answer.token.as_str();
    let succeeded = matches!(answer.outcome, Outcome::Success(_));
    services.log.event_type(
        "callback_processing",
        json!({ "token": token_hash(token), "status": answer.outcome.status(),
                "has_result": succeeded, "has_error": !succeeded }),
    );
    match settle(services, event, answer, counts).await {
        Ok(marks) => {
            let mut body =
                json!({ "status": "callback_delivered", "token": token, "timestamp": now() });
            if let (Some(members), Some(mark)) = (body.as_object_mut(), marks.word()) {
                members.insert(mark.to_owned(), true.into());
            }
            services.log.event_type(
                "callback_completed",
                json!({ "token": token_hash(token), "outcome": marks.word().unwrap_or("delivered") }),
            );
            Reply { status: 200, body }
        }
        Err(error) => {
            counts.storage_failures = 1;
            services.log.event_type(
                "storage_error",
                json!({ "token": token_hash(token), "error": error.to_string(), "error_type": error.type_name() }),
            );
            services.log.event_type(
                "callback_failed",
                json!({ "token": token_hash(token), "reason": "storage_failed" }),
            );
            refused("Failed to store callback result", 500)
        }
    }
}

/// How a callback that was taken differs from one that settled its wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Settled,
    Duplicate,
    Conflict,
    Late,
    Orphan,
}

impl Taken {
    /// The member that the answer has more; nobody is told that a token is unknown.
    fn word(self) -> Option<&'static str> {
        match self {
            Self::Settled | Self::Orphan => None,
            Self::Duplicate => Some("duplicate"),
            Self::Conflict => Some("conflict"),
            Self::Late => Some("late"),
        }
    }
}

async fn settle(
    services: &Services,
    event: &Value,
    answer: &Answer,
    counts: &mut Counts,
) -> Result<Taken, WorkflowError> {
    let key = key_of(&answer.token);
    let wait = services.callbacks.awaited(&key).await?;
    let (content, sent) = content(services, &key, &answer.outcome).await?;
    let known = wait.as_ref().map(|wait| wait.workflow_id.clone());
    let received = Received {
        workflow_id: known.or_else(|| named_in_path(event)),
        status: answer.outcome.status(),
        content,
        digest: digest(&answer.outcome),
        timestamp: now(),
        seconds: jiff::Timestamp::now().as_second(),
        token_hash: key,
    };
    match services.callbacks.keep(&received).await? {
        Kept::Contradicts { untold } => {
            // An agent that was answered 500 may well report that as its failure. What it had said first still stands.
            if let Some(first) = untold {
                let sent = outcome_of(&first);
                tell(
                    services,
                    &answer.token,
                    &sent,
                    &first,
                    wait.as_ref(),
                    counts,
                )
                .await?;
            }
            counts.late = 1;
            return Ok(Taken::Conflict);
        }
        Kept::Again { delivered: true } => {
            counts.duplicates = 1;
            return Ok(Taken::Duplicate);
        }
        Kept::First | Kept::Again { delivered: false } => {}
    }
    let fields = json!({ "token": token_hash(&answer.token), "status": received.status });
    services.log.event_type("callback_stored", fields);
    let delivery = tell(
        services,
        &answer.token,
        &sent,
        &received,
        wait.as_ref(),
        counts,
    )
    .await?;
    Ok(match delivery {
        Delivery::Delivered => Taken::Settled,
        Delivery::Late => {
            counts.late = 1;
            Taken::Late
        }
        Delivery::Orphan => {
            counts.orphans = 1;
            let fields = json!({ "token": token_hash(&answer.token) });
            services.log.event_type("workflow_not_found", fields);
            Taken::Orphan
        }
    })
}

/// Hands a kept outcome over to the workflow, and keeps what became of that.
async fn tell(
    services: &Services,
    token: &str,
    sent: &Outcome,
    received: &Received,
    wait: Option<&Wait>,
    counts: &mut Counts,
) -> Result<Delivery, WorkflowError> {
    let told = services.engine.answer(token, sent).await;
    let delivery = match told {
        Ok(()) => Delivery::Delivered,
        Err(error) if error.kind.is_transient() => return Err(error.into()),
        Err(error) if wait.is_some() || error.kind == Kind::Conflict => Delivery::Late,
        Err(_) => Delivery::Orphan,
    };
    // The service has decided; that the item does not say so costs a second look at a repetition and nothing else.
    if let Err(error) = services
        .callbacks
        .mark(&received.token_hash, delivery)
        .await
    {
        counts.storage_failures = 1;
        let fields = json!({ "token": token_hash(token), "error": error.message });
        services.log.event_type("storage_error", fields);
    }
    if let (Delivery::Delivered, Some(wait)) = (delivery, wait) {
        update_workflow(services, wait, received, counts).await;
    }
    Ok(delivery)
}

/// What the workflow is told of an outcome that was kept before.
fn outcome_of(kept: &Received) -> Outcome {
    let is_success = kept.status == "SUCCESS";
    match &kept.content {
        Content::Inline(value) if is_success => Outcome::Success(value.to_string()),
        Content::Inline(value) => Outcome::Failure(value.to_string()),
        Content::Location { uri, bytes } if is_success => {
            Outcome::Success(referred(uri, *bytes).to_string())
        }
        Content::Location { uri, .. } => {
            Outcome::Failure(Value::from(format!("The error lies in {uri}.")).to_string())
        }
    }
}

/// The reference to a result that is kept at a place.
fn referred(uri: &str, bytes: usize) -> Value {
    let (bucket, key) = parse_s3_uri(uri).unwrap_or_default();
    let stored = Stored {
        s3_uri: uri.to_owned(),
        bucket,
        key,
    };
    reference(&stored, bytes, &now(), None)
}

/// What the item keeps, and what the workflow is told: the outcome itself, or a reference to it when it is large.
async fn content(
    services: &Services,
    token_hash: &str,
    outcome: &Outcome,
) -> Result<(Content, Outcome), WorkflowError> {
    let text = outcome.text();
    let inline = serde_json::from_str(text).unwrap_or(Value::Null);
    if text.len() <= LARGE_PAYLOAD_BYTES && services.callbacks.holds(&inline) {
        return Ok((Content::Inline(inline), outcome.clone()));
    }
    // Each outcome has a place of its own: one that contradicts must not take that of the first.
    let digest = digest(outcome);
    let begin = digest.get(..16).unwrap_or(&digest);
    let key = format!("callbacks/{token_hash}/{begin}.json");
    let value = Value::String(text.to_owned());
    let stored = services.store("", &key, &value, "application/json").await?;
    let fields = json!({ "s3_key": key, "size": text.len() });
    services.log.event_type("result_stored_s3", fields);
    let sent = match outcome {
        Outcome::Success(text) if text.len() <= LARGE_PAYLOAD_BYTES => outcome.clone(),
        Outcome::Success(_) => Outcome::Success(referred(&stored.s3_uri, text.len()).to_string()),
        Outcome::Failure(_) => {
            let mut cut = text.len().min(ERROR_MESSAGE_BYTES);
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            let begin = text.get(..cut).unwrap_or_default();
            Outcome::Failure(
                Value::from(format!("{begin}… (whole in {})", stored.s3_uri)).to_string(),
            )
        }
    };
    let bytes = text.len();
    Ok((
        Content::Location {
            uri: stored.s3_uri,
            bytes,
        },
        sent,
    ))
}

fn digest(outcome: &Outcome) -> String {
    let digest = Sha256::new()
        .chain_update(outcome.status())
        .chain_update([0])
        .chain_update(outcome.text());
    hex_digest(digest.finalize().as_slice())
}

/// The id in `/callbacks/{id}`: the only hint at a workflow when nobody waits for the token.
fn named_in_path(event: &Value) -> Option<String> {
    let path = ["/path", "/rawPath"]
        .iter()
        .find_map(|place| event.pointer(place)?.as_str())?;
    let (_, id) = path.split_once("/callbacks/")?;
    let id = id.trim_end_matches('/');
    is_workflow_id(id).then(|| id.to_owned())
}

/// Best effort, as in the seed: the workflow has its answer already.
async fn update_workflow(
    services: &Services,
    wait: &Wait,
    received: &Received,
    counts: &mut Counts,
) {
    let change = Change::Answered {
        step: wait.step.clone(),
        status: received.status.to_owned(),
        at: received.timestamp.clone(),
    };
    let id = wait.workflow_id.as_str();
    match change_status(&*services.records, id, &change, &services.log).await {
        Ok((record, _)) => services.log.event_type(
            "workflow_updated",
            json!({ "workflow_id": id, "new_status": record.status }),
        ),
        Err(error) => {
            counts.update_failures = 1;
            let fields = json!({ "workflow_id": id, "error": error.message });
            services.log.event_type("workflow_update_error", fields);
            services.log.write(
                Level::Warning,
                "workflow_update_warning",
                id,
                json!({ "event_type": "workflow_update_warning",
                        "message": "Callback stored but workflow update failed" }),
            );
        }
    }
}

#[cfg(test)]
mod tests;
