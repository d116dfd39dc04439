//! SARIF 2.1.0, as code hosts read it.

use everstep_afl::diag::{Diagnostic, FileId, Rule, Severity};
use everstep_afl::program::Source;
use everstep_afl::span::Span;
use serde_json::{Map, Value, json};

/// One log with one run.
pub fn log(sources: &[Source], findings: &[Diagnostic]) -> String {
    let mut rules: Vec<Rule> = findings.iter().map(|finding| finding.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    let descriptors: Vec<Value> = rules.iter().map(|rule| descriptor(*rule)).collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| result(sources, finding, &rules))
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "everstep afl", "version": env!("CARGO_PKG_VERSION"), "rules": descriptors } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn descriptor(rule: Rule) -> Value {
    json!({
        "id": rule.id(),
        "name": rule.code(),
        "shortDescription": { "text": rule.title() },
        "help": { "text": format!("everstep explain {}", rule.id()) },
    })
}

fn result(sources: &[Source], finding: &Diagnostic, rules: &[Rule]) -> Value {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let text = finding.help.as_ref().map_or_else(
        || finding.message.clone(),
        |help| format!("{} ({help})", finding.message),
    );
    let mut result = Map::new();
    let mut put = |name: &str, value: Value| result.insert(name.to_owned(), value);
    put("ruleId", finding.rule.id().into());
    put(
        "ruleIndex",
        rules.iter().position(|rule| *rule == finding.rule).into(),
    );
    put("level", level.into());
    put("message", json!({ "text": text }));
    let place = physical(sources, finding.file, finding.span);
    put("locations", json!([{ "physicalLocation": place }]));
    if !finding.related.is_empty() {
        let related = finding.related.iter().zip(0..).map(|(related, id)| {
            let place = physical(sources, related.file, related.span);
            json!({ "id": id, "message": { "text": related.text }, "physicalLocation": place })
        });
        put("relatedLocations", related.collect());
    }
    if let Some(fix) = &finding.fix {
        let replacements = fix.edits.iter().map(|(span, text)| {
            let region = region(sources, finding.file, *span);
            json!({ "deletedRegion": region, "insertedContent": { "text": text } })
        });
        let change = json!({
            "artifactLocation": artifact(sources, finding.file),
            "replacements": replacements.collect::<Value>(),
        });
        put(
            "fixes",
            json!([{ "description": { "text": fix.title }, "artifactChanges": [change] }]),
        );
    }
    Value::Object(result)
}

fn physical(sources: &[Source], file: FileId, span: Span) -> Value {
    json!({ "artifactLocation": artifact(sources, file), "region": region(sources, file, span) })
}

fn artifact(sources: &[Source], file: FileId) -> Value {
    let name = sources
        .get(file as usize)
        .map_or("", |source| source.name.as_str());
    let uri: String = name
        .split('/')
        .map(|part| {
            part.replace('%', "%25")
                .replace(' ', "%20")
                .replace('#', "%23")
        })
        .collect::<Vec<_>>()
        .join("/");
    json!({ "uri": uri })
}

fn region(sources: &[Source], file: FileId, span: Span) -> Value {
    let Some(source) = sources.get(file as usize) else {
        return json!({});
    };
    let (start, end) = (
        source.lines.place(&source.text, span.start),
        source.lines.place(&source.text, span.end),
    );
    json!({ "startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column })
}
