//! Rules of Choice states against data: `tests/choice/*.json` hold rules with data for which they hold, do not hold, or fail.

use everstep_asl::Definition;
use everstep_asl::definition::{ChoiceRules, Kind};
use everstep_expr::expression::Scope;
use everstep_expr::json::Value as Data;
use serde_json::{Value, json};

/// What a rule sees.
struct View {
    input: Data,
    context: Data,
    variable: Option<Data>,
}

impl Scope for View {
    fn input(&self) -> &Data {
        &self.input
    }

    fn context(&self) -> &Data {
        &self.context
    }

    fn variable(&self, name: &str) -> Option<&Data> {
        self.variable.as_ref().filter(|_| name == "v")
    }

    fn chance(&mut self) -> u64 {
        0
    }
}

#[test]
fn rules_hold_where_their_files_say() {
    let files = super::files("tests/choice");
    assert!(files.len() >= 6, "the files are missing");
    for (name, file) in files {
        for case in file.as_array().unwrap() {
            let rule = &case["rule"];
            for (expected, list) in [
                (json!(true), &case["holds"]),
                (json!(false), &case["fails"]),
            ] {
                for data in list.as_array().into_iter().flatten() {
                    assert_eq!(outcome(rule, data), expected, "{name}: {rule} with {data}");
                }
            }
            for refusal in case["errors"].as_array().into_iter().flatten() {
                assert_eq!(
                    outcome(rule, &refusal["data"]),
                    refusal["error"],
                    "{name}: {rule} with {}",
                    refusal["data"]
                );
            }
        }
    }
}

/// Whether the rule holds for that input, or why that cannot be said. The data is the context object and the variable `$v` too.
fn outcome(rule: &Value, data: &Value) -> Value {
    let mut rule = rule.clone();
    rule["Next"] = json!("B");
    let text = json!({"StartAt": "A", "States": {
        "A": {"Type": "Choice", "Choices": [rule]}, "B": {"Type": "Succeed"}}})
    .to_string();
    let definition = Definition::parse(&text).unwrap();
    let Kind::Choice(choice) = &definition.get(definition.machine.start).unwrap().kind else {
        panic!("A is a Choice state");
    };
    let ChoiceRules::JsonPath(rules) = &choice.rules else {
        panic!("A is a JSONPath state");
    };
    let input = Data::parse(data.to_string()).unwrap();
    let mut view = View {
        context: input.clone(),
        variable: Some(input.clone()),
        input,
    };
    match rules.first().unwrap().condition.holds(&mut view) {
        Ok(holds) => json!(holds),
        Err(error) => json!(error.to_string()),
    }
}
