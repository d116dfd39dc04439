//! Does the program hold together?
//!
//! Two walks over the tree: `reference` finds exactly what the reference compiler finds, `strict` finds what it lets through. With
//! [`Options::conformance`] the verdict is the first walk's alone, and the second one's errors become warnings.

pub mod names;
mod reference;
mod strict;

use crate::diag::{Diagnostic, Severity, settle};
use crate::parse::Dialect;
use crate::program::Program;
use names::Names;

/// In which order the event facets of a block run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As written, and by data.
    #[default]
    Declared,
    /// By data alone, as the reference does.
    Data,
}

/// What becomes of values that a foreach yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Collect {
    /// Each output becomes a list in item order.
    #[default]
    All,
    /// The last one wins, as in the reference.
    Last,
}

/// How to check.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The dialect; it matters only with `conformance`.
    pub dialect: Dialect,
    /// Give the reference's verdict; what only we find becomes a warning.
    pub conformance: bool,
    /// The order of event facets.
    pub order: Order,
    /// What a foreach yields.
    pub collect: Collect,
    /// Some source has syntax errors: what may follow from a missing piece is not reported.
    pub broken: bool,
}

impl Options {
    /// Whether the rules of FFL hold.
    #[must_use]
    pub fn ffl(&self) -> bool {
        !self.conformance || self.dialect == Dialect::Ffl
    }
}

/// Checks a program.
#[must_use]
pub fn check(program: &Program<'_>, options: Options) -> Vec<Diagnostic> {
    let names = Names::new(program);
    check_with(program, &names, options)
}

/// Checks a program whose names were read already.
#[must_use]
pub fn check_with(
    program: &Program<'_>,
    names: &Names<'_, '_>,
    options: Options,
) -> Vec<Diagnostic> {
    let mut findings = reference::check(program, names, options);
    findings.sort_by_key(|finding| (finding.file, finding.span));
    let known = findings.len();
    let mut ours = strict::check(program, names, options);
    // Where the reference's rule speaks already, ours need not repeat it.
    ours.retain(|one| {
        let key = (one.file, one.span);
        let before = findings.get(..known).unwrap_or_default();
        !one.is_error()
            || before
                .binary_search_by_key(&key, |finding| (finding.file, finding.span))
                .is_err()
    });
    if options.conformance {
        for one in &mut ours {
            one.severity = one.severity.max(Severity::Warning);
        }
    }
    findings.append(&mut ours);
    settle(&mut findings);
    findings
}
