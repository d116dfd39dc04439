//! Step Functions' API: who may use it, and the codes beside AWS's names. What it does is held against AWS's own clients in `tests/wire`.

use std::sync::Arc;

use everstep_server::{Door, Key, Keys, Role, fingerprint};
use everstep_store::{Call, Fault, Faults, Faulty, Memory, Store};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, World};

const PASS: &str = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}"#;

impl World {
    async fn states(&self, operation: &str, key: Option<&str>, body: &Value) -> Answer {
        let target = format!("AWSStepFunctions.{operation}");
        let bearer = format!("Bearer {}", key.unwrap_or_default());
        let mut headers = vec![("x-amz-target", target.as_str())];
        if key.is_some() {
            headers.push(("authorization", bearer.as_str()));
        }
        self.send(Method::POST, "/", &headers, body.to_string())
            .await
    }
}

fn refused(answer: &Answer) -> (u16, String, String) {
    let name = answer.json()["__type"].as_str().map(str::to_owned);
    let code = answer.header("x-everstep-error").map(str::to_owned);
    (
        answer.status,
        name.unwrap_or_default(),
        code.unwrap_or_default(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn e0170_and_e0171_have_the_names_that_clients_know() {
    let world = World::new().await;
    let expect = |name: &str, code: &str| (400, name.to_owned(), code.to_owned());
    let arn = |kind: &str| format!("arn:aws:states:us-west-2:000000000000:{kind}:nobody");
    for (operation, body, name) in [
        (
            "DescribeStateMachine",
            json!({ "stateMachineArn": arn("stateMachine") }),
            "StateMachineDoesNotExist",
        ),
        (
            "DescribeActivity",
            json!({ "activityArn": arn("activity") }),
            "ActivityDoesNotExist",
        ),
        (
            "ListTagsForResource",
            json!({ "resourceArn": arn("activity") }),
            "ResourceNotFound",
        ),
        (
            "DescribeStateMachineAlias",
            json!({ "stateMachineAliasArn": arn("stateMachine") + ":live" }),
            "ResourceNotFound",
        ),
    ] {
        let answer = world.states(operation, None, &body).await;
        assert_eq!(refused(&answer), expect(name, "E0170"), "{operation}");
    }
    let wrong =
        json!({ "name": "m", "roleArn": "arn:aws:iam::000000000000:role/r", "definition": "{}" });
    let answer = world.states("CreateStateMachine", None, &wrong).await;
    assert_eq!(refused(&answer), expect("InvalidDefinition", "E0171"));
}

const ROLES: [Role; 4] = [Role::Read, Role::Operate, Role::Admin, Role::Agent];

/// A world behind a closed door that knows one key of each role, called by its place.
async fn behind_a_door() -> World {
    let keys = Keys::default();
    let key = |(at, role): (usize, Role)| Key {
        name: format!("key {at}"),
        role,
        groups: Vec::new(),
        access: None,
        api_key: fingerprint(&api_key(at)),
        expires: None,
    };
    keys.replace(ROLES.into_iter().enumerate().map(key).collect());
    let options = everstep_engine::Options::default();
    World::with(Arc::new(Memory::new()), options, |options| {
        options.door = Door {
            keys,
            open: false,
            ..Door::default()
        };
    })
    .await
}

fn api_key(at: usize) -> String {
    format!("api-key-of-role-{at}")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_needs_its_role() {
    let world = behind_a_door().await;
    // Who may: readers, operators, administrators, agents.
    let looks = [true, true, true, false];
    let operates = [false, true, true, false];
    let administers = [false, false, true, false];
    for (operation, may) in [
        ("DescribeStateMachine", looks),
        ("ListStateMachines", looks),
        ("ListExecutions", looks),
        ("GetExecutionHistory", looks),
        ("ValidateStateMachineDefinition", looks),
        ("StartExecution", operates),
        ("StartSyncExecution", operates),
        ("StopExecution", operates),
        ("RedriveExecution", operates),
        ("SendTaskSuccess", operates),
        ("SendTaskFailure", operates),
        ("SendTaskHeartbeat", operates),
        ("GetActivityTask", operates),
        ("TestState", operates),
        ("CreateStateMachine", administers),
        ("UpdateStateMachine", administers),
        ("DeleteStateMachine", administers),
        ("PublishStateMachineVersion", administers),
        ("CreateStateMachineAlias", administers),
        ("CreateActivity", administers),
        ("TagResource", administers),
        ("FlyToTheMoon", administers),
    ] {
        for (at, may) in may.into_iter().enumerate() {
            // What is no request says nothing about a machine, and is past the door all the same.
            let answer = world
                .states(operation, Some(&api_key(at)), &json!([1]))
                .await;
            let denied = answer.status == 403;
            assert_eq!(denied, !may, "{operation} {at}: {}", answer.json());
            if denied {
                let text = answer.json()["message"].to_string();
                assert!(text.contains(&format!("states:{operation}")), "{text}");
            }
        }
        assert_eq!(world.states(operation, None, &json!({})).await.status, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_revealed_to_administrators_alone() {
    let world = behind_a_door().await;
    let state = r#"{"Type": "Succeed"}"#;
    let plain = json!({ "definition": state });
    let revealing = json!({ "definition": state, "revealSecrets": true });
    for (role, status) in [(1, 403), (2, 200)] {
        let key = api_key(role);
        let answer = world.states("TestState", Some(&key), &plain).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        let answer = world.states("TestState", Some(&key), &revealing).await;
        assert_eq!(answer.status, status, "{}", answer.json());
        if status == 403 {
            let text = answer.json()["message"].to_string();
            assert!(text.contains("states:RevealSecrets"), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_made_and_found_again() {
    let world = World::new().await;
    let role = "arn:aws:iam::000000000000:role/r";
    let wanted = json!({ "name": "m", "roleArn": role, "definition": PASS });
    let made = world.states("CreateStateMachine", None, &wanted).await;
    assert_eq!(made.status, 200, "{}", made.json());
    assert_eq!(
        made.header("content-type"),
        Some("application/x-amz-json-1.0")
    );
    let arn = json!({ "stateMachineArn": made.json()["stateMachineArn"] });
    let shown = world
        .states("DescribeStateMachine", None, &arn)
        .await
        .json();
    assert_eq!(shown["definition"], PASS);
    assert_eq!(shown["creationDate"], made.json()["creationDate"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_ours_are_told_without_their_details() {
    let faults = Faults::default();
    let store: Arc<dyn Store> = Arc::new(Faulty::new(Memory::new(), faults.clone()));
    let world = World::with(store, everstep_engine::Options::default(), |_| ()).await;
    faults.inject_always(Call::CataloguePut, Fault::Io);
    let role = "arn:aws:iam::000000000000:role/r";
    let wanted = json!({ "name": "m", "roleArn": role, "definition": PASS });
    let answer = world.states("CreateStateMachine", None, &wanted).await;
    let expected = (503, "ServiceUnavailable".to_owned(), "E0108".to_owned());
    assert_eq!(refused(&answer), expected);
    assert_eq!(
        answer.json()["message"],
        "The store can't be written or read (E0108)"
    );
}
