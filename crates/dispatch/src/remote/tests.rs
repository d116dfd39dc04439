use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::host::{LogFormat, Runtime, Scaling};

fn spec() -> FunctionSpec {
    FunctionSpec {
        arn: "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST".to_owned(),
        name: "f".to_owned(),
        version: "$LATEST".to_owned(),
        revision: "r".to_owned(),
        runtime: Runtime::Provided,
        handler: String::new(),
        code: PathBuf::new(),
        layers: None,
        environment: BTreeMap::new(),
        timeout: Duration::from_secs(5),
        memory_mb: 128,
        log_format: LogFormat::Text,
        scaling: Scaling::default(),
    }
}

fn remote(url: &str) -> Remote {
    Remote {
        url: url.to_owned(),
        function: None,
        region: None,
        profile: None,
    }
}

#[test]
fn an_address_is_completed_unless_it_is_whole() {
    let mut named = remote("http://h:1/");
    assert_eq!(
        address(&named, &spec()),
        "http://h:1/2015-03-31/functions/f/invocations"
    );
    named.function = Some("arn:aws:lambda:x:1:function:g:$LATEST".to_owned());
    assert_eq!(
        address(&named, &spec()),
        "http://h:1/2015-03-31/functions/arn%3Aaws%3Alambda%3Ax%3A1%3Afunction%3Ag%3A%24LATEST/invocations"
    );
    let whole = "http://h:1/2015-03-31/functions/function/invocations";
    assert_eq!(address(&remote(whole), &spec()), whole);
}

#[test]
fn only_calls_of_aws_are_signed_unless_told() {
    let region = |remote: &Remote| sign::region(remote, &address(remote, &spec()));
    assert_eq!(region(&remote("http://127.0.0.1:3001")), None);
    assert_eq!(
        region(&remote("https://lambda.eu-west-1.amazonaws.com")).as_deref(),
        Some("eu-west-1")
    );
    assert_eq!(region(&remote("https://lambda.evil.example")), None);
    let mut told = remote("http://127.0.0.1:4566");
    told.profile = Some("local".to_owned());
    assert_eq!(region(&told).as_deref(), Some("us-east-1"));
    told.region = Some("eu-north-1".to_owned());
    assert_eq!(region(&told).as_deref(), Some("eu-north-1"));
}

/// What was meant for one address goes to no other one.
#[tokio::test]
async fn an_address_that_sends_elsewhere_is_an_error() {
    let elsewhere = served(axum::Router::new().fallback(|| async { "taken" })).await;
    for status in [302, 307] {
        let status = axum::http::StatusCode::from_u16(status).unwrap();
        let to = elsewhere.clone();
        let first =
            axum::Router::new().fallback(move || async move { (status, [("location", to)]) });
        let first = served(first).await;
        let invocation = Invocation::new("1".to_owned(), "{}".into());
        let remotes = Remotes::default();
        let outcome = remotes.invoke(&remote(&first), &spec(), invocation).await;
        assert!(outcome.result.is_err(), "{status}: {outcome:?}");
    }
}

async fn served(app: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}
