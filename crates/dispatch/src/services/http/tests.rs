use super::*;

use std::net::SocketAddr;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use serde_json::{Value, json};

/// A server on this machine whose answers are what its paths say.
async fn server() -> SocketAddr {
    let app = Router::new()
        .route(
            "/echo",
            post(|headers: HeaderMap, body: String| async move {
                let key = headers.get("idempotency-key").cloned();
                let kind = [("content-type", "application/json"), ("x-twice", "1")];
                (
                    kind,
                    format!("{{\"key\": {key:?}, \"said\": {body}}}")
                        .replace("Some", "")
                        .replace(['(', ')'], ""),
                )
            }),
        )
        .route("/text", get(|| async { "plain" }))
        .route("/gone", get(|| async { (StatusCode::GONE, "the reason") }))
        .route("/away", get(|| async { Redirect::temporary("/text") }))
        .route("/large", get(|| async { "x".repeat(262_145) }))
        .route("/bytes", get(|| async { vec![0xff_u8, 0xfe] }))
        .route(
            "/image",
            get(|| async { ([("content-type", "image/png")], "x").into_response() }),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn call(
    allowed: &[Network],
    url: &str,
    method: &str,
    body: Option<Value>,
) -> Result<Value, Fault> {
    let options = HttpOptions {
        allowed: allowed.to_vec(),
        ..HttpOptions::default()
    };
    let mut arguments = json!({"ApiEndpoint": url, "Method": method});
    if let Some(body) = body {
        arguments["RequestBody"] = body;
    }
    let arguments: Arguments = serde_json::from_value(arguments).expect("arguments");
    let http = Http::new(&options);
    let connection = http.connection(arguments.connection())?;
    let outgoing = request::build(&arguments, &connection, "us-east-1", "e/1/0")?;
    let output = answer::output(&http.send(outgoing, None).await?)?;
    Ok(serde_json::from_slice(&output).expect("JSON"))
}

async fn here(path: &str, method: &str, body: Option<Value>) -> Result<Value, Fault> {
    let url = format!("http://{}{path}", server().await);
    call(&Network::loopback(), &url, method, body).await
}

#[tokio::test]
async fn json_comes_back_as_json_and_everything_else_as_text() {
    let output = here("/echo", "POST", Some(json!({"a": 1})))
        .await
        .expect("an answer");
    assert_eq!(output["StatusCode"], 200);
    assert_eq!(output["StatusText"], "OK");
    assert_eq!(output["Headers"]["x-twice"], json!(["1"]));
    assert_eq!(
        output["ResponseBody"],
        json!({"key": "e/1/0", "said": {"a": 1}})
    );
    let output = here("/text", "GET", None).await.expect("an answer");
    assert_eq!(output["ResponseBody"], "plain");
}

#[tokio::test]
async fn a_status_that_is_no_success_is_an_error_with_its_number() {
    let fault = here("/gone", "GET", None).await.expect_err("a fault");
    assert_eq!(fault, Fault::new("States.Http.StatusCode.410", "Gone"));
    let fault = here("/away", "GET", None).await.expect_err("a fault");
    assert_eq!(fault.error, "States.Http.StatusCode.307");
}

#[tokio::test]
async fn what_can_not_be_a_result_is_an_error() {
    for (path, error) in [
        ("/large", "States.DataLimitExceeded"),
        ("/bytes", "States.Runtime"),
        ("/image", "States.Runtime"),
    ] {
        let fault = here(path, "GET", None).await.expect_err("a fault");
        assert_eq!(fault.error, error, "{path}");
    }
}

#[tokio::test]
async fn addresses_of_this_machine_are_reached_only_where_they_are_allowed() {
    let address = server().await;
    let port = address.port();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"] {
        let url = format!("http://{host}:{port}/text");
        let fault = call(&[], &url, "GET", None).await.expect_err("a fault");
        assert_eq!(fault.error, "States.Permissions", "{host}");
    }
    let url = format!("http://localhost:{port}/text");
    let answer = call(&Network::loopback(), &url, "GET", None).await;
    assert_eq!(answer.expect("an answer")["StatusCode"], 200);
}

#[tokio::test]
async fn nobody_who_listens_is_an_error_of_the_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let url = format!("http://{address}/?secret=hush");
    let fault = call(&Network::loopback(), &url, "GET", None)
        .await
        .expect_err("a fault");
    assert_eq!(fault.error, "States.Http.Socket");
    assert!(!fault.cause.unwrap_or_default().contains("hush"));
}
