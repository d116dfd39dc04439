//! What the compiler has to say: plain data, rendered elsewhere.

pub use crate::rule::{Origin, Rule};
use crate::span::Span;

/// How severe a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Compilation fails.
    Error,
    /// Compilation goes on.
    Warning,
    /// Nothing is wrong; something may be worth knowing.
    Note,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// The part of the compiler that found something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The text is not the language.
    Parse,
    /// The program does not hold together.
    Validate,
}

impl Phase {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Validate => "validate",
        }
    }
}

/// The index of a source file within one compilation.
pub type FileId = u32;

/// A further place that explains a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The file.
    pub file: FileId,
    /// The place in it.
    pub span: Span,
    /// What is to be seen there.
    pub text: String,
}

/// A change that would repair the source, all edits in the diagnostic's own file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What the change does.
    pub title: String,
    /// Ranges and what replaces them.
    pub edits: Vec<(Span, String)>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule.
    pub rule: Rule,
    /// Which part of the compiler found it.
    pub phase: Phase,
    /// How severe it is in this compilation.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The file.
    pub file: FileId,
    /// The place.
    pub span: Span,
    /// Further places.
    pub related: Vec<Related>,
    /// A hint in words, such as "did you mean".
    pub help: Option<String>,
    /// A repair.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// A finding in file 0, as severe as its rule usually is.
    #[must_use]
    pub fn new(rule: Rule, span: Span, message: String) -> Self {
        let severity = if rule.origin() == Origin::Lint {
            Severity::Warning
        } else {
            Severity::Error
        };
        Self {
            rule,
            phase: Phase::Validate,
            severity,
            message,
            file: 0,
            span,
            related: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// The same finding in another file.
    #[must_use]
    pub fn in_file(mut self, file: FileId) -> Self {
        self.file = file;
        self
    }

    /// Adds a further place.
    pub fn relate(&mut self, file: FileId, span: Span, text: impl Into<String>) {
        self.related.push(Related {
            file,
            span,
            text: text.into(),
        });
    }

    /// Sets a repair that replaces one range.
    pub fn repair(&mut self, title: impl Into<String>, span: Span, text: impl Into<String>) {
        self.fix = Some(Fix {
            title: title.into(),
            edits: vec![(span, text.into())],
        });
    }

    /// Adds a hint.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Adds a repair that replaces one range.
    #[must_use]
    pub fn fix(mut self, title: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        self.repair(title, span, text);
        self
    }

    /// Adds "did you mean" and its repair when one of the names is near to what was written.
    #[must_use]
    pub fn did_you_mean<'n>(
        self,
        written: &str,
        at: Span,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        match nearest(written, names) {
            Some(name) => self.help(format!("did you mean `{name}`?")).fix(
                format!("Replace with `{name}`"),
                at,
                name,
            ),
            None => self,
        }
    }

    /// Whether compilation fails because of it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Sorts into the one order in which findings are always shown: file, place, rule, text; and drops repetitions.
pub fn settle(findings: &mut Vec<Diagnostic>) {
    findings.sort_by(|a, b| {
        (a.file, a.span.start, a.span.end, a.severity, a.rule)
            .cmp(&(b.file, b.span.start, b.span.end, b.severity, b.rule))
            .then_with(|| a.message.cmp(&b.message))
    });
    findings.dedup_by(|a, b| {
        a.file == b.file && a.span == b.span && a.rule == b.rule && a.message == b.message
    });
}

/// The name nearest to `written`, if it is near enough to be a slip: one in four letters, and any difference of case.
#[must_use]
pub fn nearest<'n>(written: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let limit = ((written.chars().count() + 1) / 4).min(3);
    let near = names
        .into_iter()
        .filter(|name| *name != written)
        .filter_map(|name| Some((distance(written, name, limit)?, name)));
    near.min().map(|(_, name)| name)
}

/// The number of insertions, deletions, replacements and swaps between two words, up to `limit`. A difference of case counts nothing.
fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit * 4 || a.len() > 200 {
        return None;
    }
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at =
                |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
            let same = x.eq_ignore_ascii_case(y);
            let mut cost = (at(&row, j) + usize::from(!same))
                .min(at(&row, j + 1) + 1)
                .min(at(&next, j) + 1);
            if i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x) {
                cost = cost.min(at(&before, j - 1) + 1);
            }
            next.push(cost);
        }
        before = std::mem::replace(&mut row, next);
    }
    let found = row.last().copied()?;
    (found <= limit).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised() {
        assert_eq!(nearest("Retyr", ["Retry", "Timeout"]), Some("Retry"));
        assert_eq!(nearest("retry", ["Retry"]), Some("Retry"));
        assert_eq!(nearest("x", ["Timeout", "y"]), None);
        assert_eq!(nearest("payload", ["status_code"]), None);
    }
}
