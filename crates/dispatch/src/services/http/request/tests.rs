use super::*;
use serde_json::json;

fn arguments(value: Value) -> Arguments {
    serde_json::from_value(value).expect("arguments")
}

fn built(value: Value, connection: &Connection) -> Result<Outgoing, Fault> {
    build(&arguments(value), connection, "us-east-1", "e/1/0")
}

fn header<'a>(outgoing: &'a Outgoing, name: &str) -> Option<&'a str> {
    let value = outgoing.headers.get(name)?;
    value.to_str().ok()
}

fn body(outgoing: &Outgoing) -> Option<&str> {
    let body = outgoing.body.as_ref()?;
    std::str::from_utf8(body).ok()
}

fn connection() -> Connection {
    Connection {
        authorization: Authorization::ApiKey {
            name: "ApiKey".to_owned(),
            value: "key_value".to_owned().into(),
        },
        headers: vec![(
            "Header-Param".to_owned(),
            "of the connection".to_owned().into(),
        )],
        query: vec![("query".to_owned(), "of the connection".to_owned().into())],
        body: super::super::Secret(Map::from_iter([(
            "BodyParam".to_owned(),
            "of the connection".into(),
        )])),
    }
}

#[test]
fn what_the_connection_says_comes_before_what_the_task_says() {
    let outgoing = built(
        json!({
            "ApiEndpoint": "https://example.com/path?kept=1", "Method": "POST",
            "Headers": {"Request-Id": "7", "Header-Param": "of the task", "many": ["a", "b"]},
            "QueryParameters": {"query": "of the task", "more": ["x y", 2]},
            "RequestBody": {"Job": "Engineer", "BodyParam": "of the task"},
        }),
        &connection(),
    )
    .expect("a call");
    assert_eq!(
        outgoing.url.as_str(),
        "https://example.com/path?kept=1&more=x%20y&more=2&query=of%20the%20connection"
    );
    assert_eq!(header(&outgoing, "apikey"), Some("key_value"));
    assert_eq!(header(&outgoing, "header-param"), Some("of the connection"));
    assert_eq!(header(&outgoing, "request-id"), Some("7"));
    assert_eq!(outgoing.headers.get_all("many").iter().count(), 2);
    assert_eq!(header(&outgoing, "content-type"), Some(JSON));
    assert_eq!(header(&outgoing, "range"), Some(RANGE_MAX));
    assert_eq!(header(&outgoing, "idempotency-key"), Some("e/1/0"));
    assert_eq!(
        body(&outgoing),
        Some(r#"{"Job":"Engineer","BodyParam":"of the connection"}"#)
    );
}

#[test]
fn a_form_is_encoded_and_says_so() {
    let outgoing = built(
        json!({
            "ApiEndpoint": "https://api.example.com/v1/invoices", "Method": "POST",
            "RequestBody": {"customer": "7", "lines": [1, 2]},
            "Transform": {
                "RequestBodyEncoding": "URL_ENCODED",
                "RequestEncodingOptions": {"ArrayFormat": "COMMAS"},
            },
        }),
        &Connection::default(),
    )
    .expect("a call");
    assert_eq!(body(&outgoing), Some("customer=7&lines=1,2"));
    assert_eq!(header(&outgoing, "content-type"), Some(FORM));
}

#[test]
fn a_text_goes_as_it_is_and_nothing_as_nothing() {
    let of = |value: Value| built(value, &Connection::default()).expect("a call");
    let xml = of(json!({
        "ApiEndpoint": "http://example.com", "Method": "PUT",
        "Headers": {"Content-Type": "text/xml"}, "RequestBody": "<a/>",
    }));
    assert_eq!(body(&xml), Some("<a/>"));
    assert_eq!(header(&xml, "content-type"), Some("text/xml"));
    let get = of(json!({"ApiEndpoint": "http://example.com", "Method": "GET"}));
    assert_eq!(body(&get), None);
    assert_eq!(header(&get, "content-type"), None);
    assert_eq!(header(&get, "idempotency-key"), None);
    let basic = Connection {
        authorization: Authorization::Basic {
            username: "me".to_owned(),
            password: "hush".to_owned().into(),
        },
        ..Connection::default()
    };
    let value = json!({"ApiEndpoint": "http://example.com", "Method": "GET"});
    let outgoing = built(value, &basic).expect("a call");
    assert_eq!(
        header(&outgoing, "authorization"),
        Some("Basic bWU6aHVzaA==")
    );
}

#[test]
fn what_can_not_be_sent_is_a_fault_of_the_task() {
    let plain = Connection::default();
    let with = |name: &str, value: Value| {
        let mut all = json!({"ApiEndpoint": "http://example.com", "Method": "POST"});
        all.as_object_mut()
            .expect("an object")
            .insert(name.to_owned(), value);
        all
    };
    let wrong = [
        (with("ApiEndpoint", json!("example.com")), &plain),
        (with("ApiEndpoint", json!("file:///etc/passwd")), &plain),
        (with("Method", json!("TRACE")), &plain),
        (with("Headers", json!({"Authorization": "x"})), &plain),
        (with("Headers", json!({"X-Amz-Date": "x"})), &plain),
        (with("Headers", json!({"a b": "x"})), &plain),
        (with("Headers", json!({"a": "x\ny"})), &plain),
        (with("QueryParameters", json!([1])), &plain),
        (with("RequestBody", json!("text")), &connection()),
    ];
    for (value, connection) in wrong {
        let fault = built(value.clone(), connection).expect_err("a fault");
        assert_eq!(fault.error, "States.Runtime", "{value}");
    }
    let form = json!({
        "ApiEndpoint": "http://example.com", "Method": "POST", "RequestBody": [1],
        "Transform": {"RequestBodyEncoding": "URL_ENCODED"},
    });
    assert!(built(form, &plain).is_err());
}
