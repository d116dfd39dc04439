//! `everstep afl ..` and `everstep explain ..`: everything of the AFL compiler that touches files, streams and editors.
//!
//! The compiler itself is the pure crate `everstep-afl`; here sources are read, findings shown and results written.

mod args;
mod compile;
mod explain;
mod draw;
mod fmt;
mod input;
mod lsp;
mod output;
mod render;

use args::{CheckArgs, CompileArgs, FmtArgs, GraphArgs, PlanArgs};
use clap::{Args, Subcommand};
use std::process::ExitCode;

pub use explain::ExplainCommand;

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
