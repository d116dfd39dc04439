use serde_json::json;

use super::*;
use crate::task::{Output, State};

async fn told(dialect: Dialect, events: &[Value]) -> Result<Vec<Said>, Error> {
    let text: String = events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect();
    let kind = Some("text/event-stream; charset=utf-8".to_owned());
    let mut updates = Updates::of(Body::whole(text.into(), kind), dialect);
    let mut all = Vec::new();
    while let Some(said) = updates.next().await? {
        all.push(said);
    }
    Ok(all)
}

fn result(said: &Said) -> Option<&[u8]> {
    match &said.state {
        State::Done(Output::Json(text)) => Some(text),
        _ => None,
    }
}

#[tokio::test]
async fn an_artifact_that_arrives_in_pieces_is_put_together() {
    let piece = |text: &str, append: bool, last: bool| json!({ "result": { "artifactUpdate": { "taskId": "t", "artifact": { "artifactId": "a", "parts": [{ "text": text }] }, "append": append, "lastChunk": last } } });
    let status = |state: &str| json!({ "result": { "statusUpdate": { "taskId": "t", "contextId": "c", "status": { "state": state } } } });
    let events = [
        json!({ "result": { "task": { "id": "t", "contextId": "c", "status": { "state": "TASK_STATE_SUBMITTED" } } } }),
        status("TASK_STATE_WORKING"),
        piece("forgotten", false, false),
        piece("[1,", false, false),
        piece("2]", true, true),
        status("TASK_STATE_COMPLETED"),
    ];
    let all = told(Dialect::A2a, &events).await.expect("a stream");
    assert_eq!(all.len(), 3);
    assert_eq!(all.last().and_then(result), Some(&b"[1,2]"[..]));
    let id = all.last().and_then(|said| said.task.as_ref());
    assert_eq!(id.map(|task| &*task.id), Some("t"));
}

#[tokio::test]
async fn the_events_of_0_3_are_told_by_their_kind() {
    let events = [
        json!({ "result": { "kind": "task", "id": "t", "contextId": "c", "status": { "state": "working" } } }),
        json!({ "result": { "kind": "artifact-update", "taskId": "t", "artifact": { "artifactId": "a", "parts": [{ "kind": "data", "data": { "a": 1 } }] } } }),
        json!({ "result": { "kind": "status-update", "taskId": "t", "status": { "state": "completed" }, "final": true } }),
    ];
    let all = told(Dialect::A2a03, &events).await.expect("a stream");
    assert_eq!(all.last().and_then(result), Some(&br#"{"a":1}"#[..]));
}

#[tokio::test]
async fn a_refusal_in_place_of_a_stream_is_one() {
    let envelope = r#"{"jsonrpc":"2.0","id":"1","error":{"code":-32001,"message":"gone"}}"#;
    for (kind, text) in [
        ("application/json", envelope.to_owned()),
        ("text/event-stream", format!("data: {envelope}\n\n")),
    ] {
        let body = Body::whole(text.into(), Some(kind.to_owned()));
        let error = Updates::of(body, Dialect::A2a)
            .next()
            .await
            .expect_err("refused");
        assert!(
            matches!(error, Error::Refused { code: -32001, .. }),
            "{kind}"
        );
    }
    for odd in [
        "data: [1]\n\n",
        "data: {\n\n",
        "data: {\"result\": {\"statusUpdate\": {\"status\": {\"state\": 77}}}}\n\n",
    ] {
        let body = Body::whole(odd.into(), Some("text/event-stream".to_owned()));
        let error = Updates::of(body, Dialect::A2a)
            .next()
            .await
            .expect_err("odd");
        assert_eq!(error.code(), Some("E0302"), "{odd}");
    }
}
