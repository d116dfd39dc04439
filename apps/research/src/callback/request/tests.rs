use super::*;
use serde_json::json;

fn refused(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

#[test]
fn bodies_are_refused_in_the_seeds_order_with_the_seeds_texts() {
    let cases = [
        ("{", "Invalid JSON in request body"),
        ("null", "Invalid JSON in request body"),
        ("", "Request body is empty or invalid JSON"),
        ("{}", "Request body is empty or invalid JSON"),
        ("[]", "Request body is empty or invalid JSON"),
        ("\"\"", "Request body is empty or invalid JSON"),
        ("0", "Request body is empty or invalid JSON"),
        ("false", "Request body is empty or invalid JSON"),
        ("7", "Missing required field: token"),
        ("[1]", "Missing required field: token"),
        (r#"{"status":"NO"}"#, "Missing required field: token"),
        (r#"{"token":""}"#, "Missing required field: token"),
        (r#"{"token":"t"}"#, "Missing required field: status"),
        (
            r#"{"token":"t","status":null}"#,
            "Invalid status value: None. Must be SUCCESS or FAILURE",
        ),
        (
            r#"{"token":"t","status":"success","result":1}"#,
            "Invalid status value: success. Must be SUCCESS or FAILURE",
        ),
        (
            r#"{"token":"t","status":"SUCCESS","error":"e"}"#,
            "SUCCESS status requires 'result' field",
        ),
        (
            r#"{"token":"t","status":"FAILURE","result":1}"#,
            "FAILURE status requires 'error' field",
        ),
    ];
    for (body, text) in cases {
        assert_eq!(refused(body), text, "{body}");
    }
}

#[test]
fn results_stay_as_they_were_written() {
    let text = r#"{"token":"t","status":"SUCCESS","result":{"a": 1.0, "big":12345678901234567890123},"more":1}"#;
    let answer = parse(text).expect("valid");
    assert_eq!(
        answer.outcome.text(),
        r#"{"a": 1.0, "big":12345678901234567890123}"#
    );
    let null = parse(r#"{"token":"t","status":"SUCCESS","result":null}"#).expect("null counts");
    assert_eq!(null.outcome, Outcome::Success("null".to_owned()));
}

#[test]
fn a_body_may_be_text_base64_or_parsed_already() {
    let parsed = json!({ "token": "t", "status": "FAILURE", "error": "x" });
    let text = parsed.to_string();
    let encoded = base64::engine::general_purpose::STANDARD.encode(&text);
    let events = [
        json!({ "body": text }),
        json!({ "body": encoded, "isBase64Encoded": true }),
        json!({ "body": parsed }),
    ];
    for event in events {
        let text = body(&event).expect("a body");
        let answer = parse(&text).expect("valid");
        assert_eq!(answer.outcome, Outcome::Failure("\"x\"".to_owned()));
    }
    for event in [json!({}), json!({ "body": null })] {
        assert_eq!(body(&event), Err(Invalid::Empty));
    }
    let broken = json!({ "body": "!", "isBase64Encoded": true });
    assert_eq!(body(&broken), Err(Invalid::NotJson));
}

#[test]
fn an_agents_error_becomes_text_and_keeps_what_was_more() {
    let plain = AgentFailure::of("\"it broke\"");
    assert_eq!(
        (plain.error_type, plain.message.as_str(), plain.data),
        ("AgentExecutionError", "it broke", None)
    );
    let rich = AgentFailure::of(r#"{"code":7}"#);
    assert_eq!(rich.data.as_deref(), Some(r#"{"code":7}"#));
}
