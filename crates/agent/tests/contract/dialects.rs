//! What each dialect sends, and what its answers come to. Real peers are in `tests/agents`; here is what they can't be made to show.

use std::sync::Mutex;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use everstep_agent::{
    Agent, Completion, Credentials, Dialect, Found, Listener, Output, Progress, Reply, Said, State,
};
use serde_json::{Value, json};

use crate::world::{Server, client, push, reference, task};

pub fn result(said: &Said) -> Value {
    match &said.state {
        State::Done(Output::Json(text)) => serde_json::from_slice(text).expect("JSON"),
        other => panic!("no result: {other:?}"),
    }
}

fn is_working(said: &Said) -> bool {
    matches!(said.state, State::Working(_))
}

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn a_task_of_1_0_has_its_ids_its_push_address_its_trace_and_both_parts() {
    let server = Server::new().await;
    let agent = server.with_card("JSONRPC", "1.0");
    let mut task = task();
    task.push = Some(push());
    task.traceparent = Some(TRACE.to_owned());
    task.previous = Some(reference(Dialect::A2a));
    server.answer(|asked| {
        let id = asked.json()["id"].clone();
        let task =
            json!({ "id": "t", "contextId": "c-1", "status": { "state": "TASK_STATE_SUBMITTED" } });
        let body = json!({ "jsonrpc": "2.0", "id": id, "result": { "task": task } });
        ([("traceparent", TRACE)], axum::Json(body)).into_response()
    });
    let said = client().send(&agent, &task, &()).await.expect("taken");
    assert!(is_working(&said));
    assert_eq!(said.task.map(|task| task.id).as_deref(), Some("t"));
    assert_eq!(said.traceparent.as_deref(), Some(TRACE));
    let asked = server.last();
    assert_eq!(
        (asked.header("a2a-version"), asked.header("traceparent")),
        ("1.0", TRACE)
    );
    let body = asked.json();
    assert_eq!(body["method"], "SendMessage");
    let message = &body["params"]["message"];
    assert_eq!(
        (&message["messageId"], &message["contextId"]),
        (&json!("m-1"), &json!("c-1"))
    );
    assert_eq!(message["referenceTaskIds"], json!(["t/1"]));
    assert_eq!(message["metadata"]["traceparent"], TRACE);
    assert_eq!(
        message["parts"][0]["data"],
        json!({ "topic": "storage", "n": 1 })
    );
    assert_eq!(message["parts"][1]["text"], r#"{"topic":"storage","n":1}"#);
    let configuration = &body["params"]["configuration"];
    assert_eq!(configuration["returnImmediately"], true);
    let config = &configuration["taskPushNotificationConfig"];
    assert_eq!(config["token"], "push-secret");
    assert_eq!(
        config["authentication"],
        json!({ "scheme": "Bearer", "credentials": "push-secret" })
    );
}

#[tokio::test]
async fn an_agent_that_does_not_push_is_sent_the_task_without() {
    let server = Server::new().await;
    let agent = server.with_card("JSONRPC", "1.0");
    let mut task = task();
    task.push = Some(push());
    server
        .json(json!({ "error": { "code": -32003, "message": "no pushes" } }))
        .result(json!({ "task": { "id": "t", "status": { "state": "TASK_STATE_WORKING" } } }));
    let said = client().send(&agent, &task, &()).await.expect("taken");
    assert!(is_working(&said));
    let configuration = &server.last().json()["params"]["configuration"];
    assert!(configuration.get("taskPushNotificationConfig").is_none());
}

#[tokio::test]
async fn the_task_of_a_message_is_found_by_its_context_and_its_history() {
    let server = Server::new().await;
    let agent = server.with_card("JSONRPC", "1.0");
    let client = client();
    let listed = |tasks: Value| json!({ "tasks": tasks, "nextPageToken": "", "totalSize": 2 });
    let one = |id: &str, context: &str, message: &str| {
        json!({ "id": id, "contextId": context, "status": { "state": "TASK_STATE_WORKING" },
        "history": [{ "messageId": message }] })
    };
    let bare = |id: &str, context: &str| json!({ "id": id, "contextId": context });
    for (tasks, expected) in [
        (
            json!([one("a", "c-1", "m-0"), one("b", "c-1", "m-1")]),
            Some("b"),
        ),
        (json!([one("a", "c-1", "m-0")]), None),
        (json!([bare("a", "c-2"), bare("b", "c-1")]), Some("b")),
        (json!([bare("a", "c-2")]), None),
        (json!([]), None),
    ] {
        server.result(listed(tasks.clone()));
        let found = match client.find(&agent, &task()).await.expect("a list") {
            Found::Task(said) => said.task.map(|task| task.id),
            Found::Nothing => None,
            Found::Unable => panic!("it listed"),
        };
        assert_eq!(found.as_deref(), expected, "{tasks}");
    }
    server.json(json!({ "error": { "code": -32601, "message": "no such method" } }));
    let found = client.find(&agent, &task()).await.expect("an answer");
    assert!(matches!(found, Found::Unable));
}

#[tokio::test]
async fn a_task_that_has_ended_is_no_error_to_cancel() {
    let server = Server::new().await;
    let agent = server.with_card("JSONRPC", "1.0");
    let (client, task) = (client(), reference(Dialect::A2a));
    server
        .json(json!({ "error": { "code": -32002, "message": "it has ended" } }))
        .result(json!({ "id": "t/1", "status": { "state": "TASK_STATE_COMPLETED" } }));
    let said = client.cancel(&agent, &task).await.expect("its end");
    assert_eq!(result(&said), Value::Null);
    server.json(json!({ "error": { "code": -32001, "message": "unknown" } }));
    let said = client.cancel(&agent, &task).await.expect("it is gone");
    assert!(matches!(said.state, State::Lost));
    server.json(json!({ "error": { "code": -32001, "message": "unknown" } }));
    client
        .drop_push(&agent, &task, "p")
        .await
        .expect("gone too");
}

#[tokio::test]
async fn http_and_json_has_its_paths_and_its_errors() {
    let server = Server::new().await;
    let agent = server.with_card("HTTP+JSON", "1.0");
    let (client, known) = (client(), reference(Dialect::A2aRest));
    server.json(json!({ "task": { "id": "t/1", "status": { "state": "TASK_STATE_WORKING" } } }));
    client.send(&agent, &task(), &()).await.expect("taken");
    assert_eq!(server.last().path, "/rpc/message:send");
    assert_eq!(server.last().header("content-type"), "application/a2a+json");
    let gone = json!({ "error": { "code": 404, "message": "no task", "details": [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "TASK_NOT_FOUND" }] } });
    let unknown = gone.clone();
    server.answer(move |_| (StatusCode::NOT_FOUND, axum::Json(gone)).into_response());
    let said = client.get(&agent, &known).await.expect("an answer");
    assert!(matches!(said.state, State::Lost));
    assert_eq!(server.last().path, "/rpc/tasks/t%2F1");
    server.answer(move |_| (StatusCode::NOT_FOUND, axum::Json(unknown)).into_response());
    let said = client.cancel(&agent, &known).await.expect("an answer");
    assert!(matches!(said.state, State::Lost));
    assert_eq!(server.last().path, "/rpc/tasks/t%2F1:cancel");
    // A page that is not there says nothing about a task.
    server.status(404);
    assert!(client.get(&agent, &known).await.is_err());
    // After such an answer, the card is read again.
    let agent = server.with_card("HTTP+JSON", "1.0");
    server.status(404);
    let found = client.find(&agent, &task()).await.expect("an answer");
    assert!(matches!(found, Found::Unable));
    assert_eq!(
        server.last().query,
        "contextId=c-1&pageSize=20&includeArtifacts=true"
    );
}

#[tokio::test]
async fn a_webhook_is_signed_and_takes_work_or_answers_it() {
    let server = Server::new().await;
    let mut agent = server.agent(Some(Dialect::Webhook));
    agent.credentials =
        Credentials::Signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned().into());
    let mut task = task();
    task.push = Some(push());
    let client = client();
    server.status(202);
    let said = client.send(&agent, &task, &()).await.expect("taken");
    assert!(is_working(&said));
    let asked = server.last();
    assert_eq!(asked.header("webhook-id"), "m-1");
    let seconds: i64 = asked.header("webhook-timestamp").parse().expect("seconds");
    let signer =
        everstep_agent::Signer::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
    assert_eq!(
        asked.header("webhook-signature"),
        signer.sign("m-1", seconds, &asked.body)
    );
    let body = asked.json();
    assert_eq!(body["type"], "task.created");
    assert_eq!(
        body["data"]["payload"],
        json!({ "topic": "storage", "n": 1 })
    );
    assert_eq!(body["data"]["callback"]["token"], "push-secret");
    // It can't be asked, and is told.
    let known = said.task.expect("a task");
    let told = client.get(&agent, &known).await.expect("no call");
    assert!(matches!(told.state, State::Untold));
    server.status(204);
    client.cancel(&agent, &known).await.expect("told");
    assert_eq!(server.last().json()["type"], "task.cancelled");
    for (answer, expected) in [
        (json!({ "result": { "a": 1 } }), Some(json!({ "a": 1 }))),
        (json!({ "result": null }), Some(Value::Null)),
        (json!({ "status": "ok" }), None),
        (json!([]), None),
    ] {
        server.json(answer.clone());
        let said = client.send(&agent, &task, &()).await.expect("an answer");
        match expected {
            Some(expected) => assert_eq!(result(&said), expected, "{answer}"),
            None => assert!(is_working(&said), "{answer}"),
        }
    }
    server.json(json!({ "error": { "message": "no" } }));
    let said = client.send(&agent, &task, &()).await.expect("an answer");
    assert!(matches!(said.state, State::Failed { .. }));
    agent.completion = Completion::Reply;
    server.json(json!({ "status": "ok" }));
    let said = client.send(&agent, &task, &()).await.expect("an answer");
    assert_eq!(result(&said), json!({ "status": "ok" }));
}

async fn legacy(server: &Server, agent: &Agent, answer: Value) -> Said {
    server.json(answer);
    let mut task = task();
    task.push = Some(push());
    client().send(agent, &task, &()).await.expect("an answer")
}

#[tokio::test]
async fn the_shape_before_a2a_is_taken_by_its_words() {
    let server = Server::new().await;
    let agent = server.agent(Some(Dialect::Legacy));
    let said = legacy(
        &server,
        &agent,
        json!({ "status": "accepted", "message": "Task queued" }),
    )
    .await;
    assert!(is_working(&said));
    let asked = server.last();
    assert_eq!(asked.path, "/invocations");
    let body = asked.json();
    assert_eq!(body["method"], "tasks/send");
    let part = &body["params"]["message"]["parts"][0];
    assert_eq!(part["kind"], "text");
    let payload: Value = serde_json::from_str(part["text"].as_str().expect("text")).expect("JSON");
    assert_eq!(
        (&payload["topic"], &payload["callback_token"]),
        (&json!("storage"), &json!("push-secret"))
    );
    let said = legacy(&server, &agent, json!({ "summary": "done" })).await;
    assert_eq!(result(&said), json!({ "summary": "done" }));
    let said = legacy(&server, &agent, json!({ "jsonrpc": "2.0", "result": { "id": "t", "status": { "state": "completed" }, "artifacts": [{ "parts": [{ "type": "text", "text": "r" }] }] } })).await;
    assert_eq!(result(&said), json!("r"));
    let said = legacy(
        &server,
        &agent,
        json!({ "jsonrpc": "2.0", "result": { "id": "t", "status": { "state": "working" } } }),
    )
    .await;
    assert!(is_working(&said));
    let said = legacy(&server, &agent, json!({ "error": "it broke" })).await;
    assert!(matches!(said.state, State::Failed { message } if message == "it broke"));
    server
        .json(json!({ "jsonrpc": "2.0", "error": { "code": -32601, "message": "no tasks/send" } }));
    let error = client()
        .send(&agent, &task(), &())
        .await
        .expect_err("refused");
    assert!(!error.kind().is_transient());
}

#[tokio::test]
async fn an_agent_that_is_to_answer_is_not_told_where_to_call() {
    let server = Server::new().await;
    for dialect in [Dialect::Legacy, Dialect::AgentCore] {
        let mut agent = server.agent(Some(dialect));
        agent.completion = Completion::Reply;
        let said = legacy(&server, &agent, json!({ "status": "accepted" })).await;
        assert_eq!(result(&said)["status"], "accepted");
        let sent = String::from_utf8(server.last().body.to_vec()).expect("text");
        assert!(!sent.contains("callback"), "{sent}");
    }
}

#[tokio::test]
async fn a_card_that_is_none_of_a2a_means_the_shape_before_it() {
    let server = Server::new().await;
    server.json(json!({ "name": "researcher", "communication": { "protocol": "A2A" }, "capabilities": { "research": {} } }));
    let profile = client().profile(&server.agent(None)).await.expect("a card");
    assert_eq!(profile.dialect, Dialect::Legacy);
    let url = profile.url.expect("an address");
    assert_eq!(url.path(), "/invocations");
}

#[derive(Default)]
struct Heard(Mutex<Vec<Progress>>);

impl Listener for Heard {
    fn heard(&self, progress: Progress) {
        self.0.lock().expect("no panic").push(progress);
    }
}

#[tokio::test]
async fn a_container_of_agentcore_answers_or_streams() {
    let server = Server::new().await;
    let agent = server.agent(Some(Dialect::AgentCore));
    let client = client();
    let event = |text: &'static str| {
        move |_: &crate::world::Asked| {
            ([("content-type", "text/event-stream")], text).into_response()
        }
    };
    let heard = Heard::default();
    server.answer(event("data: {\"a\": 1}\n\ndata: \"two\"\n\n"));
    let said = client
        .send(&agent, &task(), &heard)
        .await
        .expect("a stream");
    assert_eq!(result(&said), json!([{ "a": 1 }, "two"]));
    assert_eq!(heard.0.lock().expect("no panic").len(), 2);
    let session = server
        .last()
        .header("x-amzn-bedrock-agentcore-runtime-session-id")
        .to_owned();
    assert!(session.len() >= 33);
    server.answer(event("data: {\"a\": 1}\n\n"));
    let said = client.send(&agent, &task(), &()).await.expect("a stream");
    assert_eq!(result(&said), json!({ "a": 1 }));
    assert_eq!(
        server
            .last()
            .header("x-amzn-bedrock-agentcore-runtime-session-id"),
        session
    );
    server.answer(event(
        "data: {\"error\": \"it broke\", \"error_type\": \"ValueError\"}\n\n",
    ));
    let error = client.send(&agent, &task(), &()).await.expect_err("broken");
    assert!(error.to_string().contains("it broke"));
    server.answer(|_| ([("content-type", "audio/wav")], vec![1_u8, 2]).into_response());
    let said = client.send(&agent, &task(), &()).await.expect("bytes");
    let State::Done(output) = said.state else {
        panic!("a result")
    };
    let mut body = client.open(&agent, output).await.expect("its bytes");
    assert_eq!(body.media_type(), Some("audio/wav"));
    assert_eq!(&*body.rest().await.expect("its bytes"), [1, 2]);
}

#[tokio::test]
async fn a_busy_container_is_a_sign_of_life() {
    let server = Server::new().await;
    let agent = server.agent(Some(Dialect::AgentCore));
    let known = reference(Dialect::AgentCore);
    for (answer, working) in [
        (
            json!({ "status": "HealthyBusy", "time_of_last_update": 1 }),
            true,
        ),
        (
            json!({ "status": "Healthy", "time_of_last_update": 1 }),
            false,
        ),
        (json!("odd"), false),
    ] {
        server.json(answer.clone());
        let said = client().get(&agent, &known).await.expect("an answer");
        assert_eq!(is_working(&said), working, "{answer}");
        assert_eq!(matches!(said.state, State::Untold), !working);
    }
    assert_eq!(server.last().path, "/ping");
    let reply = Reply {
        message_id: "m-2".to_owned(),
        payload: "1".into(),
        traceparent: None,
    };
    assert!(client().answer(&agent, &known, &reply).await.is_err());
}
