//! Everstep with the workload driven over the wire by the bench itself: what the server can do when no SDK is in the way.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::everstep::subject;
use super::{Subject, Workers};
use crate::http::Connection;
use crate::scenarios::{Bench, Handler, step};
use crate::server::Event;

/// A server with the bench function, and the task that decides its invocations.
pub struct Raw {
    bench: Bench,
    driver: tokio::task::JoinHandle<()>,
}

impl Raw {
    pub async fn start() -> Result<Self> {
        let bench = Bench::start("raw", super::CLIENTS).await?;
        let (events, address) = (Arc::clone(&bench.events), bench.server.address.clone());
        let idle = Arc::new(Mutex::new(Vec::new()));
        let driver = tokio::spawn(async move {
            while let Ok(event) = events.next().await {
                let (idle, address) = (Arc::clone(&idle), address.clone());
                tokio::spawn(async move {
                    let connection = idle.lock().await.pop();
                    // A failed invocation shows itself: the workflow does not end with its result.
                    if let Ok(connection) = decide(event, connection, &address).await {
                        idle.lock().await.push(connection);
                    }
                });
            }
        });
        Ok(Self { bench, driver })
    }

    pub fn subject(&self) -> Subject {
        subject(&self.bench.server, Workers::Bench)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn decide(event: Event, idle: Option<Connection>, address: &str) -> Result<Connection> {
    let connection = match idle {
        Some(connection) => connection,
        None => Connection::open(address).await?,
    };
    let operations = event
        .event
        .pointer("/InitialExecutionState/Operations")
        .cloned();
    let operations = operations
        .as_ref()
        .and_then(Value::as_array)
        .context("no operations")?;
    let input = operations
        .first()
        .and_then(|first| first.pointer("/ExecutionDetails/InputPayload"));
    let input: Value = serde_json::from_str(input.and_then(Value::as_str).unwrap_or("{}"))?;
    let mut handler = Handler::new(connection, &event)?;
    let answer = match input.get("url").and_then(Value::as_str) {
        None => {
            for number in 0..10 {
                handler.step(number).await?;
            }
            succeeded("done")
        }
        Some(_) if operations.iter().any(is_completed) => succeeded("completed"),
        Some(url) => {
            let answer = handler
                .checkpoint(r#"{"Id":"callback","Type":"CALLBACK","SubType":"Callback","Name":"callback","Action":"START","CallbackOptions":{}}"#)
                .await?;
            let id = callback_id(&answer).context("no callback id")?;
            handler.checkpoint(&step(0)).await?;
            tell(url, &id).await?;
            json!({ "Status": "PENDING" })
        }
    };
    event.answer(&answer);
    Ok(handler.connection)
}

fn succeeded(result: &str) -> Value {
    json!({ "Status": "SUCCEEDED", "Result": format!("\"{result}\"") })
}

fn is_completed(operation: &Value) -> bool {
    operation.get("Type").and_then(Value::as_str) == Some("CALLBACK")
        && operation.get("Status").and_then(Value::as_str) == Some("SUCCEEDED")
}

fn callback_id(answer: &Value) -> Option<String> {
    let operations = answer
        .pointer("/NewExecutionState/Operations")?
        .as_array()?;
    let id = operations
        .iter()
        .find_map(|operation| operation.pointer("/CallbackDetails/CallbackId"))?;
    id.as_str().map(str::to_owned)
}

async fn tell(url: &str, id: &str) -> Result<()> {
    let (address, path) = url
        .trim_start_matches("http://")
        .split_once('/')
        .context("no path")?;
    let mut connection = Connection::open(address).await?;
    connection
        .send("POST", &format!("/{path}"), "", id.as_bytes())
        .await?;
    Ok(())
}
