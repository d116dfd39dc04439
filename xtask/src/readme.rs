//! `cargo xtask readme`: runs the commands that the READMEs show, as `tests/readme/commands.toml` says.
//!
//! A command stands there once, word for word as the reader sees it, and either runs here or names the file that runs
//! it. `tidy` fails on a command that stands in no such place.

use crate::binary::{self, Profile};
use crate::counts::Counts;
use crate::report::seconds;
use crate::root::TemporaryFolder;
use crate::{server, shell};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

pub const REGISTER: &str = "tests/readme/commands.toml";

/// One command of a README.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// As the README shows it, continued lines joined by one space.
    pub text: String,
    /// A file that runs it, in place of running it here; the file holds the text.
    pub proven_by: Option<String>,
    /// Commands of one group share a folder and run in order.
    pub group: String,
    /// What is run when it must differ from the text, for example to answer a question with `--yes`.
    pub run: Option<String>,
    /// A server: it runs until its group ends, and the next command starts when it says that it is ready.
    pub background: bool,
    pub stdin: String,
    /// Each must appear in what it prints.
    pub prints: Vec<String>,
    /// Each must exist afterwards in the group's folder; `*` stands for anything in a file name.
    pub leaves: Vec<String>,
    pub exit: i64,
    pub seconds: u64,
}

pub fn parse(text: &str) -> Result<Vec<Shown>> {
    let table: toml::Table = text.parse()?;
    let rows = table.get("command").and_then(toml::Value::as_array);
    let rows = rows.context("`[[command]]` tables")?;
    rows.iter().map(row).collect()
}

fn row(value: &toml::Value) -> Result<Shown> {
    let table = value.as_table().context("a command is a table")?;
    let mut shown = Shown {
        seconds: 60,
        ..Shown::default()
    };
    for (key, value) in table {
        let wrong = || format!("`{key}` of the command {:?}", table.get("text"));
        let text = || value.as_str().map(str::to_owned).with_context(wrong);
        let number = || value.as_integer().with_context(wrong);
        match key.as_str() {
            "text" => shown.text = text()?,
            "proven_by" => shown.proven_by = Some(text()?),
            "group" => shown.group = text()?,
            "run" => shown.run = Some(text()?),
            "background" => shown.background = value.as_bool().with_context(wrong)?,
            "stdin" => shown.stdin = text()?,
            "prints" => shown.prints = texts(value).with_context(wrong)?,
            "leaves" => shown.leaves = texts(value).with_context(wrong)?,
            "exit" => shown.exit = number()?,
            "seconds" => shown.seconds = number()?.try_into().with_context(wrong)?,
            _ => anyhow::bail!("unknown key {}", wrong()),
        }
    }
    anyhow::ensure!(!shown.text.is_empty(), "a command without its text");
    Ok(shown)
}

fn texts(value: &toml::Value) -> Option<Vec<String>> {
    let list = value.as_array()?;
    list.iter().map(|v| v.as_str().map(str::to_owned)).collect()
}

pub fn run(root: &Path, args: &[String]) -> Result<ExitCode> {
    anyhow::ensure!(args.is_empty(), "readme takes no arguments");
    let text = std::fs::read_to_string(root.join(REGISTER))
        .with_context(|| format!("reading {REGISTER}"))?;
    let commands = parse(&text).with_context(|| REGISTER.to_owned())?;
    let here: Vec<&Shown> = commands.iter().filter(|c| c.proven_by.is_none()).collect();
    let binary = binary::build(root, Profile::Debug)?;
    let mut counts = Counts::default();
    let mut groups: Vec<&str> = Vec::new();
    for command in &here {
        if !groups.contains(&command.group.as_str()) {
            groups.push(&command.group);
        }
    }
    for name in groups {
        let group = here.iter().copied().filter(|c| c.group == name);
        run_group(root, &binary, group, &mut counts)?;
    }
    println!("{counts}");
    Ok(ExitCode::from(u8::from(counts.failed > 0)))
}

/// A reader's folder: the workspace's folders can be named in it, and what commands leave behind is gone afterwards.
struct Desk<'a> {
    folder: TemporaryFolder,
    binary: &'a Path,
    endpoint: Option<String>,
    servers: Vec<Background>,
}

/// A command that goes on running, ended with its process group.
struct Background(std::process::Child);

impl Drop for Background {
    fn drop(&mut self) {
        shell::end_group(self.0.id());
        let _ = self.0.wait();
    }
}

fn run_group<'a>(
    root: &Path,
    binary: &Path,
    group: impl Iterator<Item = &'a Shown>,
    counts: &mut Counts,
) -> Result<()> {
    let folder = TemporaryFolder::new("readme")?;
    for name in ["apps", "docs", "examples"] {
        let target = root.join(name);
        if target.is_dir() {
            std::os::unix::fs::symlink(target, folder.path().join(name)).context("linking")?;
        }
    }
    let mut desk = Desk {
        folder,
        binary,
        endpoint: None,
        servers: Vec::new(),
    };
    for shown in group {
        let began = Instant::now();
        println!("$ {}", shown.text);
        match desk.perform(shown) {
            Ok(()) => counts.passed += 1,
            Err(error) => {
                counts.failed += 1;
                println!("FAILED {}: {error:#}", shown.text);
            }
        }
        println!("  ({})", seconds(began.elapsed()));
    }
    desk.servers.clear();
    Ok(())
}

impl Desk<'_> {
    fn perform(&mut self, shown: &Shown) -> Result<()> {
        let limit = Duration::from_secs(shown.seconds);
        let mut bash = self.bash(shown)?;
        if shown.background {
            return self.serve(&mut bash, limit);
        }
        let ended = shell::run(&mut bash, limit)?;
        anyhow::ensure!(!ended.timed_out, "killed after {limit:?}");
        let code = ended.code.map(i64::from);
        anyhow::ensure!(
            code == Some(shown.exit),
            "exit code {code:?} in place of {}",
            shown.exit
        );
        for wanted in &shown.prints {
            anyhow::ensure!(ended.text.contains(wanted), "it does not print {wanted:?}");
        }
        let names = names(self.folder.path())?;
        for wanted in &shown.leaves {
            let left = names.iter().any(|name| matches(wanted, name));
            anyhow::ensure!(left, "it leaves no {wanted}, only {names:?}");
        }
        Ok(())
    }

    /// The command line in bash, where `everstep` and the release build that a README names are the binary under test.
    fn bash(&self, shown: &Shown) -> Result<Command> {
        let line = shown.run.as_ref().unwrap_or(&shown.text);
        let line = line.replace("cargo run --release --", "everstep");
        let mut bash = Command::new("bash");
        let stdin = self.folder.path().join(".stdin");
        std::fs::write(&stdin, &shown.stdin).context("writing the standard input")?;
        bash.args(["-euo", "pipefail", "-c"])
            .arg(format!(
                "everstep() {{ \"$EVERSTEP_BIN\" \"$@\"; }}\n{{ {line}\n}} <.stdin"
            ))
            .current_dir(self.folder.path())
            .env(binary::VARIABLE, self.binary);
        if let Some(endpoint) = &self.endpoint {
            bash.env(server::VARIABLE, endpoint);
        }
        Ok(bash)
    }

    fn serve(&mut self, bash: &mut Command, limit: Duration) -> Result<()> {
        use std::os::unix::process::CommandExt;
        let mut child = bash
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("starting bash")?;
        let stdout = child.stdout.take().context("the child has no stdout")?;
        self.servers.push(Background(child));
        let said = server::watch(stdout, std::io::sink());
        let endpoint = said.recv_timeout(limit);
        self.endpoint =
            Some(endpoint.map_err(|_| anyhow::anyhow!("it never said that it is ready"))?);
        Ok(())
    }
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).context("listing what was left")?;
    let names = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
    Ok(names.collect())
}

/// `report-*.md` matches `report-7.md`: one star at most.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => {
            name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
        }
    }
}

#[cfg(test)]
mod tests;
