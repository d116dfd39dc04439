use hyper::Method;

use super::*;

const ARN: &str =
    "arn:aws:lambda:us-west-2:000000000000:function:f:$LATEST/durable-execution/n/0190-1";

fn found(method: &str, path: &str) -> Option<(Operation, String, String)> {
    let method: Method = method.parse().expect("a method");
    let target = find(&method, path).ok()?;
    Some((target.operation, target.name.first, target.name.second))
}

#[test]
fn arn_is_one_encoded_segment_or_several_plain_ones() {
    let encoded = ARN
        .replace(':', "%3A")
        .replace('/', "%2F")
        .replace('$', "%24");
    for arn in [
        ARN,
        &encoded,
        &ARN.replace('$', "%24"),
        &ARN.replace(':', "%3a"),
    ] {
        for (method, verb, operation) in [
            ("GET", "", Operation::GetDurableExecution),
            ("POST", "/checkpoint", Operation::CheckpointDurableExecution),
            ("GET", "/state", Operation::GetDurableExecutionState),
            ("GET", "/history", Operation::GetDurableExecutionHistory),
            ("POST", "/stop", Operation::StopDurableExecution),
            ("POST", "/pause", Operation::PauseDurableExecution),
            ("POST", "/resume", Operation::ResumeDurableExecution),
            ("DELETE", "", Operation::DeleteDurableExecution),
        ] {
            let path = format!("/2025-12-01/durable-executions/{arn}{verb}");
            assert_eq!(
                found(method, &path),
                Some((operation, ARN.to_owned(), String::new())),
                "{method} {path}"
            );
        }
    }
}

#[test]
fn callback_ids_keep_their_base64_alphabet() {
    for id in ["ab+/c==", "ab%2B%2Fc%3D%3D", "ab+%2Fc=="] {
        let path = format!("/2025-12-01/durable-execution-callbacks/{id}/succeed");
        let expected = (
            Operation::SendDurableExecutionCallbackSuccess,
            "ab+/c==".to_owned(),
            String::new(),
        );
        assert_eq!(found("POST", &path), Some(expected), "{path}");
    }
}

#[test]
fn functions_by_name_and_arn() {
    let alias = (Operation::GetAlias, "f".to_owned(), "live".to_owned());
    assert_eq!(
        found("GET", "/2015-03-31/functions/f/aliases/live"),
        Some(alias)
    );
    let invoke = (
        Operation::Invoke,
        "arn:aws:lambda:r:1:function:f:$LATEST".to_owned(),
        String::new(),
    );
    assert_eq!(
        found(
            "POST",
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Ar%3A1%3Afunction%3Af%3A%24LATEST/invocations"
        ),
        Some(invoke)
    );
    assert_eq!(
        found("POST", "/2015-03-31/functions/").map(|(operation, _, _)| operation),
        Some(Operation::CreateFunction)
    );
    assert_eq!(
        found("POST", "/2015-03-31/functions").map(|(operation, _, _)| operation),
        Some(Operation::CreateFunction)
    );
}

#[test]
fn everything_else_is_a_clear_4xx() {
    for (method, path) in [
        ("GET", "/2015-03-31/no-such-thing"),
        ("PATCH", "/2015-03-31/functions"),
        ("GET", "/2015-03-31/functions/f/aliases/a/b"),
        ("GET", "/2015-03-31/functionsf"),
        (
            "DELETE",
            "/2025-12-01/durable-execution-callbacks/x/succeed",
        ),
        ("POST", "/"),
        ("GET", "/2099-01-01/functions"),
    ] {
        let error = find(&method.parse().expect("a method"), path).expect_err(path);
        assert!(
            error.exception.status().is_client_error(),
            "{method} {path}"
        );
        assert_eq!(error.code.as_str(), "E0111");
    }
}
