//! Streams and exit codes.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Why a command ends without doing its work.
#[derive(Debug)]
pub enum Failure {
    /// The sources have errors, which were shown. Exit code 1.
    Sources,
    /// Something outside the sources failed, as a missing file. Exit code 1, as the reference does.
    Outside(String),
    /// The command line makes no sense. Exit code 2.
    Usage(String),
}

/// What a command ends with.
pub type Done = Result<(), Failure>;

/// The exit code of a command; failures that were not shown yet are shown.
pub fn exit(done: Done) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Sources) => ExitCode::from(1),
        Err(Failure::Outside(message)) => {
            say(&format!("Error: {message}\n"));
            ExitCode::from(1)
        }
        Err(Failure::Usage(message)) => {
            say(&format!("error: {message}\n"));
            ExitCode::from(2)
        }
    }
}

/// Writes to standard error. Nobody can be told when that fails.
pub fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes data to standard output, or to a file when one is named.
pub fn write(text: &str, file: Option<&Path>) -> Done {
    match file {
        Some(path) => std::fs::write(path, text)
            .map_err(|error| Failure::Outside(format!("{}: {error}", path.display()))),
        None => {
            let mut out = io::stdout().lock();
            match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                // The reader has had enough: that is no failure.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                other => {
                    other.map_err(|error| Failure::Outside(format!("standard output: {error}")))
                }
            }
        }
    }
}
