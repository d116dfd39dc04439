//! Amazon EventBridge: the research workflow's events as its rules know them, through AWS's own client.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde_json::Value;

use super::aws::{self, Account};
use super::{Event, Undelivered, never, not_yet, seeds};

#[derive(Clone, Debug)]
pub struct EventBridge {
    bus: Option<String>,
    account: Account,
    client: tokio::sync::OnceCell<Client>,
}

/// An entry of PutEvents.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    detail_type: String,
    detail: Value,
    resource: String,
}

impl EventBridge {
    /// Without a bus events go to the account's default one.
    #[must_use]
    pub fn new(bus: Option<String>, account: Account) -> Self {
        Self {
            bus,
            account,
            client: tokio::sync::OnceCell::new(),
        }
    }

    pub(super) async fn send(&self, event: &Event) -> Result<(), Undelivered> {
        let client = self
            .client
            .get_or_init(|| async { Client::new(&self.account.load().await) })
            .await;
        let entry = entry(event);
        let entry = PutEventsRequestEntry::builder()
            .source(seeds::SOURCE)
            .detail_type(entry.detail_type)
            .detail(entry.detail.to_string())
            .resources(entry.resource)
            .set_event_bus_name(self.bus.clone())
            .set_trace_header(event.text(&["trace_header"]).map(str::to_owned));
        let put = client.put_events().entries(entry.build()).send().await;
        let put = put.map_err(|error| aws::undelivered(&error))?;
        // The call succeeds although an entry of it did not.
        match put.entries().iter().find_map(|entry| entry.error_code()) {
            None => Ok(()),
            Some(code) if code == "InternalFailure" || code == "ThrottlingException" => {
                Err(not_yet(code))
            }
            Some(code) => Err(never(code)),
        }
    }
}

fn entry(event: &Event) -> Entry {
    let (detail_type, detail) = seeds::detail(event);
    Entry {
        detail_type,
        detail,
        resource: event.workflow_id().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::case;

    #[test]
    fn events_of_the_workflow_have_its_names_and_members() {
        let requested = entry(&case(
            "approval.requested",
            r#"{"workflow_id":"w-1","callback_url":"https://example.org/approve/w-1"}"#,
        ));
        assert_eq!(requested.detail_type, "ApprovalRequested");
        assert_eq!(requested.resource, "w-1");
        assert_eq!(
            requested.detail.to_string(),
            r#"{"workflow_id":"w-1","status":"approval_required","analysis_summary":"No summary available","review_url":null,"callback_url":"https://example.org/approve/w-1","requested_at":"2026-01-02T03:04:05Z"}"#
        );
        let completed = entry(&case(
            "execution.succeeded",
            r#"{"workflow_id":"w-1","report_url":"https://example.org/report"}"#,
        ));
        assert_eq!(completed.detail_type, "WorkflowCompleted");
        assert_eq!(
            completed.detail.to_string(),
            r#"{"workflow_id":"w-1","report_url":"https://example.org/report","completed_at":"2026-01-02T03:04:05Z"}"#
        );
    }
}
