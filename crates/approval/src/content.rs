//! What is approved, and its digest: the same content has the same digest, however its JSON was written.

use everstep_core::Digest;
use serde_json::Value;

/// JSON text without white space, the members of every object in the order of their names.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// SHA-256 over the canonical text.
#[must_use]
pub fn digest(value: &Value) -> Digest {
    Digest::of(canonical(value).as_bytes())
}

fn write(value: &Value, to: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| name.as_str());
            to.push('{');
            for (index, (name, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    to.push(',');
                }
                to.push_str(&Value::from(name.as_str()).to_string());
                to.push(':');
                write(member, to);
            }
            to.push('}');
        }
        Value::Array(items) => {
            to.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    to.push(',');
                }
                write(item, to);
            }
            to.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            to.push_str(&value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_members_and_white_space_do_not_matter() {
        let one: Value =
            serde_json::from_str(r#"{"b":[1, {"y":null,"x":"ä\n"}], "a":true}"#).unwrap();
        let other: Value =
            serde_json::from_str("{ \"a\": true, \"b\": [1,{\"x\":\"\\u00e4\\n\",\"y\":null}] }")
                .unwrap();
        assert_eq!(
            canonical(&one),
            r#"{"a":true,"b":[1,{"x":"ä\n","y":null}]}"#
        );
        assert_eq!(digest(&one), digest(&other));
    }

    #[test]
    fn the_order_of_items_and_every_value_do() {
        let of = |text: &str| digest(&serde_json::from_str(text).unwrap());
        assert_ne!(of("[1,2]"), of("[2,1]"));
        assert_ne!(of(r#"{"a":"1"}"#), of(r#"{"a":1}"#));
        assert_ne!(of(r#"{"a":null}"#), of("{}"));
    }
}
