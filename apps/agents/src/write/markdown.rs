use std::fmt::Write as _;

use super::{Paragraph, Report};

/// Lays the report out. Sections of several short statements become lists.
pub(super) fn lay_out(report: &Report) -> String {
    let mut out = format!("# {}\n\n{}\n", report.title, report.summary);
    for section in &report.sections {
        let _ = write!(out, "\n## {}\n\n", section.heading);
        let is_list = section.paragraphs.len() > 1;
        for paragraph in &section.paragraphs {
            let mark = if is_list { "- " } else { "" };
            let _ = writeln!(out, "{mark}{}", with_marks(paragraph));
        }
    }
    if !report.revision_notes.is_empty() {
        out.push_str("\n## Revision notes\n\n");
        for outcome in &report.revision_notes {
            let status = outcome.status.replace('_', " ");
            let _ = writeln!(out, "- “{}”: {status}. {}", outcome.request, outcome.note);
        }
    }
    if !report.citations.is_empty() {
        out.push_str("\n## Sources\n\n");
        for citation in &report.citations {
            let quote = &citation.quote;
            let _ = writeln!(
                out,
                "{}. “{}” ({}, `{}`)",
                citation.n, quote.text, quote.title, quote.path
            );
        }
    }
    out
}

fn with_marks(paragraph: &Paragraph) -> String {
    let mut text = paragraph.text.clone();
    for n in &paragraph.citations {
        let mark = format!("[{n}]");
        if !text.contains(&mark) {
            let _ = write!(text, " {mark}");
        }
    }
    text
}
