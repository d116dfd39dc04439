//! The numbered rules, as the reference applies them.
//!
//! Order of look-ups, what is inherited by which block and what escapes notice follow the reference, because `--conformance` promises its verdict.
//! Where its behaviour is a defect, `relaxed` (the default mode) departs from it, at places that say so.

mod body;
mod infer;
mod refs;

use super::Options;
use super::names::{BUILTINS, FacetInfo, Found, Map, Names, SchemaInfo, Scope, member};
use crate::ast::{Facet, Name, Param, Type};
use crate::diag::{Diagnostic, FileId, Rule};
use crate::program::{Program, sorted};
use crate::span::Span;

pub(super) fn check<'p, 's>(
    program: &'p Program<'s>,
    names: &Names<'p, 's>,
    options: Options,
) -> Vec<Diagnostic> {
    let top = Scope::default();
    let mut checker = Checker {
        names,
        program,
        options,
        relaxed: !options.conformance,
        out: Vec::new(),
        file: 0,
        scope: &top,
        facet: None,
        result_keys: Vec::new(),
        steps: Vec::new(),
        index: Map::default(),
    };
    checker.program(&top);
    checker.out
}

/// What a step's outputs are.
#[derive(Debug, Clone, Copy)]
enum Maker<'p, 's> {
    Facet(FacetInfo<'p, 's>),
    Schema(SchemaInfo<'p, 's>),
    Unknown,
}

/// A step that is in scope.
#[derive(Debug, Clone, Copy)]
struct StepInfo<'p, 's> {
    name: Name<'s>,
    target: &'s str,
    maker: Maker<'p, 's>,
    /// Inside its `catch` a step also has `error` and `error_type`.
    caught: bool,
}

impl<'p, 's> StepInfo<'p, 's> {
    fn outputs(&self) -> &'p [Param<'s>] {
        match self.maker {
            Maker::Facet(facet) => facet.returns(),
            Maker::Schema(schema) => &schema.decl.fields,
            Maker::Unknown => &[],
        }
    }
}

struct Checker<'c, 'p, 's> {
    names: &'c Names<'p, 's>,
    program: &'p Program<'s>,
    options: Options,
    relaxed: bool,
    out: Vec<Diagnostic>,
    file: FileId,
    scope: &'c Scope<'s>,
    facet: Option<&'p Facet<'s>>,
    /// What the facet's pre-script sets: readable as parameters.
    result_keys: Vec<String>,
    steps: Vec<StepInfo<'p, 's>>,
    index: Map<&'s str, usize>,
}

impl<'c, 'p, 's> Checker<'c, 'p, 's> {
    fn report(&mut self, rule: Rule, span: Span, message: String) -> &mut Diagnostic {
        self.out
            .push(Diagnostic::new(rule, span, message).in_file(self.file));
        self.out.last_mut().expect("it was pushed just now")
    }

    fn hint<'n>(&mut self, written: &str, at: Span, names: impl IntoIterator<Item = &'n str>) {
        if let Some(last) = self.out.pop() {
            self.out.push(last.did_you_mean(written, at, names));
        }
    }

    fn line(&self, file: FileId, span: Span) -> u32 {
        self.program.source(file).map_or(0, |source| {
            source.lines.place(&source.text, span.start).line
        })
    }

    fn program(&mut self, top: &'c Scope<'s>) {
        let outside = self.program.top_level();
        self.unique(&outside);
        let names = self.names;
        for ((file, namespace), scope) in self.program.namespaces().zip(names.scopes.iter().skip(1))
        {
            self.file = file;
            self.scope = scope;
            self.uses(namespace);
            let inside = sorted(file, namespace);
            self.unique(&inside);
            for (file, schema) in &inside.schemas {
                self.file = *file;
                self.schema(schema);
            }
            self.declarations(&inside);
        }
        self.scope = top;
        for (file, workflow) in &outside.workflows {
            self.file = *file;
            let message = format!(
                "Workflow '{}' must be declared inside a namespace",
                workflow.sig.name.text
            );
            let span = Span::new(workflow.span.start, workflow.sig.name.span.end);
            self.report(Rule::WorkflowAtTopLevel, span, message).help =
                Some("wrap it in `namespace name { .. }`".to_owned());
        }
        self.declarations(&outside);
    }

    fn declarations(&mut self, sorted: &crate::program::Sorted<'p, 's>) {
        for (file, facet) in sorted.all_facets() {
            self.file = file;
            self.facet(facet);
        }
        for (file, implicit) in &sorted.implicits {
            self.file = *file;
            self.implicit(implicit);
        }
    }

    fn uses(&mut self, namespace: &crate::ast::Namespace<'s>) {
        for decl in &namespace.decls {
            let crate::ast::Decl::Use(x) = decl else {
                continue;
            };
            if !self.names.has_namespace(x.name.text) {
                let message = format!(
                    "Invalid use statement: namespace '{}' does not exist",
                    x.name.text
                );
                self.report(Rule::UseUnknownNamespace, x.name.span, message);
                let names = self.names;
                self.hint(x.name.text, x.name.span, names.namespaces.iter().copied());
            }
        }
    }

    fn unique(&mut self, sorted: &crate::program::Sorted<'p, 's>) {
        let facets = sorted
            .all_facets()
            .map(|(file, facet)| (file, facet.sig.name, facet.kind.words(), facet.span));
        let schemas = sorted
            .schemas
            .iter()
            .map(|(file, schema)| (*file, schema.name, "schema", schema.span));
        let mut seen: Map<&str, (FileId, Name<'s>, Span)> = Map::default();
        for (file, name, kind, span) in facets.chain(schemas) {
            match seen.get(name.text) {
                None => {
                    seen.insert(name.text, (file, name, span));
                }
                Some((first_file, first, first_span)) => {
                    let line = self.line(*first_file, *first_span);
                    let message = format!(
                        "Duplicate {kind} name '{}' (previously defined at line {line})",
                        name.text
                    );
                    self.file = file;
                    let related = (*first_file, first.span);
                    self.report(Rule::DuplicateName, name.span, message).relate(
                        related.0,
                        related.1,
                        "first declared here",
                    );
                }
            }
        }
    }

    fn schema(&mut self, schema: &'p crate::ast::Schema<'s>) {
        let mut seen: Map<&str, Name<'s>> = Map::default();
        for field in &schema.fields {
            if let Some(first) = seen.get(field.name.text).copied() {
                let line = self.line(self.file, first.span);
                let message = format!(
                    "Duplicate schema field name '{}' (previously defined at line {line})",
                    field.name.text
                );
                let file = self.file;
                self.report(Rule::DuplicateName, field.name.span, message)
                    .relate(file, first.span, "first declared here");
            } else {
                seen.insert(field.name.text, field.name);
            }
            self.type_ref(&field.ty);
        }
    }

    fn type_ref(&mut self, ty: &Type<'s>) {
        let name = super::names::type_name(ty);
        if BUILTINS.contains(&name.text) || (self.options.ffl() && self.names.any_facet(name.text))
        {
            return;
        }
        if self.schema_named(name.text, name.span).is_some() {
            return;
        }
        if name.text.contains('.') {
            let message = format!(
                "Unknown schema '{}': no schema found with this qualified name.",
                name.text
            );
            self.report(Rule::RefUnknownSchema, name.span, message);
            let all: Vec<String> = self.names.schemas.iter().map(SchemaInfo::full).collect();
            self.hint(name.text, name.span, all.iter().map(String::as_str));
        } else if self.names.schemas_named(name.text).0 == 0 {
            let message = format!(
                "Unknown type '{}': not a builtin type or known schema. Schema types must be defined in a namespace and either imported via 'use' or referenced with a fully qualified name.",
                name.text
            );
            self.report(Rule::RefUnknownType, name.span, message);
            let names = self.names;
            let known = names.schemas.iter().map(|schema| schema.decl.name.text);
            self.hint(name.text, name.span, BUILTINS.into_iter().chain(known));
        }
    }

    /// The schema of that name; an ambiguous one is reported.
    fn schema_named(&mut self, name: &str, at: Span) -> Option<SchemaInfo<'p, 's>> {
        match self.names.schema(name, self.scope) {
            Found::One(schema) => Some(schema),
            Found::Several(names) => {
                let message = format!(
                    "Ambiguous schema reference '{name}': could be {}. Use fully qualified name to disambiguate.",
                    names.join(", ")
                );
                self.report(Rule::RefAmbiguousSchema, at, message);
                None
            }
            Found::UnknownQualified | Found::Unknown => None,
        }
    }

    /// The facet of that name; an ambiguous one and an unknown qualified one are reported.
    fn facet_named(&mut self, name: Name<'s>) -> Option<FacetInfo<'p, 's>> {
        match self.names.facet(name.text, self.scope) {
            Found::One(facet) => Some(facet),
            Found::Several(names) => {
                let message = format!(
                    "Ambiguous facet reference '{}': could be {}. Use fully qualified name to disambiguate.",
                    name.text,
                    names.join(", ")
                );
                let fix = names.first().cloned();
                let last = self.report(Rule::RefAmbiguousFacet, name.span, message);
                if let Some(fix) = fix {
                    last.repair(format!("Write `{fix}`"), name.span, fix);
                }
                None
            }
            Found::UnknownQualified => {
                // A qualified schema is built by the same syntax; the reference reports it all the same.
                if !(self.relaxed && self.names.schema(name.text, self.scope).one().is_some()) {
                    self.report(
                        Rule::RefUnknownFacet,
                        name.span,
                        format!("Unknown facet '{}'", name.text),
                    );
                    let all: Vec<String> = self.names.facets.iter().map(FacetInfo::full).collect();
                    self.hint(name.text, name.span, all.iter().map(String::as_str));
                }
                None
            }
            Found::Unknown => None,
        }
    }

    fn implicit(&mut self, implicit: &crate::ast::Implicit<'s>) {
        let Some(facet) = self.facet_named(implicit.call.target) else {
            return;
        };
        for arg in &implicit.call.args {
            if member(facet.params(), arg.name.text).is_none() {
                let (name, target) = (implicit.name.text, implicit.call.target.text);
                let message = format!(
                    "Implicit '{name}' passes unknown parameter '{}' to facet '{target}'",
                    arg.name.text
                );
                self.report(Rule::ImplicitUnknownParam, arg.name.span, message);
                self.hint(
                    arg.name.text,
                    arg.name.span,
                    facet.params().iter().map(|param| param.name.text),
                );
            }
        }
    }

    fn signature(&mut self, facet: &'p Facet<'s>) {
        let sig = &facet.sig;
        for param in sig
            .params
            .iter()
            .chain(sig.returns.as_deref().unwrap_or_default())
        {
            self.type_ref(&param.ty);
        }
        if self.options.ffl() {
            self.aliases(facet);
        }
        for mixin in &sig.mixins {
            self.facet_named(mixin.target);
        }
    }

    fn aliases(&mut self, facet: &'p Facet<'s>) {
        let sig = &facet.sig;
        let mut seen: Vec<(Name<'s>, Name<'s>)> = Vec::new();
        for mixin in &sig.mixins {
            let Some(alias) = mixin.alias else { continue };
            let (name, on) = (alias.text, sig.name.text);
            let message = if member(&sig.params, name).is_some() {
                format!(
                    "Mixin alias '{name}' on facet '{on}' conflicts with a parameter of the same name. Aliases share the consumer-side namespace with primary attributes."
                )
            } else if member(sig.returns.as_deref().unwrap_or_default(), name).is_some() {
                format!(
                    "Mixin alias '{name}' on facet '{on}' conflicts with a return field of the same name."
                )
            } else if let Some((_, target)) = seen.iter().find(|(seen, _)| seen.text == name) {
                format!(
                    "Duplicate mixin alias '{name}' on facet '{on}' (also used by 'with {}').",
                    target.text
                )
            } else {
                seen.push((alias, mixin.target));
                continue;
            };
            self.report(Rule::MixinAliasNameConflict, alias.span, message);
        }
    }

    /// The names that may follow an input or a step, as messages show them.
    fn list(names: impl IntoIterator<Item = impl Into<String>>) -> String {
        let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
        names.sort();
        names.dedup();
        format!(
            "[{}]",
            names
                .iter()
                .map(|name| format!("'{name}'"))
                .collect::<Vec<_>>()
                .join(", ")
        )
    }
}
