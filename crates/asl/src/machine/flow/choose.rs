//! Which way a Choice state goes.

use everstep_expr::json::Value;
use everstep_expr::jsonata::Expected;

use super::environment::{Environment, Paths, Queries};
use super::fault::Fault;
use super::steps::{Left, assign, assign_queried, effective_input, query, select};
use crate::definition::{
    Choice, ChoiceRules, Flow, JsonPathRule, JsonataCondition, JsonataRule, StateId,
};

/// The way that a Choice state goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub next: StateId,
    pub left: Left,
}

/// Takes the first rule that holds, or the default.
///
/// # Errors
/// A condition that can't be asked, fields of the way that have no value, or no way at all.
pub fn choose(
    choice: &Choice,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Chosen, Fault> {
    match &choice.rules {
        ChoiceRules::JsonPath(rules) => by_paths(choice, rules, input, environment),
        ChoiceRules::Jsonata(rules) => by_queries(choice, rules, input, environment),
    }
}

fn by_paths(
    choice: &Choice,
    rules: &[JsonPathRule],
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Chosen, Fault> {
    let Flow::JsonPath(flow) = &choice.flow else {
        return Err(no_choice());
    };
    let data = effective_input(&choice.flow, input, environment)?;
    let mut way = choice.default.map(|next| (next, flow.assign.as_ref()));
    for rule in rules {
        let mut scope = Paths {
            input: &data,
            environment,
        };
        let holds = rule.condition.holds(&mut scope);
        if holds.map_err(|error| Fault::runtime(error.to_string()))? {
            way = Some((rule.next, rule.assign.as_ref()));
            break;
        }
    }
    let (next, template) = way.ok_or_else(no_choice)?;
    let assigned = assign(template, &data, environment)?;
    let output = select(&flow.output_path, &data, environment)?;
    Ok(Chosen {
        next,
        left: Left { output, assigned },
    })
}

fn by_queries(
    choice: &Choice,
    rules: &[JsonataRule],
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Chosen, Fault> {
    let Flow::Jsonata(flow) = &choice.flow else {
        return Err(no_choice());
    };
    let default = (flow.assign.as_ref(), flow.output.as_ref());
    let mut way = choice.default.map(|next| (next, default));
    for (index, rule) in rules.iter().enumerate() {
        if holds(&rule.condition, index, input, environment)? {
            way = Some((rule.next, (rule.assign.as_ref(), rule.output.as_ref())));
            break;
        }
    }
    let (next, (template, output)) = way.ok_or_else(no_choice)?;
    let assigned = assign_queried(template, input, (None, None), environment)?;
    let output = match output {
        Some(template) => query(template, "Output", input, (None, None), environment)?,
        None => input.clone(),
    };
    Ok(Chosen {
        next,
        left: Left { output, assigned },
    })
}

fn holds(
    condition: &JsonataCondition,
    index: usize,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<bool, Fault> {
    let program = match condition {
        JsonataCondition::Fixed(holds) => return Ok(*holds),
        JsonataCondition::Program(program) => program,
    };
    let limits = *environment.limits();
    let mut scope = Queries {
        input,
        result: None,
        error_output: None,
        environment,
    };
    let value = program
        .evaluate(&mut scope, &limits)
        .and_then(|value| Expected::Boolean.check(value));
    let field = format!("Choices[{index}]/Condition");
    value
        .map(|value| value == Value::Bool(true))
        .map_err(|error| Fault::Query {
            detail: error.cause(program.text(), &field),
            location: Some(field),
        })
}

fn no_choice() -> Fault {
    Fault::NoChoice {
        detail: "Failed to transition out of the state. The state's input did not match any of the choices and no default is defined.".to_owned(),
    }
}
