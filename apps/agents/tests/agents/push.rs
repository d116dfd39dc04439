use everstep_agents::Kind;
use serde_json::{Value, json};

use crate::loopback::{Loopback, Reply};
use crate::peer::{Peer, message, research_payload};

fn with_push(id: &str, url: &str) -> Value {
    let mut params = message(id, research_payload());
    params["configuration"] = json!({
        "returnImmediately": true,
        "taskPushNotificationConfig": {
            "url": format!("{url}/a2a/push/cb-1"), "id": "cb-1", "token": "push-token",
            "authentication": {"scheme": "Bearer", "credentials": "push-credentials"},
        },
    });
    params
}

#[tokio::test]
async fn the_end_of_a_task_is_pushed_with_token_and_credentials() {
    let mut caller = Loopback::ok().await;
    let peer = Peer::of(Kind::Researcher).await;
    let task = peer.call("SendMessage", with_push("m", &caller.url)).await["task"].clone();
    let seen = caller.next().await;
    assert_eq!(seen.path, "/a2a/push/cb-1");
    assert_eq!(seen.headers["x-a2a-notification-token"], "push-token");
    assert_eq!(seen.headers["authorization"], "Bearer push-credentials");
    assert_eq!(seen.headers["content-type"], "application/a2a+json");
    assert_eq!(
        seen.body.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["task"]
    );
    assert_eq!(seen.body["task"]["id"], task["id"]);
    assert_eq!(seen.body["task"]["status"]["state"], "TASK_STATE_COMPLETED");
    assert_eq!(seen.body["task"]["artifacts"][0]["name"], "result");
}

#[tokio::test]
async fn a_push_is_repeated_while_the_failure_looks_temporary() {
    let mut caller =
        Loopback::start(|_, before| Reply::Status([503, 429, 500, 204][before.min(3)])).await;
    let peer = Peer::of(Kind::Researcher).await;
    peer.call("SendMessage", with_push("m", &caller.url)).await;
    let bodies: Vec<Value> = [
        caller.next().await,
        caller.next().await,
        caller.next().await,
        caller.next().await,
    ]
    .into_iter()
    .map(|seen| seen.body)
    .collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    peer.until(
        bodies[0]["task"]["id"].as_str().unwrap(),
        "TASK_STATE_COMPLETED",
    )
    .await;
    assert_eq!(caller.count(), 4);
}

#[tokio::test]
async fn a_refused_push_is_not_repeated_and_the_task_can_still_be_fetched() {
    let mut caller = Loopback::start(|_, _| Reply::Status(404)).await;
    let mut other = Loopback::ok().await;
    let peer = Peer::of(Kind::Researcher).await;
    let task = peer.call("SendMessage", with_push("m", &caller.url)).await["task"].clone();
    caller.next().await;
    // A second address, told later, proves that the first was given up.
    peer.until(task["id"].as_str().unwrap(), "TASK_STATE_COMPLETED")
        .await;
    peer.call(
        "DeleteTaskPushNotificationConfig",
        json!({"taskId": task["id"], "id": "cb-1"}),
    )
    .await;
    let config = json!({"taskId": task["id"], "url": format!("{}/late", other.url), "token": "t2"});
    peer.call("CreateTaskPushNotificationConfig", config).await;
    assert_eq!(other.next().await.path, "/late");
    assert_eq!(caller.count(), 1);
}

#[tokio::test]
async fn push_configurations_can_be_made_read_listed_and_deleted() {
    let model = Loopback::silent().await;
    let mut options = crate::peer::options(Kind::Researcher);
    options.model = crate::peer::model_at(&model.url);
    let peer = Peer::start(options).await;
    let id = peer.begin("m", research_payload()).await["id"].clone();
    let made = peer
        .call(
            "CreateTaskPushNotificationConfig",
            json!({"taskId": id, "url": "http://127.0.0.1:9/x", "id": "c1"}),
        )
        .await;
    assert_eq!(made["id"], "c1");
    let read = peer
        .call(
            "GetTaskPushNotificationConfig",
            json!({"taskId": id, "id": "c1"}),
        )
        .await;
    assert_eq!(
        (&read["taskId"], &read["url"]),
        (&id, &json!("http://127.0.0.1:9/x"))
    );
    let list = || peer.call("ListTaskPushNotificationConfigs", json!({"taskId": id}));
    assert_eq!(list().await["configs"].as_array().unwrap().len(), 1);
    for _ in 0..2 {
        peer.call(
            "DeleteTaskPushNotificationConfig",
            json!({"taskId": id, "id": "c1"}),
        )
        .await;
    }
    assert!(list().await.get("configs").is_none());
    let bad = json!({"taskId": id, "url": "file:///etc/passwd"});
    let answer = peer.rpc("CreateTaskPushNotificationConfig", bad).await;
    assert_eq!(answer["error"]["code"], -32602);
}
