//! What is too large to travel at our own doors, and how it is read again.

use everstep_server::{Key, Role, fingerprint};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ARTIFACT_KEY, Answer, World};

/// More than a durable function's input may have.
const LARGE: usize = 7 << 20;

async fn start(world: &World, name: &str, input: &Value) -> Answer {
    let body = json!({ "input": input, "name": name });
    world.post("/definitions/puppet/start", &body).await
}

/// With a key that may look at everything.
const READER: &str = "key-of-a-reader";

async fn world() -> World {
    let key = |role, text: &str| Key {
        name: text.to_owned(),
        role,
        groups: Vec::new(),
        access: None,
        api_key: fingerprint(text),
        expires: None,
    };
    crate::native::world(|options| {
        let keys = vec![key(Role::Agent, ARTIFACT_KEY), key(Role::Read, READER)];
        options.door.keys.replace(keys);
    })
    .await
}

async fn described(world: &World, id: &str) -> Value {
    let bearer = format!("Bearer {READER}");
    let headers = [("authorization", bearer.as_str())];
    let path = format!("/executions/{id}");
    world.send(Method::GET, &path, &headers, "").await.json()
}

async fn objects(world: &World, bucket: &str) -> Value {
    let listed = world.get(&format!("/artifacts/{bucket}")).await.json();
    listed["objects"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_fits_is_an_input_and_a_larger_one_a_reference() {
    let world = world().await;
    let _jobs = world.puppet("puppet").await;
    let fits = json!("x".repeat((6 << 20) - 2));
    let started = start(&world, "fits", &fits).await;
    assert_eq!(started.status, 201);
    let id = started.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(described(&world, &id).await["input"], fits);
    for size in [(6 << 20) - 1, LARGE] {
        let input = json!("x".repeat(size));
        let name = format!("large-{size}");
        let started = start(&world, &name, &input).await.json();
        let id = started["id"].as_str().expect("an id");
        let shown = described(&world, id).await;
        let reference = shown["input"].clone();
        assert_eq!(reference["artifact_type"], "s3_reference");
        assert_eq!(reference["size_bytes"], size + 2);
        let artifact = &shown["input_artifact"];
        assert_eq!(artifact["content_type"], "application/json");
        assert_eq!(artifact["sha256"].as_str().map(str::len), Some(64));
        // Whoever has the link needs nothing else.
        let url = artifact["url"].as_str().expect("a link");
        let read = reqwest::get(url).await.expect("an answer");
        let text = read.text().await.expect("a body");
        assert_eq!(text, input.to_string());
        let path = format!("/executions/{id}/input");
        assert_eq!(world.get(&path).await.json(), reference);
        // The same again is the same execution; something else under its name is not.
        let again = start(&world, &name, &input).await;
        assert_eq!(
            (again.status, &again.json()["existing"]),
            (200, &json!(true))
        );
        let other = json!("y".repeat(size));
        start(&world, &name, &other).await.is_problem(409, "E0113");
    }
    assert_eq!(objects(&world, "everstep-incoming").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_a_link_to_what_they_may_not_read() {
    let world = world().await;
    let _jobs = world.puppet("puppet").await;
    let started = start(&world, "large", &json!("x".repeat(LARGE)))
        .await
        .json();
    let id = started["id"].as_str().expect("an id");
    let shown = world.get(&format!("/executions/{id}")).await.json();
    assert_eq!(shown["input"]["artifact_type"], "s3_reference");
    assert_eq!(shown.get("input_artifact"), None, "without a key");
    let path = format!("/executions/{id}/input?resolve=true");
    assert_eq!(world.get(&path).await.status, 401);
    // A reference to what is not there is a value and nothing more.
    let gone = json!({ "artifact_type": "s3_reference", "s3_uri": "s3://b/none" });
    let code = json!({ "artifact_type": "s3_reference", "s3_uri": "s3://everstep-code/x" });
    for (name, reference) in [("gone", gone), ("code", code)] {
        let started = start(&world, name, &reference).await.json();
        let id = started["id"].as_str().expect("an id");
        let shown = described(&world, id).await;
        assert_eq!(shown["input"], reference);
        assert_eq!(shown.get("input_artifact"), None, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_start_that_is_refused_leaves_nothing() {
    let world = world().await;
    let _jobs = world.puppet("puppet").await;
    let long = "x".repeat(LARGE);
    for (path, body, status, code) in [
        (
            "/definitions/nobody/start",
            format!(r#"{{"input":"{long}"}}"#),
            404,
            "E0101",
        ),
        (
            "/definitions/puppet/start",
            format!(r#"{{"input":"{long}","name":"a b"}}"#),
            400,
            "E0112",
        ),
        (
            "/definitions/puppet/start",
            format!(r#"{{"input":"{long}","more":1}}"#),
            400,
            "E0102",
        ),
        (
            "/definitions/puppet/start",
            format!(r#"{{"input":"{long}""#),
            400,
            "E0102",
        ),
        (
            "/definitions/puppet/start",
            format!(r#"{{"input":"{long}","name":"{long}"}}"#),
            413,
            "E0103",
        ),
    ] {
        let answer = world.send(Method::POST, path, &[], body).await;
        answer.is_problem(status, code);
    }
    for bucket in ["everstep-incoming", "everstep-artifacts"] {
        assert_eq!(objects(&world, bucket).await, json!([]), "{bucket}");
    }
}
