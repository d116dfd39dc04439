//! The items of a Map state, what an iteration gets, and how many may run and fail.

use everstep_expr::expression::Expression;
use everstep_expr::json::Value;
use everstep_expr::jsonata::Expected;

use super::environment::{Environment, Paths, Point};
use super::fault::Fault;
use super::setting::{ask, find, whole};
use super::steps::{query, shape};
use super::wait::bare;
use crate::definition::{ItemReader, Items, Map, Payload, QueryLanguage, Setting};

/// The items: an array. `input` is the effective input.
///
/// # Errors
/// A path or program without a value, or one that is no array.
pub fn items(
    map: &Map,
    language: QueryLanguage,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Value, Fault> {
    let (value, path) = match &map.items {
        Items::Jsonata(template) => return queried(template, input, environment),
        Items::Input => (input.clone(), "$"),
        Items::Path(path) => {
            let mut scope = Paths { input, environment };
            let value = path
                .evaluate(&mut scope)
                .map_err(|error| Fault::runtime(error.to_string()))?;
            (value, path.as_str())
        }
    };
    if value.as_array().is_some() {
        if language == QueryLanguage::JsonPath {
            environment.passed(Point::ItemsPath, &value);
        }
        return Ok(value);
    }
    Err(match language {
        QueryLanguage::JsonPath => {
            // The service shows a path into the context object as if it were one into the input.
            let shown = path.strip_prefix('$').filter(|path| path.starts_with('$'));
            let path = shown.unwrap_or(path);
            Fault::runtime(format!("Reference path \"{path}\" must point to array."))
        }
        QueryLanguage::Jsonata => Fault::Query {
            detail: format!("Map state input must be an array but was: {value}"),
            location: None,
        },
    })
}

fn queried(
    template: &everstep_expr::jsonata::Template,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Value, Fault> {
    let value = query(template, "Items", input, (None, None), environment)?;
    if value.as_array().is_some() {
        return Ok(value);
    }
    let location = Some("Items".to_owned());
    Err(match (template.program(), Expected::Array.check(value)) {
        (Some(program), Err(error)) => Fault::Query {
            detail: error.cause(program.text(), "Items"),
            location,
        },
        (_, checked) => Fault::Query {
            detail: checked.map_or_else(|error| error.to_string(), |value| value.to_text()),
            location,
        },
    })
}

/// What is left of the items that a reader has read: `MaxItems` of them.
///
/// # Errors
/// A path or program without a value, or one that is no such number.
pub fn first_items(
    reader: &ItemReader,
    items: Value,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Value, Fault> {
    let (Some(setting), Some(all)) = (&reader.config.max_items, items.as_array()) else {
        return Ok(items);
    };
    let number = integer(setting, "MaxItems", input, environment)?;
    let max =
        usize::try_from(number).map_err(|_| Fault::runtime("MaxItems cannot be negative."))?;
    if all.len() <= max {
        return Ok(items);
    }
    let first: Vec<Value> = all.iter().take(max).cloned().collect();
    Ok(first.into())
}

/// What an iteration gets: `ItemSelector`, or the item. The environment's context object tells which item it is.
///
/// # Errors
/// Whatever can be wrong with the field.
pub fn item(
    map: &Map,
    item: &Value,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Value, Fault> {
    match &map.item_selector {
        None => Ok(item.clone()),
        Some(Payload::JsonPath(template)) => shape(template, input, environment),
        Some(Payload::Jsonata(template)) => {
            query(template, "ItemSelector", input, (None, None), environment)
        }
    }
}

/// How many iterations may run at once; 0 is as many as possible.
///
/// # Errors
/// A path or program without a value, or one that is no such number.
pub fn concurrency(
    map: &Map,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<u64, Fault> {
    let Some(setting) = &map.max_concurrency else {
        return Ok(0);
    };
    let number = integer(setting, "MaxConcurrency", input, environment)?;
    u64::try_from(number).map_err(|_| Fault::runtime("MaxConcurrency cannot be negative."))
}

/// How many iterations may fail, as the state says it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tolerance {
    pub count: Option<u64>,
    pub percentage: Option<f64>,
}

impl Tolerance {
    /// How many of `length` iterations may fail: what both bounds allow.
    #[must_use]
    pub fn of(self, length: u32) -> u32 {
        let count = self
            .count
            .map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        // Between 0 and the length, so that nothing is cut off.
        let share = self
            .percentage
            .map(|percentage| (f64::from(length) * percentage / 100.0).floor() as u32);
        match (count, share) {
            (Some(count), Some(share)) => count.min(share),
            (one, other) => one.or(other).unwrap_or(0),
        }
    }
}

/// How many iterations may fail.
///
/// # Errors
/// A path or program without a value, or one that is no such number.
pub fn tolerance(
    map: &Map,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<Tolerance, Fault> {
    let mut tolerance = Tolerance::default();
    if let Some(setting) = &map.tolerated_failure_count {
        let number = integer(setting, "ToleratedFailureCount", input, environment)?;
        let count = u64::try_from(number)
            .map_err(|_| Fault::runtime("ToleratedFailureCount cannot be negative."))?;
        tolerance.count = Some(count);
    }
    if let Some(setting) = &map.tolerated_failure_percentage {
        tolerance.percentage = Some(percentage(setting, input, environment)?);
    }
    Ok(tolerance)
}

pub(super) fn integer(
    setting: &Setting<u64>,
    field: &str,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<i64, Fault> {
    match setting {
        Setting::Fixed(number) => Ok(i64::try_from(*number).unwrap_or(i64::MAX)),
        Setting::Path(path) => {
            let value = find(path, input, environment)?;
            let number = whole(&value).or_else(|| value.as_str()?.parse().ok());
            number.ok_or_else(|| not_valid(field, path, &value, "integer"))
        }
        Setting::Jsonata(program) => {
            let value = ask(program, field, Expected::Number, input, environment)?;
            value.as_i64().ok_or_else(|| Fault::Query {
                detail: format!("The {field} field must be an integer but was: {value}"),
                location: Some(field.to_owned()),
            })
        }
    }
}

fn percentage(
    setting: &Setting<f64>,
    input: &Value,
    environment: &mut dyn Environment,
) -> Result<f64, Fault> {
    const FIELD: &str = "ToleratedFailurePercentage";
    let percentage = match setting {
        Setting::Fixed(percentage) => *percentage,
        Setting::Path(path) => {
            let value = find(path, input, environment)?;
            let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
            number.ok_or_else(|| not_valid(FIELD, path, &value, "float"))?
        }
        Setting::Jsonata(program) => {
            let value = ask(program, FIELD, Expected::Number, input, environment)?;
            value.as_f64().unwrap_or(f64::NAN)
        }
    };
    if (0.0..=100.0).contains(&percentage) {
        Ok(percentage)
    } else {
        Err(Fault::runtime(format!(
            "{FIELD} must be between 0 and 100."
        )))
    }
}

fn not_valid(field: &str, path: &Expression, value: &Value, kind: &str) -> Fault {
    let shown = bare(value);
    Fault::runtime(format!(
        "The {field}Path field refers to value \"{shown}\" which is not a valid {kind}: {path}"
    ))
}
