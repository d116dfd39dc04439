//! The yardstick: an axum handler that parses the same checkpoint JSON and answers the same JSON, and does nothing else.

use anyhow::Result;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    checkpoint_token: String,
    #[serde(default)]
    updates: Vec<Update>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    id: String,
    r#type: String,
    sub_type: Option<String>,
    name: Option<String>,
    payload: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    checkpoint_token: String,
    new_execution_state: State,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    operations: Vec<Operation>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Operation {
    id: String,
    r#type: String,
    sub_type: Option<String>,
    name: Option<String>,
    status: &'static str,
    start_timestamp: f64,
    end_timestamp: f64,
    step_details: Step,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Step {
    attempt: u32,
    result: Option<String>,
}

async fn checkpoint(Json(request): Json<Request>) -> Json<Answer> {
    let operations = request.updates.into_iter().map(|update| Operation {
        id: update.id,
        r#type: update.r#type,
        sub_type: update.sub_type,
        name: update.name,
        status: "SUCCEEDED",
        start_timestamp: 1_763_700_000.123,
        end_timestamp: 1_763_700_000.123,
        step_details: Step {
            attempt: 1,
            result: update.payload,
        },
    });
    let new_execution_state = State {
        operations: operations.collect(),
    };
    Json(Answer {
        checkpoint_token: request.checkpoint_token,
        new_execution_state,
    })
}

/// Serves until it is killed; the one line on standard output is its address.
#[expect(clippy::print_stdout, reason = "the parent reads the address")]
pub async fn run() -> Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("everstep ready http://{}", listener.local_addr()?);
    let app = Router::new().route("/{*path}", post(checkpoint));
    axum::serve(
        axum::serve::ListenerExt::tap_io(listener, |stream| {
            // Without it small answers wait for acknowledgements; a stream that refuses is only slower.
            let _ = stream.set_nodelay(true);
        }),
        app,
    )
    .await?;
    Ok(())
}
