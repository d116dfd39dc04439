//! One agent as a process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use everstep_agents::{ArtifactKey, Kind, Options, model, serve_until};

/// Serves one of the three research agents over A2A 1.0.
#[derive(Parser)]
#[command(name = "everstep-agents", version)]
struct Arguments {
    /// researcher, analyst or writer
    kind: Kind,
    /// Address to listen at; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Folder that the researcher reads; the shipped corpus when absent
    #[arg(long)]
    sources: Option<PathBuf>,
    /// Where large results go, as http://host/artifacts/BUCKET
    #[arg(long)]
    artifact_url: Option<String>,
    /// Key that the artifact service asks for
    #[arg(long, env = "EVERSTEP_API_KEY", hide_env_values = true)]
    artifact_key: Option<String>,
    /// Folder for the tasks; without it they end with the process
    #[arg(long)]
    state: Option<PathBuf>,
    /// Address that the agent card names
    #[arg(long)]
    public_url: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,tantivy=warn"));
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let options = Options {
        sources: arguments.sources,
        artifact_url: arguments.artifact_url,
        artifact_key: arguments.artifact_key.map(ArtifactKey),
        state: arguments.state,
        public_url: arguments.public_url,
        model: model::Options::from_env(),
        ..Options::new(arguments.kind, arguments.listen)
    };
    match serve_until(options, announce, stop_signal()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            tracing::error!(%reason, "agent_stopped");
            ExitCode::FAILURE
        }
    }
}

/// The one line on stdout, for whoever started the process with port 0.
#[expect(clippy::print_stdout, reason = "the address is this program's data")]
fn announce(address: SocketAddr) {
    println!("http://{address}/");
}

/// Ends on the first of the two signals that ask a process to end.
async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            },
            Err(_) => drop(interrupt.await),
        }
    }
    #[cfg(not(unix))]
    drop(interrupt.await);
}
