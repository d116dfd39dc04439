//! From an error to a message and an exit code.

use std::process::ExitCode;

/// The exit code of what somebody else has, or has changed.
pub const CONFLICT: u8 = 4;

/// An outcome with an exit code of its own.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The command worked; what it asked for did not.
    #[error("{0}")]
    Outcome(String),
    #[error("{0}")]
    Usage(String),
    /// The code of a replay came to no handler.
    #[error(
        "the code does not start: {0}\nThis is no divergence. Where an interpreter or a package is missing: name the interpreter with EVERSTEP_PYTHON or --python, EVERSTEP_NODE or --node, and folders of packages with --env PYTHONPATH=DIR or NODE_PATH."
    )]
    NotStarted(String),
    #[error(
        "no server answers at {url}: {detail}\nStart one with `everstep dev`, or name another with --url."
    )]
    Unreachable { url: String, detail: String },
    #[error(
        "{url} answers, but its certificate is not accepted: {detail}\nName the certificate that it goes back to with --ca-cert, or the server by a name that it holds."
    )]
    Certificate { url: String, detail: String },
    #[error(
        "what answers at {url} does not speak TLS, or breaks it off: {detail}\nA server without TLS is named with http://."
    )]
    NotTls { url: String, detail: String },
    #[error(
        "what answers at {url} breaks off or does not speak HTTP: {detail}\nA server with TLS is named with https://."
    )]
    NotHttp { url: String, detail: String },
    /// The server said no; the code is its error code, where it gave one.
    #[error("{message}{}", hint(.code.as_deref()))]
    Refused {
        status: u16,
        code: Option<String>,
        message: String,
    },
}

fn hint(code: Option<&str>) -> String {
    code.map(|code| format!(" ({code}; `everstep explain {code}` tells more)"))
        .unwrap_or_default()
}

impl Failed {
    const fn exit_code(&self) -> u8 {
        match self {
            Self::Outcome(_) => 1,
            Self::Usage(_) => 2,
            Self::Refused { status: 404, .. } => 3,
            Self::Refused {
                status: 409 | 412, ..
            } => CONFLICT,
            Self::Unreachable { .. }
            | Self::Certificate { .. }
            | Self::NotTls { .. }
            | Self::NotHttp { .. } => 5,
            Self::Refused { .. } => 6,
            Self::NotStarted(_) => 7,
        }
    }
}

/// Prints the error to standard error and says how to exit.
#[expect(clippy::print_stderr, reason = "this is where errors are shown")]
pub fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("everstep: {error:#}");
    ExitCode::from(error.downcast_ref::<Failed>().map_or(1, Failed::exit_code))
}
