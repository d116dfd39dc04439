//! Ends of asynchronous calls on their way to who hears of them: functions, which are invoked in turn, and addresses.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use everstep_core::{ExecutionId, Operation, Payload, Status, Task, Timestamp};
use everstep_durable::{ExecutionSnapshot, FunctionArn, Reply, Request};
use everstep_engine::{Error, Handle};
use serde_json::{Value, json};

/// How long a destination is tried: as long as AWS keeps an event.
const TRIED_S: u64 = 6 * 3_600;
const PAUSE: Duration = Duration::from_secs(2);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Why something did not arrive.
enum Undelivered {
    /// It may arrive later.
    NotYet(String),
    Never(String),
}

impl From<Error> for Undelivered {
    fn from(error: Error) -> Self {
        use everstep_core::Kind;
        match error.kind() {
            Kind::Throttled | Kind::Transient => Self::NotYet(error.to_string()),
            _ => Self::Never(error.to_string()),
        }
    }
}

/// Delivers what a task is for, and ends the task; one that is left open is brought again by its lease.
pub(crate) async fn deliver(
    handle: &Handle,
    http: &reqwest::Client,
    execution: ExecutionId,
    task: &Task,
    said: &Payload,
) {
    let address = &task.target.address;
    loop {
        match attempt(handle, http, execution, task, said).await {
            Ok(()) => break,
            Err(Undelivered::Never(why)) => {
                tracing::error!(%execution, %address, why, "the end of an asynchronous call can't be delivered");
                break;
            }
            Err(Undelivered::NotYet(why)) => {
                tracing::warn!(%execution, %address, why, "the end of an asynchronous call was not delivered yet");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    let accepted = handle.accepted(execution, task.operation, task.generation);
    if let Err(error) = accepted.await {
        tracing::warn!(%execution, %error, "the end of an asynchronous call will be delivered again");
    }
}

async fn attempt(
    handle: &Handle,
    http: &reqwest::Client,
    execution: ExecutionId,
    task: &Task,
    said: &Payload,
) -> Result<(), Undelivered> {
    let describe = everstep_engine::Request::Durable(Request::Describe);
    let reply = handle.report(execution, describe).await?;
    let everstep_engine::Reply::Durable(Reply::Described(snapshot)) = reply else {
        return Err(Undelivered::Never("it has no end".to_owned()));
    };
    let now = handle.clock().now();
    let closed = snapshot.closed.unwrap_or(now);
    if now > closed.after_seconds(TRIED_S) {
        return Err(Undelivered::Never("it was tried for six hours".to_owned()));
    }
    let event = read(handle, execution, snapshot.input.as_ref()).await?;
    let content = if task.operation == Operation(0) {
        let result = read(handle, execution, snapshot.result.as_ref()).await?;
        let said = text(said);
        Bytes::from(record(execution, &snapshot, said, &event, &result).to_string())
    } else {
        event
    };
    let address = &task.target.address;
    if address.starts_with("http://") || address.starts_with("https://") {
        return post(http, address, content).await;
    }
    match function(address, &snapshot.function) {
        Some((at, qualifier)) => start(handle, execution, task, at, qualifier, content).await,
        None => Err(Undelivered::Never(
            "nothing here reaches this service".to_owned(),
        )),
    }
}

async fn read(
    handle: &Handle,
    execution: ExecutionId,
    payload: Option<&Payload>,
) -> Result<Bytes, Error> {
    match payload {
        Some(payload) => handle.payload(execution, payload).await,
        None => Ok(Bytes::from_static(b"null")),
    }
}

fn text(said: &Payload) -> &str {
    match said {
        Payload::Inline(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
        _ => "",
    }
}

/// AWS's record of an asynchronous call. `said` is the condition and the number of invocations.
fn record(
    execution: ExecutionId,
    snapshot: &ExecutionSnapshot,
    said: &str,
    event: &[u8],
    result: &[u8],
) -> Value {
    let (condition, invoked) = said.split_once(' ').unwrap_or((said, "1"));
    let succeeded = snapshot.status == Status::Succeeded;
    let mut context = json!({
        "statusCode": 200,
        "executedVersion": snapshot.function.version,
    });
    if let (false, Value::Object(context)) = (succeeded, &mut context) {
        context.insert("functionError".to_owned(), "Unhandled".into());
    }
    let response = if succeeded {
        json_or_text(result)
    } else {
        let error = snapshot.error.clone().unwrap_or_default();
        json!({
            "errorType": error.kind,
            "errorMessage": error.message,
            "stackTrace": error.stack,
        })
    };
    json!({
        "version": "1.0",
        "timestamp": time(snapshot.closed.unwrap_or_default()),
        "requestContext": {
            "requestId": execution.to_string(),
            "functionArn": snapshot.function.qualified(),
            "condition": condition,
            "approximateInvokeCount": invoked.parse::<u32>().unwrap_or(1),
        },
        "requestPayload": json_or_text(event),
        "responseContext": context,
        "responsePayload": response,
    })
}

fn json_or_text(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into())
}

fn time(at: Timestamp) -> String {
    let moment = i64::try_from(at.0)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

async fn post(http: &reqwest::Client, address: &str, content: Bytes) -> Result<(), Undelivered> {
    let sent = http
        .post(address)
        .header("content-type", "application/json")
        .timeout(ANSWER_TIMEOUT)
        .body(content)
        .send();
    match sent.await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(Undelivered::NotYet(format!(
            "it answered {}",
            answer.status()
        ))),
        Err(error) => Err(Undelivered::NotYet(error.without_url().to_string())),
    }
}

/// The function that an ARN names, beside another one; and its qualifier.
fn function(address: &str, beside: &FunctionArn) -> Option<(FunctionArn, Option<String>)> {
    let rest = address.strip_prefix(&format!(
        "arn:{}:lambda:{}:{}:function:",
        beside.partition, beside.region, beside.account
    ))?;
    let (name, qualifier) = match rest.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier.to_owned())),
        None => (rest, None),
    };
    let at = FunctionArn {
        name: name.to_owned(),
        ..beside.clone()
    };
    Some((at, qualifier))
}

/// Invokes a function asynchronously. The execution's name makes a repetition the same call.
async fn start(
    handle: &Handle,
    execution: ExecutionId,
    task: &Task,
    at: FunctionArn,
    qualifier: Option<String>,
    content: Bytes,
) -> Result<(), Undelivered> {
    let name = format!("{execution}-{}", task.operation);
    let key = Some(name.as_str());
    let resolved = handle.route(&at.name, qualifier.as_deref(), key).await?;
    let settings = resolved.settings(at);
    let started = handle.start_function(&settings, Some(name), content, BTreeMap::new());
    match started.await {
        // It was begun before, perhaps by another version.
        Ok(_) | Err(Error::NameTaken { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
