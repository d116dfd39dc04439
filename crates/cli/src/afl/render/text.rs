//! Findings for people: excerpt, places, hints, repairs.

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use everstep_afl::diag::{Diagnostic, Severity};
use everstep_afl::program::Source;
use everstep_afl::span::Span;
use std::io::IsTerminal;
use std::ops::Range;

/// All findings and a last line that counts them; nothing when there are none.
pub fn report(sources: &[Source], findings: &[&Diagnostic]) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let colour = std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut out = String::new();
    for finding in findings {
        out.push_str(&renderer.render(&groups(sources, finding)));
        out.push_str("\n\n");
    }
    let count = |severity| {
        findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    out.push_str(&summary(count(Severity::Error), count(Severity::Warning)));
    out
}

fn summary(errors: usize, warnings: usize) -> String {
    let word =
        |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, 0) => String::new(),
        (0, _) => format!("{}\n", word(warnings, "warning")),
        (_, 0) => format!("{}\n", word(errors, "error")),
        _ => format!("{}, {}\n", word(errors, "error"), word(warnings, "warning")),
    }
}

fn groups<'a>(sources: &'a [Source], finding: &'a Diagnostic) -> Vec<Group<'a>> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level
        .primary_title(finding.message.as_str())
        .id(finding.rule.id());
    let Some(source) = sources.get(finding.file as usize) else {
        return vec![Group::with_title(title)];
    };
    let mut snippet =
        excerpt(source).annotation(AnnotationKind::Primary.span(range(source, finding.span)));
    for related in finding
        .related
        .iter()
        .filter(|related| related.file == finding.file)
    {
        snippet = snippet.annotation(
            AnnotationKind::Context
                .span(range(source, related.span))
                .label(related.text.as_str()),
        );
    }
    let mut group = Group::with_title(title).element(snippet);
    for related in finding
        .related
        .iter()
        .filter(|related| related.file != finding.file)
    {
        if let Some(other) = sources.get(related.file as usize) {
            let annotation = AnnotationKind::Context
                .span(range(other, related.span))
                .label(related.text.as_str());
            group = group.element(excerpt(other).annotation(annotation));
        }
    }
    let fixed = finding.fix.as_ref().filter(|fix| !fix.edits.is_empty());
    if let (Some(help), None) = (&finding.help, fixed) {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let mut groups = vec![group];
    if let Some(fix) = fixed {
        let title = finding.help.as_ref().unwrap_or(&fix.title);
        let patches = fix
            .edits
            .iter()
            .map(|(span, text)| Patch::new(range(source, *span), text.as_str()));
        let snippet = Snippet::source(source.text.as_str())
            .path(source.name.as_str())
            .patches(patches);
        groups
            .push(Group::with_title(Level::HELP.secondary_title(title.as_str())).element(snippet));
    }
    groups
}

fn excerpt<'a>(source: &'a Source) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    Snippet::source(source.text.as_str()).path(source.name.as_str())
}

/// The span as the renderer wants it: inside the text and on character boundaries.
fn range(source: &Source, span: Span) -> Range<usize> {
    let text = source.text.as_str();
    let start = text.floor_char_boundary((span.start as usize).min(text.len()));
    let end = text.ceil_char_boundary((span.end as usize).clamp(start, text.len()));
    start..end
}
