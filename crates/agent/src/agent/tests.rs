use super::*;

#[test]
fn addresses_are_urls_and_runtimes() {
    let url: Address = "https://agents.example.com/researcher"
        .parse()
        .expect("a URL");
    assert_eq!(url.to_string(), "https://agents.example.com/researcher");
    for text in [
        "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/researcher-x1",
        "arn:aws:bedrock-agentcore:eu-west-1:123456789012:agent-runtime/researcher",
        "arn:aws-cn:bedrock-agentcore:eu-west-1:123456789012:runtime/r",
    ] {
        let Ok(Address::Arn(arn)) = text.parse::<Address>() else {
            panic!("{text} is an ARN");
        };
        assert_eq!((arn.as_str(), arn.region()), (text, "eu-west-1"));
    }
}

#[test]
fn what_is_no_address_is_refused_with_its_code() {
    for text in [
        "",
        "researcher",
        "ftp://host",
        "file:///etc/passwd",
        "http://",
        "https://me:secret@host",
        "arn:aws:lambda:eu-west-1:123456789012:function:f",
        "arn:aws:bedrock-agentcore:eu-west-1:123456789012:memory/m",
        "arn:aws:bedrock-agentcore:evil.example/#:123456789012:runtime/r",
        "arn:aws:bedrock-agentcore::123456789012:runtime/r",
        "arn:aws:bedrock-agentcore:eu-west-1:123456789012:runtime/",
    ] {
        let error = text.parse::<Address>().expect_err(text);
        assert_eq!(error.code(), Some("E0313"), "{text}");
        assert!(error.to_string().contains("E0313"));
    }
}

#[test]
fn names_of_dialects_are_what_is_written_down() {
    for dialect in Dialect::ALL {
        assert_eq!(dialect.name().parse(), Ok(dialect));
        let written = serde_json::to_string(&dialect).expect("a word");
        assert_eq!(written, format!("\"{}\"", dialect.name()));
    }
    let error = "grpc".parse::<Dialect>().expect_err("not spoken");
    assert!(error.to_string().contains("a2a-1.0-rest"));
}
