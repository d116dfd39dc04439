//! SNS and EventBridge as sinks of events. Each takes the entries of its own shape and leaves the others alone.

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde_json::Value;

use super::fault::fault;
use crate::artifact::Pending;
use crate::event::Sink;
use crate::settings::Settings;

/// Notifications to the topic that they name.
#[derive(Debug, Clone)]
pub struct Topic {
    client: aws_sdk_sns::Client,
}

/// Events to a bus; the account's default one unless one is named.
#[derive(Debug, Clone)]
pub struct EventBus {
    client: aws_sdk_eventbridge::Client,
    bus: Option<String>,
}

/// Both.
#[must_use]
pub fn sinks(config: &SdkConfig, settings: &Settings) -> Vec<Arc<dyn Sink>> {
    vec![
        Arc::new(Topic {
            client: aws_sdk_sns::Client::new(config),
        }),
        Arc::new(EventBus {
            client: aws_sdk_eventbridge::Client::new(config),
            bus: settings.event_bus.clone(),
        }),
    ]
}

fn member<'a>(entry: &'a Value, name: &str) -> Option<&'a str> {
    entry.get(name).and_then(Value::as_str)
}

impl Topic {
    async fn publish(&self, entry: &Value) -> Result<(), String> {
        let Some(topic) = member(entry, "TopicArn") else {
            return Ok(());
        };
        let request = self
            .client
            .publish()
            .topic_arn(topic)
            .set_subject(member(entry, "Subject").map(str::to_owned))
            .set_message(member(entry, "Message").map(str::to_owned));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("SNS: {}", fault(&error).1)),
        }
    }
}

impl EventBus {
    async fn put(&self, entry: &Value) -> Result<(), String> {
        let Some(detail_type) = member(entry, "DetailType") else {
            return Ok(());
        };
        let resources = entry.get("Resources").and_then(Value::as_array);
        let resources = resources.map(|list| {
            list.iter()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect()
        });
        let event = PutEventsRequestEntry::builder()
            .set_source(member(entry, "Source").map(str::to_owned))
            .detail_type(detail_type)
            .set_detail(member(entry, "Detail").map(str::to_owned))
            .set_resources(resources)
            .set_event_bus_name(self.bus.clone())
            .build();
        let answer = match self.client.put_events().entries(event).send().await {
            Ok(answer) => answer,
            Err(error) => return Err(format!("EventBridge: {}", fault(&error).1)),
        };
        // The call succeeds even when the bus takes none of its entries.
        let refused = answer.entries().iter().find_map(|result| {
            let code = result.error_code()?;
            Some(format!(
                "EventBridge: {code}: {}",
                result.error_message().unwrap_or_default()
            ))
        });
        refused.map_or(Ok(()), Err)
    }
}

impl Sink for Topic {
    fn send<'a>(&'a self, _: &'a str, entry: &'a Value) -> Pending<'a, Result<(), String>> {
        Box::pin(self.publish(entry))
    }
}

impl Sink for EventBus {
    fn send<'a>(&'a self, _: &'a str, entry: &'a Value) -> Pending<'a, Result<(), String>> {
        Box::pin(self.put(entry))
    }
}
