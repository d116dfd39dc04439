//! Webhooks, signed as Standard Webhooks has it: any receiver that knows that scheme can check them.

use everstep_agent::Signer;
use reqwest::Url;
use serde_json::json;

use super::Event;
use super::outgoing::Outgoing;

/// A webhook's address and what signs its requests.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub url: Url,
    pub signer: Signer,
}

impl Webhook {
    /// `seconds` since 1970 is when it is sent, not when it happened: receivers refuse what is old.
    #[must_use]
    pub fn request(&self, event: &Event, seconds: i64) -> Outgoing {
        let body = json!({
            "type": event.name,
            "timestamp": event.at,
            "data": event.data,
        });
        let mut outgoing = Outgoing::json(&self.url, &body);
        let signature = self.signer.sign(&event.id, seconds, &outgoing.body);
        outgoing.headers.extend([
            ("webhook-id", event.id.clone()),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", signature),
        ]);
        if let Some(traceparent) = event.text(&["traceparent", "execution/attributes/traceparent"])
        {
            outgoing
                .headers
                .push(("traceparent", traceparent.to_owned()));
        }
        outgoing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::case;

    #[test]
    fn a_request_tells_the_event_and_is_signed_over_its_bytes() {
        let webhook = Webhook {
            url: Url::parse("https://example.org/hook").expect("a URL"),
            signer: Signer::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key"),
        };
        let event = case("callback.processed", r#"{"workflow_id":"w"}"#);
        let outgoing = webhook.request(&event, 1_700_000_000);
        assert_eq!(
            outgoing.body,
            r#"{"type":"callback.processed","timestamp":"2026-01-02T03:04:05Z","data":{"workflow_id":"w"}}"#
        );
        let sign = |id| webhook.signer.sign(id, 1_700_000_000, &outgoing.body);
        let headers = &outgoing.headers;
        assert!(headers.contains(&("webhook-signature", sign("letter-1"))));
        assert!(headers.contains(&("webhook-id", "letter-1".to_owned())));
        assert!(!headers.contains(&("webhook-signature", sign("letter-2"))));
    }
}
