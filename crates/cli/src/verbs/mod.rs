//! The verbs that call a server. They are the same for every kind of execution.

mod agents;
mod answer;
mod approvals;
mod callbacks;
mod cancel;
mod fork;
mod inspect;
mod list;
mod logs;
mod pause;
mod redrive;
mod replay;
mod result;
mod start;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::value::RawValue;

use crate::client::{Access, Client};
use crate::error::Failed;
use crate::output::{self, Format};

pub use agents::Agents;
pub use answer::{Approve, Callback, Reject};
pub use approvals::Approvals;
pub use callbacks::{Callbacks, DeadLetters};
pub use cancel::Cancel;
pub use fork::Fork;
pub use inspect::{Describe, History, Stop};
pub use list::List;
pub use logs::Logs;
pub use pause::{Delete, Pause, Resume};
pub use redrive::Redrive;
pub use replay::Replay;
pub use result::Outcome;
pub use start::Start;

/// What every verb knows.
pub struct Context {
    pub url: Option<String>,
    pub access: Access,
    pub format: Format,
    /// The data folder of a server that may run here.
    pub folder: PathBuf,
}

impl Context {
    pub(crate) fn client(&self) -> Result<Client> {
        Client::new(self.url.as_deref(), &self.folder, &self.access)
    }
}

/// JSON from an argument: the text itself, `@FILE`, or `-` for standard input. It goes on as it was written: a number that
/// no machine type holds keeps its digits.
pub(crate) fn read_json(argument: &str) -> Result<Box<RawValue>> {
    let text = match argument.strip_prefix('@') {
        Some(file) => {
            std::fs::read_to_string(file).with_context(|| format!("{file} can't be read"))?
        }
        None if argument == "-" => std::io::read_to_string(std::io::stdin())?,
        None => argument.to_owned(),
    };
    serde_json::from_str(&text)
        .map_err(|error| Failed::Usage(format!("not JSON: {error} in {text:.60}")).into())
}

/// `KEY=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("not KEY=VALUE".to_owned()),
    }
}

/// Percent-encodes one segment of a path.
pub fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(byte as char)
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// The pages that explain error codes.
static PAGES: include_dir::Dir<'_> =
    include_dir::include_dir!("$CARGO_MANIFEST_DIR/../../docs/errors");

/// Explains an error code or a rule of a language.
#[derive(Args)]
pub struct Explain {
    /// A code such as E0101, or a rule such as REF_UNKNOWN_FACET or AFL-R06
    code: String,
}

impl Explain {
    pub fn run(self) -> Result<()> {
        let code = self.code.to_uppercase();
        match PAGES
            .get_file(format!("{code}.md"))
            .and_then(include_dir::File::contents_utf8)
            .or_else(|| crate::afl::rule_page(&code))
        {
            Some(page) => output::line(page.trim_end()),
            None => Err(Failed::Refused {
                status: 404,
                code: None,
                message: format!("there is no error code {code}"),
            }
            .into()),
        }
    }
}
