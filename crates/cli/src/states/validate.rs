//! `everstep states validate`.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use anyhow::Result;
use clap::Args;
use everstep_asl::{Definition, Diagnostic, Severity};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::error::Failed;
use crate::output::{self, Format};
use crate::verbs::Context;

#[derive(Args)]
pub struct Validate {
    /// File of the definition, or - for standard input
    file: PathBuf,
    /// Ask for what an Express state machine may not have, too
    #[arg(long)]
    express: bool,
    /// Take warnings for errors
    #[arg(long)]
    deny_warnings: bool,
}

impl Validate {
    pub fn run(self, context: &Context) -> Result<()> {
        let text = super::read(&self.file)?;
        let found = self.judge(&text);
        match context.format {
            Format::Json => output::json(&found.iter().map(|one| shown(one, &text)).collect())?,
            Format::Table => {
                for one in &found {
                    output::note(self.frame(one, &text));
                }
            }
        }
        let count = |severity| found.iter().filter(|one| one.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let name = self.file.display();
        if errors > 0 || (self.deny_warnings && warnings > 0) {
            let said = format!("{name}: {}", summary(errors, warnings));
            return Err(Failed::Outcome(said).into());
        }
        output::note(match warnings {
            0 => format!("{name} is right"),
            _ => format!("{name} is right, with {}", summary(0, warnings)),
        });
        Ok(())
    }

    fn judge(&self, text: &str) -> Vec<Diagnostic> {
        match Definition::parse(text) {
            Err(found) => found,
            Ok(definition) => {
                let mut found = if self.express {
                    definition.express_findings()
                } else {
                    Vec::new()
                };
                found.extend(definition.warnings);
                found
            }
        }
    }

    /// A finding with the place it is about.
    fn frame(&self, found: &Diagnostic, text: &str) -> String {
        let colour = std::io::stderr().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let level = match found.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level
            .primary_title(found.message.as_str())
            .id(found.code.as_str());
        let span = span(text, found.offset);
        let name = self.file.to_string_lossy();
        let mut mark = AnnotationKind::Primary.span(span);
        // The place in a text that is no JSON is the mark itself.
        if let Some(location) = &found.location
            && location.starts_with('/')
        {
            mark = mark.label(location.as_str());
        }
        let snippet = Snippet::source(text).path(&*name).annotation(mark);
        let shown = renderer.render(&[Group::with_title(title).element(snippet)]);
        format!("{shown}\n")
    }
}

/// What a finding is about: the value that begins there, as far as it stands in its line.
fn span(text: &str, offset: usize) -> std::ops::Range<usize> {
    let start = text.floor_char_boundary(offset.min(text.len()));
    let rest = text.get(start..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default();
    let mut values = serde_json::Deserializer::from_str(line).into_iter::<IgnoredAny>();
    let length = match values.next() {
        Some(Ok(_)) => values.byte_offset(),
        _ => line.chars().next().map_or(0, char::len_utf8),
    };
    start..start + length
}

fn shown(found: &Diagnostic, text: &str) -> Value {
    let before = text
        .get(..text.floor_char_boundary(found.offset.min(text.len())))
        .unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    json!({
        "severity": found.severity.as_str(),
        "code": found.code.as_str(),
        "message": found.message,
        "location": found.location,
        "line": line,
        "column": column,
    })
}

fn summary(errors: usize, warnings: usize) -> String {
    let word =
        |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (errors, warnings) {
        (_, 0) => word(errors, "error"),
        (0, _) => word(warnings, "warning"),
        _ => format!("{}, {}", word(errors, "error"), word(warnings, "warning")),
    }
}
