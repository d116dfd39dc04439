//! The compact text of a value, and its length.

use super::Value;

pub(super) fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => number.write(out),
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (place, (key, member)) in map.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                string(key, out);
                out.push(':');
                write(member, out);
            }
            out.push('}');
        }
    }
}

/// The bytes of the text, if there are no more than `left`.
pub(super) fn len_within(value: &Value, left: usize) -> Option<usize> {
    let remains = shorten(value, left)?;
    Some(left - remains)
}

/// What is left of `left` bytes behind the text.
fn shorten(value: &Value, left: usize) -> Option<usize> {
    match value {
        Value::Null | Value::Bool(true) => left.checked_sub(4),
        Value::Bool(false) => left.checked_sub(5),
        Value::Number(number) => left.checked_sub(number.len_utf8()),
        Value::String(text) => shorten_string(text, left),
        Value::Array(items) => {
            let commas = items.len().saturating_sub(1);
            let left = left.checked_sub(2 + commas)?;
            items
                .iter()
                .try_fold(left, |left, item| shorten(item, left))
        }
        Value::Object(map) => {
            let (colons, commas) = (map.len(), map.len().saturating_sub(1));
            let left = left.checked_sub(2 + colons + commas)?;
            map.iter().try_fold(left, |left, (key, member)| {
                shorten(member, shorten_string(key, left)?)
            })
        }
    }
}

fn shorten_string(text: &str, left: usize) -> Option<usize> {
    let left = left.checked_sub(text.len() + 2)?;
    let more = text
        .bytes()
        .filter_map(escape)
        .map(|escaped| escaped.len() - 1);
    left.checked_sub(more.sum())
}

/// How a byte stands inside quotes, if not as itself. Bytes of longer characters always stand as themselves.
fn escape(byte: u8) -> Option<&'static str> {
    Some(match byte {
        b'"' => "\\\"",
        b'\\' => "\\\\",
        0x08 => "\\b",
        b'\t' => "\\t",
        b'\n' => "\\n",
        0x0C => "\\f",
        b'\r' => "\\r",
        0x00..=0x1F => return CONTROLS.get(usize::from(byte)).copied(),
        _ => return None,
    })
}

const CONTROLS: [&str; 32] = [
    "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007",
    "\\u0008", "\\u0009", "\\u000A", "\\u000B", "\\u000C", "\\u000D", "\\u000E", "\\u000F",
    "\\u0010", "\\u0011", "\\u0012", "\\u0013", "\\u0014", "\\u0015", "\\u0016", "\\u0017",
    "\\u0018", "\\u0019", "\\u001A", "\\u001B", "\\u001C", "\\u001D", "\\u001E", "\\u001F",
];

fn string(text: &str, out: &mut String) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut written = 0;
    for (place, byte) in text.bytes().enumerate() {
        if let Some(escaped) = escape(byte) {
            // Both ends are before ASCII bytes, so the slice is one of whole characters.
            out.push_str(text.get(written..place).unwrap_or_default());
            out.push_str(escaped);
            written = place + 1;
        }
    }
    out.push_str(text.get(written..).unwrap_or_default());
    out.push('"');
}

pub(super) fn integer(value: i64, out: &mut String) {
    if value < 0 {
        out.push('-');
    }
    let mut rest = value.unsigned_abs();
    let mut divisor = 10_u64.pow(rest.checked_ilog10().unwrap_or(0));
    while divisor > 0 {
        // A quotient of one decimal digit.
        out.push(char::from(b'0' + (rest / divisor) as u8));
        rest %= divisor;
        divisor /= 10;
    }
}
