//! The files in `tests/cases`: an expression, a template or a reference path, what it is evaluated against, and what comes out.

use crate::given::Given;
use everstep_expr::expression::Expression;
use everstep_expr::json::Value;
use everstep_expr::path::{Path, ReferencePath};
use everstep_expr::template::Template;

const FILES: &[(&str, &str)] = &[
    ("paths", include_str!("../cases/paths.json")),
    ("filters", include_str!("../cases/filters.json")),
    ("references", include_str!("../cases/references.json")),
    ("expressions", include_str!("../cases/expressions.json")),
    ("templates", include_str!("../cases/templates.json")),
    ("arrays", include_str!("../cases/arrays.json")),
    ("texts", include_str!("../cases/texts.json")),
    ("numbers", include_str!("../cases/numbers.json")),
];

fn text<'a>(case: &'a Value, key: &str) -> Option<&'a str> {
    case.get(key).and_then(Value::as_str)
}

/// What comes out: `value`, `error` or `syntax`, and the value or text.
fn outcome(case: &Value, shared: &Value) -> (&'static str, Value) {
    let of = |key| case.get(key).or(shared.get(key)).cloned();
    let mut given = Given::input(of("input").unwrap_or_default());
    given.context = of("context").unwrap_or_default();
    given.variables = of("variables")
        .and_then(|v| v.as_object().cloned())
        .unwrap_or_default();
    if let Some(written) = text(case, "path") {
        return match Path::parse(written) {
            Err(error) => ("syntax", error.to_string().into()),
            Ok(path) => match path.read(&given.input) {
                Ok(value) => ("value", value),
                Err(error) => ("error", error.to_string().into()),
            },
        };
    }
    if let Some(written) = text(case, "reference") {
        return match ReferencePath::parse(written) {
            Err(error) => ("syntax", error.to_string().into()),
            Ok(path) => match path.set(&given.input, of("new").unwrap_or_default()) {
                Ok(value) => ("value", value),
                Err(error) => ("error", error.to_string().into()),
            },
        };
    }
    if let Some(template) = case.get("template") {
        return match Template::parse(template) {
            Err(errors) => {
                let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
                ("syntax", texts.join("; ").into())
            }
            Ok(template) => match template.evaluate(&mut given) {
                Ok(value) => ("value", value),
                Err(error) => ("error", error.text(&given).into()),
            },
        };
    }
    let written = text(case, "expression").expect("a case has something to evaluate");
    match Expression::parse(written) {
        Err(error) => ("syntax", error.to_string().into()),
        Ok(expression) => match expression.evaluate(&mut given) {
            Ok(value) => ("value", value),
            Err(error) => ("error", error.text_in_field("value.$", &given).into()),
        },
    }
}

#[test]
fn every_case_comes_out_as_written() {
    let mut wrong = Vec::new();
    for (name, file) in FILES {
        let file = Value::parse(file).expect(name);
        let shared = file.get("shared").cloned().unwrap_or_default();
        let cases = file
            .get("cases")
            .and_then(Value::as_array)
            .expect("a list of cases");
        assert!(!cases.is_empty(), "{name}");
        for case in cases {
            let (kind, found) = outcome(case, &shared);
            // Texts are compared, so that the spelling of numbers and the order of keys count.
            if case.get(kind).map(Value::to_text) != Some(found.to_text()) {
                wrong.push(format!(
                    "{name}: {case:.300}\n    gives {kind} {found:.300}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
