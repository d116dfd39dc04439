//! The canonical form of JSON, RFC 8785: what a card's signature is made over.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

/// A card's members are nested a few levels deep; what is deeper is no card.
const DEPTH_MAX: usize = 64;

/// The text; `None` when the value is nested too deep.
pub(super) fn text(value: &Value) -> Option<String> {
    let mut out = String::new();
    write(&mut out, value, 0)?;
    Some(out)
}

fn write(out: &mut String, value: &Value, depth: usize) -> Option<()> {
    if depth > DEPTH_MAX {
        return None;
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(value) => out.push_str(&number(value)),
        Value::String(value) => string(out, value),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write(out, item, depth + 1)?;
            }
            out.push(']');
        }
        Value::Object(members) => object(out, members, depth)?,
    }
    Some(())
}

fn object(out: &mut String, members: &Map<String, Value>, depth: usize) -> Option<()> {
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    // By UTF-16 code units, which differs from the order of the bytes.
    sorted.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
    out.push('{');
    for (place, (name, value)) in sorted.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        string(out, name);
        out.push(':');
        write(out, value, depth + 1)?;
    }
    out.push('}');
    Some(())
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                // Writing to a string does not fail.
                write!(out, "\\u{:04x}", u32::from(c)).ok();
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A number as JavaScript writes it.
fn number(number: &Number) -> String {
    let Some(float) = number.as_f64() else {
        return number.to_string();
    };
    if float == 0.0 {
        return "0".to_owned();
    }
    // Rust's exponent form has the shortest digits that mean the number, as JavaScript's.
    let text = format!("{float:e}");
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text;
    };
    let Ok(exponent) = exponent.parse::<i32>() else {
        return text;
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits = mantissa.replace('.', "");
    format!("{sign}{}", placed(&digits, exponent))
}

/// Digits `d.ddd` with their exponent, the point where JavaScript puts it.
fn placed(digits: &str, exponent: i32) -> String {
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let point = exponent + 1;
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    if (count..=21).contains(&point) {
        return format!("{digits}{}", zeros(point - count));
    }
    if (1..=21).contains(&point) {
        let (whole, rest) = digits.split_at(usize::try_from(point).unwrap_or(0));
        return format!("{whole}.{rest}");
    }
    if (-5..=0).contains(&point) {
        return format!("0.{}{digits}", zeros(-point));
    }
    let (first, rest) = digits.split_at(1);
    let rest = match rest {
        "" => String::new(),
        rest => format!(".{rest}"),
    };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{rest}e{sign}{}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        let value: Value = serde_json::from_str(json).expect("JSON");
        assert_eq!(text(&value).as_deref(), Some(expected), "{json}");
    }

    #[test]
    fn the_example_of_the_rfc_has_its_form() {
        check(
            r#"{"numbers":[1E30,4.50,2e-3,0.000000000000000000000000001],
                "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#,
            r#"{"literals":[null,true,false],"numbers":[1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#,
        );
        check(
            r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#,
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}",
        );
    }

    #[test]
    fn numbers_are_written_as_javascript_does() {
        for (float, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (100.0, "100"),
            (333_333_333.333_333_3, "333333333.3333333"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (0.000_001, "0.000001"),
            (1e-7, "1e-7"),
            (1.25e-8, "1.25e-8"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
        ] {
            let written = Number::from_f64(float).expect("finite");
            assert_eq!(number(&written), expected);
        }
        check("[18014398509481985]", "[18014398509481984]");
    }

    #[test]
    fn what_is_nested_without_end_has_no_form() {
        let deep = (0..100).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        assert_eq!(text(&deep), None);
    }
}
