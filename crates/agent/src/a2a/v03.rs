//! A2A 0.3 over JSON-RPC. It has no list of tasks: whether a message has arrived can't be looked up.

use serde_json::json;

use super::jsonrpc::{Methods, gone, lost, traced};
use super::rpc::{self, Answered};
use super::{reading, shape};
use crate::agent::Dialect;
use crate::client::{Call, Updates};
use crate::error::{Error, PUSH_NOT_SUPPORTED};
use crate::task::{Reply, Said, Task, TaskRef};

const DIALECT: Dialect = Dialect::A2a03;
const METHODS: Methods<'_> = Methods {
    get: "tasks/get",
    cancel: "tasks/cancel",
    tenant: None,
    dialect: DIALECT,
};

pub(crate) async fn send(call: &Call<'_>, task: &Task) -> Result<Said, Error> {
    let message = shape::message(task, false)?;
    let push = task.push.as_ref().filter(|_| call.profile.takes_push());
    let params = shape::params_v03(message.clone(), push);
    let id = &task.message_id;
    let answered = match rpc::call(call, "message/send", params, id).await {
        Err(Error::Refused {
            code: PUSH_NOT_SUPPORTED,
            ..
        }) if push.is_some() => {
            let params = shape::params_v03(message, None);
            rpc::call(call, "message/send", params, id).await?
        }
        answered => answered?,
    };
    said(answered)
}

pub(crate) async fn answer(call: &Call<'_>, task: &TaskRef, reply: &Reply) -> Result<Said, Error> {
    let params = shape::params_v03(shape::reply(task, reply, false)?, None);
    match rpc::call(call, "message/send", params, &reply.message_id).await {
        Err(error) if rpc::is_unknown_task(&error) => Ok(lost(task)),
        answered => said(answered?),
    }
}

fn said(answered: Answered) -> Result<Said, Error> {
    let said = reading::answer(answered.result, DIALECT)?;
    Ok(traced(said, &answered.headers))
}

pub(crate) async fn get(call: &Call<'_>, task: &TaskRef) -> Result<Said, Error> {
    METHODS.get(call, task).await
}

pub(crate) async fn has(
    call: &Call<'_>,
    task: &TaskRef,
    message_id: &str,
) -> Result<Option<bool>, Error> {
    METHODS.has(call, task, message_id).await
}

pub(crate) async fn cancel(call: &Call<'_>, task: &TaskRef) -> Result<Said, Error> {
    METHODS.cancel(call, task).await
}

pub(crate) async fn subscribe(call: &Call<'_>, task: &TaskRef) -> Result<Updates, Error> {
    let request = rpc::request("tasks/resubscribe", shape::named(&task.id, None), &task.id);
    let (_, body) = call.stream(request).await?;
    Ok(Updates::of(body, DIALECT))
}

pub(crate) async fn drop_push(call: &Call<'_>, task: &TaskRef, id: &str) -> Result<(), Error> {
    let params = json!({ "id": task.id, "pushNotificationConfigId": id });
    gone(rpc::call(call, "tasks/pushNotificationConfig/delete", params, id).await)
}
