//! Limits where the library has none.
//!
//! It counts time, levels and the items of sequences, but one call of a built-in function may multiply texts or lists beyond all memory,
//! which would end the process. What multiplies is replaced in the tree by functions that look first. Their names hold characters that
//! no program can write, so they hide nothing and nothing hides them.

use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::evaluator::{EvaluatorError, HostFnResult};
use jsonata_core::functions;
use jsonata_core::value::JValue;

use super::functions::{Supply, apply, argument, builtin, context, failure, mismatch};
use super::rewrite::call;

pub(super) const CONCATENATE: &str = "&";
pub(super) const RANGE: &str = "..";
pub(super) const PICTURE: &str = "picture!";
pub(super) const PART: &str = "part!";
pub(super) const STRING: &str = "string!";
pub(super) const JOIN: &str = "join!";
pub(super) const PAD: &str = "pad!";
pub(super) const REPLACE: &str = "replace!";
pub(super) const ZIP: &str = "zip!";
pub(super) const FORMAT_INTEGER: &str = "formatInteger!";

pub(super) fn part(supply: &Supply, args: &[JValue]) -> HostFnResult {
    let value = args.first().cloned().unwrap_or(JValue::Undefined);
    count(supply, &value)?;
    Ok(value)
}

pub(super) fn zip(supply: &Supply, args: &[JValue]) -> HostFnResult {
    args.iter().try_for_each(|arg| count(supply, arg))?;
    builtin("zip", args)
}

/// Spends one for every value in the value, shared ones as often as they are there.
fn count(supply: &Supply, value: &JValue) -> Result<(), EvaluatorError> {
    let mut size = 0_usize;
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        size += 1;
        match value {
            JValue::Array(items) => left.extend(items.iter()),
            JValue::Object(members) => left.extend(members.values()),
            _ => {}
        }
        supply.check_size(size + left.len())?;
    }
    supply.spend(size)
}

pub(super) fn range(supply: &Supply, args: &[JValue]) -> HostFnResult {
    /// Beyond it floats have no successor.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let operands = args.first().zip(args.get(1));
    if let Some((JValue::Number(first), JValue::Number(last))) = operands {
        let is_exact = first.abs() <= EXACT && last.abs() <= EXACT;
        if !is_exact || last - first >= supply.limits().items as f64 {
            return Err(failure(format!(
                "D2014: The size of the sequence allocated by the range operator (..) must not exceed {}.",
                supply.limits().items
            )));
        }
        supply.spend((last - first).max(0.0) as usize)?;
    }
    let (first, last) = operands.unwrap_or((&JValue::Undefined, &JValue::Undefined));
    apply(BinaryOp::Range, first, last)
}

pub(super) fn concatenate(supply: &Supply, args: &[JValue]) -> HostFnResult {
    let mut joined = String::new();
    for arg in args {
        match arg {
            JValue::String(text) => joined.push_str(text),
            other => joined.push_str(&text(supply, other)?),
        }
        supply.check_text(joined.len())?;
    }
    supply.spend(joined.len())?;
    Ok(JValue::string(joined))
}

/// `$string(value [, prettify])`.
pub(super) fn string(supply: &Supply, args: &[JValue]) -> HostFnResult {
    let value = args.first().unwrap_or(&JValue::Undefined);
    let is_pretty = match args.get(1) {
        None | Some(JValue::Undefined) => None,
        Some(JValue::Bool(is_pretty)) => Some(*is_pretty),
        // A callback is called with the value, its place, and what it is taken from.
        Some(_) if args.len() > 2 => None,
        Some(_) => return Err(mismatch(2, "string")),
    };
    measure(supply, value)?;
    Ok(functions::string::string(value, is_pretty)?)
}

pub(super) fn join(supply: &Supply, args: &[JValue]) -> HostFnResult {
    if let Some(JValue::Array(items)) = args.first() {
        let separator = args.get(1).and_then(JValue::as_str).map_or(0, str::len);
        let lengths = items
            .iter()
            .map(|item| item.as_str().map_or(0, str::len).saturating_add(separator));
        let length = lengths.fold(0_usize, usize::saturating_add);
        supply.check_text(length)?;
        supply.spend(length)?;
    }
    builtin("join", args)
}

/// The arguments without the null and the context that the tree has behind the first `count`.
fn with_context(
    args: &[JValue],
    count: usize,
    is_left_out: impl Fn(&[JValue]) -> bool,
) -> Vec<JValue> {
    match args.split_at_checked(count) {
        Some((own, [_, context])) if is_left_out(own) => {
            [std::slice::from_ref(context), own].concat()
        }
        Some((own, [_, _])) => own.to_vec(),
        _ => args.to_vec(),
    }
}

pub(super) fn pad(supply: &Supply, args: &[JValue]) -> HostFnResult {
    let args = with_context(args, 2, |own| own.first().is_some_and(JValue::is_number));
    if let Some(JValue::Number(width)) = args.get(1) {
        // A character takes up to four bytes. A float too large for the type becomes the largest.
        supply.check_text((width.abs() as usize).saturating_mul(4))?;
    }
    builtin("pad", &args)
}

/// `$replace(text, pattern, replacement [, limit])`.
pub(super) fn replace_text(supply: &Supply, args: &[JValue]) -> HostFnResult {
    let args = &*with_context(args, 3, |own| own.last().is_some_and(JValue::is_number));
    let (Some(JValue::String(text)), Some(replacement)) = (args.first(), args.get(2)) else {
        return builtin("replace", args);
    };
    if replacement.is_function() {
        return supply.nested(|supply| replace_by_function(supply, args));
    }
    let replacement = replacement.as_str().unwrap_or_default();
    let matches_max = match args.get(1) {
        Some(JValue::String(pattern)) if !pattern.is_empty() => text.matches(&**pattern).count(),
        _ => text.len(),
    };
    // A replacement may name the match and its groups, each as long as the text.
    let names = replacement.matches('$').count();
    let growth = replacement
        .len()
        .saturating_add(names.saturating_mul(text.len()));
    supply.check_text(
        text.len()
            .saturating_add(growth.saturating_mul(matches_max)),
    )?;
    builtin("replace", args)
}

/// The function may call functions of ours, and what it gives is counted.
fn replace_by_function(supply: &Supply, args: &[JValue]) -> HostFnResult {
    const FUNCTION: &str = "function!";
    const MATCH: &str = "match!";
    const TEXT: &str = "text!";
    let counted = AstNode::Lambda {
        params: vec![MATCH.to_owned()],
        body: Box::new(call(
            TEXT,
            vec![call(FUNCTION, vec![AstNode::variable(MATCH)])],
        )),
        signature: None,
        thunk: false,
    };
    let mut operands: Vec<_> = (0..args.len()).map(argument).collect();
    let mut context = context(args);
    if let (Some(operand), Some(function)) = (operands.get_mut(2), args.get(2)) {
        *operand = counted;
        context.bind(FUNCTION.to_owned(), function.clone());
    }
    let mut evaluator = supply.evaluator(context)?;
    let counter = supply.clone();
    evaluator.register_fn(TEXT, move |args: &[JValue]| {
        let text = args.first().cloned().unwrap_or(JValue::Undefined);
        counter.spend(text.as_str().map_or(0, str::len))?;
        Ok(text)
    })?;
    evaluator.evaluate(&call("replace", operands), &JValue::Undefined)
}

/// `$formatInteger(number, picture)`. Roman numerals grow with the number, not with its digits, and words of infinity never end.
pub(super) fn format_integer(supply: &Supply, args: &[JValue]) -> HostFnResult {
    if let (Some(JValue::Number(number)), Some(JValue::String(picture))) =
        (args.first(), args.get(1))
    {
        if !number.is_finite() {
            return Err(failure("D1001: Number out of range"));
        }
        if picture.contains(['I', 'i']) {
            supply.check_text((number.abs() / 1000.0) as usize)?;
        }
    }
    builtin("formatInteger", args)
}

/// A picture of a date, if its widths are such that anybody could mean them: results are filled up to them.
pub(super) fn checked_picture(value: &JValue) -> HostFnResult {
    const DIGITS_MAX: usize = 4;
    let text = value.as_str().unwrap_or_default();
    let components = text.split('[').filter_map(|part| part.split(']').next());
    let mut widths = components
        .filter_map(|component| component.split_once(','))
        .flat_map(|(_, widths)| widths.split('-'));
    if widths.any(|width| width.chars().filter(|c| c.is_numeric()).count() > DIGITS_MAX) {
        return Err(failure(format!(
            "A width in the picture string has more than {DIGITS_MAX} digits"
        )));
    }
    Ok(value.clone())
}

pub(super) fn picture(_: &Supply, args: &[JValue]) -> HostFnResult {
    checked_picture(args.first().unwrap_or(&JValue::Undefined))
}

/// What `$string` makes of the value; nothing for undefined.
pub(super) fn text(supply: &Supply, value: &JValue) -> Result<String, EvaluatorError> {
    measure(supply, value)?;
    match functions::string::string(value, None)? {
        JValue::String(text) => Ok(text.to_string()),
        _ => Ok(String::new()),
    }
}

/// Fails if the text of the value is too long. A value whose parts are shared may stand for more text than there is memory.
fn measure(supply: &Supply, value: &JValue) -> Result<(), EvaluatorError> {
    let mut bytes = 0_usize;
    let mut left = vec![value];
    while let Some(value) = left.pop() {
        bytes += match value {
            JValue::String(text) => text.len() + 1,
            JValue::Array(items) => {
                left.extend(items.iter());
                2
            }
            JValue::Object(members) => {
                left.extend(members.values());
                members.keys().map(|key| key.len() + 4).sum::<usize>() + 2
            }
            _ => 1,
        };
        // What waits is counted too, so that the list itself stays short.
        supply.check_text(bytes + left.len())?;
    }
    supply.spend(bytes)
}
