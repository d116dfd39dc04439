//! The bodies of the workflow's own steps. Each may run more than once and then does nothing new.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::artifact::REPORT_LINK;
use crate::error::{WorkflowError, sanitize_error};
use crate::event::entry;
use crate::record::{Change, Phase, Record, now, status};
use crate::services::Services;
use crate::table::{change_status, create_workflow_record};

/// Result of `finalize_workflow`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finalized {
    /// Signed link to the report.
    pub presigned_url: String,
    /// Its key.
    pub s3_key: String,
    /// Its bucket.
    pub bucket: String,
    /// As it stands in the record.
    pub completed_at: String,
}

/// Creates the record and sets it RUNNING in the first phase.
///
/// # Errors
/// The store fails, or the id belongs to another execution.
pub async fn init_workflow(
    services: &Services,
    workflow_id: &str,
    topic: &str,
    parameters: Value,
    execution_arn: &str,
) -> Result<Record, WorkflowError> {
    services.log.info(
        "initializing_workflow",
        workflow_id,
        json!({ "topic": topic }),
    );
    let begun = async {
        let record = Record::new(workflow_id, topic, parameters, execution_arn, &now());
        create_workflow_record(&*services.records, record, &services.log).await?;
        services
            .change(workflow_id, &Change::Begin, status::INITIALIZING)
            .await
    }
    .await;
    match &begun {
        Ok(_) => services
            .log
            .info("workflow_initialized", workflow_id, json!({})),
        Err(error) => services.failed("workflow_initialization_failed", workflow_id, error),
    }
    begun
}

/// Ends the workflow as REJECTED.
///
/// # Errors
/// The record cannot be changed.
pub async fn mark_rejected(
    services: &Services,
    workflow_id: &str,
    reason: &str,
) -> Result<(), WorkflowError> {
    let change = Change::Reject {
        reason: reason.to_owned(),
    };
    services
        .change(workflow_id, &change, status::AWAITING_APPROVAL)
        .await
        .map(|_| ())
}

/// Stores the report, signs its link and ends the workflow as COMPLETED.
///
/// # Errors
/// The report cannot be stored or linked, or the record cannot be changed.
pub async fn finalize_workflow(
    services: &Services,
    workflow_id: &str,
    report: &Value,
) -> Result<Finalized, WorkflowError> {
    services
        .log
        .info("finalizing_workflow", workflow_id, json!({}));
    let finalized = deliver(services, workflow_id, report).await;
    match &finalized {
        Ok(done) => services.log.info(
            "workflow_finalized",
            workflow_id,
            json!({ "s3_key": done.s3_key }),
        ),
        Err(error) => services.failed("workflow_finalization_failed", workflow_id, error),
    }
    finalized
}

async fn deliver(
    services: &Services,
    workflow_id: &str,
    report: &Value,
) -> Result<Finalized, WorkflowError> {
    let report = services.resolve(workflow_id, report).await?;
    let s3_key = format!("reports/{workflow_id}/final_report.json");
    services
        .store(workflow_id, &s3_key, &report, "application/json")
        .await?;
    if let Some(markdown) = markdown_of(&report) {
        let key = format!("reports/{workflow_id}/final_report.md");
        services
            .store(
                workflow_id,
                &key,
                &Value::String(markdown.to_owned()),
                "text/markdown; charset=utf-8",
            )
            .await?;
    }
    let report_url = services.link(workflow_id, &s3_key, REPORT_LINK).await?;
    let change = Change::Complete {
        report_url,
        report_s3_key: s3_key.clone(),
    };
    let record = services
        .change(workflow_id, &change, status::RUNNING)
        .await?;
    let text = |field: &str| record.text(field).unwrap_or_default().to_owned();
    let finalized = Finalized {
        presigned_url: text("report_url"),
        s3_key,
        bucket: services.settings.artifact_bucket.clone(),
        completed_at: text("completed_at"),
    };
    let detail = json!({
        "workflow_id": workflow_id, "report_url": finalized.presigned_url, "completed_at": finalized.completed_at,
    });
    let event = entry("WorkflowCompleted", &detail, workflow_id);
    services
        .events
        .send(workflow_id, &format!("{workflow_id}/completed"), &event)
        .await;
    Ok(finalized)
}

/// The report's Markdown, wherever a writer of the specification's contract puts it inline.
fn markdown_of(report: &Value) -> Option<&str> {
    let places = [
        "/report/markdown",
        "/markdown",
        "/report/markdown/content",
        "/markdown/content",
    ];
    places
        .iter()
        .find_map(|place| report.pointer(place).and_then(Value::as_str))
        .filter(|text| !text.is_empty())
}

/// Sets FAILED with a sanitised error, if the record is this execution's own. A failure of this very update is logged and not
/// raised, unless another try may help.
///
/// # Errors
/// The store is out of reach for now.
pub async fn mark_failed(
    services: &Services,
    workflow_id: &str,
    execution_arn: &str,
    error: &WorkflowError,
) -> Result<(), WorkflowError> {
    services.failed("workflow_failed", workflow_id, error);
    let marked = async {
        let record = services.records.get(workflow_id).await?;
        if record.is_some_and(|record| record.execution_arn == execution_arn) {
            let change = Change::Fail {
                error: sanitize_error(error.type_name(), &error.to_string()),
            };
            services
                .change(workflow_id, &change, status::RUNNING)
                .await?;
        }
        Ok::<_, WorkflowError>(())
    };
    match marked.await {
        Err(update) if update.kind().is_transient() => Err(update),
        Err(update) => {
            services.failed("failed_to_update_error_status", workflow_id, &update);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Marks a phase as entered and everything before it as finished.
///
/// # Errors
/// The record cannot be changed.
pub async fn enter_phase(
    services: &Services,
    workflow_id: &str,
    phase: Phase,
    prior_has_result: bool,
) -> Result<Record, WorkflowError> {
    let change = Change::Enter {
        phase,
        prior_has_result,
    };
    let from = match phase {
        // `init_workflow` has told of the first phase already; only a re-dispatch can find anything to check here.
        Phase::Research => {
            let (record, _) =
                change_status(&*services.records, workflow_id, &change, &services.log).await?;
            return Ok(record);
        }
        Phase::Analysis => status::RUNNING,
        Phase::Writing => status::AWAITING_APPROVAL,
    };
    services.change(workflow_id, &change, from).await
}
