//! The shape before A2A: JSON-RPC `tasks/send`, posted to `/invocations`. The answer is an acknowledgement and the result comes by a
//! callback, whose address stands in the payload; or the answer is the result.

use serde_json::{Value, json};

use crate::a2a::{exact, reading, rpc, shape};
use crate::agent::{Completion, Dialect};
use crate::client::Call;
use crate::error::Error;
use crate::http::Answer;
use crate::task::{Output, Progress, Said, State, Task, TaskRef};

/// What agents of this kind call a task that they have only taken.
const TAKEN: [&str; 9] = [
    "accepted",
    "queued",
    "pending",
    "processing",
    "running",
    "started",
    "submitted",
    "working",
    "in_progress",
];

pub(crate) async fn send(call: &Call<'_>, task: &Task) -> Result<Said, Error> {
    let payload = payload(call, task)?;
    // The text of a text is itself.
    let text = match &payload {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let message = json!({
        "messageId": task.message_id,
        "role": "user",
        "parts": [{ "kind": "text", "text": text }],
    });
    let params = json!({ "id": task.message_id, "message": message });
    let request = rpc::request("tasks/send", params, &task.message_id);
    let answer = call.post(request, rpc::JSON).await?;
    understood(call, task, &answer)
}

/// The payload, with where its result is to be told, unless it says so itself or the answer is to be the result.
pub(crate) fn payload(call: &Call<'_>, task: &Task) -> Result<Value, Error> {
    use secrecy::ExposeSecret as _;
    let mut payload = shape::payload(&task.payload)?;
    if let (Value::Object(members), Some(push)) = (&mut payload, &task.push)
        && call.agent.completion != Completion::Reply
        && !members.contains_key("callback_url")
    {
        members.insert("callback_url".to_owned(), push.url.as_str().into());
        let token = push.token.expose_secret();
        members.insert("callback_token".to_owned(), token.into());
    }
    Ok(payload)
}

/// What an answer that is no task of A2A comes to.
pub(crate) fn understood(call: &Call<'_>, task: &Task, answer: &Answer) -> Result<Said, Error> {
    let dialect = call.profile.dialect;
    let completion = call.agent.completion;
    if !(200..300).contains(&answer.status) {
        // A refusal of JSON-RPC may come under any status.
        return Err(match rpc::result(answer) {
            Err(error) => error,
            Ok(_) => answer.refusal(),
        });
    }
    if completion == Completion::Callback || matches!(answer.status, 202 | 204) {
        return Ok(taken(task, dialect));
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(&answer.body) else {
        return words(task, answer, dialect);
    };
    let is_task = |value: &Value| {
        value.pointer("/status/state").is_some() || value.get("task").is_some_and(Value::is_object)
    };
    let is_envelope = value.get("jsonrpc").is_some();
    if is_envelope {
        // A refusal is one; a task is read like those of A2A.
        let inner = rpc::result(answer)?;
        if is_task(&inner) {
            return known(reading::answer(inner, dialect)?, task);
        }
        value = value.get_mut("result").map(Value::take).unwrap_or_default();
    } else if is_task(&value)
        && let Ok(exact) = exact::parse(&answer.body)
    {
        return known(reading::answer(exact, dialect)?, task);
    }
    // Where it is the whole answer, the result keeps its text.
    let result = |value: Value| match is_envelope {
        true => done(value),
        false => Said::new(None, State::Done(Output::Json(answer.body.clone()))),
    };
    if completion == Completion::Reply {
        return Ok(result(value));
    }
    let status = reading::text(&value, "status").unwrap_or_default();
    let status = status.to_ascii_lowercase();
    let has_result = value.get("result").is_some_and(|result| !result.is_null());
    if TAKEN.contains(&&*status) && !has_result {
        return Ok(taken(task, dialect));
    }
    if let Some(error) = value.get("error").filter(|error| !error.is_null())
        && !has_result
    {
        let message = error
            .as_str()
            .map_or_else(|| error.to_string(), str::to_owned);
        return Ok(Said::new(None, State::Failed { message }));
    }
    Ok(result(value))
}

/// A task of A2A in such an answer can't be asked for: while it works, its callback is waited for.
fn known(said: Said, task: &Task) -> Result<Said, Error> {
    Ok(match said.state {
        State::Working(_) => taken(task, Dialect::Legacy),
        state => Said::new(None, state),
    })
}

fn words(task: &Task, answer: &Answer, dialect: Dialect) -> Result<Said, Error> {
    if answer.body.is_empty() && task.push.is_some() {
        return Ok(taken(task, dialect));
    }
    let text = String::from_utf8(answer.body.to_vec())
        .map_err(|_| Error::nonsense("neither JSON nor text"))?;
    Ok(done(Value::String(text)))
}

fn done(value: Value) -> Said {
    let output = Output::Json(value.to_string().into());
    Said::new(None, State::Done(output))
}

pub(crate) fn taken(task: &Task, dialect: Dialect) -> Said {
    let reference = TaskRef {
        dialect,
        id: task.message_id.clone(),
        context_id: Some(task.context_id.clone()),
    };
    Said::new(Some(reference), State::Working(Progress::default()))
}
