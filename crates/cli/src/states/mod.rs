//! `everstep states ..`: definitions in the Amazon States Language, before they are anybody's.
//!
//! `validate` needs no server. `test` and `run` go through Step Functions' API: that of a server that runs, or else of one that is started for
//! the command, keeps everything in memory and ends with it.

mod run;
mod server;
mod test;
mod validate;

use std::path::Path;

use anyhow::{Context as _, Result};
use clap::Subcommand;

use crate::verbs::Context;
use run::Run;
use test::Test;
use validate::Validate;

/// Definitions of state machines
#[derive(Subcommand)]
pub enum States {
    /// Find everything that is wrong with a definition, and show where
    Validate(Validate),
    /// Test one state, with a mock or for real, and show its data on the way
    Test(Box<Test>),
    /// Run a definition to its end, printing what happens
    Run(Run),
}

impl States {
    pub fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Validate(verb) => verb.run(context),
            Self::Test(verb) => verb.run(context),
            Self::Run(verb) => verb.run(context),
        }
    }
}

/// A definition's file, or standard input for `-`.
fn read(file: &Path) -> Result<String> {
    if file == Path::new("-") {
        return Ok(std::io::read_to_string(std::io::stdin())?);
    }
    std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))
}
