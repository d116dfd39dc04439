//! What can be written at a place.
//!
//! The place is judged by the text before it, because what is being written is rarely a whole statement yet.

use super::{Index, Symbol};
use crate::check::Collect;
use crate::check::names::{FacetInfo, Names, member};
use crate::diag::FileId;
use crate::program::Program;
use crate::resolve::Model;
use crate::resolve::ty::Ty;

/// What a proposal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompletionKind {
    Input,
    Step,
    Output,
    Facet,
    Schema,
    Keyword,
    Argument,
}

/// A proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What is inserted for the word before the cursor.
    pub label: String,
    pub kind: CompletionKind,
    /// Its type or full name.
    pub detail: String,
}

/// The proposals at a place, in a stable order.
#[must_use]
pub fn complete<'p, 's>(
    program: &'p Program<'s>,
    names: &Names<'p, 's>,
    model: &Model<'_, 'p, 's>,
    index: &Index,
    file: FileId,
    at: u32,
) -> Vec<Completion> {
    let Some(source) = program.source(file) else {
        return Vec::new();
    };
    let before = source.text.get(..at as usize).unwrap_or("");
    let word = before
        .rfind(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.' | '$'))
        .map_or(0, |at| at + 1);
    let path = before.get(word..).unwrap_or("");
    let facet = names
        .facets
        .iter()
        .filter(|facet| facet.file == file && facet.decl.span.start <= at)
        .max_by_key(|facet| facet.decl.span.start);
    let mut place = Place {
        source: &source.text,
        names,
        model,
        index,
        file,
        at,
        facet,
        out: Vec::new(),
    };
    if let Some(rest) = path.strip_prefix("$.") {
        place.inputs(rest);
    } else if let Some((path, _)) = path.rsplit_once('.') {
        place.below(path);
    } else {
        place.words(before.get(..word).unwrap_or(""));
    }
    place.out.dedup();
    place.out
}

struct Place<'m, 'n, 'p, 's> {
    source: &'m str,
    names: &'m Names<'p, 's>,
    model: &'m Model<'n, 'p, 's>,
    index: &'m Index,
    file: FileId,
    at: u32,
    facet: Option<&'m FacetInfo<'p, 's>>,
    out: Vec<Completion>,
}

impl Place<'_, '_, '_, '_> {
    fn add(&mut self, label: &str, kind: CompletionKind, detail: String) {
        self.out.push(Completion {
            label: label.to_owned(),
            kind,
            detail,
        });
    }

    /// The foreach variables declared before the cursor in this facet.
    fn variables(&self) -> Vec<(String, Ty)> {
        let start = self.facet.map_or(0, |facet| facet.decl.span.start);
        let defined = self.index.entries.iter().filter(|e| {
            e.definition && e.file == self.file && e.span.start >= start && e.span.end <= self.at
        });
        defined
            .filter(|e| matches!(e.symbol, Symbol::Variable(..)))
            .filter_map(|e| Some((self.text(e.span), e.ty.clone()?)))
            .collect()
    }

    fn text(&self, span: crate::span::Span) -> String {
        span.text(self.source).to_owned()
    }

    fn inputs(&mut self, rest: &str) {
        let Some(facet) = self.facet else { return };
        let Some((path, _)) = rest.rsplit_once('.') else {
            for param in facet.params() {
                let ty = self.model.param_ty(facet, param).show(self.model);
                self.add(param.name.text, CompletionKind::Input, ty);
            }
            for (name, ty) in self.variables() {
                let detail = ty.show(self.model);
                self.add(&name, CompletionKind::Input, detail);
            }
            return;
        };
        let mut parts = path.split('.');
        let first = parts.next().unwrap_or("");
        let variable = self
            .variables()
            .into_iter()
            .rev()
            .find(|(name, _)| name == first)
            .map(|(_, ty)| ty);
        let ty = variable.or_else(|| {
            member(facet.params(), first).map(|param| self.model.param_ty(facet, param))
        });
        self.members(ty.unwrap_or(Ty::Any), parts);
    }

    fn below(&mut self, path: &str) {
        let mut parts = path.split('.');
        let first = parts.next().unwrap_or("");
        let step = self
            .steps()
            .into_iter()
            .rev()
            .find(|(name, _)| name == first)
            .map(|(_, ty)| ty);
        match step {
            Some(ty) => self.members(ty, parts),
            None => self.namespace(path),
        }
    }

    fn members<'x>(&mut self, mut ty: Ty, parts: impl Iterator<Item = &'x str>) {
        for part in parts {
            ty = match ty {
                Ty::Schema(id) => self.field(id, part),
                Ty::Step(id) => self.output(id, part),
                _ => Ty::Any,
            };
        }
        match ty {
            Ty::Schema(id) => {
                let Some(schema) = self.names.schemas.get(id) else {
                    return;
                };
                for field in &schema.decl.fields {
                    let detail = self
                        .model
                        .ty(&field.ty, self.model.scope(schema.scope))
                        .show(self.model);
                    self.add(field.name.text, CompletionKind::Output, detail);
                }
            }
            Ty::Step(id) => {
                let Some(facet) = self.names.facets.get(id) else {
                    return;
                };
                for output in self.model.attributes(facet) {
                    let detail = self.output(id, output.name.text).show(self.model);
                    self.add(output.name.text, CompletionKind::Output, detail);
                }
            }
            _ => {}
        }
    }

    fn field(&self, id: usize, name: &str) -> Ty {
        let found = self.names.schemas.get(id).and_then(|schema| {
            let field = member(&schema.decl.fields, name)?;
            Some(self.model.ty(&field.ty, self.model.scope(schema.scope)))
        });
        found.unwrap_or(Ty::Any)
    }

    fn output(&self, id: usize, name: &str) -> Ty {
        let found = self.names.facets.get(id).and_then(|facet| {
            let output = member(facet.returns(), name)
                .map(|output| self.model.output_ty(facet, output, Collect::All));
            output.or_else(|| {
                member(facet.params(), name).map(|param| self.model.param_ty(facet, param))
            })
        });
        found.unwrap_or(Ty::Any)
    }

    /// The steps named before the cursor in this facet.
    fn steps(&self) -> Vec<(String, Ty)> {
        let start = self.facet.map_or(0, |facet| facet.decl.span.start);
        let defined = self.index.entries.iter().filter(|e| {
            e.definition && e.file == self.file && e.span.start >= start && e.span.end <= self.at
        });
        defined
            .filter(|e| matches!(e.symbol, Symbol::Step(..)))
            .map(|e| (self.text(e.span), e.ty.clone().unwrap_or(Ty::Any)))
            .collect()
    }

    /// The declarations of a namespace, and the namespaces that begin so.
    fn namespace(&mut self, path: &str) {
        let facets: Vec<_> = self
            .names
            .facets
            .iter()
            .filter(|facet| facet.namespace == path)
            .map(|facet| (facet.name().to_owned(), facet.decl.kind.words()))
            .collect();
        for (name, words) in facets {
            self.add(&name, CompletionKind::Facet, words.to_owned());
        }
        let schemas: Vec<String> = self
            .names
            .schemas
            .iter()
            .filter(|schema| schema.namespace == path)
            .map(|schema| schema.decl.name.text.to_owned())
            .collect();
        for name in schemas {
            self.add(&name, CompletionKind::Schema, "schema".to_owned());
        }
        let prefix = format!("{path}.");
        let deeper: Vec<String> = self
            .names
            .namespaces
            .iter()
            .filter_map(|name| name.strip_prefix(prefix.as_str()))
            .map(|rest| rest.split('.').next().unwrap_or("").to_owned())
            .collect();
        for name in deeper {
            self.add(&name, CompletionKind::Facet, "namespace".to_owned());
        }
    }

    /// A bare word: what may be called behind `=` and `with`, a type behind `:`, arguments inside a call, keywords elsewhere.
    fn words(&mut self, before: &str) {
        let head = before.trim_end();
        let last = head.chars().next_back().unwrap_or('\n');
        if last == ':' {
            for builtin in crate::check::names::BUILTINS {
                self.add(builtin, CompletionKind::Keyword, "builtin type".to_owned());
            }
            return self.schemas();
        }
        if matches!(last, '(' | ',') {
            self.arguments(head);
        }
        let calls = last == '=' || head.ends_with(" with") || head.ends_with("yield");
        if calls || matches!(last, '(' | ',') {
            for (name, ty) in self.steps() {
                let detail = ty.show(self.model);
                self.add(&name, CompletionKind::Step, detail);
            }
        }
        if calls {
            let facets: Vec<(String, String)> = self
                .names
                .facets
                .iter()
                .map(|facet| (facet.name().to_owned(), facet.full()))
                .collect();
            for (name, full) in facets {
                self.add(&name, CompletionKind::Facet, full);
            }
            return self.schemas();
        }
        let inside = self
            .facet
            .is_some_and(|facet| self.at <= facet.decl.span.end);
        let words: &[&str] = if inside {
            &[
                "andThen", "foreach", "in", "when", "case", "catch", "yield", "with", "script",
            ]
        } else {
            &[
                "namespace",
                "use",
                "facet",
                "event facet",
                "workflow",
                "schema",
                "implicit",
            ]
        };
        for word in words {
            self.add(word, CompletionKind::Keyword, "keyword".to_owned());
        }
    }

    fn schemas(&mut self) {
        let schemas: Vec<(String, String)> = self
            .names
            .schemas
            .iter()
            .map(|schema| (schema.decl.name.text.to_owned(), schema.full()))
            .collect();
        for (name, full) in schemas {
            self.add(&name, CompletionKind::Schema, full);
        }
    }

    /// The parameters of the call whose bracket is open before the cursor.
    fn arguments(&mut self, head: &str) {
        let mut depth = 0_usize;
        let open = head.char_indices().rev().find(|(_, c)| match c {
            ')' | ']' | '}' => {
                depth += 1;
                false
            }
            '(' | '[' | '{' if depth > 0 => {
                depth -= 1;
                false
            }
            '(' => true,
            _ => false,
        });
        let Some(before) = open.and_then(|(at, _)| head.get(..at)) else {
            return;
        };
        let start = before
            .rfind(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.'))
            .map_or(0, |at| at + 1);
        let Some(facet) = self.facet else { return };
        let target = self.model.target(
            before.get(start..).unwrap_or(""),
            self.model.scope(facet.scope),
        );
        let params: Vec<(String, String)> = match target {
            crate::resolve::Target::Facet(of) => of
                .params()
                .iter()
                .map(|param| {
                    (
                        param.name.text.to_owned(),
                        self.model.param_ty(&of, param).show(self.model),
                    )
                })
                .collect(),
            crate::resolve::Target::Schema(of) => of
                .decl
                .fields
                .iter()
                .map(|field| {
                    (
                        field.name.text.to_owned(),
                        self.model
                            .ty(&field.ty, self.model.scope(of.scope))
                            .show(self.model),
                    )
                })
                .collect(),
            crate::resolve::Target::Unknown => Vec::new(),
        };
        for (name, ty) in params {
            self.add(&name, CompletionKind::Argument, ty);
        }
    }
}
