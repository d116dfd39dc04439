//! Requests and reports as the service's API writes them.

use std::sync::Arc;

use everstep_asl::machine::flow::Point;
use everstep_asl::machine::{ErrorOutput, Limits};
use everstep_asl::test_state::{
    Configuration, FieldValidation, Inspection, Level, Mock, Report, Request, Step, Surroundings,
    Test,
};
use everstep_core::Timestamp;
use serde_json::{Map, Value, json};

/// Tests a state. `called` is what an outside service does.
pub fn run(request: &Value, called: Option<&Value>) -> Value {
    match report(request, called) {
        Ok(report) => shown(&report),
        Err(refused) => json!({ "refused": refused }),
    }
}

fn report(request: &Value, called: Option<&Value>) -> Result<Report, String> {
    let texts = Texts::of(request);
    let surroundings = Surroundings {
        now: Timestamp(1_800_000_000_000),
        seeds: (1, 2),
        execution_arn: "arn:aws:states:us-east-1:111111111111:express:test:name".to_owned(),
        state_machine_arn: "arn:aws:states:us-east-1:111111111111:stateMachine:test".to_owned(),
        limits: Limits::default(),
    };
    let refused = |refusal: everstep_asl::test_state::Refusal| refusal.to_string();
    let mut test = Test::new(&texts.request(request), surroundings).map_err(refused)?;
    let report = match test.begin().map_err(refused)? {
        Step::Done(report) => *report,
        Step::Wait { .. } => test.waited(),
        Step::Call { call, timeout_s } => {
            let called = called.unwrap_or_else(|| panic!("{call:?} within {timeout_s:?}"));
            match called.get("result") {
                Some(result) => test.called(Ok(&result.to_string())),
                None => test.called(Err(failure(called))),
            }
        }
    };
    let level = match request["inspectionLevel"].as_str() {
        Some("TRACE") => Level::Trace,
        Some("DEBUG") => Level::Debug,
        _ => Level::Info,
    };
    Ok(report.at(level))
}

/// The members that are JSON inside text.
struct Texts(Map<String, Value>);

impl Texts {
    fn of(request: &Value) -> Self {
        let mut texts = Map::new();
        let within = [
            ("mock", "result"),
            ("stateConfiguration", "mapItemReaderData"),
        ];
        let members = ["definition", "input", "context", "variables"].map(|name| (name, ""));
        for (name, member) in members.into_iter().chain(within) {
            let value = match member {
                "" => request.get(name),
                member => request[name].get(member),
            };
            if let Some(value) = value {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                texts.insert(format!("{name}{member}"), text.into());
            }
        }
        Self(texts)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    fn request<'a>(&'a self, of: &'a Value) -> Request<'a> {
        let configuration = &of["stateConfiguration"];
        let count = |name: &str| {
            configuration[name]
                .as_u64()
                .map(|count| u32::try_from(count).unwrap())
        };
        Request {
            definition: self.get("definition").unwrap_or_default(),
            state_name: of["stateName"].as_str(),
            input: self.get("input"),
            context: self.get("context"),
            variables: self.get("variables"),
            mock: of["mock"].is_object().then(|| Mock {
                result: self.get("mockresult"),
                error_output: of["mock"].get("errorOutput").map(failure),
                validation: match of["mock"]["fieldValidationMode"].as_str() {
                    Some("PRESENT") => FieldValidation::Present,
                    Some("NONE") => FieldValidation::None,
                    _ => FieldValidation::Strict,
                },
            }),
            configuration: Configuration {
                retrier_retry_count: count("retrierRetryCount"),
                error_caused_by_state: configuration["errorCausedByState"].as_str(),
                map_iteration_failure_count: count("mapIterationFailureCount"),
                map_item_reader_data: self.get("stateConfigurationmapItemReaderData"),
            },
            role_arn: of["roleArn"].as_str(),
            reveal_secrets: of["revealSecrets"].as_bool().unwrap_or(false),
        }
    }
}

fn failure(of: &Value) -> ErrorOutput {
    ErrorOutput {
        error: of["error"].as_str().map(Arc::from),
        cause: of["cause"].as_str().map(Arc::from),
    }
}

fn shown(report: &Report) -> Value {
    let mut answer = Map::new();
    answer.insert("status".into(), report.status.as_str().into());
    let output = report.output.as_ref().map(|output| report.text(output));
    let texts = [
        ("output", output.as_deref()),
        ("error", report.failure.error.as_deref()),
        ("cause", report.failure.cause.as_deref()),
        ("nextState", report.next_state.as_deref()),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            answer.insert(name.into(), text.into());
        }
    }
    if let Some(inspection) = &report.inspection {
        answer.insert("inspectionData".into(), inspected(report, inspection));
    }
    answer.into()
}

fn inspected(report: &Report, inspection: &Inspection) -> Value {
    let passed = |point| inspection.passed.get(&point);
    let texts = [
        ("input", Some(&inspection.input)),
        ("afterInputPath", passed(Point::InputPath)),
        ("afterParameters", passed(Point::Parameters)),
        ("afterArguments", passed(Point::Arguments)),
        ("afterItemsPath", passed(Point::ItemsPath)),
        ("afterResultSelector", passed(Point::ResultSelector)),
        ("afterResultPath", passed(Point::ResultPath)),
        ("result", inspection.result.as_ref()),
        ("afterItemSelector", inspection.after_item_selector.as_ref()),
        ("afterItemsPointer", inspection.after_items_pointer.as_ref()),
        ("afterItemBatcher", inspection.after_item_batcher.as_ref()),
        ("variables", inspection.variables.as_ref()),
    ];
    let mut data = Map::new();
    for (name, value) in texts {
        if let Some(value) = value {
            data.insert(name.into(), report.text(value).into());
        }
    }
    let mut number = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            data.insert(name.into(), value);
        }
    };
    number(
        "maxConcurrency",
        inspection.max_concurrency.map(Value::from),
    );
    let count = inspection.tolerated_failure_count;
    number("toleratedFailureCount", count.map(Value::from));
    let percentage = inspection.tolerated_failure_percentage;
    number("toleratedFailurePercentage", percentage.map(Value::from));
    if let Some(error) = inspection.error {
        let mut details = Map::new();
        let members = [
            ("catchIndex", error.catch_index.map(Value::from)),
            ("retryIndex", error.retry_index.map(Value::from)),
            (
                "retryBackoffIntervalSeconds",
                error.retry_backoff_interval_seconds.map(Value::from),
            ),
        ];
        for (name, value) in members {
            if let Some(value) = value {
                details.insert(name.into(), value);
            }
        }
        data.insert("errorDetails".into(), details.into());
    }
    data.into()
}
