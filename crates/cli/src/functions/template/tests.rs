use super::*;

fn read_text(text: &str) -> Result<Vec<Declared>, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("code")).unwrap();
    let path = folder.path().join("template.yaml");
    std::fs::write(&path, text).unwrap();
    read(&path, "eu-west-1")
}

#[test]
fn globals_defaults_and_references_are_resolved() {
    let text = r#"
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Level: {Type: String, Default: DEBUG}
Globals:
  Function:
    Runtime: python3.13
    CodeUri: code/
    Timeout: 30
    Environment:
      Variables: {LEVEL: !Ref Level, SHARED: "1"}
Resources:
  Table: {Type: "AWS::DynamoDB::Table"}
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub "${AWS::StackName}-echo"
      Handler: app.echo
  Main:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.main
      MemorySize: 256
      AutoPublishAlias: live
      DurableConfig: {ExecutionTimeout: 900, RetentionPeriodInDays: 7}
      Environment:
        Variables:
          SHARED: "2"
          TARGET: !Sub "${Echo.Arn}:$LATEST"
          NAME: !Ref Echo
          ARN: !GetAtt Echo.Arn
          LONG: {"Fn::GetAtt": [Echo, Arn]}
          JOINED: !Join ["-", [a, !Ref "AWS::Region"]]
          LITERAL: !Sub ["${!x} ${mine}", {mine: !Ref Level}]
      FunctionUrlConfig: {AuthType: NONE}
      Policies: [AdministratorAccess]
"#;
    let all = read_text(text).unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].name, "everstep-echo");
    assert_eq!(all[0].config.environment["LEVEL"], "DEBUG");
    let main = &all[1];
    let arn = "arn:aws:lambda:eu-west-1:000000000000:function:everstep-echo";
    let variables = &main.config.environment;
    let expected = [
        ("LEVEL", "DEBUG"),
        ("SHARED", "2"),
        ("TARGET", &format!("{arn}:$LATEST")),
        ("NAME", "everstep-echo"),
        ("ARN", arn),
        ("LONG", arn),
        ("JOINED", "a-eu-west-1"),
        ("LITERAL", "${x} DEBUG"),
    ];
    for (name, value) in expected {
        assert_eq!(variables[name], value, "{name}");
    }
    assert_eq!((main.config.timeout_s, main.config.memory_mb), (30, 256));
    let durable = main.config.durable.unwrap();
    assert_eq!(
        (durable.execution_timeout_s, durable.retention_days),
        (Some(900), 7)
    );
    assert_eq!(main.alias.as_deref(), Some("live"));
    assert_eq!(main.notes, ["FunctionUrlConfig has no effect here"]);
}

#[test]
fn a_fault_names_its_place() {
    let function = |properties: &str| {
        format!(
            "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {properties}\n"
        )
    };
    for (text, said) in [
        ("Resources: [".to_owned(), "line"),
        ("a: 1".to_owned(), "it has no Resources"),
        (
            "Resources: {T: {Type: x}}".to_owned(),
            "it has no AWS::Serverless::Function",
        ),
        (
            function("{Runtime: java21, CodeUri: code}"),
            "Resources.F.Properties: the runtime java21",
        ),
        (function("{CodeUri: code}"), "it has no Runtime"),
        (
            function("{Runtime: python3.13, CodeUri: absent, Handler: a.b}"),
            "absent is not there",
        ),
        (
            function("{Runtime: python3.13, CodeUri: code}"),
            "it has no handler",
        ),
        (
            function("{Runtime: python3.13, CodeUri: code, Handler: !Ref Nobody}"),
            "Ref names Nobody",
        ),
        (
            function("{Runtime: python3.13, CodeUri: code, Handler: !ImportValue x}"),
            "Fn::ImportValue is not understood",
        ),
        (
            function("{Runtime: python3.13, CodeUri: code, Handler: a.b, Timeout: soon}"),
            "Timeout is no whole number",
        ),
        (
            function("{Runtime: python3.13, CodeUri: code, Handler: a.b, Timeout: 99999}"),
            "its timeout is not",
        ),
    ] {
        let fault = read_text(&text).err().unwrap();
        assert!(fault.contains(said), "{text}: {fault}");
    }
}
