//! Task states.

use super::Reader;
use super::fields::Object;
use super::machine::Graph;
use super::setting::SECONDS_MAX;
use crate::definition::{Pattern, Payload, QueryLanguage, Resource, ResourceKind, Setting, Task};

/// An optimised integration: what of a service a state can call, and what it can wait for.
struct Offer {
    service: &'static str,
    actions: &'static [&'static str],
    /// It can wait for the job that it begins.
    sync: bool,
    /// It can wait for a token to come back.
    token: bool,
}

const fn offer(
    service: &'static str,
    actions: &'static [&'static str],
    sync: bool,
    token: bool,
) -> Offer {
    Offer {
        service,
        actions,
        sync,
        token,
    }
}

/// All of a service's actions are at `aws-sdk:`; here are the optimised ones of the services that Everstep knows.
const OFFERS: &[Offer] = &[
    offer("apigateway", &["invoke"], false, true),
    offer("batch", &["submitJob"], true, false),
    offer(
        "dynamodb",
        &["getItem", "putItem", "updateItem", "deleteItem"],
        false,
        false,
    ),
    offer("ecs", &["runTask"], true, true),
    offer("events", &["putEvents"], false, true),
    offer("glue", &["startJobRun"], true, false),
    offer("http", &["invoke"], false, false),
    offer("lambda", &["invoke"], false, true),
    offer("sns", &["publish"], false, true),
    offer("sqs", &["sendMessage"], false, true),
    offer("states", &["startExecution"], true, true),
];

/// Whether there is such an integration. Services that are not in the table are left to the dispatcher.
fn is_offered(service: &str, action: &str, pattern: Pattern) -> bool {
    let Some(offer) = OFFERS.iter().find(|offer| offer.service == service) else {
        return true;
    };
    let can_wait = match pattern {
        Pattern::RequestResponse => true,
        Pattern::Sync => offer.sync,
        Pattern::SyncJson => service == "states",
        Pattern::WaitForTaskToken => offer.token,
    };
    can_wait && offer.actions.contains(&action)
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
                service,
                action,
                pattern,
            }) if !is_offered(service, action, *pattern) => {
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
