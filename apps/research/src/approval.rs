//! Asking people: the record, the artifact for review, the approval where the server has approvals, and the notifications.

mod people;

use serde_json::{Value, json};

use crate::artifact::{LARGE_PAYLOAD_BYTES, REVIEW_LINK, content_bytes, is_large_payload};
use crate::error::{Kind, WorkflowError, WorkflowStateError};
use crate::event::{entry, sns_notification};
use crate::log::Level;
use crate::message::{approval_message, has_result, in_round};
use crate::record::{Change, Record, status};
use crate::services::Services;
use crate::table::change_status;

pub use people::{Approvals, Asked, NoApprovals, Question, ServerApprovals};

/// What is shown to people as it is; more is linked.
const SHOWN_BYTES_MAX: usize = 16 * 1024;

/// What a person is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// The analyst's, before there is a report.
    Analysis,
    /// A draft that somebody wanted changed.
    Report,
}

impl Made {
    fn as_str(self) -> &'static str {
        match self {
            Self::Analysis => "analysis",
            Self::Report => "report",
        }
    }
}

/// One round of asking.
#[derive(Debug, Clone)]
pub struct Review {
    /// The first time, the second and so on.
    pub round: u32,
    /// What is asked about.
    pub made: Made,
    /// The wait that the decision settles.
    pub callback: String,
    /// The approval of the round before.
    pub previous: Option<String>,
}

/// Sets AWAITING_APPROVAL, stores a large analysis for review, and tells the people who decide.
///
/// # Errors
/// `Failed to request approval: …`.
pub async fn request_approval(
    services: &Services,
    workflow_id: &str,
    analysis: &Value,
    review: &Review,
) -> Result<Value, WorkflowError> {
    services
        .log
        .info("requesting_approval", workflow_id, json!({}));
    let requested = ask(services, workflow_id, analysis, review)
        .await
        .map_err(|error| error.within("Failed to request approval"));
    match &requested {
        Ok(_) => services
            .log
            .info("approval_requested", workflow_id, json!({})),
        Err(error) => services.failed("approval_request_failed", workflow_id, error),
    }
    requested
}

async fn ask(
    services: &Services,
    workflow_id: &str,
    analysis: &Value,
    review: &Review,
) -> Result<Value, WorkflowError> {
    let analysis = services.resolve(workflow_id, analysis).await?;
    let review_url = if is_large_payload(&analysis, LARGE_PAYLOAD_BYTES) {
        Some(stored(services, workflow_id, &analysis, review.round).await?)
    } else {
        None
    };
    let change = Change::AwaitApproval {
        prior_has_result: has_result(&analysis),
        round: review.round,
    };
    let record = services
        .change(workflow_id, &change, status::RUNNING)
        .await?;
    let asked = ask_people(services, &record, &analysis, review_url.as_deref(), review).await?;
    let url = review_url.as_deref();
    let told = notify(services, &record, &analysis, url, review.round).await;
    // Where nothing else tells people of it, a request that nobody heard of is none.
    if !told && asked.is_none() {
        return Err(WorkflowStateError {
            kind: Kind::Transient,
            message: "the approval topic did not take the notification".to_owned(),
        }
        .into());
    }
    Ok(json!({
        "requested_at": record.updated_at, "stored_for_review": review_url.is_some(),
        "approval_id": asked.as_ref().map(|asked| &asked.id), "approval_url": asked.as_ref().map(|asked| &asked.url),
    }))
}

/// Puts what is to be reviewed where a link leads.
async fn stored(
    services: &Services,
    workflow_id: &str,
    analysis: &Value,
    round: u32,
) -> Result<String, WorkflowError> {
    let name = in_round("analysis_results", round);
    let key = format!("approvals/{workflow_id}/{name}.json");
    services
        .store(workflow_id, &key, analysis, "application/json")
        .await?;
    Ok(services.link(workflow_id, &key, REVIEW_LINK).await?)
}

/// Asks for an approval where the server has them: the same gate that the seed's routes open.
async fn ask_people(
    services: &Services,
    record: &Record,
    analysis: &Value,
    review_url: Option<&str>,
    review: &Review,
) -> Result<Option<Asked>, WorkflowError> {
    if !services.approvals.are_offered() {
        return Ok(None);
    }
    let id = record.workflow_id.as_str();
    let link = match review_url {
        None if content_bytes(analysis).len() > SHOWN_BYTES_MAX => {
            Some(stored(services, id, analysis, review.round).await?)
        }
        known => known.map(str::to_owned),
    };
    let question = Question::new(
        &services.settings,
        record,
        analysis,
        link.as_deref(),
        review,
    );
    let Some(asked) = services.approvals.ask(&question).await? else {
        services.log.write(
            Level::Warning,
            "approvals_not_offered",
            id,
            json!({ "round": review.round }),
        );
        return Ok(None);
    };
    let settings = &services.settings;
    let change = Change::Asked {
        round: review.round,
        approval: json!({
            "id": asked.id, "url": asked.url, "approvers": settings.approvers, "quorum": settings.approval_quorum,
        }),
    };
    change_status(&*services.records, id, &change, &services.log).await?;
    Ok(Some(asked))
}

/// The seed's notification and event. Whether the topic has taken it, where there is one.
async fn notify(
    services: &Services,
    record: &Record,
    analysis: &Value,
    review_url: Option<&str>,
    round: u32,
) -> bool {
    let (settings, workflow_id) = (&services.settings, record.workflow_id.as_str());
    let approve_url = settings.approve_url(workflow_id);
    let at = &record.updated_at;
    let message = approval_message(workflow_id, analysis, review_url, &approve_url, at);
    let event_id = format!("{workflow_id}/{}", in_round("approval", round));
    let log = &services.log;
    let mut told = true;
    match &settings.approval_topic {
        Some(topic) => {
            let notification = sns_notification(topic, workflow_id, &message);
            let id = format!("{event_id}/sns");
            told = services.events.send(workflow_id, &id, &notification).await;
            let fields = json!({ "channel": "sns" });
            if told {
                log.info("approval_notification_sent", workflow_id, fields);
            } else {
                log.error("approval_notification_failed", workflow_id, fields);
            }
        }
        None => log.write(
            Level::Warning,
            "no_approval_notification_channel_configured",
            workflow_id,
            json!({}),
        ),
    }
    let event = entry("ApprovalRequested", &message, workflow_id);
    services.events.send(workflow_id, &event_id, &event).await;
    told
}
