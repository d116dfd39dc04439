//! Task states.

use super::Reader;
use super::fields::Object;
use super::machine::Graph;
use super::setting::SECONDS_MAX;
use crate::definition::{Payload, QueryLanguage, Resource, Setting, Task};

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
        let resource = Resource::parse(text);
        if resource.is_none() {
            let node = object.get("Resource")?;
            self.error(
                node,
                &object.place.field("Resource"),
                "Value is not a valid resource ARN",
            );
        }
        resource
    }

    fn credentials(&mut self, object: &Object<'_, 't>, language: QueryLanguage) -> Option<Payload> {
        let credentials = self.object(object, "Credentials")?;
        match language {
            QueryLanguage::JsonPath => {
                self.known_fields(&credentials, &["RoleArn", "RoleArn.$"]);
                self.only_one(&credentials, &["RoleArn", "RoleArn.$"]);
            }
            QueryLanguage::Jsonata => self.known_fields(&credentials, &["RoleArn"]),
        }
        self.payload(object, "Credentials", language)
    }
}
