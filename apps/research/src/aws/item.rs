//! JSON as DynamoDB keeps it, and cursors.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use serde_json::{Map, Number, Value};

/// An item.
pub(super) type Item = HashMap<String, AttributeValue>;

/// How deep DynamoDB nests.
const DEPTH_MAX: usize = 32;

/// Decimal exponents of what DynamoDB takes for a number.
const NUMBER_RANGE: std::ops::Range<f64> = 1e-130..9.9e125;

/// The value as an attribute; nothing when DynamoDB cannot hold it: nested too deep, or a number outside its range.
pub(super) fn attribute(value: &Value) -> Option<AttributeValue> {
    nested(value, 1)
}

fn nested(value: &Value, depth: usize) -> Option<AttributeValue> {
    if depth > DEPTH_MAX {
        return None;
    }
    Some(match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(*flag),
        Value::Number(number) => AttributeValue::N(decimal(number)?),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(items) => AttributeValue::L(
            items
                .iter()
                .map(|item| nested(item, depth + 1))
                .collect::<Option<_>>()?,
        ),
        Value::Object(members) => AttributeValue::M(
            members
                .iter()
                .map(|(name, member)| Some((name.clone(), nested(member, depth + 1)?)))
                .collect::<Option<_>>()?,
        ),
    })
}

fn decimal(number: &Number) -> Option<String> {
    let size = number.as_f64()?.abs();
    (size == 0.0 || NUMBER_RANGE.contains(&size)).then(|| number.to_string())
}

/// The attribute as JSON. Sets become lists; bytes become base64, as no JSON has them.
pub(super) fn value(attribute: &AttributeValue) -> Value {
    let texts = |list: &[String]| list.iter().cloned().map(Value::String).collect();
    match attribute {
        AttributeValue::S(text) => Value::String(text.clone()),
        AttributeValue::N(digits) => number(digits),
        AttributeValue::Bool(flag) => Value::Bool(*flag),
        AttributeValue::L(items) => Value::Array(items.iter().map(value).collect()),
        AttributeValue::M(members) => Value::Object(object(members)),
        AttributeValue::Ss(list) => Value::Array(texts(list)),
        AttributeValue::Ns(list) => Value::Array(list.iter().map(|n| number(n)).collect()),
        AttributeValue::B(blob) => {
            Value::String(base64::engine::general_purpose::STANDARD.encode(blob.as_ref()))
        }
        _ => Value::Null,
    }
}

/// The item as an object, its members in the order of their names: an item has none of its own.
pub(super) fn object(item: &Item) -> Map<String, Value> {
    let mut members: Vec<_> = item.iter().collect();
    members.sort_by_key(|(name, _)| name.as_str());
    members
        .into_iter()
        .map(|(name, attribute)| (name.clone(), value(attribute)))
        .collect()
}

fn number(digits: &str) -> Value {
    serde_json::from_str::<Number>(digits).map_or_else(|_| digits.into(), Value::Number)
}

/// A key to go on from, as opaque text.
pub(super) fn cursor(key: &Item) -> Option<String> {
    let text = Value::Object(object(key)).to_string();
    (!key.is_empty()).then(|| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text))
}

/// The key behind a cursor; nothing when the text is none of ours.
pub(super) fn start_key(cursor: &str) -> Option<Item> {
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()?;
    let members: Map<String, Value> = serde_json::from_slice(&bytes).ok()?;
    members
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => Some((name, AttributeValue::S(text))),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_comes_back_as_it_was() {
        let text = json!({ "a": [1, -2.5, 0, 18_446_744_073_709_551_615_u64, 1e100], "b": { "c": null, "d": "" }, "e": true });
        let kept = attribute(&text).expect("DynamoDB holds it");
        assert_eq!(value(&kept), text);
    }

    #[test]
    fn what_dynamodb_cannot_hold_is_told_before_it_is_asked() {
        for number in [json!(1e126), json!(-1e300), json!(1e-140)] {
            assert_eq!(attribute(&number), None, "{number}");
        }
        let mut deep = json!(1);
        for _ in 0..31 {
            deep = json!([deep]);
        }
        assert!(attribute(&deep).is_some(), "32 levels");
        assert_eq!(attribute(&json!([deep])), None, "33 levels");
    }

    #[test]
    fn cursors_lead_back_to_their_key_and_nonsense_leads_nowhere() {
        let key = Item::from([("workflow_id".to_owned(), AttributeValue::S("w".to_owned()))]);
        let text = cursor(&key).expect("a key");
        assert_eq!(start_key(&text), Some(key));
        for nonsense in ["", "%", "bnVsbA", "eyJhIjoxfQ"] {
            assert_eq!(start_key(nonsense), None, "{nonsense}");
        }
    }
}
