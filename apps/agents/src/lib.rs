//! The researcher, the analyst and the writer of the research workflow, as A2A 1.0 servers.
//!
//! Purpose: agents that do honest work without any model, so that the workflow can be shown, tested and used offline; with
//! an OpenAI-compatible endpoint they let a model pick and phrase, and check what it quotes against the sources.
//!
//! Shape: a pure core and a thin shell.
//! - [`research::research`], [`analyse::analyse`] and [`write::write`] are functions of their arguments; [`document`],
//!   [`language`], [`figures`] and [`index`] serve them. None of them reads a clock, a file (except [`corpus`]) or a network.
//! - [`serve`] and [`serve_until`] wrap one of them in an HTTP server: JSON-RPC at `/`, the agent card, `/ping`, `/health`
//!   and the legacy `/invocations`.
//!
//! Invariants:
//! - A sentence is quoted only if it stands word for word in its source; see [`document::Quote`].
//! - A task is on disk before it is acknowledged, when [`Options::state`] is given; one message id is one task for ever.
//! - A result is delivered at least once to every address that the caller gave, or the failure is logged.
//!
//! Non-goals: fetching sources from the network, languages other than English, several processes on one state folder.
//!
//! Read next: `server/jobs.rs` (life of a task), `research.rs`, `analyse.rs`, `write.rs`.

pub mod analyse;
pub mod corpus;
pub mod document;
pub mod figures;
pub mod index;
pub mod language;
pub mod model;
pub mod payload;
pub mod research;
mod server;
pub mod write;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use server::{Error, serve, serve_until};

/// Which of the three agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Researcher,
    Analyst,
    Writer,
}

impl Kind {
    /// All three, in the order in which the workflow needs them.
    pub const ALL: [Self; 3] = [Self::Researcher, Self::Analyst, Self::Writer];

    /// The name in the agent card and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Researcher => "researcher",
            Self::Analyst => "analyst",
            Self::Writer => "writer",
        }
    }

    /// The value of the payload's `task` member that means this agent.
    pub fn task(self) -> &'static str {
        match self {
            Self::Researcher => "research",
            Self::Analyst => "analyze",
            Self::Writer => "write_report",
        }
    }

    /// The word in the keys of stored artifacts.
    pub fn artifact(self) -> &'static str {
        match self {
            Self::Researcher => "research",
            Self::Analyst => "analysis",
            Self::Writer => "report",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| format!("{name} is none of researcher, analyst, writer"))
    }
}

/// A secret that no log shows.
#[derive(Clone)]
pub struct ArtifactKey(pub String);

impl std::fmt::Debug for ArtifactKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ArtifactKey")
    }
}

/// How an agent is set up.
#[derive(Debug, Clone)]
pub struct Options {
    pub kind: Kind,
    /// Port 0 takes a free port; `ready` is told which.
    pub listen: SocketAddr,
    /// Folder that the researcher reads for each task; the shipped corpus when absent.
    pub sources: Option<PathBuf>,
    /// Where results above `artifact_bytes` go, as `http://host/artifacts/BUCKET`; without it they stay inline.
    pub artifact_url: Option<String>,
    /// The bearer key that the artifact service asks for.
    pub artifact_key: Option<ArtifactKey>,
    /// Results with more bytes than this are stored as artifacts.
    pub artifact_bytes: usize,
    /// Folder for the tasks; without it they live in memory and end with the process.
    pub state: Option<PathBuf>,
    /// The address that the agent card names; the listening address when absent.
    pub public_url: Option<String>,
    /// A model to ask; without it everything is computed.
    pub model: Option<model::Options>,
    /// Largest request body.
    pub body_bytes_max: usize,
    /// Most unfinished tasks; a further one is refused with 429.
    pub tasks_open_max: usize,
    /// Most tasks that are worked on at the same time.
    pub tasks_running_max: usize,
    /// Pauses before the second and each further attempt of an outgoing call.
    pub retry_pauses: Vec<Duration>,
    /// Finished tasks older than this are forgotten at the next start.
    pub retention: Duration,
}

impl Options {
    /// The defaults for `kind`, listening at `listen`.
    pub fn new(kind: Kind, listen: SocketAddr) -> Self {
        Self {
            kind,
            listen,
            sources: None,
            artifact_url: None,
            artifact_key: None,
            artifact_bytes: 200_000,
            state: None,
            public_url: None,
            model: None,
            body_bytes_max: 16 * 1024 * 1024,
            tasks_open_max: 1_000,
            tasks_running_max: 4,
            retry_pauses: vec![
                Duration::from_millis(500),
                Duration::from_secs(2),
                Duration::from_secs(8),
            ],
            retention: Duration::from_secs(14 * 24 * 3_600),
        }
    }
}
