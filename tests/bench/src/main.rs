//! Measures the release binary from outside, on loopback, beside something simple in the same run.
//!
//! `cargo xtask bench engine`, `callbacks`, `durable` and `asl` build and run it; `docs/measurements.md` holds what it printed. Load is bounded in count and time.

mod bare;
mod http;
mod process;
mod report;
mod scenarios;
mod sdk;
mod server;
mod worker;

use anyhow::{Result, bail};

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        // The function host starts this binary as `bootstrap`.
        None if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() => {
            if std::env::var("_HANDLER").is_ok_and(|handler| handler == sdk::HANDLER) {
                return sdk::run().await;
            }
            worker::run().await
        }
        Some("bare") => bare::run().await,
        Some("asl") => scenarios::asl(arguments.get(1).map(String::as_str)).await,
        Some("engine") => scenarios::engine(arguments.get(1).map(String::as_str)).await,
        Some("callbacks") => scenarios::callbacks(arguments.get(1).map(String::as_str)).await,
        Some("durable") => scenarios::durable(arguments.get(1).map(String::as_str)).await,
        _ => bail!(
            "usage: everstep-bench engine [SCENARIO] | callbacks [SCENARIO] | durable [SYSTEM] | asl [SYSTEM], with EVERSTEP_BIN set"
        ),
    }
}
