//! YAML as templates use it: CloudFormation's short forms such as `!Ref X` become their long ones.

use saphyr::{LoadableYamlNode as _, ScalarOwned, Tag, YamlOwned};
use serde_json::{Map, Value, json};

/// How deep a template may be nested.
const DEPTH_MAX: usize = 64;

pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut documents = YamlOwned::load_from_str(text).map_err(|error| error.to_string())?;
    if documents.is_empty() {
        return Err("it is empty".to_owned());
    }
    value(documents.swap_remove(0), DEPTH_MAX)
}

fn value(node: YamlOwned, left: usize) -> Result<Value, String> {
    let Some(left) = left.checked_sub(1) else {
        return Err("it is nested too deeply".to_owned());
    };
    Ok(match node {
        YamlOwned::Value(scalar) => of_scalar(scalar),
        YamlOwned::Representation(text, _, None) => Value::String(text),
        YamlOwned::Representation(text, _, Some(tag)) => long_form(&tag, Value::String(text)),
        YamlOwned::Tagged(tag, inner) => long_form(&tag, value(*inner, left)?),
        YamlOwned::Sequence(items) => items
            .into_iter()
            .map(|item| value(item, left))
            .collect::<Result<Vec<_>, _>>()?
            .into(),
        YamlOwned::Mapping(members) => {
            let mut object = Map::new();
            for (key, inner) in members {
                let key = match value(key, left)? {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                object.insert(key, value(inner, left)?);
            }
            Value::Object(object)
        }
        YamlOwned::Alias(_) | YamlOwned::BadValue => {
            return Err("a value of it can't be read".to_owned());
        }
    })
}

fn of_scalar(scalar: ScalarOwned) -> Value {
    match scalar {
        ScalarOwned::Null => Value::Null,
        ScalarOwned::Boolean(value) => Value::Bool(value),
        ScalarOwned::Integer(value) => value.into(),
        ScalarOwned::FloatingPoint(value) => json!(value.into_inner()),
        ScalarOwned::String(text) => Value::String(text),
    }
}

/// `!Ref x` is `{Ref: x}`, `!GetAtt a.b` is `{Fn::GetAtt: a.b}`, and so on for all.
fn long_form(tag: &Tag, value: Value) -> Value {
    match tag.suffix.as_str() {
        name @ ("Ref" | "Condition") => json!({ name: value }),
        name => json!({ format!("Fn::{name}"): value }),
    }
}
