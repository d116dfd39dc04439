//! `cargo xtask conformance callbacks [--crash] [ARGS]`: the binary killed before, after and in the middle of every write of a callback, by
//! `tests/crash/callbacks_at_writes.py`. Without `--crash` it is the sample that CI has.

use std::time::Duration;

use anyhow::Result;

use crate::conformance::Request;
use crate::conformance_crash;
use crate::suite::{self, Need, Suite};

/// Some five hundred kills, each with a new life of the server: ten minutes on two quiet cores.
const LIMIT: Duration = Duration::from_secs(2 * 3_600);
const SAMPLE: [&str; 2] = ["--sample", "3"];

pub fn run(request: &Request<'_>) -> Result<bool> {
    let whole = conformance_crash::is_asked_for(request);
    let command = ["python", "tests/crash/callbacks_at_writes.py"];
    let suite = Suite {
        needs: vec![Need::Python],
        ..Suite::new("callbacks", command, LIMIT)
    };
    let mut more = conformance_crash::words(request);
    if !whole && more.is_empty() {
        more.extend(SAMPLE.map(String::from));
    }
    suite::run_alone(request.root, &suite, request.profile, &more)
}
