//! A server that crashes where it is told to, inside one process: for `cargo xtask conformance durable --crash`.
//!
//! It is made of the parts of `everstep dev`, with a store in front of the folder's that knows where to end (`store`). A crash takes the
//! connections, the workers, the engine and the store away without telling any of them, and the next life begins on the same folder and
//! address (`life`). The product has nothing of this.
//!
//! Commands come by standard input, one a line, and each is answered by one line:
//! - `arm N before|after|worker`: counts boundaries from here; the blow falls once, at the N-th. `armed`.
//! - `count`: how many boundaries there were since `arm`, how many blows fell, and how many workers they killed: `counted N FALLEN KILLED`.
//!   `arm 0 after` only counts.
//!
//! The end of standard input ends it.

mod life;
mod plan;
mod store;

use std::io::BufRead as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;

use anyhow::{Context as _, Result, bail};
use clap::Parser;

use crate::life::Life;
use crate::plan::{Blow, Plan};

#[derive(Clone, Debug, Parser)]
pub struct Options {
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Folder of everything that is kept
    #[arg(long)]
    data: PathBuf,
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    #[arg(long, default_value = "us-west-2")]
    region: String,
    /// Go at once to the next timer whenever nothing else is left to do
    #[arg(long)]
    skip: bool,
}

/// What ends a life.
pub enum End {
    /// The store has crashed, and holds its caller until everything that could be told of it is gone: then it is dropped or sent to.
    Crash(mpsc::Sender<()>),
    Asked,
}

fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(tracing_subscriber::EnvFilter::new("warn,everstep=info"))
        .with_writer(std::io::stderr)
        .init();
    let mut options = Options::parse();
    std::fs::create_dir_all(&options.data)?;
    options.data = options.data.canonicalize()?;
    let plan = Arc::new(Plan::new(options.data.join("scratch").join("processes")));
    let (ends, ended) = mpsc::channel();
    let mut life = Life::begin(&options, &plan, &ends)?;
    // Later lives take the address that the first one was given.
    options.listen = life.address();
    say(&format!("everstep ready http://{}", options.listen))?;
    listen_to_commands(Arc::clone(&plan), ends.clone());
    loop {
        match ended.recv()? {
            End::Asked => {
                life.finish();
                return Ok(());
            }
            End::Crash(gone) => {
                life.crash(gone)?;
                life = Life::begin(&options, &plan, &ends)?;
            }
        }
    }
}

fn listen_to_commands(plan: Arc<Plan>, ends: mpsc::Sender<End>) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let answer = command(&plan, &line).unwrap_or_else(|error| format!("error {error:#}"));
            if say(&answer).is_err() {
                break;
            }
        }
        let _ = ends.send(End::Asked);
    });
}

fn command(plan: &Plan, line: &str) -> Result<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["arm", at, blow] => {
            let blow = match *blow {
                "before" => Blow::Before,
                "after" => Blow::After,
                "worker" => Blow::Worker,
                other => bail!("{other} is no blow"),
            };
            plan.arm(at.parse().context("not a number")?, blow);
            Ok("armed".to_owned())
        }
        ["count"] => {
            let (counted, fallen, killed) = plan.counted();
            Ok(format!("counted {counted} {fallen} {killed}"))
        }
        _ => bail!("not a command"),
    }
}

fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
