use serde_json::json;

use super::*;

/// As it arrives.
fn arrived(value: Value) -> Value {
    exact::parse(value.to_string().as_bytes()).expect("JSON")
}

fn said(task: Value) -> Result<State, Error> {
    super::task(arrived(task), Dialect::A2a).map(|said| said.state)
}

fn done(artifacts: Value) -> Value {
    let task =
        json!({ "id": "t", "status": { "state": "TASK_STATE_COMPLETED" }, "artifacts": artifacts });
    match said(task).expect("a task") {
        State::Done(Output::Json(text)) => serde_json::from_slice(&text).expect("JSON"),
        other => panic!("{other:?}"),
    }
}

fn part(part: Value) -> Value {
    json!([{ "artifactId": "a", "parts": [part] }])
}

#[test]
fn results_are_found_wherever_agents_put_them() {
    let other = json!({ "artifactId": "x", "parts": [{ "data": { "other": 1 } }] });
    let named = json!({ "artifactId": "y", "name": "result", "parts": [{ "text": "see data" }, { "data": { "summary": "s" } }] });
    let words = json!({ "artifactId": "z", "parts": [{ "text": "t" }] });
    assert_eq!(done(json!([other, named])), json!({ "summary": "s" }));
    assert_eq!(done(json!([words, other])), json!({ "other": 1 }));
    assert_eq!(
        done(part(json!({ "text": "{\"a\":1}" }))),
        json!({ "a": 1 })
    );
    assert_eq!(done(part(json!({ "text": "plain" }))), json!("plain"));
    assert_eq!(done(json!([])), Value::Null);
    assert_eq!(done(Value::Null), Value::Null);
    let pieces = json!([{ "artifactId": "a", "parts": [{ "text": "one " }, { "text": "two" }] }]);
    assert_eq!(done(pieces), json!("one two"));
    let several = json!([{ "artifactId": "a", "parts": [{ "data": 1.0 }, { "data": [2.5] }] }]);
    assert_eq!(done(several), json!([1, [2.5]]));
}

#[test]
fn whole_numbers_that_became_floats_are_whole_again() {
    let text = r#"{"id":"t","status":{"state":"completed"},"artifacts":[{"parts":[{"kind":"data","data":{"n":1.0,"x":1.5,"big":1e300,"deep":[{"m":-3.0}]}}]}]}"#;
    let task = exact::parse(text.as_bytes()).expect("JSON");
    let Ok(State::Done(Output::Json(text))) =
        super::task(task, Dialect::A2a).map(|said| said.state)
    else {
        panic!("a result");
    };
    assert_eq!(&*text, br#"{"n":1,"x":1.5,"big":1e300,"deep":[{"m":-3}]}"#);
}

#[test]
fn files_are_what_their_media_type_says() {
    let raw = |bytes: &str, kind: &str| json!({ "raw": crate::base64(bytes), "mediaType": kind, "filename": "f" });
    assert_eq!(
        done(part(raw("{\"a\":1}", "application/json"))),
        json!({ "a": 1 })
    );
    assert_eq!(
        done(part(raw("words", "text/markdown; charset=utf-8"))),
        json!("words")
    );
    let old = json!({ "kind": "file", "file": { "bytes": "aGk=", "mimeType": "text/plain", "name": "f" } });
    assert_eq!(done(part(old)), json!("hi"));
    let task = |part: Value| json!({ "id": "t", "status": { "state": "completed" }, "artifacts": super::tests::part(part) });
    match said(task(raw("%PDF", "application/pdf"))).expect("a task") {
        State::Done(Output::File(file)) => {
            assert_eq!(
                (&*file.bytes, &*file.media_type),
                (&b"%PDF"[..], "application/pdf")
            );
            assert_eq!(file.name.as_deref(), Some("f"));
        }
        other => panic!("{other:?}"),
    }
    let link =
        json!({ "url": "https://files.example.com/r.json", "mediaType": "application/json" });
    let old = json!({ "kind": "file", "file": { "uri": "https://files.example.com/r.json", "mimeType": "application/json" } });
    for part in [link, old] {
        match said(task(part)).expect("a task") {
            State::Done(Output::Link(link)) => assert_eq!(link.url.path(), "/r.json"),
            other => panic!("{other:?}"),
        }
    }
    for odd in [json!({ "raw": "!" }), json!({ "url": "no address" })] {
        assert!(matches!(said(task(odd)), Err(Error::Nonsense { .. })));
    }
}

#[test]
fn every_state_of_every_version_is_understood() {
    let with = |state: Value| {
        let message = json!({ "parts": [{ "text": "words" }] });
        said(json!({ "id": "t", "status": { "state": state, "message": message } }))
    };
    for state in [
        "TASK_STATE_SUBMITTED",
        "working",
        "TASK_STATE_UNSPECIFIED",
        "unknown",
    ] {
        assert!(
            matches!(with(json!(state)), Ok(State::Working(_))),
            "{state}"
        );
    }
    for state in ["TASK_STATE_FAILED", "rejected"] {
        assert!(matches!(with(json!(state)), Ok(State::Failed { message }) if message == "words"));
    }
    for state in ["TASK_STATE_CANCELED", "canceled", "cancelled"] {
        assert!(
            matches!(with(json!(state)), Ok(State::Canceled { .. })),
            "{state}"
        );
    }
    for state in ["TASK_STATE_INPUT_REQUIRED", "input-required"] {
        assert!(
            matches!(with(json!(state)), Ok(State::NeedsInput(question)) if question.text == "words")
        );
    }
    assert!(matches!(
        with(json!("auth-required")),
        Ok(State::NeedsAuth(_))
    ));
    assert!(matches!(with(json!(3)), Ok(State::Done(_))));
    assert!(matches!(with(Value::Null), Ok(State::Working(_))));
    for odd in [
        json!("TASK_STATE_DANCING"),
        json!(99),
        json!(true),
        json!([]),
        json!({}),
    ] {
        assert!(
            matches!(with(odd.clone()), Err(Error::Nonsense { .. })),
            "{odd}"
        );
    }
}

#[test]
fn progress_is_read_where_agents_tell_it() {
    let working = |status: Value| match said(json!({ "id": "t", "status": status })) {
        Ok(State::Working(progress)) => (progress.percent, progress.message),
        other => panic!("{other:?}"),
    };
    let parts = json!({ "parts": [{ "text": "half" }, { "data": { "percent": 50.0 } }] });
    assert_eq!(
        working(json!({ "state": "working", "message": parts })),
        (Some(50), Some("half".to_owned()))
    );
    let metadata = json!({ "state": "working", "metadata": { "progress": 7 } });
    assert_eq!(working(metadata), (Some(7), None));
    let wild = json!({ "state": "working", "metadata": { "progress": -1e9 } });
    assert_eq!(working(wild), (None, None));
}

#[test]
fn odd_answers_are_nonsense_and_nothing_worse() {
    let long = "x".repeat(5000);
    for odd in [
        Value::Null,
        json!([]),
        json!("task"),
        json!({}),
        json!({ "task": {} }),
        json!({ "task": { "id": 7 } }),
        json!({ "task": { "id": "" } }),
        json!({ "task": { "id": long } }),
        json!({ "status": { "state": "completed" } }),
        json!({ "task": { "id": "t", "status": "completed" } })
            .pointer("/none")
            .cloned()
            .unwrap_or_default(),
    ] {
        let error = answer(odd.clone(), Dialect::A2a).expect_err("nonsense");
        assert_eq!(error.code(), Some("E0302"), "{odd}");
    }
}

#[test]
fn a_message_in_place_of_a_task_is_the_result() {
    for reply in [
        json!({ "message": { "messageId": "m", "role": "ROLE_AGENT", "parts": [{ "data": { "a": 1 } }] } }),
        json!({ "kind": "message", "messageId": "m", "role": "agent", "parts": [{ "kind": "data", "data": { "a": 1 } }] }),
        json!({ "task": null, "message": { "parts": [{ "data": { "a": 1 } }] } }),
    ] {
        let said = answer(arrived(reply), Dialect::A2a).expect("a message");
        assert!(said.task.is_none());
        assert!(matches!(said.state, State::Done(Output::Json(text)) if &*text == br#"{"a":1}"#));
    }
}

#[test]
fn the_trace_that_a_task_tells_is_kept() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let task = json!({ "id": "t", "metadata": { "traceparent": trace } });
    let said = super::task(task, Dialect::A2a).expect("a task");
    assert_eq!(said.traceparent.as_deref(), Some(trace));
}
