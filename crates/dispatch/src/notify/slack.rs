//! A channel that takes Slack's incoming webhooks: Slack itself, Mattermost, Rocket.Chat and others.

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::outgoing::Outgoing;
use super::{Event, WrongSink, words};

/// The address is the credential.
#[derive(Clone, Debug)]
pub struct Slack {
    url: SecretString,
}

impl Slack {
    /// # Errors
    /// [`WrongSink::NotAUrl`].
    pub fn new(url: SecretString) -> Result<Self, WrongSink> {
        super::http_url(url.expose_secret())?;
        Ok(Self { url })
    }

    /// A text for notifications, and the same in blocks for the channel.
    pub(super) fn request(&self, event: &Event) -> Result<Outgoing, WrongSink> {
        let url: Url = super::http_url(self.url.expose_secret())?;
        let headline = escape(&words::headline(event));
        let lines = words::lines(event);
        let lines = lines
            .iter()
            .map(|(label, value)| format!("*{label}:* {}", escape(value)));
        let lines = lines.collect::<Vec<_>>().join("\n");
        let section =
            |text: &str| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } });
        let body = json!({
            "text": headline,
            "blocks": [section(&format!("*{headline}*")), section(&words_cut(&lines))],
        });
        Ok(Outgoing::json(&url, &body))
    }
}

/// A block holds 3,000 letters.
fn words_cut(text: &str) -> String {
    text.chars().take(2_900).collect()
}

/// Slack's three letters that mean something; without them nothing in an event becomes a mention or a link with another text.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::case;

    #[test]
    fn nothing_in_an_event_becomes_a_mention() {
        let slack =
            Slack::new("https://hooks.example.org/T/B/s".to_owned().into()).expect("a sink");
        let event = case(
            "approval.requested",
            r#"{"workflow_id":"w-1","title":"<!channel> & more","review_url":"https://example.org/r"}"#,
        );
        let outgoing = slack.request(&event).expect("a request");
        let body: serde_json::Value = serde_json::from_slice(&outgoing.body).expect("JSON");
        assert_eq!(
            body["text"],
            "Approval required: workflow w-1: &lt;!channel&gt; &amp; more"
        );
        assert_eq!(
            body["blocks"][1]["text"]["text"],
            "*Review:* https://example.org/r\n*At:* 2026-01-02T03:04:05Z"
        );
        assert!(!format!("{slack:?}").contains("T/B/s"));
    }
}
