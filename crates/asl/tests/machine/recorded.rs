//! Executions that were recorded from the service, each in this process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use everstep_asl::machine::{Kind, Limits};
use everstep_core::{Input, Status};
use serde_json::Value;

use crate::compare::{matches, norm, parse, types};
use crate::render::render;
use crate::world::{Setup, World};

/// How far an execution can be like its recording. Each grade has those before it.
const GRADES: [&str; 5] = ["status", "result", "cause", "types", "full"];

/// How long the recordings waited, at most.
const WAIT_MS: u64 = 70_000;

/// How an execution is like its recording.
#[derive(Default)]
struct Likeness {
    grades: Vec<(&'static str, bool)>,
    /// What was not as recorded.
    notes: Vec<String>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the recordings lie beside the project"
)]
fn recordings() -> Option<String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = std::env::var("EVERSTEP_SHARED").map_or(beside, PathBuf::from);
    std::fs::read_to_string(folder.join("conformance/asl/cases.jsonl")).ok()
}

#[test]
fn executions_are_as_the_service_recorded_them() {
    let Some(text) = recordings() else {
        eprintln!("SKIPPED: no recorded executions; EVERSTEP_SHARED names the folder with them");
        return;
    };
    let mut counts = [[0_usize; 2]; GRADES.len()];
    let mut found = BTreeMap::new();
    let mut notes = BTreeMap::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("a case is JSON");
        if case["kind"] != "execution" {
            continue;
        }
        let likeness = compare(&case);
        for (count, (_, is_reached)) in counts.iter_mut().zip(&likeness.grades) {
            count[usize::from(*is_reached)] += 1;
        }
        if let Some((missed, _)) = likeness.grades.iter().find(|(_, reached)| !reached) {
            let id = case["id"].as_str().expect("a case has an id").to_owned();
            notes.insert(id.clone(), likeness.notes.join("\n"));
            found.insert(id, (*missed).to_owned());
        }
    }
    for (grade, [missed, reached]) in GRADES.iter().zip(counts) {
        eprintln!("{grade}: {reached} of {}", reached + missed);
    }
    let known = known();
    let new: Vec<_> = found
        .iter()
        .filter(|(id, grade)| known.get(*id) != Some(grade))
        .map(|(id, grade)| (id, grade, &notes[id]))
        .collect();
    assert!(new.is_empty(), "not as recorded: {new:#?}");
    assert_eq!(found, known, "left: what differs; right: differences.json");
}

/// The differences that are known, with the first grade that is missed.
fn known() -> BTreeMap<String, String> {
    let known: Value = serde_json::from_str(include_str!("differences.json")).expect("it is JSON");
    let text = |known: &Value, name: &str| known[name].as_str().expect("a text").to_owned();
    let known = known.as_array().expect("it is a list").iter();
    known
        .map(|known| (text(known, "id"), text(known, "grade")))
        .collect()
}

fn run(case: &Value) -> World {
    let text = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let input = (!case["input"].is_null()).then(|| text(&case["input"]));
    let mut world = World::start(&Setup {
        definition: &text(&case["definition"]),
        input: input.as_deref(),
        kind: Kind::Standard,
        sync: false,
        logging: None,
        limits: Limits::default(),
        has_activities: true,
    });
    if case["expect"]["status"] == "ABORTED" {
        world.turn(Input::Stop { failure: None });
    }
    world.wait(WAIT_MS);
    world
}

fn compare(case: &Value) -> Likeness {
    let world = run(case);
    let expected = &case["expect"];
    let mut likeness = Likeness::default();
    let status = match world.cell.execution().status() {
        Status::Stopped => "ABORTED",
        status => status.as_str(),
    };
    likeness.grade("status", expected["status"] == status, || {
        format!("{status} instead of {}", expected["status"])
    });
    let state = world.cell.state();
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    let (wanted, given) = if expected["status"] == "SUCCEEDED" {
        let output = state.output().map(|output| &**output.text());
        (&expected["output"], text(output))
    } else {
        (&expected["error"], text(state.failure().error.as_deref()))
    };
    let is_like = wanted.is_null() || matches(&parse(wanted), &parse(&given));
    likeness.grade("result", is_like, || format!("{given} instead of {wanted}"));
    let (wanted, given) = (&expected["cause"], text(state.failure().cause.as_deref()));
    let is_like = matches(&parse(wanted), &parse(&given));
    likeness.grade("cause", is_like, || format!("{given} instead of {wanted}"));
    if let Some(events) = expected["events"].as_array() {
        compare_histories(&mut likeness, &world, events, &expected["event_types"]);
    }
    likeness
}

fn compare_histories(likeness: &mut Likeness, world: &World, events: &[Value], kinds: &Value) {
    let history: Vec<Value> = world
        .history
        .iter()
        .map(|(id, _, event)| norm(&render(*id, event)))
        .collect();
    let given: Vec<&str> = history
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    let wanted: Vec<&str> = kinds.as_array().map_or_else(Vec::new, |kinds| {
        kinds.iter().filter_map(Value::as_str).collect()
    });
    likeness.grade("types", types(&given) == types(&wanted), || {
        format!("{given:?} instead of {wanted:?}")
    });
    let mut unlike = None;
    for (wanted, given) in events.iter().zip(&history) {
        let mut wanted = norm(wanted);
        if let Some(event) = wanted.as_object_mut() {
            event.remove("timestamp");
        }
        if !matches(&wanted, given) {
            unlike = Some(format!("{given} instead of {wanted}"));
            break;
        }
    }
    let is_full = unlike.is_none() && events.len() == history.len();
    likeness.grade("full", is_full, || {
        unlike.unwrap_or_else(|| "more or fewer events".to_owned())
    });
}

impl Likeness {
    fn grade(&mut self, grade: &'static str, is_like: bool, note: impl FnOnce() -> String) {
        let before = self.grades.iter().all(|(_, is_reached)| *is_reached);
        self.grades.push((grade, before && is_like));
        if !is_like {
            self.notes.push(note());
        }
    }
}
