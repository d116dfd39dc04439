//! Declarations beside each other: duplicates across blocks, implicits, recursion.

use super::Walker;
use crate::ast::Decl;
use crate::check::names::{FacetId, FacetInfo, Map, full};
use crate::diag::{FileId, Rule};
use crate::program::Program;
use crate::resolve::{Target, body_calls};
use crate::span::Span;

impl<'p, 's> Walker<'_, '_, 'p, 's> {
    pub(super) fn declarations(&mut self, program: &'p Program<'s>) {
        let mut blocks: Map<(&str, &str), (usize, FileId, Span)> = Map::default();
        for ((file, namespace), number) in program.namespaces().zip(0..) {
            for decl in &namespace.decls {
                let name = match decl {
                    Decl::Facet(facet) => facet.sig.name,
                    Decl::Schema(schema) => schema.name,
                    Decl::Use(_) | Decl::Implicit(_) => continue,
                };
                let first = *blocks
                    .entry((namespace.name.text, name.text))
                    .or_insert((number, file, name.span));
                if first.0 != number {
                    self.file = file;
                    let message = format!(
                        "'{}' is declared in two blocks of this namespace; names resolve to the last one",
                        full(namespace.name.text, name.text)
                    );
                    self.report(Rule::DuplicateAcrossBlocks, name.span, message)
                        .relate(first.1, first.2, "first declared here");
                }
            }
        }
        self.implicits();
    }

    fn implicits(&mut self) {
        let implicits = &self.model.names.implicits;
        for (at, implicit) in implicits.iter().enumerate() {
            self.file = implicit.file;
            self.scope = self.model.scope(implicit.scope);
            let facet = self.model.implicit_facet(implicit);
            let earlier = self.model.names.implicits_of(implicit.namespace);
            let earlier = earlier
                .iter()
                .filter(|other| **other < at)
                .filter_map(|other| implicits.get(*other));
            for other in earlier {
                let same_facet = facet.is_some_and(|facet| {
                    self.model
                        .implicit_facet(other)
                        .is_some_and(|other| other.id == facet.id)
                });
                let name = implicit.decl.name;
                let message = if other.decl.name.text == name.text {
                    format!("Two implicits are named '{}'", name.text)
                } else if same_facet {
                    format!(
                        "Two implicits supply '{}': only '{}' has effect",
                        implicit.decl.call.target.text, other.decl.name.text
                    )
                } else {
                    continue;
                };
                let first = (other.file, other.decl.name.span);
                self.report(Rule::ImplicitDuplicate, name.span, message)
                    .relate(first.0, first.1, "the first one");
                break;
            }
            let args = &implicit.decl.call.args;
            self.unique_args(args);
            for arg in args.iter().filter(|arg| super::walk::refers(&arg.value)) {
                let message = format!(
                    "Implicit '{}' must not refer to inputs or steps: it stands outside all facets",
                    implicit.decl.name.text
                );
                self.report(Rule::DefaultReference, arg.value.span, message);
            }
            match facet {
                // Unknown parameters are the reference's own rule.
                Some(facet) => self.typed_args(&facet, &implicit.decl.call.args),
                None => self.unknown_target(implicit.decl.call.target),
            }
        }
    }

    /// Reports facets that call themselves without a condition on the way.
    pub(super) fn recursion(&mut self) {
        let names = self.model.names;
        let edges: Vec<Vec<(FacetId, Span)>> = names
            .facets
            .iter()
            .map(|facet| self.unconditional(facet))
            .collect();
        let mut state = vec![0_u8; names.facets.len()];
        for start in 0..names.facets.len() {
            // Depth first without recursion: chains of facets may be long.
            let mut path: Vec<(FacetId, usize)> = vec![(start, 0)];
            while let Some((at, next)) = path.pop() {
                let Some(here) = state.get_mut(at) else {
                    continue;
                };
                if next == 0 && *here != 0 {
                    continue;
                }
                *here = 1;
                match edges.get(at).and_then(|edges| edges.get(next)) {
                    None => *here = 2,
                    Some((to, span)) => {
                        path.push((at, next + 1));
                        match state.get(*to) {
                            Some(0) => path.push((*to, 0)),
                            Some(1) => self.cycle(&path, at, *to, *span),
                            _ => {}
                        }
                    }
                }
            }
        }
    }

    fn unconditional(&self, facet: &FacetInfo<'p, 's>) -> Vec<(FacetId, Span)> {
        let mut edges = Vec::new();
        let scope = self.model.scope(facet.scope);
        body_calls(facet, &mut |call, maybe| {
            if !maybe && let Target::Facet(callee) = self.model.target(call.target.text, scope) {
                edges.push((callee.id, call.target.span));
            }
        });
        edges
    }

    fn cycle(&mut self, path: &[(FacetId, usize)], from: FacetId, to: FacetId, span: Span) {
        let facets = &self.model.names.facets;
        let Some(caller) = facets.get(from) else {
            return;
        };
        let start = path.iter().position(|(at, _)| *at == to).unwrap_or(0);
        let round = path
            .iter()
            .skip(start)
            .filter_map(|(at, _)| facets.get(*at))
            .chain(facets.get(to));
        let round: Vec<String> = round.map(FacetInfo::full).collect();
        self.file = caller.file;
        let message = format!(
            "'{}' calls itself without end: {}",
            round.first().map_or("", String::as_str),
            round.join(" → ")
        );
        self.report(Rule::Recursion, span, message).help =
            Some("a `when` case or a `foreach` on the way can end it".to_owned());
    }
}
