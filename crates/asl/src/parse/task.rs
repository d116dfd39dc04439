//! Task states.

use super::Reader;
use super::fields::Object;
use super::machine::Graph;
use super::setting::SECONDS_MAX;
use crate::definition::{Payload, QueryLanguage, Resource, ResourceKind, Setting, Task};

/// The optimised integrations of which only some actions are offered. All of a service's actions are at `aws-sdk:`.
const OFFERED: &[(&str, &[&str])] = &[
    ("apigateway", &["invoke"]),
    (
        "athena",
        &[
            "startQueryExecution",
            "stopQueryExecution",
            "getQueryExecution",
            "getQueryResults",
        ],
    ),
    ("batch", &["submitJob"]),
    (
        "dynamodb",
        &["getItem", "putItem", "updateItem", "deleteItem"],
    ),
    ("ecs", &["runTask"]),
    ("events", &["putEvents"]),
    ("glue", &["startJobRun"]),
    ("http", &["invoke"]),
    ("lambda", &["invoke"]),
    ("mediaconvert", &["createJob"]),
    ("sns", &["publish"]),
    ("sqs", &["sendMessage"]),
    ("states", &["startExecution"]),
];

/// Whether an integration has that action. Services that are not in the table are left to the dispatcher.
fn is_offered(service: &str, action: &str) -> bool {
    OFFERED
        .iter()
        .find(|(known, _)| *known == service)
        .is_none_or(|(_, actions)| actions.contains(&action))
}

impl<'t> Reader<'t> {
    pub(super) fn task(
        &mut self,
        graph: &mut Graph<'_>,
        object: &Object<'_, 't>,
        language: QueryLanguage,
    ) -> Option<Box<Task>> {
        self.required(object, &["Resource"]);
        let resource = self.resource(object);
        let flow = self.flow(object, language);
        let credentials = self.credentials(object, language);
        let seconds = 1..=SECONDS_MAX;
        let timeout_seconds = self.integer_setting(
            object,
            ["TimeoutSeconds", "TimeoutSecondsPath"],
            language,
            seconds.clone(),
        );
        let heartbeat_seconds = self.integer_setting(
            object,
            ["HeartbeatSeconds", "HeartbeatSecondsPath"],
            language,
            seconds,
        );
        if let (Some(Setting::Fixed(timeout)), Some(Setting::Fixed(heartbeat))) =
            (&timeout_seconds, &heartbeat_seconds)
            && heartbeat >= timeout
            && let Some(node) = object.get("HeartbeatSeconds")
        {
            self.error(
                node,
                &object.place.field("HeartbeatSeconds"),
                "HeartbeatSeconds must be smaller than TimeoutSeconds",
            );
        }
        let retry = self.retry(object);
        let catch = self.catch(graph, object, language);
        let next = self.next(graph, object);
        Some(Box::new(Task {
            resource: resource?,
            flow,
            credentials,
            timeout_seconds,
            heartbeat_seconds,
            retry,
            catch,
            next: next?,
        }))
    }

    pub(super) fn resource(&mut self, object: &Object<'_, 't>) -> Option<Resource> {
        let text = self.string(object, "Resource")?;
        let node = object.get("Resource")?;
        let place = object.place.field("Resource");
        let resource = Resource::parse(text);
        match resource.as_ref().map(|resource| &resource.kind) {
            None => self.error(node, &place, "Value is not a valid resource ARN"),
            Some(ResourceKind::Integration {
                service, action, ..
            }) if !is_offered(service, action) => {
                self.error(
                    node,
                    &place,
                    format!(
                        "The resource provided {text} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region."
                    ),
                );
            }
            Some(_) => {}
        }
        resource
    }

    fn credentials(&mut self, object: &Object<'_, 't>, language: QueryLanguage) -> Option<Payload> {
        let credentials = self.object(object, "Credentials")?;
        let names: &[&str] = match language {
            QueryLanguage::JsonPath => &["RoleArn", "RoleArn.$"],
            QueryLanguage::Jsonata => &["RoleArn"],
        };
        self.only_one(&credentials, names);
        // Other fields are let through.
        if !names.iter().any(|name| credentials.has(name)) {
            self.error(
                credentials.node,
                &credentials.place,
                "The field 'RoleArn' is required but was missing",
            );
        }
        self.payload(object, "Credentials", language)
    }
}
