//! Events to the outside, sent only after the state they tell of is durable.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};

use crate::artifact::Pending;
use crate::log::{Level, Log};
use crate::record::Record;

const SEND_TIMEOUT: Duration = Duration::from_secs(5);
const SEND_ATTEMPTS: u32 = 3;

/// One place that takes events.
pub trait Sink: Send + Sync {
    /// Sends one entry, an EventBridge entry or an SNS notification; the failure is a sentence for the log.
    fn send<'a>(&'a self, id: &'a str, entry: &'a Value) -> Pending<'a, Result<(), String>>;
}

/// A sink by POST, with the event's id as `Idempotency-Key`.
#[derive(Debug, Clone)]
pub struct HttpSink {
    /// Makes the calls.
    pub client: Client,
    /// Where to.
    pub url: String,
}

impl HttpSink {
    async fn post(&self, id: &str, entry: &Value) -> Result<(), String> {
        let request = self
            .client
            .post(&self.url)
            .timeout(SEND_TIMEOUT)
            .header("Idempotency-Key", id)
            .json(entry);
        match request.send().await {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(format!("the sink answered {}", response.status())),
            Err(_) => Err("the sink cannot be reached".to_owned()),
        }
    }
}

impl Sink for HttpSink {
    fn send<'a>(&'a self, id: &'a str, entry: &'a Value) -> Pending<'a, Result<(), String>> {
        Box::pin(self.post(id, entry))
    }
}

/// Sends events to the log and to whatever sinks are configured.
///
/// Delivery is at least once as far as the workflow goes: a step that runs again sends again, with the same id, by which the
/// sink can tell. A sink that stays out of reach costs the event, never the workflow; the log keeps it.
#[derive(Clone)]
pub struct Events {
    sinks: Vec<Arc<dyn Sink>>,
    log: Log,
}

impl Events {
    /// Events to `log` and to every one of `sinks`.
    #[must_use]
    pub fn new(sinks: Vec<Arc<dyn Sink>>, log: Log) -> Self {
        Self { sinks, log }
    }

    /// Sends one event, an EventBridge entry; `id` is the same whenever the same thing is told again. Whether every sink has taken it.
    pub async fn send(&self, workflow_id: &str, id: &str, entry: &Value) -> bool {
        self.log.info(
            "event",
            workflow_id,
            json!({ "id": id, "entry": without_links(entry) }),
        );
        let mut taken = true;
        for sink in &self.sinks {
            for attempt in 1..=SEND_ATTEMPTS {
                let Err(fault) = sink.send(id, entry).await else {
                    break;
                };
                taken &= attempt < SEND_ATTEMPTS;
                self.log.write(
                    Level::Warning,
                    "event_delivery_failed",
                    workflow_id,
                    json!({ "id": id, "attempt": attempt, "error": fault }),
                );
                if attempt < SEND_ATTEMPTS {
                    tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
                }
            }
        }
        taken
    }

    /// `WorkflowStateChanged` for a record that has just changed.
    pub async fn state_changed(&self, record: &Record, from: &str) {
        let id = record.workflow_id.as_str();
        let detail = json!({
            "workflow_id": id, "from": from, "to": record.status, "current_step": record.current_step, "at": record.updated_at,
        });
        let state = format!("{id}/state/{}/{}", record.status, record.current_step);
        // In a second round a state is entered again: that is another event.
        let event_id = match record.approval_round() {
            1 => state,
            round => format!("{state}/{round}"),
        };
        self.send(id, &event_id, &entry("WorkflowStateChanged", &detail, id))
            .await;
    }
}

/// An entry in the shape of the seed's EventBridge calls.
#[must_use]
pub fn entry(detail_type: &str, detail: &Value, workflow_id: &str) -> Value {
    json!({
        "Source": "agent.orchestration", "DetailType": detail_type, "Detail": detail.to_string(), "Resources": [workflow_id],
    })
}

/// The seed's SNS notification of an approval request.
#[must_use]
pub fn sns_notification(topic: &str, workflow_id: &str, message: &Value) -> Value {
    json!({
        "TopicArn": topic, "Subject": format!("Approval Required: Workflow {workflow_id}"), "Message": format!("{message:#}"),
    })
}

/// The entry without its detail: links in it are credentials until they expire.
fn without_links(entry: &Value) -> Value {
    json!({ "Source": entry.get("Source"), "DetailType": entry.get("DetailType"), "Subject": entry.get("Subject") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_the_seeds() {
        let entry = entry("ApprovalRequested", &json!({ "workflow_id": "w" }), "w");
        assert_eq!(
            entry,
            json!({ "Source": "agent.orchestration", "DetailType": "ApprovalRequested",
                    "Detail": "{\"workflow_id\":\"w\"}", "Resources": ["w"] })
        );
        let sns = sns_notification("arn:topic", "w", &json!({ "a": 1 }));
        assert_eq!(sns["Subject"], "Approval Required: Workflow w");
        assert_eq!(sns["Message"], "{\n  \"a\": 1\n}");
    }
}
