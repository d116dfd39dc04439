//! `cargo xtask conformance durable --crash [ARGS]` and `asl --crash`: every scenario with a crash at each of its boundaries, by
//! `tests/crash/crash_at_boundaries.py` or `machines_at_boundaries.py` on the server of `tests/crash-server`.

use crate::binary;
use crate::conformance::Request;
use crate::suite::{self, Need, Outcome, Suite};
use anyhow::{Context, Result};
use std::time::Duration;

/// Some three thousand crashes, each with a new process of the function: half an hour on two quiet cores.
const LIMIT: Duration = Duration::from_secs(4 * 3_600);

/// Whether a conformance suite is asked for with crashes.
pub fn is_asked_for(request: &Request<'_>) -> bool {
    request.args.iter().any(|word| word == "--crash")
}

/// The other words, for the program that crashes things.
pub fn words(request: &Request<'_>) -> Vec<String> {
    let own = |word: &&String| *word != "--crash";
    request.args.iter().filter(own).cloned().collect()
}

/// By the program `tests/crash/PLAYER`, which is given the words behind `--crash`.
pub fn run(request: &Request<'_>, player: &str) -> Result<bool> {
    let server = binary::compile(
        request.root,
        request.profile,
        "everstep-crash",
        "everstep-crash",
    )?;
    let program = server.to_str().context("a path that is no text")?;
    let player = format!("tests/crash/{player}");
    let suite = Suite {
        needs: vec![Need::Python],
        ..Suite::new("crash", ["python", &player, "--binary", program], LIMIT)
    };
    let outcome = suite::run(request.root, &suite, &server, &words(request))?;
    Ok(matches!(outcome, Outcome::Ran { counts, .. } if counts.failed == 0))
}
