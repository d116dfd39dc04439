//! What is sent: a message with the payload as data, for agents that read JSON, and as text, for those that read text.

use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::task::{Push, Reply, Task, TaskRef};

pub(crate) fn payload(bytes: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::nonsense(format!("the task's payload is no JSON: {error}")))
}

fn metadata(traceparent: Option<&str>) -> Option<Value> {
    traceparent.map(|traceparent| json!({ "traceparent": traceparent }))
}

/// Adds what there is of it.
fn put(members: &mut Value, name: &str, value: Option<Value>) {
    if let (Value::Object(members), Some(value)) = (members, value) {
        members.insert(name.to_owned(), value);
    }
}

/// The parts of a payload, in the spelling of 1.0 or of 0.3.
fn parts(bytes: &[u8], is_v1: bool) -> Result<Value, Error> {
    let payload = payload(bytes)?;
    // Text that is meant as text stays it; anything else is also shown as the text of its JSON.
    let text = match &payload {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = if is_v1 {
        json!({ "text": text })
    } else {
        json!({ "kind": "text", "text": text })
    };
    // In 0.3, data is an object.
    let data = match (is_v1, &payload) {
        (_, Value::String(_)) => None,
        (true, _) => Some(json!({ "data": payload, "mediaType": "application/json" })),
        (false, Value::Object(_)) => Some(json!({ "kind": "data", "data": payload })),
        (false, _) => None,
    };
    Ok(data.into_iter().chain([text]).collect())
}

/// The message of a task.
pub(crate) fn message(task: &Task, is_v1: bool) -> Result<Value, Error> {
    let mut message = json!({
        "messageId": task.message_id,
        "contextId": task.context_id,
        "role": if is_v1 { "ROLE_USER" } else { "user" },
        "parts": parts(&task.payload, is_v1)?,
    });
    if !is_v1 {
        put(&mut message, "kind", Some("message".into()));
    }
    let previous = task.previous.as_ref();
    let previous = previous.map(|previous| json!([previous.id]));
    put(&mut message, "referenceTaskIds", previous);
    put(
        &mut message,
        "metadata",
        metadata(task.traceparent.as_deref()),
    );
    Ok(message)
}

/// The message that answers a task's question.
pub(crate) fn reply(task: &TaskRef, reply: &Reply, is_v1: bool) -> Result<Value, Error> {
    let mut message = json!({
        "messageId": reply.message_id,
        "taskId": task.id,
        "role": if is_v1 { "ROLE_USER" } else { "user" },
        "parts": parts(&reply.payload, is_v1)?,
    });
    if !is_v1 {
        put(&mut message, "kind", Some("message".into()));
    }
    let context = task.context_id.clone().map(Value::String);
    put(&mut message, "contextId", context);
    put(
        &mut message,
        "metadata",
        metadata(reply.traceparent.as_deref()),
    );
    Ok(message)
}

pub(crate) fn push_v1(push: &Push) -> Value {
    let token = push.token.expose_secret();
    json!({
        "id": push.id,
        "url": push.url.as_str(),
        "token": token,
        "authentication": { "scheme": "Bearer", "credentials": token },
    })
}

pub(crate) fn push_v03(push: &Push) -> Value {
    let token = push.token.expose_secret();
    json!({
        "id": push.id,
        "url": push.url.as_str(),
        "token": token,
        "authentication": { "schemes": ["Bearer"], "credentials": token },
    })
}

/// The parameters of a send. Nobody waits on a connection for hours: the agent is to answer as soon as it has taken the task.
pub(crate) fn params_v1(message: Value, push: Option<&Push>, tenant: Option<&str>) -> Value {
    let mut configuration = json!({ "returnImmediately": true });
    let push = push.map(push_v1);
    put(&mut configuration, "taskPushNotificationConfig", push);
    let mut params = json!({ "message": message, "configuration": configuration });
    put(&mut params, "tenant", tenant.map(Value::from));
    params
}

pub(crate) fn params_v03(message: Value, push: Option<&Push>) -> Value {
    let mut configuration = json!({ "blocking": false });
    let push = push.map(push_v03);
    put(&mut configuration, "pushNotificationConfig", push);
    json!({ "message": message, "configuration": configuration })
}

/// Parameters that name a task.
pub(crate) fn named(id: &str, tenant: Option<&str>) -> Value {
    let mut params = Value::Object(Map::from_iter([("id".to_owned(), Value::from(id))]));
    put(&mut params, "tenant", tenant.map(Value::from));
    params
}
