//! What the reference lets through.
//!
//! Types are real here: they go through lists, schemas and step outputs, and `Json` is the one explicitly dynamic type. Names that are unknown or
//! ambiguous have the type `Any`, which fits everything: the reference's rules report them, and nothing follows from an error.

mod args;
mod infer;
mod lints;
mod program;
mod walk;

use super::Options;
use super::names::{FacetInfo, Map, Names, Scope};
use crate::ast::Name;
use crate::diag::{Diagnostic, FileId, Rule};
use crate::program::Program;
use crate::resolve::ty::Ty;
use crate::resolve::{Model, Target};
use crate::span::Span;

pub(super) fn check<'p, 's>(
    program: &'p Program<'s>,
    names: &Names<'p, 's>,
    options: Options,
) -> Vec<Diagnostic> {
    let model = Model::new(names);
    let mut walker = Walker {
        model: &model,
        options,
        out: Vec::new(),
        file: 0,
        scope: model.scope(0),
        facet: None,
        variables: Vec::new(),
        steps: Vec::new(),
        index: Map::default(),
        used_implicits: vec![false; names.implicits.len()],
    };
    walker.declarations(program);
    for facet in &names.facets {
        walker.facet(facet);
    }
    walker.recursion();
    walker.unused_implicits();
    walker.out
}

/// A step in scope.
#[derive(Debug, Clone, Copy)]
struct StepInfo<'p, 's> {
    name: Name<'s>,
    target: Target<'p, 's>,
    /// Inside its `catch` a step also has `error` and `error_type`.
    caught: bool,
    used: bool,
}

struct Walker<'m, 'n, 'p, 's> {
    model: &'m Model<'n, 'p, 's>,
    options: Options,
    out: Vec<Diagnostic>,
    file: FileId,
    scope: &'n Scope<'s>,
    facet: Option<FacetInfo<'p, 's>>,
    /// The variables of enclosing foreach clauses and their types, innermost last.
    variables: Vec<(Name<'s>, Ty)>,
    steps: Vec<StepInfo<'p, 's>>,
    index: Map<&'s str, usize>,
    used_implicits: Vec<bool>,
}

impl Walker<'_, '_, '_, '_> {
    fn report(&mut self, rule: Rule, span: Span, message: String) -> &mut Diagnostic {
        self.out
            .push(Diagnostic::new(rule, span, message).in_file(self.file));
        self.out.last_mut().expect("it was pushed just now")
    }

    fn hint<'x>(&mut self, written: &str, at: Span, names: impl IntoIterator<Item = &'x str>) {
        if let Some(last) = self.out.pop() {
            self.out.push(last.did_you_mean(written, at, names));
        }
    }
}
