//! Events of PagerDuty's Events API v2, which others take as well: what goes wrong begins an incident, what follows ends it.

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::outgoing::Outgoing;
use super::{Event, words};

/// PagerDuty's own address.
pub const ENQUEUE: &str = "https://events.pagerduty.com/v2/enqueue";
/// Of a summary.
const SUMMARY_LETTERS_MAX: usize = 1_024;

#[derive(Clone, Debug)]
pub struct PagerDuty {
    pub url: Url,
    pub routing_key: SecretString,
    /// What the incidents are said to come from.
    pub source: String,
}

/// What an event does to the incident of its subject.
fn action(event: &Event) -> (&'static str, &'static str) {
    match event.name.as_str() {
        "execution.succeeded" | "execution.reopened" => ("resolve", "info"),
        "approval.decided" | "approval.expired" | "approval.cancelled" => ("resolve", "info"),
        "execution.failed" | "execution.timed_out" | "execution.quarantined" => {
            ("trigger", "error")
        }
        "execution.stopped" | "approval.escalated" => ("trigger", "warning"),
        _ => ("trigger", "info"),
    }
}

impl PagerDuty {
    #[must_use]
    pub fn request(&self, event: &Event) -> Outgoing {
        let (action, severity) = action(event);
        let mut body = json!({
            "routing_key": self.routing_key.expose_secret(),
            "event_action": action,
            "dedup_key": event.subject(),
        });
        if let (Some(body), "trigger") = (body.as_object_mut(), action) {
            body.insert("client".to_owned(), "Everstep".into());
            body.insert("links".to_owned(), links(event));
            body.insert("payload".to_owned(), self.payload(event, severity));
        }
        Outgoing::json(&self.url, &body)
    }

    fn payload(&self, event: &Event, severity: &str) -> Value {
        json!({
            "summary": words::one_line(&words::headline(event), SUMMARY_LETTERS_MAX),
            "source": self.source,
            "severity": severity,
            "timestamp": event.at,
            "component": "everstep",
            "group": event.workflow_id(),
            "class": event.name,
            "custom_details": event.data,
        })
    }
}

fn links(event: &Event) -> Value {
    let place = event.text(&["approve_url", "url", "page", "review_url"]);
    let links = place.map(|href| json!({ "href": href, "text": "Open" }));
    links.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::case;

    fn sent(name: &str) -> Value {
        let sink = PagerDuty {
            url: Url::parse(ENQUEUE).expect("a URL"),
            routing_key: "key".to_owned().into(),
            source: "everstep-1".to_owned(),
        };
        let event = case(name, r#"{"execution":{"id":"e-1","name":"w-1"}}"#);
        serde_json::from_slice(&sink.request(&event).body).expect("JSON")
    }

    #[test]
    fn what_went_wrong_begins_what_going_right_ends() {
        let began = sent("execution.failed");
        assert_eq!(began["event_action"], "trigger");
        assert_eq!(began["payload"]["severity"], "error");
        assert_eq!(began["payload"]["summary"], "Execution w-1 failed");
        let ended = sent("execution.succeeded");
        assert_eq!(ended["event_action"], "resolve");
        assert_eq!(ended["dedup_key"], began["dedup_key"]);
        assert!(ended.get("payload").is_none());
    }
}
