//! The details of what happens to the work of a Task state: of functions, activities and services.

use super::super::{Attempt, Body, ErrorOutput, Event, Stage, Worker};
use serde_json::json;

use super::details::{Details, Object};

pub(super) fn of(event: &Event, includes: bool) -> Details {
    match event {
        Event::Scheduled { attempt, input, .. } => Some(scheduled(attempt, input, includes)),
        Event::Started { worker, by, .. } => started(worker, by.as_deref()),
        Event::Submitted { worker, output, .. } => Some((
            "taskSubmittedEventDetails",
            service(worker).data("output", output, includes).0,
        )),
        Event::Succeeded { worker, output, .. } => {
            let name = match worker {
                Worker::Function => "lambdaFunctionSucceededEventDetails",
                Worker::Activity => "activitySucceededEventDetails",
                Worker::Service { .. } => "taskSucceededEventDetails",
            };
            Some((name, service(worker).data("output", output, includes).0))
        }
        Event::Failed {
            worker,
            stage,
            failure,
            ..
        } => Some(failed(worker, *stage, failure)),
        Event::TimedOut {
            worker, failure, ..
        } => {
            let name = match worker {
                Worker::Function => "lambdaFunctionTimedOutEventDetails",
                Worker::Activity => "activityTimedOutEventDetails",
                Worker::Service { .. } => "taskTimedOutEventDetails",
            };
            Some((name, service(worker).failure(failure).0))
        }
        _ => None,
    }
}

/// What every event of a service's work begins with; the others' begin with nothing.
fn service(worker: &Worker) -> Object {
    match worker {
        Worker::Service { service, action } => Object::new()
            .with("resourceType", service.as_ref())
            .with("resource", action.as_ref()),
        Worker::Function | Worker::Activity => Object::new(),
    }
}

fn scheduled(
    attempt: &Attempt,
    input: &Body,
    includes: bool,
) -> (&'static str, serde_json::Map<String, serde_json::Value>) {
    let role = attempt.credentials.as_deref();
    let credentials = role.map(|role| json!({ "roleArn": role }));
    let name = match attempt.worker {
        Worker::Function => "lambdaFunctionScheduledEventDetails",
        Worker::Activity => "activityScheduledEventDetails",
        Worker::Service { .. } => "taskScheduledEventDetails",
    };
    let details = match attempt.worker {
        Worker::Function | Worker::Activity => Object::new()
            .with("resource", attempt.resource.as_ref())
            .data("input", input, includes),
        Worker::Service { .. } => service(&attempt.worker)
            .with("region", attempt.region.as_ref())
            .maybe("parameters", includes.then(|| input.text())),
    };
    let heartbeat = match attempt.worker {
        Worker::Function => None,
        Worker::Activity | Worker::Service { .. } => attempt.heartbeat_s,
    };
    let details = details
        .maybe("timeoutInSeconds", attempt.timeout_s)
        .maybe("heartbeatInSeconds", heartbeat)
        .maybe("taskCredentials", credentials);
    (name, details.0)
}

fn started(worker: &Worker, by: Option<&str>) -> Details {
    match worker {
        Worker::Function => None,
        Worker::Activity => Some((
            "activityStartedEventDetails",
            Object::new().maybe("workerName", by).0,
        )),
        Worker::Service { .. } => Some(("taskStartedEventDetails", service(worker).0)),
    }
}

fn failed(
    worker: &Worker,
    stage: Stage,
    failure: &ErrorOutput,
) -> (&'static str, serde_json::Map<String, serde_json::Value>) {
    let name = match (worker, stage) {
        (Worker::Function, Stage::Schedule) => "lambdaFunctionScheduleFailedEventDetails",
        (Worker::Function, Stage::Start) => "lambdaFunctionStartFailedEventDetails",
        (Worker::Function, Stage::Submit | Stage::Run) => "lambdaFunctionFailedEventDetails",
        (Worker::Activity, Stage::Schedule) => "activityScheduleFailedEventDetails",
        (Worker::Activity, Stage::Start | Stage::Submit | Stage::Run) => {
            "activityFailedEventDetails"
        }
        (Worker::Service { .. }, Stage::Schedule | Stage::Start) => "taskStartFailedEventDetails",
        (Worker::Service { .. }, Stage::Submit) => "taskSubmitFailedEventDetails",
        (Worker::Service { .. }, Stage::Run) => "taskFailedEventDetails",
    };
    (name, service(worker).failure(failure).0)
}
