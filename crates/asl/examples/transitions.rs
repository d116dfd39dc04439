//! How many transitions of a loop of a Pass and a Choice state one core makes in a second, its journal's encoding included.
//!
//! `cargo run --release -p everstep-asl --example transitions [seconds]`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use everstep_asl::Definition;
use everstep_asl::machine::{Asl, Kind, Limits, Settings, Surroundings};
use everstep_core::token::Keyring;
use everstep_core::{Cell, Digest, ExecutionId, Input, Shard, Start, Timestamp};

const LOOP: &str = r#"{
    "StartAt": "Count",
    "States": {
        "Count": {
            "Type": "Pass",
            "Parameters": { "count.$": "States.MathAdd($.count, 1)", "payload.$": "$.payload" },
            "Next": "Again"
        },
        "Again": {
            "Type": "Choice",
            "Choices": [{ "Variable": "$.count", "NumericLessThan": 1000000000, "Next": "Count" }],
            "Default": "End"
        },
        "End": { "Type": "Succeed" }
    }
}"#;

/// A loop that hands its input on as it is.
const IDLE: &str = r#"{
    "StartAt": "Pass",
    "States": {
        "Pass": { "Type": "Pass", "Next": "Choice" },
        "Choice": {
            "Type": "Choice",
            "Choices": [{ "Variable": "$.count", "NumericLessThan": 1, "Next": "Pass" }],
            "Default": "End"
        },
        "End": { "Type": "Succeed" }
    }
}"#;

#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it measures time and tells it"
)]
fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(3));
    for (name, text) in [("counting loop", LOOP), ("idle loop", IDLE)] {
        let mut cell = begin(text);
        let (mut batches, mut bytes) = (0_u64, 0_u64);
        let begun = Instant::now();
        let mut now = 1_000;
        while begun.elapsed() < time {
            now += 1;
            let wake = Input::Wake;
            let (_, batch) = cell.turn(Timestamp(now), u128::from(now), &BTreeMap::new(), wake);
            let Some(batch) = batch else { break };
            batches += 1;
            bytes += batch.encode().len() as u64;
        }
        // A transition is an entry and an exit.
        let transitions = u64::from(cell.execution().next_event().0) / 2;
        let rate = transitions as f64 / begun.elapsed().as_secs_f64();
        println!(
            "{name}: {rate:.0} transitions/s, {} bytes each, {} in a batch",
            bytes / transitions.max(1),
            transitions / batches.max(1)
        );
    }
}

fn begin(text: &str) -> Cell<Asl> {
    let definition = Definition::parse(text).expect("the loop is a definition");
    let mut cell = Cell::new(ExecutionId::new(1, 1, Shard(1)));
    cell.surround(Some(Arc::new(Surroundings {
        definition: Arc::new(definition),
        keyring: Keyring::new([1; 32]),
        limits: Limits {
            history_events: u32::MAX,
            ..Limits::default()
        },
        catalogue: None,
    })));
    let settings = Settings {
        definition: Digest::of(text.as_bytes()),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:loop".to_owned(),
        version_arn: None,
        alias_arn: None,
        execution_arn: "arn:aws:states:us-east-1:000000000000:execution:loop:one".to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/loop".to_owned(),
        kind: Kind::Standard,
        sync: false,
        logging: None,
        trace: None,
    };
    let start = Start {
        definition: everstep_core::Definition {
            machine: 2,
            name: "stateMachine:loop".to_owned(),
            version: "1".to_owned(),
        },
        name: "one".to_owned(),
        input: Some(r#"{"count":0,"payload":"what an execution carries with it"}"#.into()),
        settings: settings.encode(),
        retention_ms: 0,
        parent: None,
        attributes: BTreeMap::new(),
        fork: None,
    };
    let begin = Input::Start(start);
    let _ = cell.turn(Timestamp(1_000), 1, &BTreeMap::new(), begin);
    cell
}
