//! How a host is set up.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use everstep_logs::Logs;

/// Limits, folders and interpreters of a host. [`HostOptions::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Where the Runtime API listens, one port per worker, chosen by the system. Loopback: the protocol has no authentication.
    pub listen: IpAddr,
    /// An idle worker is stopped after this time.
    pub idle_timeout: Duration,
    /// A process must ask for work within this time.
    pub init_timeout: Duration,
    /// A function's own scaling may set a lower one.
    pub max_workers_per_function: usize,
    /// Over all functions.
    pub max_workers: usize,
    /// At `max_workers`, how long a function without any worker waits before another one's worker makes room for it.
    pub turn: Duration,
    /// Whether a worker that takes more memory than its function has is ended.
    pub memory_enforced: bool,
    /// How often the memory of a busy worker is looked at.
    pub memory_look: Duration,
    /// Invocations that wait for a worker of one function revision; further ones are refused.
    pub max_queued_per_function: usize,
    /// Bytes of an answer of a function; a larger one is refused with 413. Lambda's figure.
    pub response_limit: usize,
    /// Where what functions print is kept.
    pub logs: Logs,
    /// URL of Everstep's APIs, for `AWS_ENDPOINT_URL_LAMBDA` and `AWS_ENDPOINT_URL_SFN`.
    pub endpoint: String,
    pub region: String,
    /// Folder of this host alone: bootstraps, home and temporary folders of workers, records of processes.
    pub scratch: PathBuf,
    /// Interpreter: a path, or a name looked up on `PATH`. `EVERSTEP_PYTHON` in a function's environment overrides it.
    pub python: PathBuf,
    /// Folders appended to every function's `PYTHONPATH`.
    pub python_path: Vec<PathBuf>,
    /// As `python`; `EVERSTEP_NODE` overrides it.
    pub node: PathBuf,
    /// At shutdown, how long running invocations may go on.
    pub drain: Duration,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
}

impl HostOptions {
    /// Defaults with the three things that have none: logs, scratch folder and the URL of the Lambda API.
    pub fn new(
        logs: Logs,
        scratch: impl Into<PathBuf>,
        endpoint: impl Into<String>,
    ) -> HostOptions {
        HostOptions {
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            idle_timeout: Duration::from_secs(600),
            init_timeout: Duration::from_secs(60),
            max_workers_per_function: 16,
            max_workers: 64,
            turn: Duration::from_secs(1),
            memory_enforced: true,
            memory_look: Duration::from_millis(250),
            max_queued_per_function: 10_000,
            response_limit: 6 * 1024 * 1024 + 100,
            logs,
            endpoint: endpoint.into(),
            region: "us-east-1".to_owned(),
            scratch: scratch.into(),
            python: PathBuf::from("python3"),
            python_path: Vec::new(),
            node: PathBuf::from("node"),
            drain: Duration::from_secs(1),
            grace: Duration::from_secs(2),
        }
    }
}
