//! Whatever the text, reading it ends, and ends well.

use std::sync::LazyLock;

use everstep_asl::definition::LENGTH_MAX_BYTES;
use everstep_asl::{Code, Definition};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::invariants::read;

/// The words of the language, so that arbitrary values come near definitions.
const WORDS: &[&str] = &[
    "StartAt",
    "States",
    "Type",
    "Task",
    "Pass",
    "Choice",
    "Wait",
    "Parallel",
    "Map",
    "Succeed",
    "Fail",
    "Next",
    "End",
    "A",
    "B",
    "Branches",
    "ItemProcessor",
    "ProcessorConfig",
    "Mode",
    "DISTRIBUTED",
    "Choices",
    "Default",
    "Variable",
    "And",
    "Not",
    "StringMatches",
    "NumericEqualsPath",
    "Retry",
    "Catch",
    "ErrorEquals",
    "States.ALL",
    "Resource",
    "QueryLanguage",
    "JSONata",
    "JSONPath",
    "Assign",
    "Output",
    "Arguments",
    "Parameters",
    "x.$",
    "$",
    "$.x",
    "$$.Map",
    "$v",
    "{% $x %}",
    "{% ( %}",
    "{%",
    "Seconds",
    "Timestamp",
    "TimeoutSeconds",
    "Label",
    "ItemReader",
    "ReaderConfig",
    "ItemBatcher",
    "ResultWriter",
    "States.UUID()",
    "",
    "*",
];

fn value() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(WORDS).prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Definitions without an error among the files.
static GOOD: LazyLock<Vec<Value>> = LazyLock::new(|| {
    super::files("tests/definitions")
        .into_iter()
        .flat_map(|(_, file)| match file {
            Value::Array(cases) => cases,
            case => vec![case],
        })
        .filter(|case| case["definition"].is_object() && case["diagnostics"] == json!([]))
        .map(|case| case["definition"].clone())
        .collect()
});

/// Replaces, removes or renames the `at`-th part of a value.
fn mutate(value: &mut Value, at: &mut usize, change: u8, other: &Value) {
    match value {
        Value::Object(members) => {
            for name in members.keys().cloned().collect::<Vec<_>>() {
                if *at == 0 {
                    *at = usize::MAX;
                    match change {
                        0 => {
                            members.remove(&name);
                        }
                        1 => {
                            members.insert(name, other.clone());
                        }
                        _ => {
                            let value = members.remove(&name).unwrap_or_default();
                            let word = WORDS.get(usize::from(change) % WORDS.len());
                            members.insert(word.copied().unwrap_or("x").to_owned(), value);
                        }
                    }
                    return;
                }
                *at -= 1;
                if let Some(inner) = members.get_mut(&name) {
                    mutate(inner, at, change, other);
                }
                if *at == usize::MAX {
                    return;
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                if *at == usize::MAX {
                    return;
                }
                mutate(item, at, change, other);
            }
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn arbitrary_texts_are_judged(text in ".{0,200}") {
        read(&text);
    }

    #[test]
    fn arbitrary_values_are_judged(value in value()) {
        read(&value.to_string());
    }

    #[test]
    fn arbitrary_states_are_judged(state in value(), word in prop::sample::select(WORDS)) {
        read(&json!({"StartAt": "A", "States": {"A": state.clone(), word: state}}).to_string());
    }

    #[test]
    fn changed_definitions_are_judged(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((0usize..40, any::<u8>(), value()), 1..4),
    ) {
        let mut definition = which.get(&GOOD).clone();
        for (at, change, other) in changes {
            mutate(&mut definition, &mut at.clone(), change, &other);
        }
        read(&definition.to_string());
    }

    #[test]
    fn cut_definitions_are_judged(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = which.get(&GOOD).to_string().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        read(&String::from_utf8_lossy(&text));
        text.truncate(at);
        read(&String::from_utf8_lossy(&text));
    }
}

#[test]
fn what_is_as_long_as_can_be_ends_quickly() {
    let fill = |unit: &str| unit.repeat((LENGTH_MAX_BYTES - 300) / unit.len());
    let pass = r#""Type":"Pass","End":true"#;
    let many: String = (0..22_000)
        .map(|index| format!(r#""s{index}":{{{pass}}},"#))
        .collect();
    let fields: String = (0..60_000)
        .map(|index| format!(r#""f{index}":0,"#))
        .collect();
    let name = "n".repeat(100_000);
    for text in [
        format!(r#"{{"StartAt":"s0","States":{{{many}"z":{{{pass}}}}}}}"#),
        format!(r#"{{"StartAt":"A","States":{{"A":{{{fields}{pass}}}}}}}"#),
        format!(r#"{{"StartAt":"{name}","States":{{"{name}":{{{fields}{pass}}}}}}}"#),
        format!(r#"{{"StartAt":"A","States":{{"A":{{{pass},"Assign":{{{fields}"x":0}}}}}}}}"#),
        format!(
            r#"{{"StartAt":"A","States":{{"A":{{{pass},"Result":[{}0]}}}}}}"#,
            fill("0,")
        ),
        format!(
            r#"{{"StartAt":"A","States":{{"A":{{{pass},"Parameters":{}}}}}}}"#,
            fill("[")
        ),
        format!(
            r#"{{"StartAt":"A","States":{{"A":{{"Type":"Choice","Choices":[{}{{}}]}}}}}}"#,
            fill(r#"{"Not":1},"#)
        ),
        format!(
            r#"{{"StartAt":"A","States":{{"A":{{{pass},"InputPath":"$.{}"}}}}}}"#,
            fill("a.")
        ),
        format!(
            r#"{{"StartAt":"A","States":{{"A":{{{pass},"Parameters":{{"x.$":"{}"}}}}}}}}"#,
            fill("States.Array(")
        ),
        fill("["),
        fill(r#"{"a":"#),
    ] {
        assert!(text.len() <= LENGTH_MAX_BYTES, "{}", text.len());
        read(&text);
    }
    let found = Definition::parse(&" ".repeat(LENGTH_MAX_BYTES + 1)).unwrap_err();
    assert_eq!(
        found.first().map(|found| found.code),
        Some(Code::SchemaValidationFailed)
    );
}
