//! `DurableControllerFunction`: starts the workflow, settles its waits, and answers at once.

use serde_json::{Value, json};

use crate::error::{Kind, WorkflowError, WorkflowStateError};
use crate::log::token_hash;
use crate::message::{
    Start, decision_value, generate_workflow_id, in_round, is_workflow_id, parse_start, pending,
    result_of,
};
use crate::phase::cancel_agent;
use crate::record::{Change, Phase, Record, now, status};
use crate::services::Services;
use crate::table::get_workflow_state;

/// Takes a start, `{action: "approve", workflow_id, approved, …}`, or the seed's resume fields; answers the shapes of §4.
///
/// # Errors
/// The request is not valid, the workflow does not exist or does not wait, or the service cannot be reached.
pub async fn controller(services: &Services, event: &Value) -> Result<Value, WorkflowError> {
    let text = |field: &str| {
        event
            .get(field)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    if let Some(action) = text("action") {
        return match (action, text("workflow_id")) {
            ("approve", Some(id)) => approve(services, id, event, None).await,
            ("cancel", Some(id)) => cancel(services, id, event).await,
            ("approve" | "cancel", None) => Err(missing("workflow_id")),
            _ => Err(WorkflowError::Invalid(format!(
                "Unknown action: '{action}'"
            ))),
        };
    }
    if text("callback_name").is_some() || text("callback_token").is_some() {
        return resume(services, event).await;
    }
    start(services, parse_start(event)?).await
}

/// Starts a workflow and tells what it waits for. The same id with the same input is the same workflow.
///
/// # Errors
/// Another input runs under that id, or the service cannot be reached.
pub async fn start(services: &Services, start: Start) -> Result<Value, WorkflowError> {
    let given = start.workflow_id.is_some();
    let id = start.workflow_id.unwrap_or_else(generate_workflow_id);
    let payload =
        json!({ "topic": start.topic, "parameters": start.parameters, "workflow_id": id });
    services.engine.start(&id, &payload).await?;
    services
        .log
        .info("workflow_starting", &id, json!({ "topic": start.topic }));
    if given
        && let Some(record) = get_workflow_state(&*services.records, &id, &services.log).await?
    {
        return Ok(result_of(&record, &services.settings.callback_url(&id)));
    }
    Ok(pending(&id, Phase::Research))
}

/// Settles the human_approval wait. `approver` is who the front door has authenticated, if it has.
///
/// # Errors
/// The body has no decision, the workflow does not exist or does not await one.
pub async fn approve(
    services: &Services,
    id: &str,
    body: &Value,
    approver: Option<&str>,
) -> Result<Value, WorkflowError> {
    let decision = decision_value(body, approver, &now())?;
    let record = existing(services, id).await?;
    if record.status != status::AWAITING_APPROVAL {
        return Err(not_awaiting(&record));
    }
    may_decide(&record, approver)?;
    let open = services
        .engine
        .open_callback(
            &record.execution_arn,
            &in_round("human_approval", record.approval_round()),
        )
        .await?;
    let callback = open.ok_or_else(|| not_awaiting(&record))?;
    let settled = services.engine.succeed(&callback, &decision).await;
    settled.map_err(|error| match error.kind {
        // Somebody was faster.
        Kind::Conflict | Kind::NotFound => not_awaiting(&record),
        _ => error.into(),
    })?;
    let fields = json!({ "callback_name": "human_approval", "token": token_hash(&callback), "approved": decision.get("approved") });
    services.log.info("callback_received", id, fields);
    Ok(json!({
        "status": "decision_recorded", "workflow_id": id, "approved": decision.get("approved"),
        "approved_by": decision.get("approved_by"), "approved_at": decision.get("approved_at"),
    }))
}

/// Ends a workflow: its execution is stopped, its record is CANCELLED with the reason, and the agent that works is told. Cancelling it
/// once more changes nothing.
///
/// # Errors
/// The workflow does not exist or is over, or the service cannot be reached: then it can be tried again.
pub async fn cancel(services: &Services, id: &str, body: &Value) -> Result<Value, WorkflowError> {
    let given = body.get("reason").and_then(Value::as_str);
    let reason = given
        .filter(|reason| !reason.is_empty())
        .unwrap_or("Cancelled by request");
    let record = existing(services, id).await?;
    let from = record.status.clone();
    if from != status::CANCELLED {
        if record.is_terminal() {
            return Err(WorkflowStateError {
                kind: Kind::Conflict,
                message: format!("Workflow {id} is over: {from}"),
            }
            .into());
        }
        // First the execution: what it began meanwhile is refused by the record, and ended by whoever began it.
        services.engine.stop(&record.execution_arn, reason).await?;
    }
    let change = Change::Cancel {
        reason: reason.to_owned(),
    };
    let record = services.change(id, &change, &from).await?;
    let mut agents = Vec::new();
    if let Some((agent, address, task_id)) = record.agent_task() {
        let cancelled = cancel_agent(services, id, address, task_id).await;
        agents.push(json!({ "agent": agent, "task_id": task_id, "cancelled": cancelled }));
    }
    services
        .log
        .info("workflow_cancelled", id, json!({ "agents": agents }));
    Ok(json!({
        "status": status::CANCELLED, "workflow_id": id,
        "reason": record.text("cancellation_reason"), "agents": agents,
    }))
}

/// The original's resume path: a wait, its token and its value.
async fn resume(services: &Services, event: &Value) -> Result<Value, WorkflowError> {
    let text = |field: &'static str| {
        event
            .get(field)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| missing(field))
    };
    let (id, name, token) = (
        text("workflow_id")?,
        text("callback_name")?,
        text("callback_token")?,
    );
    let result = event
        .get("callback_result")
        .ok_or_else(|| missing("callback_result"))?;
    let record = existing(services, id).await?;
    let open = services
        .engine
        .open_callback(&record.execution_arn, &wait_name(name))
        .await?;
    if open.as_deref() != Some(token) {
        return Err(WorkflowStateError {
            kind: Kind::NotFound,
            message: format!("no pending wait {name} with this token"),
        }
        .into());
    }
    services.engine.succeed(token, result).await?;
    services.log.info(
        "callback_received",
        id,
        json!({ "callback_name": name, "token": token_hash(token) }),
    );
    Ok(result_of(&record, &services.settings.callback_url(id)))
}

/// `{step}_callback` and `{step}_await` are two names of one wait.
fn wait_name(name: &str) -> String {
    name.strip_suffix("_callback")
        .map_or_else(|| name.to_owned(), |step| format!("{step}_await"))
}

async fn existing(services: &Services, id: &str) -> Result<Record, WorkflowError> {
    let found = if is_workflow_id(id) {
        get_workflow_state(&*services.records, id, &services.log).await?
    } else {
        None
    };
    found.ok_or_else(|| {
        WorkflowStateError {
            kind: Kind::NotFound,
            message: "Workflow not found".to_owned(),
        }
        .into()
    })
}

/// The page of the approval that people were asked for last.
fn approval_page(record: &Record) -> Option<&str> {
    let approval = record.extra.get("approval")?;
    approval.get("url").and_then(Value::as_str)
}

/// Where approvers are named, they alone decide, and each is known by a name that the front door has proven. What needs more than a name, a group
/// or several votes, is decided in the approval.
fn may_decide(record: &Record, approver: Option<&str>) -> Result<(), WorkflowError> {
    let approval = record.extra.get("approval");
    let named = approval.and_then(|approval| approval.get("approvers")?.as_array());
    let Some(named) = named.filter(|named| !named.is_empty()) else {
        return Ok(());
    };
    let quorum = approval.and_then(|approval| approval.get("quorum")?.as_u64());
    let is_named = approver.is_some_and(|name| named.iter().any(|known| known == name));
    if is_named && quorum == Some(1) {
        return Ok(());
    }
    let (id, page) = (
        &record.workflow_id,
        approval_page(record).unwrap_or_default(),
    );
    Err(WorkflowStateError {
        kind: Kind::Conflict,
        message: format!("Workflow {id} is decided by its approvers: {page}"),
    }
    .into())
}

fn not_awaiting(record: &Record) -> WorkflowError {
    let decided = match approval_page(record) {
        Some(page) => format!(", it has been decided: {page}"),
        None => String::new(),
    };
    WorkflowStateError {
        kind: Kind::Conflict,
        message: format!(
            "Workflow {} is not awaiting approval{decided}",
            record.workflow_id
        ),
    }
    .into()
}

fn missing(field: &str) -> WorkflowError {
    WorkflowError::Invalid(format!("Missing required field: '{field}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_of_a_wait_are_one() {
        assert_eq!(wait_name("research_phase_callback"), "research_phase_await");
        assert_eq!(wait_name("research_phase_await"), "research_phase_await");
        assert_eq!(wait_name("human_approval"), "human_approval");
    }
}
