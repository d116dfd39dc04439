//! Long executions: many turns, and the history's limit where the service has it.

use everstep_asl::machine::{Event, Kind, Limits};
use everstep_core::Status;

use crate::world::{Setup, World};

#[test]
fn the_history_ends_where_the_service_ends_it() {
    let world = World::start(&Setup {
        definition: r#"{"StartAt": "A", "States": {
            "A": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "B"},
            "B": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": -1, "Next": "C"}], "Default": "A"},
            "C": {"Type": "Succeed"}
        }}"#,
        input: Some(r#"{"n": 0}"#),
        kind: Kind::Standard,
        sync: false,
        logging: None,
        limits: Limits::default(),
        has_activities: true,
    });
    let mut world = world;
    world.wait(0);
    assert_eq!(world.cell.execution().status(), Status::Failed);
    assert_eq!(world.history.len(), 25_000);
    assert!(
        matches!(world.history.last(), Some((id, _, Event::ExecutionFailed { .. })) if id.0 == 25_000)
    );
    assert!(world.journal.len() >= 25, "a turn has a budget");
}

#[test]
fn a_map_of_ten_thousand_items_ends() {
    let items: Vec<u32> = (0..10_000).collect();
    let input = serde_json::to_string(&items).expect("numbers are JSON");
    let mut world = World::start(&Setup {
        definition: r#"{"StartAt": "Each", "States": {"Each": {"Type": "Map", "End": true, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Item", "States": {"Item": {"Type": "Pass", "End": true}}
        }}}}"#,
        input: Some(&input),
        kind: Kind::Standard,
        sync: false,
        logging: None,
        limits: Limits::default(),
        has_activities: true,
    });
    world.wait(0);
    assert_eq!(world.cell.execution().status(), Status::Succeeded);
    assert_eq!(
        world
            .cell
            .state()
            .output()
            .map(|output| output.text().to_string()),
        Some(input)
    );
    assert_eq!(world.history.len(), 8);
}
