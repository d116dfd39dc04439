use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::json;

use crate::harness::{World, empty_zip};

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_shown_as_it_was_made() {
    let world = World::new().await;
    let created = world.create("echo", true).await;
    assert_eq!(created.status, 201);
    let shown = world
        .get("/2015-03-31/functions/echo/configuration")
        .await
        .json();
    assert_eq!(shown, created.json());
    assert_eq!(
        shown["FunctionArn"],
        "arn:aws:lambda:us-west-2:000000000000:function:echo"
    );
    assert_eq!(shown["CodeSize"], 22);
    assert_eq!(
        shown["DurableConfig"],
        json!({ "ExecutionTimeout": 3600, "RetentionPeriodInDays": 1 })
    );
    assert_eq!(
        (shown["Version"].as_str(), shown["State"].as_str()),
        (Some("$LATEST"), Some("Active"))
    );
    let link = world.get("/2015-03-31/functions/echo").await.json()["Code"]["Location"]
        .as_str()
        .expect("a link")
        .to_owned();
    let code = world
        .client
        .get(link)
        .send()
        .await
        .expect("an answer")
        .bytes()
        .await
        .expect("the archive");
    assert_eq!(code, empty_zip());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_function_may_not_be_is_refused() {
    let world = World::new().await;
    world.create("echo", false).await;
    world
        .create("echo", false)
        .await
        .is_error(409, "ResourceConflictException", "E0113");
    let good = json!({ "FunctionName": "f", "Runtime": "python3.12", "Role": "r", "Handler": "a.b", "Code": { "ZipFile": STANDARD.encode(empty_zip()) } });
    let changes = [
        json!({ "DurableConfig": { "ExecutionTimeout": 31_622_401 } }),
        json!({ "DurableConfig": { "RetentionPeriodInDays": 91 } }),
        json!({ "DurableConfig": { "RetentionPeriodInDays": 0 } }),
        json!({ "Code": { "ZipFile": STANDARD.encode("no zip") } }),
        json!({ "Code": { "ZipFile": "?" } }),
        json!({ "Code": {} }),
        json!({ "Timeout": 0 }),
        json!({ "MemorySize": 1 }),
        json!({ "Runtime": "cobol" }),
        json!({ "Runtime": null }),
        json!({ "Handler": null }),
        json!({ "FunctionName": "a b" }),
        json!({ "FunctionName": "f:1" }),
        json!({ "PackageType": "Image" }),
    ];
    for change in changes {
        let mut body = good.clone();
        for (name, value) in change.as_object().expect("an object") {
            body[name] = value.clone();
        }
        world.post("/2015-03-31/functions", &body).await.is_error(
            400,
            "InvalidParameterValueException",
            "E0112",
        );
    }
    world
        .get("/2015-03-31/functions/f")
        .await
        .is_error(404, "ResourceNotFoundException", "E0101");
    let durable = json!({ "DurableConfig": { "ExecutionTimeout": 60 } }).to_string();
    let refused = world
        .send(
            Method::PUT,
            "/2015-03-31/functions/echo/configuration",
            &[],
            durable,
        )
        .await;
    refused.is_error(400, "InvalidParameterValueException", "E0112");
    let stale = json!({ "Timeout": 5, "RevisionId": "another" }).to_string();
    let refused = world
        .send(
            Method::PUT,
            "/2015-03-31/functions/echo/configuration",
            &[],
            stale,
        )
        .await;
    refused.is_error(412, "PreconditionFailedException", "E0116");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_keep_the_revision_they_were_made_with() {
    let world = World::new().await;
    world.create("echo", false).await;
    let publish = async || {
        world
            .post("/2015-03-31/functions/echo/versions", &json!({}))
            .await
    };
    assert_eq!(publish().await.json()["Version"], "1");
    assert_eq!(publish().await.json()["Version"], "1");
    let change = json!({ "Handler": "c.d" }).to_string();
    assert_eq!(
        world
            .send(
                Method::PUT,
                "/2015-03-31/functions/echo/configuration",
                &[],
                change
            )
            .await
            .status,
        200
    );
    assert_eq!(publish().await.json()["Version"], "2");
    let handler = async |qualifier: &str| {
        let path = format!("/2015-03-31/functions/echo/configuration?Qualifier={qualifier}");
        world.get(&path).await.json()["Handler"].clone()
    };
    assert_eq!(
        (handler("1").await, handler("2").await),
        (json!("a.b"), json!("c.d"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn aliases_can_be_moved_between_versions() {
    let world = World::new().await;
    world.create("echo", false).await;
    let versions = "/2015-03-31/functions/echo/versions";
    world.post(versions, &json!({})).await;
    let change = json!({ "Handler": "c.d" }).to_string();
    let path = "/2015-03-31/functions/echo/configuration";
    world.send(Method::PUT, path, &[], change).await;
    world.post(versions, &json!({})).await;
    let alias = json!({ "Name": "live", "FunctionVersion": "1" });
    assert_eq!(
        world
            .post("/2015-03-31/functions/echo/aliases", &alias)
            .await
            .status,
        201
    );
    world
        .post("/2015-03-31/functions/echo/aliases", &alias)
        .await
        .is_error(409, "ResourceConflictException", "E0113");
    let handler = async |qualifier: &str| {
        let path = format!("/2015-03-31/functions/echo/configuration?Qualifier={qualifier}");
        world.get(&path).await.json()["Handler"].clone()
    };
    assert_eq!(handler("live").await, "a.b");
    let moved = json!({ "FunctionVersion": "2" }).to_string();
    assert_eq!(
        world
            .send(
                Method::PUT,
                "/2015-03-31/functions/echo/aliases/live",
                &[],
                moved
            )
            .await
            .status,
        200
    );
    assert_eq!(handler("live").await, "c.d");
    assert_eq!(
        world.get("/2015-03-31/functions/echo/aliases").await.json()["Aliases"][0]["Name"],
        "live"
    );
    let invoked = world.invoke("echo:live", &[], "7").await;
    assert_eq!(
        (invoked.header("x-amz-executed-version"), &invoked.bytes[..]),
        (Some("2"), &b"7"[..])
    );
    assert_eq!(
        world
            .send(
                Method::DELETE,
                "/2015-03-31/functions/echo/aliases/live",
                &[],
                ""
            )
            .await
            .status,
        204
    );
    world
        .invoke("echo:live", &[], "7")
        .await
        .is_error(404, "ResourceNotFoundException", "E0101");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_listed_in_pages() {
    let world = World::new().await;
    world.create("echo", false).await;
    for handler in ["c.d", "e.f"] {
        world
            .post("/2015-03-31/functions/echo/versions", &json!({}))
            .await;
        let change = json!({ "Handler": handler }).to_string();
        world
            .send(
                Method::PUT,
                "/2015-03-31/functions/echo/configuration",
                &[],
                change,
            )
            .await;
    }
    world
        .post("/2015-03-31/functions/echo/versions", &json!({}))
        .await;
    let versions = world
        .get("/2015-03-31/functions/echo/versions?MaxItems=2")
        .await
        .json();
    assert_eq!(versions["Versions"].as_array().map(Vec::len), Some(2));
    let marker = versions["NextMarker"].as_str().expect("more");
    let rest = world
        .get(&format!(
            "/2015-03-31/functions/echo/versions?Marker={}",
            crate::harness::encoded(marker)
        ))
        .await
        .json();
    assert_eq!(
        (
            rest["Versions"][0]["Version"].as_str(),
            rest["NextMarker"].as_str()
        ),
        (Some("2"), None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_are_listed_in_pages_and_deleted() {
    let world = World::new().await;
    for name in ["a", "b", "c"] {
        world.create(name, false).await;
    }
    let first = world.get("/2015-03-31/functions/?MaxItems=2").await.json();
    let marker = first["NextMarker"].as_str().expect("more");
    let rest = world
        .get(&format!(
            "/2015-03-31/functions/?Marker={}",
            crate::harness::encoded(marker)
        ))
        .await
        .json();
    let names = |page: &serde_json::Value| {
        page["Functions"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|f| f["FunctionName"].as_str().expect("a name").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (names(&first), names(&rest)),
        (vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()])
    );
    assert_eq!(
        world
            .send(Method::DELETE, "/2015-03-31/functions/b", &[], "")
            .await
            .status,
        204
    );
    world
        .send(Method::DELETE, "/2015-03-31/functions/b", &[], "")
        .await
        .is_error(404, "ResourceNotFoundException", "E0101");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_function_is_called_at_once_or_later() {
    let world = World::new().await;
    world.create("echo", false).await;
    world.create("fails", false).await;
    let answer = world
        .invoke("echo", &[("x-amz-log-type", "Tail")], r#"{"ü":  1.50}"#)
        .await;
    assert_eq!(
        (answer.status, &answer.bytes[..]),
        (200, r#"{"ü":  1.50}"#.as_bytes())
    );
    assert_eq!(answer.header("x-amz-executed-version"), Some("$LATEST"));
    assert_eq!(
        answer.header("x-amz-log-result"),
        Some(STANDARD.encode("a line\n").as_str())
    );
    assert_eq!(answer.header("x-amz-function-error"), None);
    assert_eq!(&world.invoke("echo", &[], "").await.bytes[..], b"{}");
    let failed = world.invoke("fails", &[], "1").await;
    assert_eq!(
        (failed.status, failed.header("x-amz-function-error")),
        (200, Some("Unhandled"))
    );
    assert_eq!(failed.json()["errorType"], "ValueError");
    assert_eq!(
        world
            .invoke("echo", &[("x-amz-invocation-type", "DryRun")], "1")
            .await
            .status,
        204
    );
    let later = world
        .invoke("echo", &[("x-amz-invocation-type", "Event")], "1")
        .await;
    assert_eq!(
        (later.status, later.header("x-amz-durable-execution-arn")),
        (202, None)
    );
    let arn = "arn%3Aaws%3Alambda%3Aus-west-2%3A000000000000%3Afunction%3Aecho";
    assert_eq!(&world.invoke(arn, &[], "1").await.bytes[..], b"1");
    for (headers, code) in [
        (("x-amz-invocation-type", "Later"), "E0112"),
        (("x-amz-durable-execution-name", "n"), "E0112"),
    ] {
        world.invoke("echo", &[headers], "1").await.is_error(
            400,
            "InvalidParameterValueException",
            code,
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_at_the_limit_pass_and_one_above_is_refused() {
    let world = World::new().await;
    world.create("echo", false).await;
    for (kind, limit, status) in [("RequestResponse", 6 << 20, 200), ("Event", 1 << 20, 202)] {
        let at_limit = format!("\"{}\"", "x".repeat(limit - 2));
        let headers = [("x-amz-invocation-type", kind)];
        assert_eq!(
            world
                .invoke("echo", &headers, at_limit.clone())
                .await
                .status,
            status,
            "{kind}"
        );
        let above = at_limit.replacen('x', "xx", 1);
        world.invoke("echo", &headers, above).await.is_error(
            413,
            "RequestTooLargeException",
            "E0103",
        );
    }
}
