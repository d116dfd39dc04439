//! States.Format.

use super::call::Arguments;
use super::{Failure, Reason, TEXT_BYTES_MAX};
use crate::expression::Scope;
use crate::json::Value;
use crate::work::Work;

pub(super) fn format(
    arguments: &Arguments<'_>,
    _: &mut dyn Scope,
    work: &mut Work,
) -> Result<Value, Failure> {
    let Some((template, values)) = arguments.values().split_first() else {
        return Err(arguments.count("1 or more"));
    };
    let template = match arguments.written {
        Some(written) => written,
        None => arguments.text(1, template)?,
    };
    let mut out = String::new();
    let mut left = values.iter();
    let mut holes = 0;
    let mut characters = template.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' => out.push(match characters.peek() {
                Some('\'' | '\\' | '{' | '}') => characters.next().unwrap_or(c),
                _ => c,
            }),
            '{' if characters.next_if_eq(&'}').is_some() => {
                holes += 1;
                if let Some(value) = left.next() {
                    write(value, &mut out);
                }
            }
            '{' | '}' => return Err(arguments.failure(Reason::Brace)),
            _ => out.push(c),
        }
        if out.len() > TEXT_BYTES_MAX {
            return Err(arguments.failure(Reason::Bytes(TEXT_BYTES_MAX)));
        }
    }
    if holes != values.len() {
        return Err(arguments.failure(Reason::Holes {
            holes,
            arguments: values.len(),
        }));
    }
    arguments.charge_text(out.len(), work)?;
    Ok(out.into())
}

/// How the service prints values into texts: strings without quotes, objects as `{a=1, b=[x, y]}`. It stops beyond the limit of texts.
fn write(value: &Value, out: &mut String) {
    if out.len() > TEXT_BYTES_MAX {
        return;
    }
    match value {
        Value::String(text) => out.push_str(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.write(out),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push_str(", ");
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (place, (key, member)) in map.iter().enumerate() {
                if place > 0 {
                    out.push_str(", ");
                }
                out.push_str(key);
                out.push('=');
                write(member, out);
            }
            out.push('}');
        }
    }
}
