//! Findings as text, JSON lines or SARIF. Order and wording are stable: the same sources give the same bytes.

mod sarif;
mod text;

use super::args::{Format, JudgeArgs, MessageFormat};
use everstep_afl::diag::{Diagnostic, FileId, Severity};
use everstep_afl::program::Source;
use everstep_afl::span::Span;
use serde_json::{Map, Value, json};

/// Shows findings in the format that was asked for.
pub fn show(sources: &[Source], findings: &[Diagnostic], judge: &JudgeArgs) -> String {
    match (judge.diagnostics, judge.message_format) {
        (Format::Sarif, _) => sarif::log(sources, findings),
        (Format::Json, _) => findings
            .iter()
            .map(|finding| format!("{}\n", object(sources, finding)))
            .collect(),
        (Format::Text, MessageFormat::Reference) => findings
            .iter()
            .filter(|finding| finding.is_error())
            .map(|finding| reference(sources, finding))
            .collect(),
        (Format::Text, MessageFormat::Rich) => {
            let shown: Vec<&Diagnostic> = findings
                .iter()
                .filter(|finding| judge.notes || finding.severity != Severity::Note)
                .collect();
            text::report(sources, &shown)
        }
    }
}

/// The reference's own line. Its parse errors name the file and repeat the place.
fn reference(sources: &[Source], finding: &Diagnostic) -> String {
    let Some(source) = sources.get(finding.file as usize) else {
        return String::new();
    };
    let place = source.lines.place(&source.text, finding.span.start);
    format!(
        "Error: {} at line {}, column {}\n",
        finding.message, place.line, place.column
    )
}

/// A finding as JSON: one place has `file`, `line`, `column`, `endLine`, `endColumn`, all counted from 1.
pub fn object(sources: &[Source], finding: &Diagnostic) -> Value {
    let mut object = Map::new();
    object.insert("phase".into(), finding.phase.word().into());
    object.insert("severity".into(), finding.severity.word().into());
    object.insert("rule".into(), finding.rule.id().into());
    object.insert("code".into(), finding.rule.code().into());
    object.insert("message".into(), finding.message.as_str().into());
    place(&mut object, sources, finding.file, finding.span);
    if let Some(help) = &finding.help {
        object.insert("help".into(), help.as_str().into());
    }
    if !finding.related.is_empty() {
        let related = finding.related.iter().map(|related| {
            let mut object = Map::new();
            object.insert("message".into(), related.text.as_str().into());
            place(&mut object, sources, related.file, related.span);
            Value::Object(object)
        });
        object.insert("related".into(), related.collect());
    }
    if let Some(fix) = &finding.fix {
        let edits = fix.edits.iter().map(|(span, text)| {
            let mut object = Map::new();
            object.insert("text".into(), text.as_str().into());
            place(&mut object, sources, finding.file, *span);
            Value::Object(object)
        });
        object.insert(
            "fix".into(),
            json!({ "title": fix.title, "edits": edits.collect::<Value>() }),
        );
    }
    Value::Object(object)
}

fn place(object: &mut Map<String, Value>, sources: &[Source], file: FileId, span: Span) {
    let Some(source) = sources.get(file as usize) else {
        return;
    };
    let (start, end) = (
        source.lines.place(&source.text, span.start),
        source.lines.place(&source.text, span.end),
    );
    object.insert("file".into(), source.name.as_str().into());
    object.insert("line".into(), start.line.into());
    object.insert("column".into(), start.column.into());
    object.insert("endLine".into(), end.line.into());
    object.insert("endColumn".into(), end.column.into());
}
