//! A2A 1.0 over JSON-RPC.

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::rpc::{self, Answered};
use super::{reading, shape};
use crate::agent::Dialect;
use crate::client::{Call, Found, Updates};
use crate::error::{
    Error, METHOD_NOT_FOUND, PUSH_NOT_SUPPORTED, TASK_NOT_CANCELABLE, UNSUPPORTED_OPERATION,
};
use crate::task::{Reply, Said, State, Task, TaskRef};

const DIALECT: Dialect = Dialect::A2a;
/// How many tasks of one context are looked through: there is one, or as many as were sent before somebody looked.
pub(super) const LISTED: u32 = 20;
/// How many messages of a task are looked through for an answer: it was the last one that was sent.
pub(super) const HISTORY: u32 = 50;

pub(crate) async fn send(call: &Call<'_>, task: &Task) -> Result<Said, Error> {
    let message = shape::message(task, true)?;
    let push = task.push.as_ref().filter(|_| call.profile.takes_push());
    let tenant = call.profile.tenant.as_deref();
    let params = shape::params_v1(message.clone(), push, tenant);
    let id = &task.message_id;
    let answered = match rpc::call(call, "SendMessage", params, id).await {
        // Its card said otherwise, or nothing. It is asked for its tasks instead.
        Err(Error::Refused {
            code: PUSH_NOT_SUPPORTED,
            ..
        }) if push.is_some() => {
            let params = shape::params_v1(message, None, tenant);
            rpc::call(call, "SendMessage", params, id).await?
        }
        answered => answered?,
    };
    said(answered)
}

pub(crate) async fn answer(call: &Call<'_>, task: &TaskRef, reply: &Reply) -> Result<Said, Error> {
    let message = shape::reply(task, reply, true)?;
    let params = shape::params_v1(message, None, call.profile.tenant.as_deref());
    match rpc::call(call, "SendMessage", params, &reply.message_id).await {
        Err(error) if rpc::is_unknown_task(&error) => Ok(lost(task)),
        answered => said(answered?),
    }
}

fn said(answered: Answered) -> Result<Said, Error> {
    let said = reading::answer(answered.result, DIALECT)?;
    Ok(traced(said, &answered.headers))
}

/// With the trace that the answer's headers tell, unless the task itself does.
pub(super) fn traced(mut said: Said, headers: &HeaderMap) -> Said {
    let header = headers.get("traceparent");
    let header = header.and_then(|header| Some(header.to_str().ok()?.to_owned()));
    said.traceparent = said.traceparent.or(header);
    said
}

pub(super) fn lost(task: &TaskRef) -> Said {
    Said::new(Some(task.clone()), State::Lost)
}

/// What one version of the protocol calls the methods about a task.
pub(super) struct Methods<'a> {
    pub get: &'static str,
    pub cancel: &'static str,
    pub tenant: Option<&'a str>,
    pub dialect: Dialect,
}

impl Methods<'_> {
    pub(super) async fn get(&self, call: &Call<'_>, task: &TaskRef) -> Result<Said, Error> {
        let mut params = shape::named(&task.id, self.tenant);
        if let Value::Object(members) = &mut params {
            members.insert("historyLength".to_owned(), 0.into());
        }
        match rpc::call(call, self.get, params, &task.id).await {
            Ok(answered) => {
                let said = reading::task(answered.result, self.dialect)?;
                Ok(traced(said, &answered.headers))
            }
            Err(error) if rpc::is_unknown_task(&error) => Ok(lost(task)),
            Err(error) => Err(error),
        }
    }

    /// Whether the task's history has a message; `None` when the agent shows no history.
    pub(super) async fn has(
        &self,
        call: &Call<'_>,
        task: &TaskRef,
        message_id: &str,
    ) -> Result<Option<bool>, Error> {
        let mut params = shape::named(&task.id, self.tenant);
        if let Value::Object(members) = &mut params {
            members.insert("historyLength".to_owned(), HISTORY.into());
        }
        match rpc::call(call, self.get, params, message_id).await {
            Ok(answered) => Ok(among_history(&answered.result, message_id)),
            // There is nothing to be answered any more, which the next look at it tells.
            Err(error) if rpc::is_unknown_task(&error) => Ok(Some(true)),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn cancel(&self, call: &Call<'_>, task: &TaskRef) -> Result<Said, Error> {
        let params = shape::named(&task.id, self.tenant);
        match rpc::call(call, self.cancel, params, &task.id).await {
            Ok(answered) => reading::task(answered.result, self.dialect),
            Err(error) if rpc::is_unknown_task(&error) => Ok(lost(task)),
            // It has ended otherwise meanwhile: as what, it says itself.
            Err(Error::Refused {
                code: TASK_NOT_CANCELABLE,
                ..
            }) => self.get(call, task).await,
            Err(error) => Err(error),
        }
    }
}

fn methods<'a>(call: &'a Call<'_>) -> Methods<'a> {
    Methods {
        get: "GetTask",
        cancel: "CancelTask",
        tenant: call.profile.tenant.as_deref(),
        dialect: DIALECT,
    }
}

pub(crate) async fn get(call: &Call<'_>, task: &TaskRef) -> Result<Said, Error> {
    methods(call).get(call, task).await
}

pub(crate) async fn has(
    call: &Call<'_>,
    task: &TaskRef,
    message_id: &str,
) -> Result<Option<bool>, Error> {
    methods(call).has(call, task, message_id).await
}

/// Whether a task that was told has a message in its history.
pub(super) fn among_history(task: &Value, message_id: &str) -> Option<bool> {
    let ids = reading::history(task)?;
    Some(ids.contains(&message_id))
}

/// The task that was begun with this message, if the agent knows one.
pub(crate) async fn find(call: &Call<'_>, task: &Task) -> Result<Found, Error> {
    let mut params = json!({
        "contextId": task.context_id,
        "pageSize": LISTED,
        "includeArtifacts": true,
    });
    if let (Value::Object(members), Some(tenant)) = (&mut params, &call.profile.tenant) {
        members.insert("tenant".to_owned(), tenant.as_str().into());
    }
    match rpc::call(call, "ListTasks", params, &task.message_id).await {
        Ok(answered) => among(answered.result, task, DIALECT),
        Err(Error::Refused {
            code: METHOD_NOT_FOUND | UNSUPPORTED_OPERATION,
            ..
        }) => Ok(Found::Unable),
        Err(error) => Err(error),
    }
}

/// Which of the listed tasks is the one: that with the message in its history; of those without a history, the first of the context.
pub(super) fn among(mut listed: Value, task: &Task, dialect: Dialect) -> Result<Found, Error> {
    let Some(Value::Array(tasks)) = listed.get_mut("tasks").map(Value::take) else {
        return Err(Error::nonsense("a list without tasks"));
    };
    // An agent that does not know the filter lists every task it has.
    let ours = |one: &Value| reading::text(one, "contextId") == Some(&task.context_id);
    let mut tasks: Vec<Value> = tasks.into_iter().filter(ours).collect();
    let begun = |one: &Value| match reading::history(one) {
        Some(ids) => ids.contains(&&*task.message_id),
        None => false,
    };
    let place = tasks.iter().position(begun).or_else(|| {
        let silent = |one: &Value| reading::history(one).is_none();
        tasks.iter().position(silent)
    });
    match place {
        Some(place) => {
            let said = reading::task(tasks.swap_remove(place), dialect)?;
            Ok(Found::Task(Box::new(said)))
        }
        None => Ok(Found::Nothing),
    }
}

pub(crate) async fn cancel(call: &Call<'_>, task: &TaskRef) -> Result<Said, Error> {
    methods(call).cancel(call, task).await
}

pub(crate) async fn subscribe(call: &Call<'_>, task: &TaskRef) -> Result<Updates, Error> {
    let params = shape::named(&task.id, call.profile.tenant.as_deref());
    let request = rpc::request("SubscribeToTask", params, &task.id);
    let (_, body) = call.stream(request).await?;
    Ok(Updates::of(body, DIALECT))
}

pub(crate) async fn drop_push(call: &Call<'_>, task: &TaskRef, id: &str) -> Result<(), Error> {
    let mut params = json!({ "taskId": task.id, "id": id });
    if let (Value::Object(members), Some(tenant)) = (&mut params, &call.profile.tenant) {
        members.insert("tenant".to_owned(), tenant.as_str().into());
    }
    let method = "DeleteTaskPushNotificationConfig";
    gone(rpc::call(call, method, params, id).await)
}

/// A push configuration, or a task, that is not there any more pushes no more.
pub(super) fn gone(answered: Result<Answered, Error>) -> Result<(), Error> {
    match answered {
        Ok(_) => Ok(()),
        Err(error) if rpc::is_unknown_task(&error) => Ok(()),
        Err(error) => Err(error),
    }
}
