use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_becomes_an_event_and_the_answer_a_response() {
    let world = World::new().await;
    world.create("proxy", false).await;
    let headers = [("x-thing", "7"), ("content-type", "application/json")];
    let answer = world
        .send(
            Method::POST,
            "/workflows/a%20b/approve?x=1&x=2&y=3",
            &headers,
            r#"{"approved": true}"#,
        )
        .await;
    assert_eq!((answer.status, answer.header("x-seen")), (207, Some("yes")));
    let event: Value = answer.json();
    assert_eq!(event["resource"], "/workflows/{id}/approve");
    assert_eq!(
        (event["httpMethod"].as_str(), event["path"].as_str()),
        (Some("POST"), Some("/workflows/a%20b/approve"))
    );
    assert_eq!(event["pathParameters"], json!({ "id": "a b" }));
    assert_eq!(
        event["queryStringParameters"],
        json!({ "x": "2", "y": "3" })
    );
    assert_eq!(
        event["multiValueQueryStringParameters"],
        json!({ "x": ["1", "2"], "y": ["3"] })
    );
    assert_eq!(event["headers"]["x-thing"], "7");
    assert_eq!(
        (event["body"].as_str(), event["isBase64Encoded"].as_bool()),
        (Some(r#"{"approved": true}"#), Some(false))
    );
    assert_eq!(event["requestContext"]["identity"]["sourceIp"], "127.0.0.1");
    let empty = world.get("/workflows/7").await.json();
    assert_eq!(
        (&empty["body"], &empty["queryStringParameters"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_function_does_wrong_is_a_bad_gateway() {
    let world = World::new().await;
    world.create("fails", false).await;
    world.create("echo", true).await;
    world.get("/failing").await.is_problem(502, "E0120");
    world.get("/echo").await.is_problem(502, "E0120");
    world.get("/missing").await.is_problem(404, "E0101");
    world
        .send(Method::DELETE, "/workflows/7", &[], "")
        .await
        .is_problem(404, "E0111");
}
