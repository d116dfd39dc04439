//! From a state's input to its work, and from the work's result to the state's output.

use std::sync::Arc;

use everstep_expr::json::{Map, Value};
use everstep_expr::jsonata;
use everstep_expr::template::Template;

use super::environment::{Environment, Paths, Point, Queries};
use super::fault::Fault;
use super::setting::text;
use crate::definition::{CatchFlow, Fail, Flow, Pass, Payload, ResultPath, Selection};
use crate::machine::event::ErrorOutput;

/// What a state leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub output: Value,
    /// The variables that it sets.
    pub assigned: Vec<(Arc<str>, Value)>,
}

/// `InputPath` or `OutputPath`.
///
/// # Errors
/// A path that finds nothing.
pub fn select(
    selection: &Selection,
    data: &Value,
    environment: &mut dyn Environment,
) -> Result<Value, Fault> {
    match selection {
        Selection::Whole => Ok(data.clone()),
        Selection::Nothing => Ok(Map::new().into()),
        Selection::Path(path) => {
            let mut scope = Paths {
                input: data,
                environment,
            };
            path.evaluate(&mut scope)
                .map_err(|error| Fault::runtime(error.to_string()))
        }
    }
}

/// A payload template: `Parameters`, `ResultSelector`, `ItemSelector`, `Assign` of a JSONPath state.
///
/// # Errors
/// A path that finds nothing, or a function that fails.
pub fn shape(
    template: &Template,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Value, Fault> {
    let mut scope = Paths { input, environment };
    template
        .evaluate(&mut scope)
        .map_err(|error| Fault::of_template(&error, &scope))
}

/// A field of a JSONata state, with what the state has of result and error output.
///
/// # Errors
/// A program without a value.
pub fn query(
    template: &jsonata::Template,
    field: &str,
    input: &Value,
    (result, error_output): (Option<&Value>, Option<&Value>),
    environment: &mut dyn Environment,
) -> Result<Value, Fault> {
    if let Some(constant) = template.constant() {
        return Ok(constant.clone());
    }
    let limits = *environment.limits();
    let mut scope = Queries {
        input,
        result,
        error_output,
        environment,
    };
    template
        .evaluate(&mut scope, &limits)
        .map_err(|error| Fault::of_query(&error, field))
}

/// `ResultPath`.
///
/// # Errors
/// An input that has no such place.
pub fn place_result(path: &ResultPath, input: &Value, result: Value) -> Result<Value, Fault> {
    match path {
        ResultPath::Whole => Ok(result),
        ResultPath::Discard => Ok(input.clone()),
        ResultPath::At(path) => path.set(input, result).map_err(|error| Fault::ResultPath {
            detail: error.to_string(),
        }),
    }
}

/// What `$` means in a state: its input after `InputPath`.
///
/// # Errors
/// A path that finds nothing.
pub fn effective_input(
    flow: &Flow,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Value, Fault> {
    match flow {
        Flow::JsonPath(flow) => {
            let effective = select(&flow.input_path, input, environment)?;
            environment.passed(Point::InputPath, &effective);
            Ok(effective)
        }
        Flow::Jsonata(_) => Ok(input.clone()),
    }
}

/// What a state's work gets: `InputPath` and `Parameters`, or `Arguments`.
///
/// # Errors
/// Whatever can be wrong with these.
pub fn work(flow: &Flow, input: &Value, environment: &mut dyn Environment) -> Result<Value, Fault> {
    let effective = effective_input(flow, input, environment)?;
    let (point, work) = match flow {
        Flow::JsonPath(flow) => {
            let shaped = match &flow.parameters {
                Some(template) => shape(template, &effective, environment)?,
                None => effective,
            };
            (Point::Parameters, shaped)
        }
        Flow::Jsonata(flow) => {
            let shaped = match &flow.arguments {
                Some(template) => query(template, "Arguments", input, (None, None), environment)?,
                None => effective,
            };
            (Point::Arguments, shaped)
        }
    };
    environment.passed(point, &work);
    Ok(work)
}

/// The way through a state whose result is its effective input.
///
/// # Errors
/// Whatever can be wrong with its fields.
pub fn idle(flow: &Flow, input: &Value, environment: &mut dyn Environment) -> Result<Left, Fault> {
    match flow {
        Flow::JsonPath(_) => {
            let data = effective_input(flow, input, environment)?;
            leave(flow, input, Some(&data), environment)
        }
        Flow::Jsonata(_) => leave(flow, input, None, environment),
    }
}

/// The way through a Pass state.
///
/// # Errors
/// Whatever can be wrong with its fields.
pub fn pass(pass: &Pass, input: &Value, environment: &mut dyn Environment) -> Result<Left, Fault> {
    if let (Flow::Jsonata(_), None) = (&pass.flow, &pass.result) {
        return leave(&pass.flow, input, None, environment);
    }
    let result = match &pass.result {
        Some(result) => result.clone(),
        None => work(&pass.flow, input, environment)?,
    };
    leave(&pass.flow, input, Some(&result), environment)
}

/// The error of a Fail state: its name and its text.
///
/// # Errors
/// Whatever can be wrong with its fields.
pub fn failure(
    fail: &Fail,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<ErrorOutput, Fault> {
    let mut part = |setting: &Option<_>, field| {
        setting
            .as_ref()
            .map(|setting| text(setting, field, input, environment))
            .transpose()
    };
    Ok(ErrorOutput {
        error: part(&fail.error, "Error")?,
        cause: part(&fail.cause, "Cause")?,
    })
}

/// The output and the variables of a state: `ResultSelector`, `Assign`, `ResultPath` and `OutputPath`, or `Assign` and `Output`.
/// `result` is absent in JSONata states that have none.
///
/// # Errors
/// Whatever can be wrong with these.
pub fn leave(
    flow: &Flow,
    input: &Value,
    result: Option<&Value>,
    environment: &mut dyn Environment,
) -> Result<Left, Fault> {
    match flow {
        Flow::JsonPath(flow) => {
            let result = result.unwrap_or(input);
            let selected = match &flow.result_selector {
                Some(template) => shape(template, result, environment)?,
                None => result.clone(),
            };
            environment.passed(Point::ResultSelector, &selected);
            let assigned = assign(flow.assign.as_ref(), &selected, environment)?;
            let placed = place_result(&flow.result_path, input, selected)?;
            environment.passed(Point::ResultPath, &placed);
            let output = select(&flow.output_path, &placed, environment)?;
            Ok(Left { output, assigned })
        }
        Flow::Jsonata(flow) => {
            let sources = (result, None);
            let assigned = assign_queried(flow.assign.as_ref(), input, sources, environment)?;
            let output = match &flow.output {
                Some(template) => query(template, "Output", input, sources, environment)?,
                None => result.unwrap_or(input).clone(),
            };
            Ok(Left { output, assigned })
        }
    }
}

/// The output and the variables of a state whose error was caught.
///
/// # Errors
/// Whatever can be wrong with the catcher's fields.
pub fn caught(
    flow: &CatchFlow,
    input: &Value,
    error_output: &Value,
    environment: &mut dyn Environment,
) -> Result<Left, Fault> {
    match flow {
        CatchFlow::JsonPath {
            result_path,
            assign: template,
        } => Ok(Left {
            assigned: assign(template.as_ref(), error_output, environment)?,
            output: place_result(result_path, input, error_output.clone())?,
        }),
        CatchFlow::Jsonata {
            output,
            assign: template,
        } => {
            let sources = (None, Some(error_output));
            let assigned = assign_queried(template.as_ref(), input, sources, environment)?;
            let output = match output {
                Some(template) => query(template, "Output", input, sources, environment)?,
                None => error_output.clone(),
            };
            Ok(Left { output, assigned })
        }
    }
}

/// What a catcher's fields see of an error.
#[must_use]
pub fn error_value(error: Option<&Arc<str>>, cause: Option<&Arc<str>>) -> Value {
    let text = |part: Option<&Arc<str>>| part.map_or(Value::Null, |text| text.clone().into());
    let members = [("Error", text(error)), ("Cause", text(cause))];
    members.into_iter().collect::<Map>().into()
}

/// The role of `Credentials`.
///
/// # Errors
/// Whatever can be wrong with the field.
pub fn credentials(
    credentials: &Payload,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Option<Arc<str>>, Fault> {
    let value = match credentials {
        Payload::JsonPath(template) => shape(template, input, environment)?,
        Payload::Jsonata(template) => {
            query(template, "Credentials", input, (None, None), environment)?
        }
    };
    Ok(match value.get("RoleArn") {
        Some(Value::String(role)) => Some(role.clone()),
        _ => None,
    })
}

pub(super) fn assign(
    template: Option<&Template>,
    data: &Value,
    environment: &mut dyn Environment,
) -> Result<Vec<(Arc<str>, Value)>, Fault> {
    match template {
        Some(template) => Ok(members(shape(template, data, environment)?)),
        None => Ok(Vec::new()),
    }
}

pub(super) fn assign_queried(
    template: Option<&jsonata::Template>,
    input: &Value,
    sources: (Option<&Value>, Option<&Value>),
    environment: &mut dyn Environment,
) -> Result<Vec<(Arc<str>, Value)>, Fault> {
    match template {
        Some(template) => {
            let value = query(template, "Assign", input, sources, environment)?;
            Ok(members(value))
        }
        None => Ok(Vec::new()),
    }
}

fn members(value: Value) -> Vec<(Arc<str>, Value)> {
    value.as_object().map_or_else(Vec::new, |map| {
        map.iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    })
}
