//! Outside suites: what needs the whole binary, registered by one row each in `tests/suites.toml`.

use crate::binary::{self, Profile};
use crate::counts::{self, Counts};
use crate::server::{self, Server};
use crate::setup::{self, Debian};
use crate::{root, shell};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const REGISTER: &str = "tests/suites.toml";
const KEYS: &[&str] = &[
    "name",
    "command",
    "needs",
    "server_args",
    "wants",
    "seconds",
    "alone",
];
const LIMIT: Duration = Duration::from_secs(900);

/// Something a suite cannot run without, prepared before it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// `.xtask/venv` from `tests/requirements.txt`; `python` in the command is its interpreter.
    Python,
    /// `.xtask/node` from `tests/package.json`, found through `NODE_PATH` and `PATH`.
    Node,
    /// The packages of `tests/debian.txt`.
    Debian,
    /// `EVERSTEP_ENDPOINT`: a server of its own with an empty store.
    Server,
}

/// One row of the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    pub name: String,
    /// Program and arguments. `python` is the virtual environment's, `xtask` is this program.
    pub command: Vec<String>,
    pub needs: Vec<Need>,
    /// Added to `everstep dev` for its server, such as `--clock skip`.
    pub server_args: Vec<String>,
    /// A path, relative to the workspace, that a user's checkout may lack: absent, the suite is skipped aloud.
    pub wants: Option<String>,
    pub limit: Duration,
    /// Nothing else runs beside it: it needs the machine, or something of which there is one.
    pub alone: bool,
}

impl Suite {
    /// One that is not in the register, and needs nothing yet.
    pub fn new<W: Into<String>>(
        name: &str,
        command: impl IntoIterator<Item = W>,
        limit: Duration,
    ) -> Self {
        Self {
            name: name.into(),
            command: command.into_iter().map(Into::into).collect(),
            needs: vec![],
            server_args: vec![],
            wants: None,
            limit,
            alone: false,
        }
    }
}

/// What became of a suite.
#[derive(Debug)]
pub enum Outcome {
    Ran {
        counts: Counts,
        skips: Vec<(u64, String)>,
        elapsed: Duration,
    },
    Skipped(String),
}

/// The rows of `tests/suites.toml`, in their order.
pub fn register(root: &Path) -> Result<Vec<Suite>> {
    let text = std::fs::read_to_string(root.join(REGISTER))
        .with_context(|| format!("reading {REGISTER}"))?;
    parse(&text).with_context(|| REGISTER.to_owned())
}

fn parse(text: &str) -> Result<Vec<Suite>> {
    let table: toml::Table = text.parse()?;
    let rows = table
        .get("suites")
        .and_then(toml::Value::as_array)
        .context("`suites` is a list of rows")?;
    let suites: Vec<Suite> = rows.iter().map(row).collect::<Result<_>>()?;
    for (n, suite) in suites.iter().enumerate() {
        let again = suites.iter().skip(n + 1).any(|s| s.name == suite.name);
        anyhow::ensure!(!again, "two rows are named {:?}", suite.name);
    }
    Ok(suites)
}

fn row(value: &toml::Value) -> Result<Suite> {
    let table = value.as_table().context("a row is a table")?;
    let text = |key: &str| table.get(key).and_then(toml::Value::as_str);
    let name = text("name").context("a row has a name")?.to_owned();
    for key in table.keys() {
        let known = KEYS.contains(&key.as_str());
        anyhow::ensure!(known, "{name}: unknown key {key:?}");
    }
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let command = words(text("command").with_context(|| format!("{name}: a row has a command"))?);
    anyhow::ensure!(!command.is_empty(), "{name}: the command is empty");
    let needs = table.get("needs").and_then(toml::Value::as_array);
    let needs = needs
        .into_iter()
        .flatten()
        .map(|value| need(value).with_context(|| format!("{name}: needs {value}")))
        .collect::<Result<_>>()?;
    let limit = match table.get("seconds").map(toml::Value::as_integer) {
        None => LIMIT,
        Some(seconds) => Duration::from_secs(
            seconds
                .and_then(|s| s.try_into().ok())
                .with_context(|| format!("{name}: seconds is a whole number"))?,
        ),
    };
    let name_of = name.clone();
    Ok(Suite {
        name,
        command,
        needs,
        server_args: words(text("server_args").unwrap_or_default()),
        wants: text("wants").map(str::to_owned),
        limit,
        alone: match table.get("alone").map(toml::Value::as_bool) {
            None => false,
            Some(alone) => alone.with_context(|| format!("{name_of}: alone is true or false"))?,
        },
    })
}

fn need(value: &toml::Value) -> Result<Need> {
    Ok(match value.as_str() {
        Some("python") => Need::Python,
        Some("node") => Need::Node,
        Some("debian") => Need::Debian,
        Some("server") => Need::Server,
        _ => anyhow::bail!("a need is python, node, debian or server"),
    })
}

/// Prepares what the suite needs, runs it and reads its closing line. `more` is added to its command.
pub fn run(root: &Path, suite: &Suite, binary: &Path, more: &[String]) -> Result<Outcome> {
    run_as(root, suite, binary, more, false)
}

/// The same; of one that runs `beside` others, each line that it prints begins with its name.
pub fn run_as(
    root: &Path,
    suite: &Suite,
    binary: &Path,
    more: &[String],
    beside: bool,
) -> Result<Outcome> {
    if let Some(wants) = &suite.wants
        && !root.join(wants).exists()
    {
        return Ok(Outcome::Skipped(format!("{wants} is not here")));
    }
    let mut surroundings = Surroundings::new(root, binary);
    for need in &suite.needs {
        if let Some(reason) = surroundings.prepare(*need, suite)? {
            return Ok(Outcome::Skipped(reason));
        }
    }
    let mut command = surroundings.command(suite)?;
    command.args(more);
    let ended = if beside {
        shell::run_named(&mut command, suite.limit, &suite.name)?
    } else {
        shell::run(&mut command, suite.limit)?
    };
    drop(surroundings);
    let (counts, broken) = judge(suite, &ended);
    if let Some(broken) = broken {
        println!("{}: {broken}", suite.name);
    }
    Ok(Outcome::Ran {
        counts,
        skips: counts::skips(&ended.text),
        elapsed: ended.elapsed,
    })
}

/// A suite that ends badly without naming a failure has failed all the same.
fn judge(suite: &Suite, ended: &shell::Ended) -> (Counts, Option<String>) {
    let said = counts::closing(&ended.text);
    let broken = if ended.timed_out {
        Some(format!("killed after {:?}", suite.limit))
    } else if said.is_none_or(|counts| counts.total() == 0) {
        Some("it closed without a count".to_owned())
    } else if !ended.success && said.is_some_and(|counts| counts.failed == 0) {
        Some("it counted no failure but ended with an error".to_owned())
    } else {
        None
    };
    let mut counts = said.unwrap_or_default();
    if broken.is_some() {
        counts.failed += 1;
    }
    (counts, broken)
}

/// Prepares what suites share before several of them begin: two at once would make the same folder. What can't be had is said by those that need it.
pub fn prepare(root: &Path, suites: &[&Suite]) {
    let wants = |need: Need| suites.iter().any(|suite| suite.needs.contains(&need));
    if wants(Need::Python) {
        let _ = setup::python(root);
    }
    if wants(Need::Node) {
        let _ = setup::node(root);
    }
    // Others use what it installs, where it is there.
    if suites.iter().any(|suite| suite.name == "durable-js") {
        let _ = setup::durable_js(root);
    }
    if wants(Need::Debian) {
        let _ = setup::debian(root);
    }
}

/// The environment of one suite. Its server ends when this is dropped.
struct Surroundings<'a> {
    root: &'a Path,
    binary: &'a Path,
    python: Option<PathBuf>,
    node_modules: Option<PathBuf>,
    server: Option<Server>,
}

impl<'a> Surroundings<'a> {
    fn new(root: &'a Path, binary: &'a Path) -> Self {
        Self {
            root,
            binary,
            python: None,
            node_modules: None,
            server: None,
        }
    }

    /// Makes a need true, or says why it cannot be on this machine.
    fn prepare(&mut self, need: Need, suite: &Suite) -> Result<Option<String>> {
        match need {
            Need::Python => self.python = Some(setup::python(self.root)?),
            Need::Node => self.node_modules = setup::node(self.root)?,
            Need::Debian => {
                if let Debian::Unavailable(reason) = setup::debian(self.root)? {
                    return Ok(Some(reason));
                }
            }
            Need::Server => {
                let log = root::scratch(self.root, "log")?.join(format!("{}.log", suite.name));
                self.server = Some(Server::start(self.binary, &suite.server_args, &log)?);
            }
        }
        Ok(None)
    }

    fn command(&self, suite: &Suite) -> Result<Command> {
        let (program, args) = suite.command.split_first().context("an empty command")?;
        let program = match (program.as_str(), &self.python) {
            ("python", Some(python)) => python.clone(),
            ("xtask", _) => root::program()?.to_path_buf(),
            (other, _) => PathBuf::from(other),
        };
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.root)
            .env(binary::VARIABLE, self.binary)
            .env("PYTHONUNBUFFERED", "1")
            .env("PATH", self.path()?);
        if let Some(server) = &self.server {
            command.env(server::VARIABLE, server.endpoint());
        }
        if let Some(modules) = &self.node_modules {
            command.env("NODE_PATH", modules);
        }
        Ok(command)
    }

    /// `PATH` with the prepared tools first.
    fn path(&self) -> Result<OsString> {
        let mut folders = Vec::new();
        folders.extend(
            self.python
                .iter()
                .filter_map(|p| p.parent())
                .map(PathBuf::from),
        );
        folders.extend(self.node_modules.iter().map(|m| m.join(".bin")));
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        folders.extend(std::env::split_paths(&inherited));
        std::env::join_paths(folders).context("a folder in PATH holds a colon")
    }
}

/// Runs one suite by itself, with the binary built first, as the conformance commands do.
pub fn run_alone(root: &Path, suite: &Suite, profile: Profile, more: &[String]) -> Result<bool> {
    let binary = binary::build(root, profile)?;
    match run(root, suite, &binary, more)? {
        Outcome::Ran { counts, .. } => {
            println!("{counts}");
            Ok(counts.failed == 0)
        }
        Outcome::Skipped(reason) => {
            println!("SKIPPED {}: {reason}", suite.name);
            println!("{}", Counts::new(0, 0, 1));
            Ok(true)
        }
    }
}

#[cfg(test)]
mod tests;
