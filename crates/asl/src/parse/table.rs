//! Which fields there are, on which types of states, in which language.

use crate::definition::QueryLanguage;

pub(super) const DEFINITION: &[&str] = &[
    "Comment",
    "StartAt",
    "States",
    "Version",
    "TimeoutSeconds",
    "QueryLanguage",
];

pub(super) const BRANCH: &[&str] = &["Comment", "StartAt", "States"];

pub(super) const PROCESSOR: &[&str] = &["Comment", "StartAt", "States", "ProcessorConfig"];

/// The types of states, in the service's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Task,
    Wait,
    Pass,
    Succeed,
    Fail,
    Choice,
    Parallel,
    Map,
}

pub(super) const TYPES: [(&str, Type); 8] = [
    ("Task", Type::Task),
    ("Wait", Type::Wait),
    ("Pass", Type::Pass),
    ("Succeed", Type::Succeed),
    ("Fail", Type::Fail),
    ("Choice", Type::Choice),
    ("Parallel", Type::Parallel),
    ("Map", Type::Map),
];

/// A field of states.
struct Field {
    name: &'static str,
    on: &'static [Type],
    /// The only language that has it.
    only: Option<QueryLanguage>,
}

use Type::{Choice, Fail, Map, Parallel, Pass, Succeed, Task, Wait};

const ALL: &[Type] = &[Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map];
const NOT_FAIL: &[Type] = &[Task, Wait, Pass, Succeed, Choice, Parallel, Map];
const LEADING_ON: &[Type] = &[Task, Wait, Pass, Parallel, Map];
const WITH_RESULT: &[Type] = &[Task, Pass, Parallel, Map];
const FAILING: &[Type] = &[Task, Parallel, Map];

const fn both(name: &'static str, on: &'static [Type]) -> Field {
    Field {
        name,
        on,
        only: None,
    }
}

const fn json_path(name: &'static str, on: &'static [Type]) -> Field {
    Field {
        name,
        on,
        only: Some(QueryLanguage::JsonPath),
    }
}

const fn jsonata(name: &'static str, on: &'static [Type]) -> Field {
    Field {
        name,
        on,
        only: Some(QueryLanguage::Jsonata),
    }
}

const FIELDS: &[Field] = &[
    both("Type", ALL),
    both("Comment", ALL),
    both("QueryLanguage", ALL),
    both("Next", LEADING_ON),
    both("End", LEADING_ON),
    json_path("InputPath", NOT_FAIL),
    json_path("OutputPath", NOT_FAIL),
    json_path("Parameters", WITH_RESULT),
    json_path("ResultSelector", FAILING),
    json_path("ResultPath", WITH_RESULT),
    jsonata("Arguments", &[Task, Parallel]),
    jsonata("Output", NOT_FAIL),
    both("Assign", &[Task, Wait, Pass, Choice, Parallel, Map]),
    json_path("Result", &[Pass]),
    both("Resource", &[Task]),
    both("Credentials", &[Task]),
    both("TimeoutSeconds", &[Task]),
    json_path("TimeoutSecondsPath", &[Task]),
    both("HeartbeatSeconds", &[Task]),
    json_path("HeartbeatSecondsPath", &[Task]),
    both("Retry", FAILING),
    both("Catch", FAILING),
    both("Choices", &[Choice]),
    both("Default", &[Choice]),
    both("Seconds", &[Wait]),
    both("Timestamp", &[Wait]),
    json_path("SecondsPath", &[Wait]),
    json_path("TimestampPath", &[Wait]),
    both("Branches", &[Parallel]),
    both("ItemProcessor", &[Map]),
    both("Iterator", &[Map]),
    json_path("ItemsPath", &[Map]),
    jsonata("Items", &[Map]),
    both("ItemSelector", &[Map]),
    both("MaxConcurrency", &[Map]),
    json_path("MaxConcurrencyPath", &[Map]),
    both("ToleratedFailureCount", &[Map]),
    json_path("ToleratedFailureCountPath", &[Map]),
    both("ToleratedFailurePercentage", &[Map]),
    json_path("ToleratedFailurePercentagePath", &[Map]),
    both("Label", &[Map]),
    both("ItemReader", &[Map]),
    both("ItemBatcher", &[Map]),
    both("ResultWriter", &[Map]),
    both("Error", &[Fail]),
    json_path("ErrorPath", &[Fail]),
    both("Cause", &[Fail]),
    json_path("CausePath", &[Fail]),
];

/// What is to be said of a field in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    Unknown,
    /// Only the other language has it.
    OnlyInOther,
}

/// Whether a state of that type and language may have that field.
pub(super) fn verdict(field: &str, of: Type, language: QueryLanguage) -> Verdict {
    let known = FIELDS
        .iter()
        .find(|known| known.name == field && known.on.contains(&of));
    match known {
        None => Verdict::Unknown,
        Some(Field {
            only: Some(only), ..
        }) if *only != language => Verdict::OnlyInOther,
        Some(_) => Verdict::Allowed,
    }
}
