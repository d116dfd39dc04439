//! `everstep afl ..`: everything of the AFL compiler that touches files, streams and editors.
//!
//! The compiler itself is the pure crate `everstep-afl`; here sources are read, findings shown and results written.

mod args;
mod compile;
mod draw;
mod explain;
mod fmt;
mod input;
mod lsp;
mod output;
mod render;

use args::{CheckArgs, CompileArgs, FmtArgs, GraphArgs, PlanArgs};
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

pub use explain::rule_page;

/// Check, compile, format and draw Agent Flow Language.
///
/// Data goes to standard output, findings to standard error. Exit codes: 0 no errors; 1 errors; 2 wrong usage.
#[derive(Parser)]
#[command(name = "everstep afl", version, max_term_width = 100)]
struct Afl {
    #[command(flatten)]
    command: AflCommand,
}

/// Reads and runs the words behind `everstep afl`.
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words = std::iter::once(OsString::from("everstep afl")).chain(words);
    Afl::parse_from(words).command.run()
}

/// Check, compile, format and draw Agent Flow Language.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AflCommand {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Without a verb, sources are compiled.
    #[command(flatten)]
    compile: CompileArgs,
}

#[derive(Subcommand)]
enum Verb {
    /// Find everything that is wrong, and write nothing.
    Check(CheckArgs),
    /// Compile to the reference's JSON.
    Compile(Box<CompileArgs>),
    /// Write sources in the one style.
    Fmt(FmtArgs),
    /// Draw the true order of execution.
    Graph(GraphArgs),
    /// Tell what runs when, under which policies.
    Plan(PlanArgs),
    /// Serve an editor over standard input and output.
    Lsp,
}

impl AflCommand {
    /// Runs the command. Exit code 0: no errors; 1: errors in the sources; 2: the command itself could not be carried out.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let done = match self.verb {
            None => compile::compile(&self.compile),
            Some(Verb::Compile(args)) => compile::compile(&args),
            Some(Verb::Check(args)) => compile::check(&args),
            Some(Verb::Fmt(args)) => fmt::fmt(&args),
            Some(Verb::Graph(args)) => draw::graph(&args),
            Some(Verb::Plan(args)) => draw::plan(&args),
            Some(Verb::Lsp) => lsp::serve(),
        };
        output::exit(done)
    }
}
