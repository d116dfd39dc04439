//! URL-encoding of a request's body and query, as `Transform` asks for it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;

/// What a form shows as it is.
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// How the elements of an array are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum ArrayFormat {
    #[default]
    Indices,
    Repeat,
    Commas,
    Brackets,
}

/// An object as `key=value` pairs; what lies deeper has its path in brackets behind the key.
pub(super) fn encode(members: &serde_json::Map<String, Value>, arrays: ArrayFormat) -> String {
    let mut pairs = Vec::new();
    for (key, value) in members {
        write(&mut pairs, key.clone(), value, arrays);
    }
    pairs.join("&")
}

fn write(pairs: &mut Vec<String>, key: String, value: &Value, arrays: ArrayFormat) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                write(pairs, format!("{key}[{name}]"), value, arrays);
            }
        }
        Value::Array(items) if arrays == ArrayFormat::Commas && items.iter().all(is_plain) => {
            // The commas belong to the format; those of the elements are encoded.
            let items: Vec<String> = items.iter().map(|item| quoted(&plain(item))).collect();
            pairs.push(format!("{}={}", quoted(&key), items.join(",")));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let key = match arrays {
                    ArrayFormat::Indices => format!("{key}[{index}]"),
                    ArrayFormat::Brackets => format!("{key}[]"),
                    // Elements that are no plain values can't stand between commas.
                    ArrayFormat::Repeat | ArrayFormat::Commas => key.clone(),
                };
                write(pairs, key, item, arrays);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            pairs.push(format!("{}={}", quoted(&key), quoted(&plain(value))));
        }
    }
}

const fn is_plain(value: &Value) -> bool {
    !matches!(value, Value::Object(_) | Value::Array(_))
}

/// A plain value as text; nothing for null.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

pub(super) fn quoted(text: &str) -> String {
    utf8_percent_encode(text, FORM).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn form(value: &Value, arrays: ArrayFormat) -> String {
        encode(value.as_object().expect("an object"), arrays)
    }

    #[test]
    fn arrays_are_written_in_four_ways() {
        let value = json!({"array": ["a", "b", "c d"]});
        let cases = [
            (
                ArrayFormat::Indices,
                "array%5B0%5D=a&array%5B1%5D=b&array%5B2%5D=c%20d",
            ),
            (ArrayFormat::Repeat, "array=a&array=b&array=c%20d"),
            (ArrayFormat::Commas, "array=a,b,c%20d"),
            (
                ArrayFormat::Brackets,
                "array%5B%5D=a&array%5B%5D=b&array%5B%5D=c%20d",
            ),
        ];
        for (arrays, expected) in cases {
            assert_eq!(form(&value, arrays), expected);
        }
    }

    #[test]
    fn what_lies_deeper_has_its_path_in_brackets() {
        let value = json!({
            "description": "Monthly & more", "metadata": {"details": {"id": 7}},
            "items": [{"n": 1.5}, {"n": true}], "none": null,
        });
        assert_eq!(
            form(&value, ArrayFormat::Indices),
            "description=Monthly%20%26%20more&metadata%5Bdetails%5D%5Bid%5D=7\
             &items%5B0%5D%5Bn%5D=1.5&items%5B1%5D%5Bn%5D=true&none="
        );
        assert_eq!(
            form(&json!({"a": [["x"], "y,z"]}), ArrayFormat::Commas),
            "a=x&a=y%2Cz"
        );
        assert_eq!(form(&json!({}), ArrayFormat::Commas), "");
    }
}
