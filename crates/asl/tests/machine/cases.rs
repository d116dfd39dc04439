//! Executions of our own, each a file: a definition, an input, what happens outside, and a snapshot of what comes of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use everstep_asl::machine::{Call, Kind, Late, Limits, LogLevel, Request};
use everstep_core::token::{Keyring, Purpose};
use everstep_core::{Failure, Generation, Input, Operation, Outcome, Payload};
use serde_json::Value;

use crate::render::render;
use crate::world::{Setup, World};

/// What a step can do.
const VERBS: [&str; 10] = [
    "succeed_by_token",
    "succeed",
    "fail",
    "stopped",
    "submit",
    "claim",
    "beat",
    "wait_s",
    "stop",
    "redrive",
];

type Calls = BTreeMap<Operation, (Generation, Call)>;

#[test]
#[expect(clippy::disallowed_methods, reason = "the cases are files")]
fn every_case_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machine/cases");
    let files = std::fs::read_dir(&folder).expect("there are cases");
    let mut files: Vec<_> = files
        .map(|file| file.expect("a file has a name").path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "json"));
    files.sort();
    assert!(files.len() >= 20, "the cases are missing");
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a case can be read");
        let name = file
            .file_stem()
            .expect("a file has a name")
            .to_string_lossy()
            .into_owned();
        let case: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        insta::with_settings!({ snapshot_path => "cases", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, play(&case));
        });
    }
}

fn play(case: &Value) -> String {
    let definition = case["definition"].to_string();
    let input = case["input"].to_string();
    let mut limits = Limits::default();
    if let Some(events) = case["history_events"].as_u64() {
        limits.history_events = u32::try_from(events).expect("a small number");
    }
    let mut world = World::start(&Setup {
        definition: &definition,
        input: (!case["input"].is_null()).then_some(&input),
        kind: if case["express"].is_null() {
            Kind::Standard
        } else {
            Kind::Express
        },
        sync: case["express"] == "sync",
        logging: case["log"].as_str().map(|level| match level {
            "ALL" => LogLevel::All,
            "ERROR" => LogLevel::Error,
            _ => LogLevel::Fatal,
        }),
        limits,
        has_activities: case["no_activities"] != true,
    });
    let mut out = String::new();
    let mut calls = Calls::new();
    collect(&world, &mut calls);
    for step in case["script"].as_array().into_iter().flatten() {
        if case["crashes"] == true {
            world.crash();
        }
        let said = take(&mut world, &calls, step);
        if !said.is_empty() {
            let _ = writeln!(out, "{step}: {said}");
        }
        collect(&world, &mut calls);
    }
    tell(&world, &mut out);
    if case["view"] == true {
        for operation in world.cell.view().operations {
            let _ = writeln!(
                out,
                "{} {} below {:?}: {} {:?}, {} attempts, {:?} due {:?}",
                operation.operation,
                operation.kind,
                operation.parent.map(|parent| parent.0),
                operation.status.as_str(),
                operation.name,
                operation.attempts,
                operation
                    .ended
                    .map(|ended| ended.since_ms(operation.started)),
                operation.due.map(|due| due.since_ms(operation.started)),
            );
        }
    }
    out
}

/// The work that has been handed out so far.
fn collect(world: &World, calls: &mut Calls) {
    for task in world.cell.execution().tasks() {
        if let Some(Late::Call(call)) = world.cell.late(task) {
            calls.insert(task.operation, (task.generation, *call));
        }
    }
}

/// The `index`-th call of a state.
fn find(calls: &Calls, step: &Value, verb: &str) -> (Operation, Generation) {
    let state = step[verb].as_str().expect("a step names a state");
    let index = step["index"].as_u64().unwrap_or(0) as usize;
    let mut of_state = calls.iter().filter(|(_, (_, call))| &*call.state == state);
    let (operation, (generation, call)) = of_state
        .nth(index)
        .unwrap_or_else(|| panic!("no call of {state}: {calls:?}"));
    if let Some(token) = &call.token {
        let token = Keyring::new([7; 32])
            .verify(Purpose::Task, token)
            .expect("the token is ours");
        assert_eq!(
            (token.operation, token.generation),
            (*operation, *generation)
        );
    }
    let generation = step["generation"]
        .as_u64()
        .map_or(*generation, |number| Generation(number as u32));
    (*operation, generation)
}

fn text(step: &Value, name: &str) -> Option<String> {
    step[name].as_str().map(str::to_owned)
}

/// What the token in a call's arguments settles.
fn handed_out(calls: &Calls, step: &Value) -> (Operation, Generation) {
    let state = step["succeed_by_token"]
        .as_str()
        .expect("a step names a state");
    let mut calls = calls.values().filter(|(_, call)| &*call.state == state);
    let (_, call) = calls.next().expect("a call of the state");
    let keyring = Keyring::new([7; 32]);
    let mut parts = call.arguments.split('"');
    let token = parts.find_map(|part| keyring.verify(Purpose::Task, part).ok());
    let token = token.expect("a token among the arguments");
    (token.operation, token.generation)
}

/// What a step hands in: a value, or a text that is so long.
fn output(step: &Value) -> String {
    match step["output_length"].as_u64() {
        Some(length) => format!("\"{}\"", "x".repeat(length as usize)),
        None => step["output"].to_string(),
    }
}

fn failure(step: &Value) -> Failure {
    Failure {
        kind: text(step, "error"),
        message: text(step, "cause"),
        data: text(step, "stage"),
        stack: Vec::new(),
    }
}

fn take(world: &mut World, calls: &Calls, step: &Value) -> String {
    let verb = VERBS
        .iter()
        .find(|verb| step.get(**verb).is_some())
        .unwrap_or_else(|| panic!("no such step: {step}"));
    let settle = |outcome| {
        let (operation, generation) = find(calls, step, verb);
        Input::Settle {
            operation,
            generation,
            outcome,
        }
    };
    let input = match *verb {
        "succeed" => settle(Outcome::Succeeded(Some(Payload::from(output(step))))),
        "succeed_by_token" => {
            let (operation, generation) = handed_out(calls, step);
            Input::Settle {
                operation,
                generation,
                outcome: Outcome::Succeeded(Some(Payload::from(output(step)))),
            }
        }
        "fail" => settle(Outcome::Failed(failure(step))),
        "stopped" => settle(Outcome::Stopped(failure(step))),
        "submit" => {
            let (operation, generation) = find(calls, step, verb);
            let output = step["output"].to_string().into();
            Input::Request(Request::Submitted {
                operation,
                generation,
                output,
            })
        }
        "claim" => {
            let (operation, generation) = find(calls, step, verb);
            Input::Claim {
                operation,
                generation,
                by: text(step, "by").unwrap_or_default(),
            }
        }
        "beat" => {
            let (operation, _) = find(calls, step, verb);
            world.beats.insert(operation, world.now);
            return String::new();
        }
        "wait_s" => {
            world.wait(step["wait_s"].as_u64().expect("a number of seconds") * 1_000);
            return String::new();
        }
        "stop" => Input::Stop {
            failure: Some(failure(&step["stop"])),
        },
        _ => Input::Redrive,
    };
    format!("{:?}", world.turn(input))
}

fn tell(world: &World, out: &mut String) {
    let execution = world.cell.execution();
    let state = world.cell.state();
    let _ = writeln!(out, "{}", execution.status());
    for (name, part) in [
        ("output", state.output().map(|output| output.text())),
        ("error", state.failure().error.as_ref()),
        ("cause", state.failure().cause.as_ref()),
    ] {
        if let Some(part) = part {
            let _ = writeln!(out, "{name}: {}", shortened(part));
        }
    }
    for task in execution.tasks() {
        let _ = match world.cell.late(task) {
            Some(Late::Call(call)) => writeln!(
                out,
                "out: {:?} {} attempt {} {}",
                task.target.kind, call.resource, call.attempt, call.arguments
            ),
            late => writeln!(out, "out: {:?} {late:?}", task.target.kind),
        };
    }
    for timer in execution.timers() {
        let _ = writeln!(
            out,
            "timer: operation {} kind {} in {} ms",
            timer.operation,
            timer.kind.0,
            timer.due.since_ms(world.now)
        );
    }
    for (id, at, event) in &world.history {
        let mut shown = render(*id, event);
        let members = shown.as_object_mut().expect("an event is an object");
        let (previous, kind) = (members["previousEventId"].clone(), members["type"].clone());
        members.retain(|name, _| name.ends_with("EventDetails"));
        let details = members
            .values()
            .next()
            .map(Value::to_string)
            .unwrap_or_default();
        let details = details
            .replace(",\"inputDetails\":{\"truncated\":false}", "")
            .replace(",\"outputDetails\":{\"truncated\":false}", "");
        let details = shortened(&details);
        let seconds = at.since_ms(crate::world::STARTED) as f64 / 1_000.0;
        let _ = writeln!(
            out,
            "{id:>3} <- {previous:>2} {seconds:>5} s {} {details}",
            kind.as_str().unwrap_or_default()
        );
    }
}

/// Enough of a long text to tell it by.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(600) {
        Some((end, _)) => format!(
            "{}... ({} bytes)",
            text.get(..end).unwrap_or_default(),
            text.len()
        ),
        None => text.to_owned(),
    }
}
