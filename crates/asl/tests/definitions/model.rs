//! What a good definition becomes.

use everstep_asl::Definition;
use everstep_asl::definition::{
    ErrorNames, Kind, Next, Pattern, QueryLanguage, Resource, ResourceKind, StateId,
};

fn parsed(text: &str) -> Definition {
    Definition::parse(text).unwrap()
}

#[test]
fn ids_follow_the_text_and_inner_machines_come_behind() {
    let definition = parsed(
        r#"{"StartAt": "B", "States": {
            "A": {"Type": "Succeed"},
            "B": {"Type": "Parallel", "Next": "A", "Branches": [
                {"StartAt": "C", "States": {"C": {"Type": "Pass", "End": true}}},
                {"StartAt": "E", "States": {"D": {"Type": "Pass", "End": true}, "E": {"Type": "Pass", "Next": "D"}}}
            ]}
        }}"#,
    );
    let names: Vec<_> = definition
        .states()
        .map(|(_, state)| state.name.to_string())
        .collect();
    assert_eq!(names, ["A", "B", "C", "D", "E"]);
    assert_eq!(definition.machine.start, StateId(1));
    assert_eq!(definition.machine.states, 0..2);
    let Kind::Parallel(parallel) = &definition.get(StateId(1)).unwrap().kind else {
        panic!("B is a Parallel state");
    };
    assert_eq!(parallel.next, Next::State(StateId(0)));
    let starts: Vec<_> = parallel
        .branches
        .iter()
        .map(|branch| (branch.start, branch.states.clone()))
        .collect();
    assert_eq!(starts, [(StateId(2), 2..3), (StateId(4), 3..5)]);
    let own: Vec<_> = definition
        .states_of(&definition.machine)
        .map(|(id, state)| (id, state.kind.as_str()))
        .collect();
    assert_eq!(own, [(StateId(0), "Succeed"), (StateId(1), "Parallel")]);
    assert_eq!(definition.find("E"), Some(StateId(4)));
    assert_eq!(definition.find("F"), None);
    assert!(definition.get(StateId(5)).is_none());
}

#[test]
fn a_definition_is_shared_by_all_its_executions() {
    fn shared<T: Send + Sync>() {}
    shared::<Definition>();
}

#[test]
fn the_language_of_the_whole_is_that_of_states_that_name_none() {
    let definition = parsed(
        r#"{"StartAt": "A", "States": {
            "A": {"Type": "Pass", "QueryLanguage": "JSONata", "Next": "B"}, "B": {"Type": "Pass", "End": true}}}"#,
    );
    let languages: Vec<_> = definition
        .states()
        .map(|(_, state)| state.query_language)
        .collect();
    assert_eq!(languages, [QueryLanguage::Jsonata, QueryLanguage::JsonPath]);
}

#[test]
fn a_lone_state_leads_to_the_names_that_it_gives() {
    let definition = Definition::parse_state(
        r#"{"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Next": "There",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Elsewhere"}, {"ErrorEquals": ["X"], "Next": "There"}]}"#,
    );
    // States.ALL is not last.
    assert!(definition.is_err());
    let definition = Definition::parse_state(
        r#"{"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Next": "There",
            "Catch": [{"ErrorEquals": ["X"], "Next": "Elsewhere"}, {"ErrorEquals": ["States.ALL"], "Next": "There"}]}"#,
    )
    .unwrap();
    let Kind::Task(task) = &definition.get(definition.machine.start).unwrap().kind else {
        panic!("it is a Task state");
    };
    let Next::State(next) = task.next else {
        panic!("it leads to another state");
    };
    let name = |id| definition.get(id).unwrap().name.to_string();
    assert_eq!(name(next), "There");
    let caught: Vec<_> = task
        .catch
        .iter()
        .map(|catcher| name(catcher.next))
        .collect();
    assert_eq!(caught, ["Elsewhere", "There"]);
    assert_eq!(
        task.catch.last().map(|catcher| catcher.next),
        Some(next),
        "one name is one state"
    );
}

#[test]
fn resources_are_told_apart() {
    let kind = |arn| Resource::parse(arn).map(|resource| resource.kind);
    let integration = |service: &str, action: &str, pattern| {
        Some(ResourceKind::Integration {
            service: service.into(),
            action: action.into(),
            pattern,
        })
    };
    assert_eq!(
        kind("arn:aws:states:us-east-1:123456789012:activity:work"),
        Some(ResourceKind::Activity)
    );
    assert_eq!(
        kind("arn:aws:lambda:us-east-1:123456789012:function:work:1"),
        Some(ResourceKind::Function)
    );
    assert_eq!(
        kind("arn:aws:states:::lambda:invoke"),
        integration("lambda", "invoke", Pattern::RequestResponse)
    );
    assert_eq!(
        kind("arn:aws:states:::states:startExecution.sync:2"),
        integration("states", "startExecution", Pattern::SyncJson)
    );
    assert_eq!(
        kind("arn:aws:states:::states:startExecution.sync"),
        integration("states", "startExecution", Pattern::Sync)
    );
    assert_eq!(
        kind("arn:aws-cn:states:::aws-sdk:dynamodb:getItem.waitForTaskToken"),
        integration("aws-sdk:dynamodb", "getItem", Pattern::WaitForTaskToken)
    );
    assert_eq!(
        kind("arn:aws:swf:us-east-1:1:task:x"),
        Some(ResourceKind::Other)
    );
    assert_eq!(kind("arn:aws:states:::lambda"), None);
    assert_eq!(kind("arn:aws:states:::"), None);
    assert_eq!(kind("lambda"), None);
}

#[test]
fn wildcards_match_the_errors_that_they_stand_for() {
    let matches = |name: &str, error| ErrorNames(vec![name.into()]).matches(error);
    assert!(matches("Own", "Own"));
    assert!(!matches("Own", "own"));
    assert!(matches("States.ALL", "States.Timeout"));
    assert!(!matches("States.ALL", "States.Runtime"));
    // Against the documentation: so it was recorded, for the result of a function.
    assert!(matches("States.ALL", "States.DataLimitExceeded"));
    assert!(matches("States.Runtime", "States.Runtime"));
    assert!(matches("States.TaskFailed", "Own"));
    assert!(!matches("States.TaskFailed", "States.Timeout"));
    assert!(matches("States.Timeout", "States.HeartbeatTimeout"));
    assert!(!matches("States.HeartbeatTimeout", "States.Timeout"));
}
