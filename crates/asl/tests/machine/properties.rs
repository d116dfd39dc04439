//! Whatever happens outside, in whatever order: nothing panics, and the journal alone gives the same state ([`World`] looks after every turn).

use std::path::Path;
use std::sync::OnceLock;

use everstep_asl::machine::{Kind, Limits, Request};
use everstep_core::{Failure, Generation, Input, Operation, Outcome, Payload, Status};
use proptest::prelude::*;
use serde_json::Value;

use crate::world::{Setup, World};

#[derive(Clone, Debug)]
enum Step {
    Succeed(usize, &'static str),
    Fail(usize, &'static str, &'static str),
    Submit(usize),
    Claim(usize),
    Lose(usize),
    /// A settle of something that may never have been.
    Stray(u32, u32),
    Wait(u64),
    Stop,
    Redrive,
    Wake,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let outputs = prop::sample::select(vec!["1", "{}", "[1,{\"a\":null}]", "{broken", "\"x\""]);
    let errors = prop::sample::select(vec!["Broken", "A", "States.Timeout", "States.Runtime", ""]);
    let stages = prop::sample::select(vec!["", "start", "submit", "schedule", "runtime"]);
    prop_oneof![
        6 => (any::<usize>(), outputs).prop_map(|(which, output)| Step::Succeed(which, output)),
        4 => (any::<usize>(), errors, stages).prop_map(|(which, error, stage)| Step::Fail(which, error, stage)),
        2 => any::<usize>().prop_map(Step::Submit),
        2 => any::<usize>().prop_map(Step::Claim),
        1 => any::<usize>().prop_map(Step::Lose),
        1 => (0u32..5, 0u32..3).prop_map(|(operation, generation)| Step::Stray(operation, generation)),
        4 => (0u64..120).prop_map(Step::Wait),
        1 => Just(Step::Stop),
        2 => Just(Step::Redrive),
        1 => Just(Step::Wake),
        2 => Just(Step::Crash),
    ]
}

#[expect(clippy::disallowed_methods, reason = "the cases are files")]
fn read_cases() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machine/cases");
    let files = std::fs::read_dir(folder).expect("there are cases");
    let mut files: Vec<_> = files
        .map(|file| file.expect("a file has a name").path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "json"));
    files.sort();
    files
        .iter()
        .map(|file| {
            serde_json::from_str(&std::fs::read_to_string(file).expect("a case can be read"))
                .expect("a case is JSON")
        })
        .collect()
}

fn cases() -> &'static [Value] {
    static CASES: OnceLock<Vec<Value>> = OnceLock::new();
    CASES.get_or_init(read_cases)
}

fn take(world: &mut World, step: &Step) {
    let open: Vec<(Operation, Generation)> = (0..64)
        .map(Operation)
        .filter_map(|operation| {
            Some((
                operation,
                world.cell.execution().open_generation(operation)?,
            ))
        })
        .collect();
    let nth = |which: usize| {
        open.get(which % open.len().max(1))
            .copied()
            .unwrap_or((Operation(1), Generation(0)))
    };
    let settle = |(operation, generation), outcome| Input::Settle {
        operation,
        generation,
        outcome,
    };
    let input = match step {
        Step::Succeed(which, output) => settle(
            nth(*which),
            Outcome::Succeeded(Some(Payload::from(*output))),
        ),
        Step::Fail(which, error, stage) => {
            let failure = Failure {
                kind: (!error.is_empty()).then(|| (*error).to_owned()),
                data: Some((*stage).to_owned()),
                ..Failure::default()
            };
            settle(nth(*which), Outcome::Failed(failure))
        }
        Step::Submit(which) => {
            let (operation, generation) = nth(*which);
            let output =
                "{\"ExecutionArn\":\"arn:aws:states:us-east-1:1:execution:inner:one\"}".into();
            Input::Request(Request::Submitted {
                operation,
                generation,
                output,
            })
        }
        Step::Claim(which) => {
            let (operation, generation) = nth(*which);
            Input::Claim {
                operation,
                generation,
                by: "worker".to_owned(),
            }
        }
        Step::Lose(which) => {
            let (operation, generation) = nth(*which);
            Input::TaskLost {
                operation,
                generation,
            }
        }
        Step::Stray(operation, generation) => settle(
            (Operation(*operation), Generation(*generation)),
            Outcome::Succeeded(None),
        ),
        Step::Wait(seconds) => return world.wait(seconds * 1_000),
        Step::Crash => return world.crash(),
        Step::Stop => Input::Stop { failure: None },
        Step::Redrive => Input::Redrive,
        Step::Wake => Input::Wake,
    };
    world.turn(input);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_outside_leaves_a_state_that_its_journal_gives(which in any::<prop::sample::Index>(), steps in prop::collection::vec(step(), 0..40), room in prop::sample::select(vec![5u32, 9, 14, 22, 35, 60, 200])) {
        let cases = cases();
        let case = which.get(cases);
        let definition = case["definition"].to_string();
        let input = case["input"].to_string();
        let mut world = World::start(&Setup {
            definition: &definition,
            input: (!case["input"].is_null()).then_some(&input),
            kind: Kind::Standard,
            limits: Limits { history_events: room, ..Limits::default() },
            has_activities: true,
            sync: false,
            logging: Some(everstep_asl::machine::LogLevel::Error),
        });
        for step in &steps {
            take(&mut world, step);
            let execution = world.cell.execution();
            prop_assert!(execution.next_event().0 <= room + 1, "the history is longer than its limit");
            // Whoever is not done waits for something outside, or for a time.
            if execution.status() == Status::Running {
                let waits = execution.timers().next().is_some() || (0..10_000).map(Operation).any(|operation| execution.open_generation(operation).is_some());
                prop_assert!(waits, "nothing will ever wake the execution: {:?}", world.cell.state());
            } else {
                prop_assert!(execution.timers().next().is_none());
            }
        }
    }
}
