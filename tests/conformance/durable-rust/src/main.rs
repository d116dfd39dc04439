//! Handlers for AWS's conformance suite on the Rust SDK: one Lambda `bootstrap`, the handler is chosen by `_HANDLER`.
//!
//! `functions.toml` beside this crate says which handler answers which requirement.

mod batches;
mod callback;
mod child;
mod map;
mod parallel;
mod serdes;
mod step;
mod wait;

use aws_durable_execution_sdk::{self as durable, BoxError, DurableContext};
use serde_json::Value;
use std::pin::Pin;

/// What a handler ends with.
type Done = Result<Value, BoxError>;

type Running = Pin<Box<dyn Future<Output = Done> + Send>>;

/// A handler of the suite: the event and the durable context in, the result out.
type Handler = fn(Value, DurableContext) -> Running;

/// A function `find` from the names of a module's handlers to the handlers themselves.
macro_rules! handlers {
    ($($name:ident),* $(,)?) => {
        pub(crate) fn find(name: &str) -> Option<crate::Handler> {
            match name {
                $(stringify!($name) => Some(|event, context| Box::pin($name(event, context))),)*
                _ => None,
            }
        }
    };
}
pub(crate) use handlers;

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    // One flat JSON object a line, as Lambda's own runtimes write their logs.
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_max_level(tracing::Level::INFO)
        .init();
    let name = std::env::var("_HANDLER")?;
    let handler = find(&name).ok_or_else(|| format!("no handler is named {name:?}"))?;
    durable::run(handler).await
}

fn find(name: &str) -> Option<Handler> {
    let (module, function) = name.split_once('.')?;
    match module {
        "callback" => callback::find(function),
        "child" => child::find(function),
        "map" => map::find(function),
        "parallel" => parallel::find(function),
        "step" => step::find(function),
        "wait" => wait::find(function),
        _ => None,
    }
}

/// The event as the text that most requirements give.
fn text(event: &Value) -> Result<String, BoxError> {
    match event.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(format!("the event is no text: {event}").into()),
    }
}

/// A field of an object or an item of a list, null when there is none.
fn at(value: &Value, index: impl serde_json::value::Index) -> Value {
    value.get(index).cloned().unwrap_or_default()
}

/// A line that the logs of the execution show: the suite looks for the field `executionArn`.
fn log(execution: &str, message: &str) {
    tracing::info!(executionArn = execution, "{message}");
}
