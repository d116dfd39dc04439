//! The fields that a JSON Schema asks for, and their values as a browser sends them.

use serde_json::{Map, Number, Value};

use super::html::escape;

/// Before a field's name: no field is taken for a part of the page.
const PREFIX: &str = "field.";
/// A text that may be longer than this has several lines.
const LINE_CHARACTERS: u64 = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Line,
    Lines,
    Integer,
    Number,
    Boolean,
    Choice,
    /// What has no field of its own is written as JSON.
    Json,
}

fn kind(schema: &Value) -> Kind {
    if schema.get("enum").is_some_and(Value::is_array) {
        return Kind::Choice;
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => {
            let long = schema.get("maxLength").and_then(Value::as_u64);
            let format = schema.get("format").and_then(Value::as_str);
            let lines = long.is_some_and(|long| long > LINE_CHARACTERS)
                || matches!(format, Some("textarea" | "multiline" | "markdown"));
            if lines { Kind::Lines } else { Kind::Line }
        }
        Some("integer") => Kind::Integer,
        Some("number") => Kind::Number,
        Some("boolean") => Kind::Boolean,
        _ => Kind::Json,
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten()
}

fn is_required(schema: &Value, name: &str) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    required.is_some_and(|required| required.iter().any(|required| required == name))
}

/// What was sent, as the JSON that the schema speaks of. What is no number stays a text: the schema's own words then say what is wrong.
pub(super) fn values(schema: &Value, pairs: &[(String, String)]) -> Value {
    let mut values = Map::new();
    for (name, field) in properties(schema) {
        let sent = super::value(pairs, &format!("{PREFIX}{name}"));
        let text = sent.unwrap_or_default();
        let value = match kind(field) {
            Kind::Boolean => Value::Bool(sent.is_some()),
            _ if text.is_empty() => continue,
            Kind::Line | Kind::Lines => Value::from(text.replace("\r\n", "\n")),
            Kind::Integer | Kind::Number => number(text),
            Kind::Choice => choice(field, text),
            Kind::Json => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        };
        values.insert(name.clone(), value);
    }
    Value::Object(values)
}

fn number(text: &str) -> Value {
    let number = text.trim().parse::<i64>().map(Number::from).ok();
    let number = number.or_else(|| text.trim().parse::<f64>().ok().and_then(Number::from_f64));
    number.map_or_else(|| text.into(), Value::Number)
}

/// Choices are sent by their place: they may be any JSON.
fn choice(field: &Value, text: &str) -> Value {
    let choices = field.get("enum").and_then(Value::as_array);
    let place = text.parse::<usize>().ok();
    let chosen = choices
        .zip(place)
        .and_then(|(choices, place)| choices.get(place));
    chosen.cloned().unwrap_or_else(|| text.into())
}

/// The fields with what was sent before, or their defaults.
pub(super) fn show(schema: &Value, sent: Option<&Value>) -> String {
    properties(schema)
        .map(|(name, field)| {
            let before = sent.and_then(|sent| sent.get(name));
            let value = before.or_else(|| field.get("default").filter(|_| sent.is_none()));
            one(name, field, value, is_required(schema, name))
        })
        .collect()
}

fn one(name: &str, field: &Value, value: Option<&Value>, required: bool) -> String {
    let text = |member: &str| field.get(member).and_then(Value::as_str);
    let label = escape(text("title").unwrap_or(name));
    let help = text("description").unwrap_or_default();
    let id = format!("{PREFIX}{}", escape(name));
    let hint = match help.is_empty() {
        true => String::new(),
        false => format!(r#"<p class="hint" id="{id}.hint">{}</p>"#, escape(help)),
    };
    let described = match help.is_empty() {
        true => String::new(),
        false => format!(r#" aria-describedby="{id}.hint""#),
    };
    let must = if required { " required" } else { "" };
    let mark = match required {
        true => r#" <span class="must">required</span>"#,
        false => "",
    };
    let head = format!(r#"id="{id}" name="{id}"{described}"#);
    let control = match kind(field) {
        Kind::Boolean => {
            let checked = if value == Some(&Value::Bool(true)) {
                " checked"
            } else {
                ""
            };
            return format!(
                r#"<div class="field check"><input type="checkbox" {head} value="true"{checked}><label for="{id}">{label}</label>{hint}</div>"#
            );
        }
        Kind::Choice => select(&head, must, field, value),
        Kind::Lines | Kind::Json => format!(
            r#"<textarea {head}{must} rows="5">{}</textarea>"#,
            escape(&plain(value))
        ),
        kind => format!(
            r#"<input {head}{must} {} value="{}">"#,
            attributes(kind, field),
            escape(&plain(value))
        ),
    };
    format!(r#"<div class="field"><label for="{id}">{label}{mark}</label>{hint}{control}</div>"#)
}

fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// What browsers help with; the schema decides.
fn attributes(kind: Kind, field: &Value) -> String {
    let mut attributes = match kind {
        Kind::Integer => r#"type="number" step="1""#.to_owned(),
        Kind::Number => r#"type="number" step="any""#.to_owned(),
        _ => {
            let sort = match field.get("format").and_then(Value::as_str) {
                Some("date") => "date",
                Some("email") => "email",
                Some("uri") => "url",
                _ => "text",
            };
            format!(r#"type="{sort}""#)
        }
    };
    for (member, attribute) in [
        ("minimum", "min"),
        ("maximum", "max"),
        ("minLength", "minlength"),
        ("maxLength", "maxlength"),
    ] {
        if let Some(limit) = field.get(member).and_then(Value::as_number) {
            attributes.push_str(&format!(r#" {attribute}="{limit}""#));
        }
    }
    attributes
}

fn select(head: &str, must: &str, field: &Value, value: Option<&Value>) -> String {
    let choices = field.get("enum").and_then(Value::as_array);
    let options: String = choices
        .into_iter()
        .flatten()
        .enumerate()
        .map(|(place, choice)| {
            let selected = if value == Some(choice) {
                " selected"
            } else {
                ""
            };
            let shown = escape(&plain(Some(choice)));
            format!(r#"<option value="{place}"{selected}>{shown}</option>"#)
        })
        .collect();
    format!(r#"<select {head}{must}><option value="">Choose…</option>{options}</select>"#)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Value {
        json!({
            "type": "object", "required": ["budget"],
            "properties": {
                "budget": { "type": "integer", "minimum": 1, "title": "Budget <EUR>" },
                "share": { "type": "number" },
                "public": { "type": "boolean" },
                "where": { "enum": ["blog", 7, null] },
                "note": { "type": "string", "maxLength": 2000, "default": "a\"b" },
                "tags": { "type": "array" },
            },
        })
    }

    fn sent(pairs: &[(&str, &str)]) -> Value {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| (format!("field.{name}"), (*value).to_owned()))
            .collect();
        values(&schema(), &pairs)
    }

    #[test]
    fn what_browsers_send_becomes_what_the_schema_speaks_of() {
        assert_eq!(
            sent(&[
                ("budget", "5"),
                ("share", "0.5"),
                ("public", "true"),
                ("where", "1"),
                ("note", "x\r\ny"),
                ("tags", "[1]"),
                ("foreign", "1")
            ]),
            json!({ "budget": 5, "share": 0.5, "public": true, "where": 7, "note": "x\ny", "tags": [1] })
        );
        assert_eq!(
            sent(&[("budget", ""), ("where", "9")]),
            json!({ "public": false, "where": "9" }),
            "what is left out is not there, and no choice is made up"
        );
        assert_eq!(sent(&[("budget", "many")])["budget"], "many");
    }

    #[test]
    fn fields_are_labelled_bounded_and_escaped() {
        let shown = show(&schema(), None);
        for part in [
            r#"<label for="field.budget">Budget &lt;EUR&gt; <span class="must">required</span></label>"#,
            r#"id="field.budget" name="field.budget" required type="number" step="1" min="1" value="""#,
            r#"<input type="checkbox" id="field.public""#,
            r#"<option value="1">7</option>"#,
            ">a&quot;b</textarea>",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        let again = show(
            &schema(),
            Some(&json!({ "budget": "many", "where": "blog" })),
        );
        assert!(again.contains(r#"value="many""#), "{again}");
        assert!(again.contains(r#"<option value="0" selected>"#), "{again}");
    }
}
