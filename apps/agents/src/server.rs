//! The shell: listens, keeps tasks, runs the core on them, delivers results.

mod artifacts;
mod card;
mod deliver;
mod jobs;
mod journal;
mod legacy;
mod outgoing;
mod rpc;
mod tasks;
mod work;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::Options;
use crate::corpus;
use jobs::Agent;

/// How long open requests may go on after the signal to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Why an agent cannot start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot listen on {listen}: {reason}")]
    Listen {
        listen: SocketAddr,
        reason: std::io::Error,
    },
    #[error(transparent)]
    Sources(#[from] corpus::Error),
    #[error("cannot use the state folder {folder}: {reason}")]
    State {
        folder: PathBuf,
        reason: std::io::Error,
    },
    #[error("another process uses the state folder {folder}")]
    StateInUse { folder: PathBuf },
    #[error("not an http or https address: {url}")]
    BadUrl { url: String },
    #[error("cannot set up the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    #[error("the server stopped: {0}")]
    Serve(std::io::Error),
}

/// Serves until the returned future is dropped.
///
/// # Errors
/// See [`Error`].
pub async fn serve(options: Options, ready: impl FnOnce(SocketAddr)) -> Result<(), Error> {
    serve_until(options, ready, std::future::pending()).await
}

/// Serves until `stop` resolves, then lets open requests end for up to five seconds. Tasks that are still running are left as
/// they are in the state folder; the next start takes them up again.
///
/// # Errors
/// See [`Error`].
pub async fn serve_until(
    options: Options,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let listen = options.listen;
    let failed = |reason| Error::Listen { listen, reason };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let agent = Agent::open(options, address).await?;
    agent.resume().await;
    ready(address);
    let stopping = agent.stopping.clone();
    let signal = {
        let stopping = stopping.clone();
        async move {
            stop.await;
            stopping.cancel();
        }
    };
    let server = axum::serve(listener, router(agent.clone())).with_graceful_shutdown(signal);
    let drained = async {
        stopping.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    let served = tokio::select! {
        served = server => served.map_err(Error::Serve),
        () = drained => Ok(()),
    };
    agent.stopped().await;
    served
}

fn router(agent: Arc<Agent>) -> Router {
    Router::new()
        .route("/", post(rpc::handle))
        .route("/.well-known/agent-card.json", get(card::handle))
        .route("/ping", get(legacy::ping))
        .route("/health", get(legacy::health))
        .route("/invocations", post(legacy::invoke))
        .with_state(agent)
}
