//! Forms: a JSON Schema says which values an approval carries. Schemas refer to nothing outside themselves.

use jsonschema::Validator;
use serde_json::Value;

use crate::errors::Code;
use crate::rest::Problem;

/// So many violations are told at once.
const SHOWN_MAX: usize = 8;

fn compile(schema: &Value) -> Result<Validator, Problem> {
    jsonschema::validator_for(schema).map_err(|error| {
        let text = format!("The form is no JSON Schema: {error}");
        Problem::new(Code::WrongForm, text)
    })
}

/// # Errors
/// [`Code::WrongForm`] for what is no schema of an object.
pub(super) fn check_schema(schema: &Value) -> Result<(), Problem> {
    compile(schema)?;
    let is_object = schema.get("type").is_none_or(|kind| kind == "object");
    if schema.is_object() && is_object {
        return Ok(());
    }
    Err(Problem::new(
        Code::WrongForm,
        "A form is the JSON Schema of an object: its properties are the fields",
    ))
}

/// Holds the values of a decision against the schema.
///
/// # Errors
/// [`Code::WrongForm`], which names each value that does not fit.
pub(super) fn check_values(schema: &Value, values: &Value) -> Result<(), Problem> {
    let validator = compile(schema)?;
    let wrong: Vec<String> = validator
        .iter_errors(values)
        .take(SHOWN_MAX)
        .map(|error| {
            let path = error.instance_path().to_string();
            match path.is_empty() {
                true => error.to_string(),
                false => format!("{path}: {error}"),
            }
        })
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let text = format!("The form's values do not fit: {}", wrong.join("; "));
    Err(Problem::new(Code::WrongForm, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_held_against_the_schema() {
        let schema = json!({
            "type": "object", "required": ["budget"], "additionalProperties": false,
            "properties": { "budget": { "type": "integer", "minimum": 1 }, "note": { "type": "string", "maxLength": 3 } },
        });
        check_schema(&schema).expect("a schema");
        check_values(&schema, &json!({ "budget": 5 })).expect("values");
        for (values, named) in [
            (json!({}), "budget"),
            (json!({ "budget": 0 }), "/budget"),
            (json!({ "budget": 1, "note": "long" }), "/note"),
            (json!({ "budget": 1, "more": 1 }), "more"),
        ] {
            let problem = check_values(&schema, &values).expect_err("a violation");
            assert_eq!(problem.code.as_str(), "E0225");
            assert!(problem.detail.contains(named), "{problem}");
        }
    }

    #[test]
    fn what_is_no_schema_of_an_object_or_leads_elsewhere_is_refused() {
        for schema in [
            json!({ "type": "nonsense" }),
            json!({ "type": "string" }),
            json!(true),
            json!({ "$ref": "http://127.0.0.1:1/schema.json" }),
            json!({ "$ref": "file:///etc/passwd" }),
        ] {
            assert!(check_schema(&schema).is_err(), "{schema}");
        }
    }
}
