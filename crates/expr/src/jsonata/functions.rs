//! The functions that Step Functions adds, removes or feeds.

use std::cell::RefCell;
use std::rc::Rc;

use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions, HostFnResult};
use jsonata_core::value::JValue;

use super::chance::Chance;
use super::scope::Limits;
use super::{clock, convert, digest, guard};
use crate::json::{DEPTH_MAX, Value};

/// What the functions of one evaluation share.
#[derive(Clone)]
pub(super) struct Supply {
    pub(super) now_ms: u64,
    pub(super) chance: Rc<RefCell<Chance>>,
    pub(super) limits: Limits,
}

/// A function of ours, by the name that programs call it.
type Function = fn(&Supply, &[JValue]) -> HostFnResult;

const FUNCTIONS: &[(&str, Function)] = &[
    ("now", |supply, args| clock::now(supply.now_ms, args)),
    ("millis", |supply, _| Ok(clock::millis(supply.now_ms))),
    ("toMillis", |supply, args| {
        clock::to_millis(supply.now_ms, args)
    }),
    ("random", random),
    ("uuid", |supply, _| {
        Ok(JValue::string(supply.chance.borrow_mut().uuid()))
    }),
    ("shuffle", shuffle),
    ("partition", partition),
    ("range", range),
    ("hash", hash),
    ("parse", parse),
    ("eval", |_, _| Err(not_a_function())),
    ("pad", guard::pad),
    (guard::CONCATENATE, guard::concatenate),
];

/// Whether `$name` means a function where nothing of that name is bound.
pub(super) fn is_function(name: &str) -> bool {
    FUNCTIONS.iter().any(|(known, _)| *known == name)
        || Evaluator::new()
            .register_fn(name, |_: &[JValue]| Ok(JValue::Undefined))
            .is_err()
}

/// Whether the function draws from the scope's chance.
pub(super) fn draws(name: &str) -> bool {
    matches!(name, "random" | "uuid" | "shuffle")
}

/// Makes those of our functions known that the program mentions.
pub(super) fn register(
    evaluator: &mut Evaluator,
    supply: &Supply,
    mentions: impl Fn(&str) -> bool,
) -> Result<(), EvaluatorError> {
    for (name, function) in FUNCTIONS.iter().filter(|(name, _)| mentions(name)) {
        let supply = supply.clone();
        evaluator.register_fn_override(*name, move |args: &[JValue]| function(&supply, args))?;
    }
    Ok(())
}

/// Calls a function of the library that none of ours hides.
pub(super) fn builtin(name: &str, args: &[JValue]) -> HostFnResult {
    let mut context = Context::new();
    let names = ["first", "second", "third"];
    for (name, value) in names.into_iter().zip(args) {
        context.bind(name.to_owned(), value.clone());
    }
    let call = AstNode::Function {
        name: name.to_owned(),
        args: names
            .into_iter()
            .take(args.len())
            .map(AstNode::variable)
            .collect(),
        is_builtin: true,
    };
    Evaluator::with_options(context, EvaluatorOptions::default())
        .evaluate(&call, &JValue::Undefined)
}

pub(super) fn not_a_function() -> EvaluatorError {
    EvaluatorError::ReferenceError("T1006: Attempted to invoke a non-function".to_owned())
}

pub(super) fn mismatch(index: usize, function: &str) -> EvaluatorError {
    EvaluatorError::TypeError(format!(
        "T0410: Argument {index} of function \"{function}\" does not match function signature"
    ))
}

pub(super) fn failure(message: impl Into<String>) -> EvaluatorError {
    EvaluatorError::EvaluationError(message.into())
}

/// `$random([seed])`: the same seed gives the same number.
fn random(supply: &Supply, args: &[JValue]) -> HostFnResult {
    match args.first() {
        None | Some(JValue::Undefined) => Ok(JValue::Number(supply.chance.borrow_mut().fraction())),
        // Zero and minus zero are one seed.
        Some(JValue::Number(seed)) => Ok(JValue::Number(
            Chance::seeded((seed + 0.0).to_bits()).fraction(),
        )),
        Some(_) => Err(mismatch(1, "random")),
    }
}

fn shuffle(supply: &Supply, args: &[JValue]) -> HostFnResult {
    let mut items = match args.first() {
        None | Some(JValue::Undefined) => return Ok(JValue::Undefined),
        Some(JValue::Array(items)) => items.to_vec(),
        Some(single) => vec![single.clone()],
    };
    let mut chance = supply.chance.borrow_mut();
    for last in (1..items.len()).rev() {
        items.swap(last, chance.place(last + 1));
    }
    Ok(JValue::array(items))
}

/// `$partition(array, size)`: arrays of `size` items, the last one of what is left.
fn partition(_: &Supply, args: &[JValue]) -> HostFnResult {
    let items = match args.first() {
        None | Some(JValue::Undefined) => return Ok(JValue::Undefined),
        Some(JValue::Array(items)) => items,
        Some(_) => return Err(mismatch(1, "partition")),
    };
    let size = match args.get(1) {
        Some(JValue::Number(size)) if *size >= 1.0 => size.floor() as usize,
        Some(JValue::Number(_)) => {
            return Err(failure(
                "The partition function's size must be a positive integer",
            ));
        }
        _ => return Err(mismatch(2, "partition")),
    };
    let parts = items.chunks(size).map(|part| JValue::array(part.to_vec()));
    Ok(JValue::array(parts.collect()))
}

/// `$range(first, last, step)`. Like every sequence, one item stands for itself.
fn range(supply: &Supply, args: &[JValue]) -> HostFnResult {
    let mut numbers = [0.0; 3];
    for (place, number) in numbers.iter_mut().enumerate() {
        *number = match args.get(place) {
            Some(JValue::Number(value)) => *value,
            None | Some(JValue::Undefined) => return Ok(JValue::Undefined),
            Some(_) => return Err(mismatch(place + 1, "range")),
        };
    }
    let [first, last, step] = numbers;
    if step == 0.0 {
        return Err(failure("The range function's step must not be zero"));
    }
    let steps = ((last - first) / step).floor();
    if steps < 0.0 {
        return Ok(JValue::array(Vec::new()));
    }
    if steps.is_nan() || steps >= supply.limits.items as f64 {
        return Err(failure(format!(
            "The range function makes more than {} items",
            supply.limits.items
        )));
    }
    let items = (0..=steps as u64).map(|place| JValue::Number(first + place as f64 * step));
    Ok(JValue::sequence(items.collect()))
}

/// `$hash(text, algorithm)`.
fn hash(supply: &Supply, args: &[JValue]) -> HostFnResult {
    let (Some(data), Some(algorithm)) = (args.first(), args.get(1)) else {
        return Err(mismatch(args.len() + 1, "hash"));
    };
    let text = match data {
        JValue::Undefined => return Ok(JValue::Undefined),
        JValue::String(text) => text.to_string(),
        other => guard::text(other, supply.limits.bytes)?,
    };
    let JValue::String(algorithm) = algorithm else {
        return Err(mismatch(2, "hash"));
    };
    let digest = digest::hexadecimal(text.as_bytes(), algorithm);
    digest
        .map(JValue::string)
        .ok_or_else(|| failure(format!("Unknown hash algorithm: \"{algorithm}\"")))
}

/// `$parse(text)`: the value that a JSON text stands for.
fn parse(_: &Supply, args: &[JValue]) -> HostFnResult {
    match args.first() {
        None | Some(JValue::Undefined) => Ok(JValue::Undefined),
        Some(JValue::String(text)) => {
            let value = Value::parse_nested(text.as_bytes(), DEPTH_MAX);
            let value = value.map_err(|error| {
                failure(format!(
                    "The argument of the parse function must be a JSON text: {error}"
                ))
            })?;
            Ok(convert::to_library(&value))
        }
        Some(_) => Err(mismatch(1, "parse")),
    }
}
