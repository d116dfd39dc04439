use super::*;

fn check(body: &str, expected: Option<Push>) {
    assert_eq!(read(body.as_bytes()), expected, "{body}");
}

#[test]
fn a_finished_task_carries_the_result_artifacts_data_as_it_was_written() {
    let done = |result: &str| {
        Some(Push::Completed {
            result: Bytes::copy_from_slice(result.as_bytes()),
        })
    };
    let other = r#"{"artifactId":"a","name":"notes","parts":[{"data":{"other":1}}]}"#;
    let named = r#"{"artifactId":"result","name":"result","parts":[{"text":"see data"},{"data":{"summary":  "s"}}]}"#;
    let task = |artifacts: &str| {
        format!(
            r#"{{"task":{{"id":"t","status":{{"state":"TASK_STATE_COMPLETED"}},"artifacts":[{artifacts}]}}}}"#
        )
    };
    check(
        &task(&format!("{other},{named}")),
        done(r#"{"summary":  "s"}"#),
    );
    check(&task(other), done(r#"{"other":1}"#));
    check(
        &task(r#"{"artifactId":"a","parts":[{"text":"plain"}]}"#),
        done(r#""plain""#),
    );
    check(
        &task(r#"{"artifactId":"a","parts":[{"text":"[1, 2]"}]}"#),
        done("[1, 2]"),
    );
    check(
        r#"{"id":"t","status":{"state":"completed"},"artifacts":[{"artifactId":"a","parts":[{"kind":"data","data":7}]}]}"#,
        done("7"),
    );
}

#[test]
fn an_end_without_its_result_does_not_settle() {
    check(
        r#"{"statusUpdate":{"taskId":"t","status":{"state":"TASK_STATE_COMPLETED"}}}"#,
        Some(Push::Alive),
    );
}

#[test]
fn failures_carry_what_the_agent_said() {
    let failed = |message: &str| {
        Some(Push::Failed {
            message: message.to_owned(),
        })
    };
    check(
        r#"{"task":{"status":{"state":"TASK_STATE_FAILED","message":{"parts":[{"text":"out of paper"}]}}}}"#,
        failed("out of paper"),
    );
    check(
        r#"{"task":{"status":{"state":"TASK_STATE_CANCELED"}}}"#,
        failed("the agent's task was canceled"),
    );
    check(
        r#"{"statusUpdate":{"status":{"state":"rejected"}}}"#,
        failed("the agent's task was rejected"),
    );
}

#[test]
fn everything_else_is_a_sign_of_life_or_no_push() {
    for state in [
        "TASK_STATE_SUBMITTED",
        "TASK_STATE_WORKING",
        "input-required",
    ] {
        check(
            &format!(r#"{{"statusUpdate":{{"status":{{"state":"{state}"}}}}}}"#),
            Some(Push::Alive),
        );
    }
    check(r#"{"artifactUpdate":{"artifact":{}}}"#, Some(Push::Alive));
    check(r#"{"token":"t"}"#, None);
    check("[]", None);
}
