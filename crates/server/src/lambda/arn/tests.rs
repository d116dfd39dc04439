use super::*;

fn options() -> Options {
    Options {
        region: "us-west-2".to_owned(),
        ..Options::default()
    }
}

#[test]
fn function_names_in_all_forms() {
    let cases = [
        ("f", Some(("f", None))),
        ("f:$LATEST", Some(("f", Some("$LATEST")))),
        ("f:7", Some(("f", Some("7")))),
        ("function:f", Some(("f", None))),
        ("function", Some(("function", None))),
        ("000000000000:function:f", Some(("f", None))),
        ("000000000000:function:f:live", Some(("f", Some("live")))),
        (
            "arn:aws:lambda:us-west-2:000000000000:function:f",
            Some(("f", None)),
        ),
        (
            "arn:aws:lambda:us-west-2:000000000000:function:f:$LATEST",
            Some(("f", Some("$LATEST"))),
        ),
        ("arn:aws:lambda:eu-west-1:000000000000:function:f", None),
        ("arn:aws:lambda:us-west-2:111111111111:function:f", None),
        ("arn:aws:s3:us-west-2:000000000000:function:f", None),
        ("arn:aws", None),
        ("a b", None),
        ("", None),
        ("f:1:2", None),
        ("f:", None),
    ];
    for (text, expected) in cases {
        let parsed = function_name(text, &options()).ok();
        let parsed = parsed
            .as_ref()
            .map(|found| (found.name.as_str(), found.qualifier.as_deref()));
        assert_eq!(parsed, expected, "{text}");
    }
}

#[test]
fn two_qualifiers_must_agree() {
    let name = || function_name("f:1", &options()).expect("a name");
    assert_eq!(
        qualified_by(name(), Some("1"))
            .expect("the same")
            .qualifier
            .as_deref(),
        Some("1")
    );
    assert_eq!(
        qualified_by(name(), None)
            .expect("one")
            .qualifier
            .as_deref(),
        Some("1")
    );
    let error = qualified_by(name(), Some("2")).expect_err("another");
    assert_eq!(error.exception, Exception::InvalidParameterValue);
}

#[test]
fn executions_are_found_by_their_last_segment() {
    let id = "0190f5fe-0000-7000-8000-000000000001";
    let arn = format!(
        "arn:aws:lambda:us-west-2:000000000000:function:f:$LATEST/durable-execution/n/{id}"
    );
    assert_eq!(execution_id(&arn).expect("an id").to_string(), id);
    for wrong in [
        id,
        "",
        "arn:aws:lambda:r:0:function:f:1/durable-execution/n/none",
        "x/y",
    ] {
        assert_eq!(execution_id(wrong).expect_err(wrong).code.as_str(), "E0106");
    }
}
