//! AWS's conformance suite for Lambda durable functions: `tests/conformance/durable/run.py` against a server of its own.

use crate::conformance::Request;
use crate::suite::{self, Need, Suite};
use anyhow::Result;
use std::time::Duration;

/// All suites take about four minutes on two quiet cores; a busy machine gets its share of patience.
const LIMIT: Duration = Duration::from_secs(1_200);

pub fn run(request: &Request<'_>) -> Result<bool> {
    if request.args.iter().any(|word| word == "--crash") {
        return crate::conformance_crash::run(request);
    }
    let suite = Suite {
        name: "durable".into(),
        command: ["python", "tests/conformance/durable/run.py"]
            .map(String::from)
            .into(),
        needs: vec![Need::Python, Need::Server],
        server_args: vec![],
        wants: None,
        limit: LIMIT,
    };
    suite::run_alone(request.root, &suite, request.profile, request.args)
}
