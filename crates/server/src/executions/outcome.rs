//! What went in and what came out.

use everstep_asl::machine::{ErrorOutput, Event};
use everstep_core::{ExecutionId, Failure, Payload, Status};
use everstep_engine::{Direction, ExecutionRow, HistoryEvent, Reply, Request};
use serde_json::Value;

use super::Kind;
use crate::http::App;
use crate::rest::Problem;

#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub input: Option<Value>,
    pub result: Option<Value>,
    pub error: Option<Failure>,
    /// By which operation a function's code differs from what is recorded.
    pub divergence: Option<String>,
}

pub(crate) async fn outcome(app: &App, row: &ExecutionRow) -> Result<Outcome, Problem> {
    match Kind::of(row) {
        Kind::Function => of_function(app, row.id).await,
        Kind::StateMachine => of_state_machine(app, row).await,
        Kind::Approval => of_approval(app, row.id).await,
    }
}

async fn of_function(app: &App, id: ExecutionId) -> Result<Outcome, Problem> {
    let asked = Request::Durable(everstep_durable::Request::Describe);
    let Reply::Durable(everstep_durable::Reply::Described(described)) =
        app.handle.request(id, asked).await?
    else {
        return Ok(Outcome::default());
    };
    Ok(Outcome {
        input: payload(app, id, described.input.as_ref()).await?,
        result: payload(app, id, described.result.as_ref()).await?,
        error: described.error,
        divergence: described
            .divergence
            .map(|divergence| divergence.to_string()),
    })
}

async fn of_approval(app: &App, id: ExecutionId) -> Result<Outcome, Problem> {
    let described = crate::approvals::describe(app, id).await?;
    let failure = everstep_approval::failure(&described.state);
    Ok(Outcome {
        input: payload(app, id, described.state.content.as_ref()).await?,
        result: everstep_approval::result(&described.state),
        error: Some(failure).filter(|failure| !failure.is_empty()),
        divergence: None,
    })
}

/// A payload as JSON where it is JSON, else as text.
async fn payload(
    app: &App,
    id: ExecutionId,
    payload: Option<&Payload>,
) -> Result<Option<Value>, Problem> {
    let Some(payload) = payload else {
        return Ok(None);
    };
    let bytes = app.handle.payload(id, payload).await?;
    Ok(Some(json(&String::from_utf8_lossy(&bytes))))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// Its history begins with the input and ends with the rest.
async fn of_state_machine(app: &App, row: &ExecutionRow) -> Result<Outcome, Problem> {
    let mut outcome = Outcome::default();
    for direction in [Direction::Forward, Direction::Backward] {
        let page = app.handle.history(row.id, None, direction, 1).await?;
        for item in page.items {
            if let HistoryEvent::Asl(event) = item.event {
                outcome.take(&event);
            }
        }
    }
    if row.status == Status::Quarantined {
        let reason = app.handle.quarantine_reason(row.id).await?;
        let line = reason.as_deref().and_then(|reason| reason.lines().next());
        outcome.error = Some(failure("States.Runtime", line));
    }
    Ok(outcome)
}

impl Outcome {
    fn take(&mut self, event: &Event) {
        match event {
            Event::ExecutionStarted { input, .. } => self.input = Some(json(input.text())),
            Event::ExecutionSucceeded { output, .. } => self.result = Some(json(output.text())),
            Event::ExecutionFailed { failure, .. } | Event::ExecutionAborted { failure } => {
                self.error = Some(of_output(failure)).filter(|failure| !failure.is_empty());
            }
            Event::ExecutionTimedOut => {
                self.error = Some(failure("States.Timeout", None));
            }
            _ => {}
        }
    }
}

fn of_output(output: &ErrorOutput) -> Failure {
    Failure {
        kind: output.error.as_deref().map(str::to_owned),
        message: output.cause.as_deref().map(str::to_owned),
        ..Failure::default()
    }
}

fn failure(kind: &str, message: Option<&str>) -> Failure {
    Failure {
        kind: Some(kind.to_owned()),
        message: message.map(str::to_owned),
        ..Failure::default()
    }
}
