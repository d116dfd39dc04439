//! What holds for every test of a state, whatever is asked.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::wire;

/// Whole and broken texts of JSON.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "{}",
            "[]",
            "null",
            "1e400",
            "-0",
            "\"x\"",
            "[[[1]]]",
            "{\"a\":{\"b\":[1,2,{\"c\":null}]}}",
            "{\"Error\":\"A\",\"Cause\":\"c\"}",
            "[1,2,3]",
            "{\"a\":1,\"a\":2}",
            "",
            "{",
            "\u{0}",
        ])
        .prop_map(str::to_owned),
        "[\\[\\]{}\":,a-c0-9. $]{0,24}",
    ]
}

/// States of every type, with fields that may have no value.
fn state() -> impl Strategy<Value = Value> {
    let resource = prop::sample::select(vec![
        "arn:aws:lambda:us-east-1:111111111111:function:f",
        "arn:aws:states:::lambda:invoke",
        "arn:aws:states:::dynamodb:getItem",
        "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "arn:aws:states:us-east-1:111111111111:activity:a",
    ]);
    let path = prop::sample::select(vec![
        "$",
        "$.a",
        "$.a.b[2]",
        "$$.State",
        "$$.Task.Token",
        "$v",
        "$..b",
        "$.a[?(@.c)]",
    ]);
    let inner = json!({"StartAt": "S", "States": {"S": {"Type": "Pass", "End": true}}});
    (resource, path, 0..9_usize).prop_map(move |(resource, path, kind)| match kind {
        0 => json!({"Type": "Pass", "InputPath": path, "Parameters": {"x.$": path}, "ResultPath": "$.a.b", "End": true}),
        1 => json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.a[0] + 1 %}", "Assign": {"v": "{% $states %}"}, "End": true}),
        2 => json!({"Type": "Choice", "Choices": [{"Variable": path, "NumericLessThan": 3, "Next": "X"}], "Default": "Y"}),
        3 => json!({"Type": "Wait", "SecondsPath": path, "End": true}),
        4 => json!({"Type": "Fail", "ErrorPath": path}),
        5 => json!({"Type": "Map", "ItemsPath": path, "ItemSelector": {"i.$": path}, "MaxConcurrencyPath": path, "ItemProcessor": inner, "End": true}),
        6 => json!({"Type": "Parallel", "Branches": [inner], "ResultSelector": {"r.$": path}, "End": true}),
        7 => json!({"Type": "Task", "Resource": resource, "Parameters": {"x.$": path}, "TimeoutSecondsPath": path, "End": true}),
        _ => json!({
            "Type": "Task", "Resource": resource, "OutputPath": path,
            "Retry": [{"ErrorEquals": ["A"], "BackoffRate": 99.5, "IntervalSeconds": 99_999}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.a[1]", "Next": "X"}], "End": true
        }),
    })
}

fn request() -> impl Strategy<Value = Value> {
    let definition = prop_oneof![9 => state().prop_map(|state| state.to_string()), 1 => text()];
    let texts = proptest::array::uniform5(prop::option::of(text()));
    let error = prop::option::of(prop::sample::select(vec![
        "A",
        "B",
        "States.Timeout",
        "States.Runtime",
        "",
    ]));
    let level = prop::sample::select(vec!["INFO", "DEBUG", "TRACE"]);
    (
        definition,
        texts,
        error,
        level,
        prop::option::of(any::<u32>()),
        any::<bool>(),
    )
        .prop_map(
            |(
                definition,
                [input, variables, context, result, read],
                error,
                level,
                retries,
                role,
            )| {
                let mut request = Map::new();
                let mut put = |name: &str, text: Option<String>| {
                    if let Some(text) = text {
                        request.insert(name.to_owned(), text.into());
                    }
                };
                put("definition", Some(definition));
                put("input", input);
                put("variables", variables);
                put("context", context);
                put(
                    "roleArn",
                    role.then(|| "arn:aws:iam::111111111111:role/r".to_owned()),
                );
                put("inspectionLevel", Some(level.to_owned()));
                if let Some(result) = result {
                    request.insert("mock".into(), json!({ "result": result }));
                } else if let Some(error) = error {
                    request.insert("mock".into(), json!({ "errorOutput": { "error": error } }));
                }
                let configuration =
                    json!({ "retrierRetryCount": retries, "mapItemReaderData": read });
                if retries.is_some() {
                    request.insert("stateConfiguration".into(), configuration);
                }
                request.into()
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// P11: no request crashes what answers it, and every answer is one that the service could give.
    #[test]
    fn every_request_is_answered(request in request(), called in text()) {
        let called = match serde_json::from_str::<Value>(&called) {
            Ok(result) => json!({ "result": result }),
            Err(_) => json!({ "error": "A" }),
        };
        let answer = wire::run(&request, Some(&called));
        if answer.get("refused").is_some() {
            return Ok(());
        }
        let has = |name: &str| answer.get(name).is_some();
        let (output, error) = (has("output"), has("error") || has("cause"));
        match answer["status"].as_str() {
            Some("SUCCEEDED") => prop_assert!(output && !error, "{answer}"),
            Some("CAUGHT_ERROR") => prop_assert!(output && has("nextState"), "{answer}"),
            Some("FAILED" | "RETRIABLE") => prop_assert!(!output && !has("nextState"), "{answer}"),
            _ => prop_assert!(false, "{answer}"),
        }
        prop_assert_eq!(has("inspectionData"), request["inspectionLevel"] != "INFO");
        prop_assert_eq!(wire::run(&request, Some(&called)), answer, "the same request has the same answer");
    }
}
