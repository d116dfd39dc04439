//! What holds for every text. The fuzz targets in `fuzz/` check the same functions.

use crate::given::Given;
use everstep_expr::expression::Expression;
use everstep_expr::json::{DEPTH_MAX, Map, Value};
use everstep_expr::path::{Path, ReferencePath};
use everstep_expr::template::Template;

/// What is read is written again, and serde_json takes the same texts, numbers beyond its range and its depth apart.
pub fn json(text: &[u8]) {
    let theirs = serde_json::from_slice::<serde_json::Value>(text);
    match Value::parse(text) {
        Ok(value) => {
            let written = value.to_text();
            assert_eq!(value.len_utf8(), written.len());
            assert!(value.len_at_least() <= written.len());
            assert_eq!(Value::parse(&written).as_ref(), Ok(&value));
            let refused = theirs
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            let is_limit = refused.contains("out of range") || refused.contains("recursion limit");
            assert!(refused.is_empty() || is_limit, "{refused}");
        }
        Err(error) => {
            assert!(error.offset <= text.len() && error.line > 0 && error.column > 0);
            assert!(theirs.is_err(), "{error}");
        }
    }
}

/// Reading ends, lists come from paths that are not definite, and what is set where a reference path names is read there.
pub fn path(text: &str, input: &Value) {
    let Ok(path) = Path::parse(text) else {
        return;
    };
    let found = path.read(input);
    if let Ok(found) = &found
        && !path.is_definite()
    {
        assert!(found.as_array().is_some(), "{path} gives {found}");
    }
    let Ok(reference) = ReferencePath::parse(text) else {
        return;
    };
    assert!(path.is_definite() && reference.read(input) == found);
    if let Ok(changed) = reference.set(input, Value::from(7)) {
        assert_eq!(reference.read(&changed), Ok(Value::from(7)));
    }
}

/// Evaluating ends, gives the same for the same chance, and nests no deeper than allowed.
pub fn expression(text: &str, input: &Value) {
    let Ok(expression) = Expression::parse(text) else {
        return;
    };
    let given = || Given {
        context: input.clone(),
        variables: Map::from_iter([("x", input.clone())]),
        ..Given::input(input.clone())
    };
    let first = expression.evaluate(&mut given());
    assert_eq!(expression.evaluate(&mut given()), first);
    match first {
        Ok(value) => assert!(value.depth() <= DEPTH_MAX),
        Err(error) => assert!(!error.text_in_field("field", &given()).is_empty()),
    }
}

/// A template is refused with reasons or evaluated.
pub fn template(template: &Value, input: &Value) {
    match Template::parse(template) {
        Ok(template) => {
            let value = template.evaluate(&mut Given::input(input.clone()));
            assert!(value.is_err() || value.is_ok_and(|value| value.depth() <= DEPTH_MAX));
        }
        Err(errors) => assert!(!errors.is_empty()),
    }
}
