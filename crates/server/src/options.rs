//! What a server is told at its start.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use everstep_logs::Logs;
use tokio_util::sync::CancellationToken;

use crate::callbacks::{Callbacks, Traffic};
use crate::door::Door;
use crate::metrics::Metrics;
use crate::tls::Tls;

/// How a server listens and what it calls itself.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Of every ARN.
    pub region: String,
    /// Twelve digits, of every ARN.
    pub account: String,
    /// HTTP routes that functions answer, first match first.
    pub routes: Vec<Route>,
    /// Where the function host keeps what functions print; without it there are no logs to read.
    pub logs: Option<Logs>,
    /// What links and other addresses begin with, when it is not the address listened on: `https://everstep.example.org`.
    pub public_url: Option<String>,
    pub limits: Limits,
    /// What is counted; servers of one process share it.
    pub metrics: Metrics,
    /// Who is let in.
    pub door: Door,
    /// With it everything is said over TLS.
    pub tls: Option<Tls>,
    /// How callbacks are taken.
    pub callbacks: Callbacks,
    /// What is counted of them; servers of one process share it.
    pub traffic: Traffic,
    /// Cancelled, the server takes no new connection and ends when the open requests are answered.
    pub shutdown: CancellationToken,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            routes: Vec::new(),
            logs: None,
            public_url: None,
            limits: Limits::default(),
            metrics: Metrics::default(),
            door: Door::default(),
            tls: None,
            callbacks: Callbacks::default(),
            traffic: Traffic::default(),
            shutdown: CancellationToken::new(),
        }
    }
}

/// Requests of this method and path are answered by a function, as API Gateway's proxy integration does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `GET`, `POST` and so on; `ANY` is every method.
    pub method: String,
    /// `/workflows/{id}`: a segment in braces takes any segment, `{name+}` at the end all that are left.
    pub path: String,
    /// Name of the function, optionally `NAME:QUALIFIER`.
    pub function: String,
}

/// What a request may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Payload of a synchronous invoke.
    pub invoke_bytes_max: usize,
    /// Payload of an asynchronous invoke.
    pub event_bytes_max: usize,
    /// Result of a callback.
    pub callback_bytes_max: usize,
    /// Body of CreateFunction and UpdateFunctionCode.
    pub code_bytes_max: usize,
    /// Body of any other request; a checkpoint among them.
    pub body_bytes_max: usize,
    /// An artifact.
    pub artifact_bytes_max: usize,
    /// Operations of one execution; it keeps what it began with. AWS stops at 3,000.
    pub execution_operations_max: u32,
    /// Payloads and errors of all operations of one execution together. AWS stops at 100 MB.
    pub execution_bytes_max: u64,
    /// A request's line and headers.
    pub head_bytes_max: usize,
    pub headers_max: usize,
    /// Connections at one time; further ones wait to be accepted.
    pub connections_max: usize,
    /// Until a request's head has arrived. So long may a connection be idle, too.
    pub head_timeout: Duration,
    /// Until a request's body has arrived; until a piece of an artifact has.
    pub body_timeout: Duration,
    /// How slowly an artifact may arrive, after its first [`Limits::body_timeout`].
    pub artifact_bytes_per_second_min: u64,
    /// How long a synchronous invoke waits for its execution.
    pub invoke_timeout: Duration,
    /// How long a shutdown waits for open requests.
    pub shutdown_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            invoke_bytes_max: 6 << 20,
            event_bytes_max: 1 << 20,
            callback_bytes_max: 1 << 20,
            code_bytes_max: 96 << 20,
            body_bytes_max: 16 << 20,
            artifact_bytes_max: 5 << 30,
            execution_operations_max: 1_000_000,
            execution_bytes_max: 10_000_000_000,
            head_bytes_max: 64 << 10,
            headers_max: 100,
            connections_max: 10_000,
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            artifact_bytes_per_second_min: 16 << 10,
            invoke_timeout: Duration::from_secs(15 * 60),
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}
