use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::document::Quote;
use crate::language;
use crate::research::{Finding, Findings};

/// Reads each member on its own, so that one member of a foreign shape does not cost the others.
pub(super) fn findings(value: &Value) -> Findings {
    match value {
        Value::Object(members) => members_of(members),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ Value::Object(_)) => findings(&inner),
            _ => sentences_of(text),
        },
        Value::Array(items) => members_of(&Map::from_iter([(
            "key_findings".to_owned(),
            Value::Array(items.clone()),
        )])),
        Value::Null | Value::Bool(_) | Value::Number(_) => Findings::default(),
    }
}

fn members_of(members: &Map<String, Value>) -> Findings {
    Findings {
        topic: one(members, "topic"),
        research_type: one(members, "research_type"),
        summary: one(members, "summary"),
        executive_summary: one(members, "executive_summary"),
        key_findings: many(members, "key_findings", |text| json!({"finding": text})),
        sources: many(
            members,
            "sources",
            |text| json!({"path": text, "title": text}),
        ),
        sources_cited: many(members, "sources_cited", |text| json!(text)),
        data_points: many(members, "data_points", |_| Value::Null),
        detailed_analysis: one(members, "detailed_analysis"),
        gaps: many(members, "gaps", |text| {
            json!({"kind": "declared", "description": text, "confidence": 0.5,
                   "explanation": "given by the research data without a quotation"})
        }),
        research_gaps: many(members, "research_gaps", |text| json!(text)),
        recommendations: many(members, "recommendations", |text| json!(text)),
        metadata: one(members, "metadata"),
    }
}

/// A plain text becomes findings without a source; they count as themes but are never cited.
fn sentences_of(text: &str) -> Findings {
    let key_findings = language::sentences(text)
        .into_iter()
        .filter_map(|range| text.get(range))
        .map(|sentence| Finding {
            finding: sentence.to_owned(),
            quote: Quote::default(),
            relevance: 1.0,
        })
        .collect();
    Findings {
        summary: text.chars().take(500).collect(),
        key_findings,
        ..Findings::default()
    }
}

fn one<T: DeserializeOwned + Default>(members: &Map<String, Value>, name: &str) -> T {
    members
        .get(name)
        .and_then(|value| serde_json::from_value(value.clone()).ok())
        .unwrap_or_default()
}

/// Items of a list; `lift` says what a plain string in it means.
fn many<T: DeserializeOwned>(
    members: &Map<String, Value>,
    name: &str,
    lift: fn(&str) -> Value,
) -> Vec<T> {
    let Some(Value::Array(items)) = members.get(name) else {
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| {
            let item = match item {
                Value::String(text) => lift(text),
                other => other.clone(),
            };
            serde_json::from_value(item).ok()
        })
        .collect()
}
