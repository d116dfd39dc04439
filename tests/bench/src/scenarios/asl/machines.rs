//! The machines that are measured.

use serde_json::{Value, json};

/// A definition and its input, as texts.
pub struct Machine {
    pub name: String,
    pub definition: String,
    pub input: String,
    /// States that one execution enters.
    pub transitions: u32,
}

/// Counts to `rounds`: a Choice and a Pass each time.
pub fn rounds(rounds: u32) -> Machine {
    let less = json!({ "Variable": "$.n", "NumericLessThan": rounds, "Next": "Add" });
    let definition = json!({ "StartAt": "Less", "States": {
        "Less": { "Type": "Choice", "Choices": [less], "Default": "Done" },
        "Add": { "Type": "Pass", "Parameters": { "n.$": "States.MathAdd($.n, 1)" }, "Next": "Less" },
        "Done": { "Type": "Succeed" },
    } });
    Machine {
        name: format!("loop-{rounds}"),
        definition: definition.to_string(),
        input: r#"{"n":0}"#.to_owned(),
        transitions: 2 * rounds + 2,
    }
}

/// Ten Pass states.
pub fn chain() -> Machine {
    let states = (0..10).map(|number| {
        let state = match number {
            9 => json!({ "Type": "Pass", "End": true }),
            _ => json!({ "Type": "Pass", "Next": format!("S{}", number + 1) }),
        };
        (format!("S{number}"), state)
    });
    let states: serde_json::Map<String, Value> = states.collect();
    Machine {
        name: "chain".to_owned(),
        definition: json!({ "StartAt": "S0", "States": states }).to_string(),
        input: r#"{"order":42}"#.to_owned(),
        transitions: 10,
    }
}

/// An inline map with one Pass state for each item.
pub fn map(items: u32) -> Machine {
    let each = json!({ "StartAt": "Each", "States": { "Each": { "Type": "Pass", "End": true } } });
    let definition = json!({ "StartAt": "All", "States": {
        "All": { "Type": "Map", "ItemProcessor": each, "End": true },
    } });
    Machine {
        name: format!("map-{items}"),
        definition: definition.to_string(),
        input: Value::from((0..items).collect::<Vec<u32>>()).to_string(),
        transitions: items + 1,
    }
}
