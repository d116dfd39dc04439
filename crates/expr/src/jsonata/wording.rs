//! The reference implementation's texts where the library says the same in other words.

use crate::json::Value;

/// The text for the code, or nothing if the library's is the same or does not have the facts for it.
pub(super) fn of(code: &str, message: &str, function: Option<&str>) -> Option<String> {
    match code {
        "T0410" => signature(message, function),
        "T0412" => items(message, function),
        "T2001" | "T2002" => operand(code, message),
        "D3030" => number(message),
        "D3100" => radix(message),
        code => fixed(code).map(str::to_owned),
    }
}

/// Texts without a part that changes.
fn fixed(code: &str) -> Option<&'static str> {
    Some(match code {
        "T1006" => "Attempted to invoke a non-function",
        "T1008" => "Attempted to partially apply a non-function",
        "D1004" => "Regular expression matches zero length string",
        "T2003" => "The left side of the range operator (..) must evaluate to an integer",
        "T2004" => "The right side of the range operator (..) must evaluate to an integer",
        "T2006" => "The right side of the function application operator ~> must be a function",
        "T2008" => {
            "The expressions within an order-by clause must evaluate to numeric or string values"
        }
        "D3001" => "Attempting to invoke string function on Infinity or NaN",
        "D3010" => "Second argument of replace function cannot be an empty string",
        "D3020" => "Third argument of split function must evaluate to a positive number",
        "D3040" => "Third argument of match function must evaluate to a positive number",
        "D3050" => {
            "The second argument of reduce function must be a function with at least two arguments"
        }
        _ => return None,
    })
}

/// From `The left side of the + operator ...`; the operator is quoted.
fn operand(code: &str, message: &str) -> Option<String> {
    let (_, rest) = message.split_once("side of the ")?;
    let (operator, _) = rest.split_once(" operator")?;
    let side = if code == "T2001" { "left" } else { "right" };
    Some(format!(
        "The {side} side of the \"{operator}\" operator must evaluate to a number"
    ))
}

/// From `Cannot convert 'x' to number`.
fn number(message: &str) -> Option<String> {
    let value = message
        .strip_prefix("Cannot convert ")?
        .strip_suffix(" to number")?;
    let value = match value
        .strip_prefix('\'')
        .and_then(|text| text.strip_suffix('\''))
    {
        Some(text) => Value::from(text).to_text(),
        None if value == "null" => value.to_owned(),
        None => return None,
    };
    Some(format!("Unable to cast value to a number: {value}"))
}

/// From `Radix must be between 2 and 36, got 1`.
fn radix(message: &str) -> Option<String> {
    let (_, value) = message.rsplit_once("got ")?;
    Some(format!(
        "The radix of the formatBase function must be between 2 and 36.  It was given {value}"
    ))
}

/// From `Argument 1 must be String` or `Argument 1 of function length ...`.
fn signature(message: &str, function: Option<&str>) -> Option<String> {
    let (index, function) = argument(message, function)?;
    Some(format!(
        "Argument {index} of function \"{function}\" does not match function signature"
    ))
}

/// From `Argument 1 must be an array of String`.
fn items(message: &str, function: Option<&str>) -> Option<String> {
    let (index, function) = argument(message, function)?;
    let (_, kind) = message.rsplit_once("an array of ")?;
    let kind = kind.to_lowercase();
    Some(format!(
        "Argument {index} of function \"{function}\" must be an array of \"{kind}s\""
    ))
}

fn argument<'a>(message: &'a str, function: Option<&'a str>) -> Option<(usize, &'a str)> {
    let mut words = message.strip_prefix("Argument ")?.split(' ');
    let index = words.next()?.parse().ok()?;
    let named = match (words.next(), words.next(), words.next()) {
        (Some("of"), Some("function"), Some(name)) => Some(name.trim_matches(['$', '"'])),
        _ => None,
    };
    let named = named.filter(|name| !matches!(*name, "undefined" | "does" | "must"));
    Some((index, named.or(function)?))
}
