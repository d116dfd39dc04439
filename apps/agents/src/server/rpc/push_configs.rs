use std::sync::Arc;

use a2a::{
    A2AError, DeleteTaskPushNotificationConfigRequest, GetTaskPushNotificationConfigRequest,
    ListTaskPushNotificationConfigsRequest, ListTaskPushNotificationConfigsResponse,
    TaskPushNotificationConfig,
};
use serde_json::Value;

use super::{storage, to_value};
use crate::server::deliver;
use crate::server::jobs::Agent;
use crate::server::outgoing;
use crate::server::tasks::{Changed, Record};

/// Most addresses that are told about one task.
const CONFIGS_MAX: usize = 10;

/// Refuses an address that cannot be called and gives the configuration an id.
pub(super) fn check(
    mut config: TaskPushNotificationConfig,
) -> Result<TaskPushNotificationConfig, A2AError> {
    if !outgoing::is_callable(&config.url) {
        return Err(A2AError::invalid_params(
            "the push notification url is not an http or https address",
        ));
    }
    if config.id.as_deref().is_none_or(str::is_empty) {
        config.id = Some(uuid::Uuid::new_v4().to_string());
    }
    Ok(config)
}

/// A configuration with a known id replaces that one. On a finished task the address is told at once.
pub(super) async fn create(
    agent: &Arc<Agent>,
    config: TaskPushNotificationConfig,
) -> Result<Value, A2AError> {
    let config = check(config)?;
    let id = config.task_id.clone();
    let changed = agent
        .tasks
        .change(&id, |record| {
            record.push.retain(|known| known.id != config.id);
            let fits = record.push.len() < CONFIGS_MAX;
            if fits {
                record.push.push(config.clone());
                record.delivered = false;
            }
            fits
        })
        .await
        .map_err(|reason| storage(&reason))?;
    match changed {
        None => Err(A2AError::task_not_found(&id)),
        Some(Changed::Refused(_)) => Err(A2AError::invalid_params(format!(
            "a task has at most {CONFIGS_MAX} push configurations"
        ))),
        Some(Changed::Done(record)) => {
            if record.is_finished() {
                let told = agent.clone();
                agent.spawn(async move { deliver::deliver(&told, &record).await });
            }
            to_value(&config)
        }
    }
}

pub(super) async fn get(
    agent: &Agent,
    request: GetTaskPushNotificationConfigRequest,
) -> Result<Value, A2AError> {
    let record = known(agent, &request.task_id).await?;
    let config = record
        .push
        .iter()
        .find(|config| config.id.as_deref() == Some(&request.id))
        .ok_or_else(|| A2AError::task_not_found(&request.task_id))?;
    to_value(&shown(config, &request.task_id))
}

pub(super) async fn list(
    agent: &Agent,
    request: ListTaskPushNotificationConfigsRequest,
) -> Result<Value, A2AError> {
    let record = known(agent, &request.task_id).await?;
    to_value(&ListTaskPushNotificationConfigsResponse {
        configs: record
            .push
            .iter()
            .map(|config| shown(config, &request.task_id))
            .collect(),
        next_page_token: None,
    })
}

/// Deleting what is not there is no error.
pub(super) async fn delete(
    agent: &Agent,
    request: DeleteTaskPushNotificationConfigRequest,
) -> Result<Value, A2AError> {
    let changed = agent
        .tasks
        .change(&request.task_id, |record| {
            record
                .push
                .retain(|config| config.id.as_deref() != Some(&request.id));
            true
        })
        .await
        .map_err(|reason| storage(&reason))?;
    match changed {
        None => Err(A2AError::task_not_found(&request.task_id)),
        Some(_) => Ok(Value::Null),
    }
}

async fn known(agent: &Agent, id: &str) -> Result<Record, A2AError> {
    agent
        .tasks
        .get(id)
        .await
        .ok_or_else(|| A2AError::task_not_found(id))
}

fn shown(config: &TaskPushNotificationConfig, task_id: &str) -> TaskPushNotificationConfig {
    TaskPushNotificationConfig {
        task_id: task_id.to_owned(),
        ..config.clone()
    }
}
