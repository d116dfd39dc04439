//! Amazon SNS: the research workflow's message as its subscribers know it, through AWS's own client.

use aws_sdk_sns::Client;
use serde_json::Value;

use super::aws::{self, Account};
use super::{Event, Undelivered, seeds, words};

/// What SNS takes of a subject.
const SUBJECT_LETTERS_MAX: usize = 100;

#[derive(Clone, Debug)]
pub struct Sns {
    topic: String,
    account: Account,
    client: tokio::sync::OnceCell<Client>,
}

/// What is published.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Publication {
    topic: String,
    subject: String,
    message: String,
}

impl Sns {
    #[must_use]
    pub fn new(topic: String, account: Account) -> Self {
        Self {
            topic,
            account,
            client: tokio::sync::OnceCell::new(),
        }
    }

    fn publication(&self, event: &Event) -> Publication {
        let subject = if event.name == "approval.requested" {
            format!("Approval Required: Workflow {}", event.workflow_id())
        } else {
            words::headline(event)
        };
        Publication {
            topic: self.topic.clone(),
            subject: plain(&subject),
            message: indented(&seeds::message(event)),
        }
    }

    pub(super) async fn send(&self, event: &Event) -> Result<(), Undelivered> {
        let client = self
            .client
            .get_or_init(|| async { Client::new(&self.account.load().await) })
            .await;
        let publication = self.publication(event);
        let mut publish = client
            .publish()
            .topic_arn(&publication.topic)
            .subject(publication.subject)
            .message(publication.message);
        if publication.topic.ends_with(".fifo") {
            publish = publish
                .message_group_id(event.subject())
                .message_deduplication_id(aws::id(&event.id));
        }
        publish
            .send()
            .await
            .map(drop)
            .map_err(|error| aws::undelivered(&error))
    }
}

/// As Python's `json.dumps(value, indent=2)` writes it.
fn indented(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

/// SNS refuses a subject with other letters than ASCII, or with none.
fn plain(subject: &str) -> String {
    let letters = subject.chars().map(|letter| {
        if letter.is_ascii() && !letter.is_ascii_control() {
            letter
        } else {
            '?'
        }
    });
    letters.take(SUBJECT_LETTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::case;

    fn published(name: &str, data: &str) -> Publication {
        let sns = Sns::new(
            "arn:aws:sns:us-east-1:000000000000:t".to_owned(),
            Account::default(),
        );
        sns.publication(&case(name, data))
    }

    #[test]
    fn an_approval_request_has_the_workflows_shape() {
        let published = published(
            "approval.requested",
            r#"{"workflow_id":"w-1","summary":"All is well","review_url":"https://example.org/r",
                "callback_url":"https://example.org/approve/w-1","requested_at":"2026-01-02T00:00:00Z"}"#,
        );
        assert_eq!(published.subject, "Approval Required: Workflow w-1");
        assert_eq!(
            published.message,
            "{\n  \"workflow_id\": \"w-1\",\n  \"status\": \"approval_required\",\n  \"analysis_summary\": \"All is well\",\n  \
             \"review_url\": \"https://example.org/r\",\n  \"callback_url\": \"https://example.org/approve/w-1\",\n  \
             \"requested_at\": \"2026-01-02T00:00:00Z\"\n}"
        );
    }

    #[test]
    fn what_is_not_there_is_said_as_the_workflow_says_it() {
        let published = published("approval.requested", r#"{"workflow_id":"w"}"#);
        let message: Value = serde_json::from_str(&published.message).expect("JSON");
        assert_eq!(message["analysis_summary"], "No summary available");
        assert_eq!(message["review_url"], Value::Null);
        assert_eq!(message["requested_at"], "2026-01-02T03:04:05Z");
    }

    #[test]
    fn a_subject_is_one_that_sns_takes() {
        let published = published(
            "approval.escalated",
            r#"{"workflow_id":"w","title":"für alle\n!"}"#,
        );
        assert_eq!(
            published.subject,
            "Approval escalated: workflow w: f?r alle !"
        );
        let long = format!(r#"{{"workflow_id":"{}"}}"#, "w".repeat(300));
        let case = case("approval.requested", &long);
        let sns = Sns::new("t".to_owned(), Account::default());
        assert_eq!(sns.publication(&case).subject.len(), SUBJECT_LETTERS_MAX);
    }
}
