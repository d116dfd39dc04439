//! Agents that are programs of this machine.

use std::time::Duration;

use everstep_agent::{Address, Agent, Found, Reply, Said, State};
use serde_json::{Value, json};

use crate::dialects::result;
use crate::world::{client, task};

fn agent(script: &str) -> Agent {
    let address = Address::Process {
        program: "/bin/sh".into(),
        arguments: vec!["-c".to_owned(), script.to_owned()],
    };
    Agent::new("program", address)
}

async fn run(script: &str) -> Said {
    client()
        .send(&agent(script), &task(), &())
        .await
        .expect("it runs")
}

fn failure(said: Said) -> String {
    match said.state {
        State::Failed { message } => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_program_gets_its_task_and_tells_its_result() {
    let said = run(r#"read line; echo starting; echo '{"progress":{"percent":50}}'; echo "{\"result\":$line}""#).await;
    let result = result(&said);
    assert_eq!(result["payload"], json!({ "topic": "storage", "n": 1 }));
    assert_eq!(
        (&result["task_id"], &result["context_id"]),
        (&json!("m-1"), &json!("c-1"))
    );
}

#[tokio::test]
async fn a_program_that_ends_without_a_result_has_failed() {
    assert_eq!(
        failure(run(r#"echo '{"error":"no such topic"}'"#).await),
        "no such topic"
    );
    let message = failure(run("echo 'out of ideas' >&2; exit 3").await);
    assert!(
        message.contains("exit status: 3") && message.contains("out of ideas"),
        "{message}"
    );
    let message = failure(run("kill -9 $$").await);
    assert!(message.contains("signal: 9"), "{message}");
}

#[tokio::test]
async fn a_program_sees_no_variables_but_its_own() {
    let mut agent = agent(r#"echo "{\"result\":[\"$HOME\",\"$SECRET\"]}""#);
    agent.environment = vec![("SECRET".to_owned(), "hush".to_owned().into())];
    let said = client().send(&agent, &task(), &()).await.expect("it runs");
    assert_eq!(result(&said), json!(["", "hush"]));
}

#[tokio::test]
async fn a_question_is_answered_once_and_the_program_goes_on() {
    let script = r#"read task; echo '{"question":"which?"}'; read answer; echo "{\"result\":$answer}"; read more"#;
    let (client, agent) = (client(), agent(script));
    let said = client.send(&agent, &task(), &()).await.expect("it asks");
    assert!(matches!(&said.state, State::NeedsInput(question) if question.text == "which?"));
    let known = said.task.expect("a task");
    let reply = Reply {
        message_id: "m-2".to_owned(),
        payload: r#""the first""#.into(),
        traceparent: None,
    };
    for _ in 0..2 {
        client
            .answer(&agent, &known, &reply)
            .await
            .expect("it hears");
    }
    let said = loop {
        let said = client.get(&agent, &known).await.expect("its stand");
        if matches!(said.state, State::Done(_)) {
            break said;
        }
        assert!(!said.state.is_terminal(), "{said:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(result(&said), json!({ "answer": "the first" }));
    // An end is told once.
    let said = client.get(&agent, &known).await.expect("its stand");
    assert!(matches!(said.state, State::Lost));
    assert!(matches!(
        client.find(&agent, &task()).await,
        Ok(Found::Nothing)
    ));
}

/// Waits until no process has this id.
async fn gone(pid: u64) {
    let place = format!("/proc/{pid}/stat");
    for _ in 0..1000 {
        // What was killed and is not yet waited for has ended too.
        match std::fs::read_to_string(&place) {
            Err(_) => return,
            Ok(stat) if stat.contains(") Z ") => return,
            Ok(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    panic!("{pid} is still there");
}

/// A program that has started another, and asks about it.
const FAMILY: &str =
    r#"sleep 1000 & echo "{\"question\":{\"text\":\"go on?\",\"pids\":[$$,$!]}}"; wait"#;

fn pids(said: &Said) -> Vec<u64> {
    let State::NeedsInput(question) = &said.state else {
        panic!("{said:?}");
    };
    let data: Value = serde_json::from_slice(question.data.as_ref().expect("data")).expect("JSON");
    let pids = data["pids"].as_array().expect("ids");
    pids.iter().filter_map(Value::as_u64).collect()
}

#[tokio::test]
async fn a_cancelled_program_is_killed_with_what_it_has_started() {
    let (client, agent) = (client(), agent(FAMILY));
    let said = client.send(&agent, &task(), &()).await.expect("it asks");
    let pids = pids(&said);
    assert_eq!(pids.len(), 2);
    let known = said.task.expect("a task");
    let said = client.cancel(&agent, &known).await.expect("killed");
    assert!(matches!(said.state, State::Canceled { .. }));
    for pid in pids {
        gone(pid).await;
    }
    let said = client.cancel(&agent, &known).await.expect("nothing");
    assert!(matches!(said.state, State::Lost));
}

#[tokio::test]
async fn a_program_that_nobody_waits_for_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pid");
    let script = format!(
        "echo $$ > {0}.new; mv {0}.new {0}; sleep 1000",
        file.display()
    );
    let (client, agent) = (client(), agent(&script));
    let waiting = tokio::spawn(async move { client.send(&agent, &task(), &()).await.map(drop) });
    let pid = loop {
        match std::fs::read_to_string(&file) {
            Ok(pid) => break pid.trim().parse().expect("an id"),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    waiting.abort();
    gone(pid).await;
}

#[tokio::test]
async fn a_program_that_is_not_there_has_its_code() {
    let address = Address::Process {
        program: "/nowhere/agent".into(),
        arguments: Vec::new(),
    };
    let agent = Agent::new("program", address);
    let error = client()
        .send(&agent, &task(), &())
        .await
        .expect_err("not there");
    assert_eq!(error.code(), Some("E0312"));
    assert!(!error.may_have_begun());
}

#[tokio::test]
async fn a_line_without_end_ends_the_program() {
    let mut agent = agent("tr '\\0' x < /dev/zero");
    agent.reply_bytes_max = 100_000;
    let said = client().send(&agent, &task(), &()).await.expect("it runs");
    assert!(failure(said).contains("more than 100000 bytes"));
}
