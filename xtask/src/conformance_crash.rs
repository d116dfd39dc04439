//! `cargo xtask conformance durable --crash [ARGS]`: every scenario with a crash at each of its boundaries, by
//! `tests/crash/crash_at_boundaries.py` on the server of `tests/crash-server`.

use crate::binary;
use crate::conformance::Request;
use crate::suite::{self, Need, Outcome, Suite};
use anyhow::{Context, Result};
use std::time::Duration;

/// Some three thousand crashes, each with a new process of the function: half an hour on two quiet cores.
const LIMIT: Duration = Duration::from_secs(4 * 3_600);

pub fn run(request: &Request<'_>) -> Result<bool> {
    let server = binary::compile(
        request.root,
        request.profile,
        "everstep-crash",
        "everstep-crash",
    )?;
    let program = server.to_str().context("a path that is no text")?;
    let suite = Suite {
        name: "crash".into(),
        command: ["python", "tests/crash/crash_at_boundaries.py"]
            .into_iter()
            .chain(["--binary", program])
            .map(String::from)
            .collect(),
        needs: vec![Need::Python],
        server_args: vec![],
        wants: None,
        limit: LIMIT,
    };
    let own = |word: &&String| *word != "--crash";
    let more: Vec<String> = request.args.iter().filter(own).cloned().collect();
    let outcome = suite::run(request.root, &suite, &server, &more)?;
    Ok(matches!(outcome, Outcome::Ran { counts, .. } if counts.failed == 0))
}
