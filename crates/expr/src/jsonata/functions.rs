//! The functions that Step Functions adds, removes or feeds.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions, HostFnResult};
use jsonata_core::value::JValue;

use super::chance::Chance;
use super::scope::Limits;
use super::{clock, convert, guard, walk};
use crate::digest;
use crate::json::{DEPTH_MAX, Value};

/// What the functions of one evaluation share.
#[derive(Clone)]
pub(super) struct Supply(Rc<Shared>);

struct Shared {
    now_ms: u64,
    chance: RefCell<Chance>,
    limits: Limits,
    /// Items and bytes that the guarded functions have made so far.
    made: Cell<usize>,
    /// Evaluations around the innermost one.
    nesting: Cell<usize>,
    /// Those of our functions that the program mentions.
    functions: Box<[&'static Entry]>,
}

impl Supply {
    pub(super) fn new(
        now_ms: u64,
        chance: Chance,
        limits: Limits,
        functions: &[&'static Entry],
    ) -> Self {
        Self(Rc::new(Shared {
            now_ms,
            chance: RefCell::new(chance),
            limits,
            made: Cell::new(0),
            nesting: Cell::new(0),
            functions: functions.into(),
        }))
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// An evaluator that keeps the limits and knows the functions.
    pub(super) fn evaluator(&self, context: Context) -> Result<Evaluator, EvaluatorError> {
        let limits = self.limits();
        let options = EvaluatorOptions {
            timeout_ms: Some(limits.time_ms),
            max_stack_depth: Some(limits.depth),
            max_sequence_length: Some(limits.items),
            ..EvaluatorOptions::default()
        };
        let mut evaluator = Evaluator::with_options(context, options);
        for (name, function) in &self.0.functions {
            let supply = self.clone();
            evaluator
                .register_fn_override(*name, move |args: &[JValue]| function(&supply, args))?;
        }
        Ok(evaluator)
    }

    /// Runs an evaluation within the evaluation: it counts levels anew, so there may be few of them.
    pub(super) fn nested(&self, run: impl FnOnce(&Self) -> HostFnResult) -> HostFnResult {
        let nesting = self.0.nesting.get();
        if nesting >= NESTING_MAX {
            return Err(failure(
                "D1011: Stack overflow. Check for non-terminating recursive function. Consider rewriting as tail-recursive",
            ));
        }
        self.0.nesting.set(nesting + 1);
        let result = run(self);
        self.0.nesting.set(nesting);
        result
    }

    /// Counts what is about to be made.
    pub(super) fn spend(&self, amount: usize) -> Result<(), EvaluatorError> {
        let made = self.0.made.get().saturating_add(amount);
        self.0.made.set(made);
        self.check_size(made / SPARE)
    }

    /// Refuses what is larger than a text and a sequence may be together.
    pub(super) fn check_size(&self, size: usize) -> Result<(), EvaluatorError> {
        let size_max = self.limits().items.saturating_add(self.limits().bytes);
        if size > size_max {
            return Err(failure(
                "The values that the expression makes are too large",
            ));
        }
        Ok(())
    }

    pub(super) fn check_text(&self, bytes: usize) -> Result<(), EvaluatorError> {
        if bytes > self.0.limits.bytes {
            return Err(failure(format!(
                "A string is longer than {} bytes",
                self.0.limits.bytes
            )));
        }
        Ok(())
    }
}

const NESTING_MAX: usize = 16;

/// How often a program may make the largest thing that it may make.
const SPARE: usize = 8;

/// A function of ours, by the name that programs call it.
type Function = fn(&Supply, &[JValue]) -> HostFnResult;

/// A function and its name in the tree.
pub(super) type Entry = (&'static str, Function);

const FUNCTIONS: &[Entry] = &[
    ("now", |supply, args| clock::now(supply.0.now_ms, args)),
    ("millis", |supply, _| Ok(clock::millis(supply.0.now_ms))),
    ("toMillis", |supply, args| {
        clock::to_millis(supply.0.now_ms, args)
    }),
    ("random", random),
    ("uuid", |supply, _| {
        Ok(JValue::string(supply.0.chance.borrow_mut().uuid()))
    }),
    ("shuffle", shuffle),
    ("partition", partition),
    ("range", range),
    ("hash", hash),
    ("parse", parse),
    ("eval", |_, _| Err(not_a_function())),
    (guard::PAD, guard::pad),
    (guard::REPLACE, guard::replace_text),
    (guard::FORMAT_INTEGER, guard::format_integer),
    (guard::STRING, guard::string),
    (guard::JOIN, guard::join),
    (guard::CONCATENATE, guard::concatenate),
    (guard::RANGE, guard::range),
    (guard::ZIP, guard::zip),
    (guard::PICTURE, guard::picture),
    (guard::PART, guard::part),
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

/// Those of our functions that the tree mentions.
pub(super) fn mentioned(ast: &AstNode) -> Vec<&'static Entry> {
    let mut found: Vec<&'static Entry> = Vec::new();
    let mut left = vec![ast];
    while let Some(node) = left.pop() {
        if let AstNode::Function { name, .. } | AstNode::Variable(name) = node
            && let Some(entry) = FUNCTIONS.iter().find(|(known, _)| known == name)
            && !found.iter().any(|(known, _)| known == name)
        {
            found.push(entry);
        }
        walk::children(node, &mut |child| left.push(child));
    }
    found
}

/// Calls a function of the library that takes no functions.
pub(super) fn builtin(name: &str, args: &[JValue]) -> HostFnResult {
    let (call, context) = call(name, args);
    Evaluator::with_context(context).evaluate(&call, &JValue::Undefined)
}

/// Applies an operator of the library that is replaced in the tree.
pub(super) fn apply(op: BinaryOp, first: &JValue, second: &JValue) -> HostFnResult {
    let [lhs, rhs] = [0, 1].map(|place| Box::new(argument(place)));
    let context = context(&[first.clone(), second.clone()]);
    Evaluator::with_context(context).evaluate(&AstNode::Binary { op, lhs, rhs }, &JValue::Undefined)
}

fn call(name: &str, args: &[JValue]) -> (AstNode, Context) {
    let call = AstNode::Function {
        name: name.to_owned(),
        args: (0..args.len()).map(argument).collect(),
        is_builtin: true,
    };
    (call, context(args))
}

/// The variable that [`context`] binds to the argument at this place.
pub(super) fn argument(place: usize) -> AstNode {
    AstNode::variable(place.to_string())
}

pub(super) fn context(args: &[JValue]) -> Context {
    let mut context = Context::new();
    for (place, value) in args.iter().enumerate() {
        context.bind(place.to_string(), value.clone());
    }
    context
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
        None | Some(JValue::Undefined) => {
            Ok(JValue::Number(supply.0.chance.borrow_mut().fraction()))
        }
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
    let mut chance = supply.0.chance.borrow_mut();
    for last in (1..items.len()).rev() {
        items.swap(last, chance.place(last + 1));
    }
    Ok(JValue::array(items))
}

/// `$partition(array, size)`: arrays of `size` items, the last one of what is left.
fn partition(_: &Supply, args: &[JValue]) -> HostFnResult {
    if args.len() > 2 {
        return Err(mismatch(3, "partition"));
    }
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
    if args.len() > 3 {
        return Err(mismatch(4, "range"));
    }
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
    if steps.is_nan() || steps >= supply.limits().items as f64 {
        return Err(failure(format!(
            "The range function makes more than {} items",
            supply.limits().items
        )));
    }
    let items = (0..=steps as u64).map(|place| JValue::Number(first + place as f64 * step));
    Ok(JValue::sequence(items.collect()))
}

/// `$hash(text, algorithm)`.
fn hash(supply: &Supply, args: &[JValue]) -> HostFnResult {
    if args.len() > 2 {
        return Err(mismatch(3, "hash"));
    }
    let (Some(data), Some(algorithm)) = (args.first(), args.get(1)) else {
        return Err(mismatch(args.len() + 1, "hash"));
    };
    let text = match data {
        JValue::Undefined => return Ok(JValue::Undefined),
        JValue::String(text) => text.to_string(),
        other => guard::text(supply, other)?,
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
