//! An agent that is a webhook. Each call is signed as Standard Webhooks says, over its bytes; its id is the task's, so that a receiver
//! knows a repetition. An answer with a result is the result; any other success takes the task, and the result comes by its callback.

mod sign;

use bytes::Bytes;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

pub use sign::{NotASecret, Signer};

use crate::a2a::{reading, shape};
use crate::agent::{Completion, Credentials};
use crate::client::Call;
use crate::error::Error;
use crate::http::Answer;
use crate::legacy;
use crate::task::{Output, Reply, Said, State, Task, TaskRef};

pub(crate) async fn send(call: &Call<'_>, task: &Task) -> Result<Said, Error> {
    let callback = task
        .push
        .as_ref()
        .map(|push| json!({ "url": push.url.as_str(), "token": push.token.expose_secret() }));
    let data = json!({
        "task_id": task.message_id,
        "context_id": task.context_id,
        "payload": shape::payload(&task.payload)?,
        "callback": callback,
    });
    let answer = tell(call, "task.created", &task.message_id, data).await?;
    understood(call, task, &answer)
}

pub(crate) async fn answer(call: &Call<'_>, task: &TaskRef, reply: &Reply) -> Result<Said, Error> {
    let data = json!({ "task_id": task.id, "payload": shape::payload(&reply.payload)? });
    tell(call, "task.answered", &reply.message_id, data).await?;
    Ok(Said::new(Some(task.clone()), State::Untold))
}

pub(crate) async fn cancel(call: &Call<'_>, task: &TaskRef) -> Result<Said, Error> {
    let id = format!("{}.cancel", task.id);
    let data = json!({ "task_id": task.id });
    match tell(call, "task.cancelled", &id, data).await {
        // What is not there any more does not work any more.
        Ok(_)
        | Err(Error::Status {
            status: 404 | 410, ..
        }) => Ok(Said::new(
            Some(task.clone()),
            State::Canceled { message: None },
        )),
        Err(error) => Err(error),
    }
}

/// Tells the agent something, in the envelope and with the headers of Standard Webhooks.
async fn tell(call: &Call<'_>, kind: &str, id: &str, data: Value) -> Result<Answer, Error> {
    let now = jiff::Timestamp::now();
    let body = json!({ "type": kind, "timestamp": now.to_string(), "data": data });
    let body = Bytes::from(body.to_string());
    let url = call.url()?.clone();
    let mut request = call.request(
        reqwest::Method::POST,
        url,
        Some(body.clone()),
        "application/json",
    )?;
    request.header("accept", "application/json")?;
    if let Credentials::Signature(secret) = &call.agent.credentials {
        let signer = Signer::new(secret.expose_secret()).map_err(|NotASecret| Error::Address {
            text: call.agent.name.clone(),
            why: "its secret is not whsec_ and base64",
        })?;
        let seconds = now.as_second();
        request.header("webhook-id", id)?;
        request.header("webhook-timestamp", &seconds.to_string())?;
        request.header("webhook-signature", &signer.sign(id, seconds, &body))?;
    }
    if call.agent.completion == Completion::Reply {
        request.timeout = call.agent.run_timeout;
    }
    call.client.http.call(request).await?.success()
}

fn understood(call: &Call<'_>, task: &Task, answer: &Answer) -> Result<Said, Error> {
    let completion = call.agent.completion;
    let taken = || legacy::taken(task, call.profile.dialect);
    if completion == Completion::Callback || matches!(answer.status, 202 | 204) {
        return Ok(taken());
    }
    let value = serde_json::from_slice::<Value>(&answer.body).ok();
    let state = |value: Value| State::Done(Output::Json(value.to_string().into()));
    let Some(Value::Object(mut members)) = value else {
        return match (completion, value) {
            (Completion::Reply, Some(value)) => Ok(Said::new(None, state(value))),
            (Completion::Reply, None) => Err(Error::nonsense("the answer is no JSON")),
            (Completion::Told | Completion::Callback, _) => Ok(taken()),
        };
    };
    if let Some(result) = members.remove("result") {
        return Ok(Said::new(None, state(result)));
    }
    if let Some(error) = members.get("error").filter(|error| !error.is_null()) {
        let message = error
            .as_str()
            .map_or_else(|| error.to_string(), str::to_owned);
        let message = reading::shortened(&message, 2000);
        return Ok(Said::new(None, State::Failed { message }));
    }
    match completion {
        Completion::Reply => Ok(Said::new(None, state(Value::Object(members)))),
        Completion::Told | Completion::Callback => Ok(taken()),
    }
}
