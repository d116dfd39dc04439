//! Speaks with an agent from a shell: one JSON object a line on standard input, one answer a line on standard output.
//!
//! `{"do": "send", "url": "http://127.0.0.1:9000", "payload": {"topic": "storage"}}` hands over a task; `find` looks for one by its
//! `message` and `context`; `get`, `answer`, `cancel`, `follow` and `drop_push` are about the `task` that an answer has named. This
//! machine's own agents may be called.

// Its output is what it is for.
#![allow(clippy::print_stdout)]

use std::io::BufRead as _;

use everstep_agent::{
    Agent, Client, ClientOptions, Completion, Dialect, Error, Found, Network, Output, Push, Reply,
    Said, State, Task, TaskRef,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verb {
    Profile,
    Send,
    Find,
    Get,
    Answer,
    Cancel,
    Follow,
    DropPush,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "do")]
    verb: Verb,
    url: String,
    dialect: Option<Dialect>,
    #[serde(default)]
    completion: Completion,
    /// Where the API of a runtime is, if `url` is an ARN.
    endpoint: Option<String>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    context: String,
    payload: Option<Box<RawValue>>,
    /// Where it is to push.
    push: Option<String>,
    task: Option<TaskRef>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::new(&ClientOptions {
        allowed: Network::loopback().to_vec(),
        ..ClientOptions::default()
    });
    for line in std::io::stdin().lock().lines() {
        let line: Line = serde_json::from_str(&line?)?;
        let answer = match speak(&client, &line).await {
            Ok(answer) => answer,
            Err(error) => json!({ "error": error.to_string(), "code": error.code() }),
        };
        println!("{answer}");
    }
    Ok(())
}

async fn speak(client: &Client, line: &Line) -> Result<Value, Error> {
    let mut agent = Agent::new("agent", line.url.parse()?);
    agent.dialect = line.dialect;
    agent.completion = line.completion;
    agent.endpoint = line.endpoint.as_ref().and_then(|url| url.parse().ok());
    let task = line.task.as_ref().ok_or(Error::Address {
        text: String::new(),
        why: "this is about a task, and 'task' is missing",
    });
    let payload = line.payload.as_ref();
    let payload = payload.map_or_else(|| "null".to_owned(), |payload| payload.get().to_owned());
    match line.verb {
        Verb::Profile => {
            let profile = client.profile(&agent).await?;
            Ok(
                json!({ "dialect": profile.dialect, "streaming": profile.streaming, "push": profile.push }),
            )
        }
        Verb::Send => {
            let said = client.send(&agent, &new_task(line, payload), &()).await?;
            Ok(told(said))
        }
        Verb::Find => Ok(match client.find(&agent, &new_task(line, payload)).await? {
            Found::Task(said) => told(*said),
            Found::Nothing => json!({ "found": false }),
            Found::Unable => json!({ "found": null }),
        }),
        Verb::Get => Ok(told(client.get(&agent, task?).await?)),
        Verb::Answer => {
            let reply = Reply {
                message_id: line.message.clone(),
                payload: payload.into(),
                traceparent: None,
            };
            Ok(told(client.answer(&agent, task?, &reply).await?))
        }
        Verb::Cancel => Ok(told(client.cancel(&agent, task?).await?)),
        Verb::Follow => {
            let mut updates = client.subscribe(&agent, task?).await?;
            let mut all = Vec::new();
            while let Some(said) = updates.next().await? {
                all.push(told(said));
            }
            Ok(Value::Array(all))
        }
        Verb::DropPush => {
            client.drop_push(&agent, task?, &line.message).await?;
            Ok(json!({}))
        }
    }
}

fn new_task(line: &Line, payload: String) -> Task {
    let url = line.push.as_ref().and_then(|url| url.parse().ok());
    Task {
        message_id: line.message.clone(),
        context_id: line.context.clone(),
        payload: payload.into(),
        push: url.map(|url| Push {
            id: line.message.clone(),
            url,
            token: "token-of-this-push".to_owned().into(),
        }),
        traceparent: None,
        previous: None,
    }
}

fn told(said: Said) -> Value {
    let (state, more) = match said.state {
        State::Working(progress) => (
            "working",
            json!({ "message": progress.message, "percent": progress.percent }),
        ),
        State::NeedsInput(question) => ("needs-input", json!(question.text)),
        State::NeedsAuth(question) => ("needs-auth", json!(question.text)),
        State::Done(Output::Json(text)) => {
            ("done", serde_json::from_slice(&text).unwrap_or_default())
        }
        State::Done(other) => ("done", json!(format!("{other:?}"))),
        State::Failed { message } => ("failed", json!(message)),
        State::Canceled { message } => ("canceled", json!(message)),
        State::Lost => ("lost", Value::Null),
        State::Untold => ("untold", Value::Null),
    };
    json!({ "task": said.task, "state": state, "said": more })
}
