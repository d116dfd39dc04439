//! Measures the release binary from outside, on loopback, beside something simple in the same run.
//!
//! `cargo xtask bench engine` builds and runs it; `docs/measurements.md` holds what it printed. Load is bounded in count and time.

mod bare;
mod http;
mod report;
mod scenarios;
mod server;
mod worker;

use anyhow::{Result, bail};

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        // The function host starts this binary as `bootstrap`.
        None if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() => worker::run().await,
        Some("bare") => bare::run().await,
        Some("engine") => scenarios::engine(arguments.get(1).map(String::as_str)).await,
        _ => bail!("usage: everstep-bench engine [SCENARIO], with EVERSTEP_BIN set"),
    }
}
