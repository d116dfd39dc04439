//! Arguments of calls, mixins and implicits: all there, none twice, none unknown, each of its type.

use super::Walker;
use crate::ast::{Arg, Call, Mixin, Name, Param};
use crate::check::names::{FacetInfo, Map, SchemaInfo, member};
use crate::diag::Rule;
use crate::resolve::Target;
use crate::span::Span;

impl<'p, 's> Walker<'_, '_, 'p, 's> {
    pub(super) fn call(
        &mut self,
        call: &'p Call<'s>,
        target: Target<'p, 's>,
        step: Option<Name<'s>>,
    ) {
        match target {
            Target::Facet(facet) => {
                self.facet_call(&facet, call, step);
                for mixin in &call.mixins {
                    self.mixin(mixin, facet.params());
                }
                self.mark_implicits(&facet, call);
            }
            Target::Schema(schema) => self.record(&schema, call, step),
            Target::Unknown => {
                self.unknown_target(call.target);
                self.own_step(step, &call.args);
                for arg in call
                    .args
                    .iter()
                    .chain(call.mixins.iter().flat_map(|mixin| &mixin.args))
                {
                    self.infer(&arg.value);
                }
            }
        }
    }

    /// An unqualified name that is declared nowhere. Ambiguous and qualified ones are the reference's rules.
    pub(super) fn unknown_target(&mut self, target: Name<'s>) {
        let names = self.model.names;
        let known = names.any_facet(target.text) || names.schemas_named(target.text).0 > 0;
        if self.options.broken || target.text.contains('.') || known {
            return;
        }
        let message = format!(
            "Unknown facet '{}': it is declared in none of these sources",
            target.text
        );
        self.report(Rule::UnknownFacet, target.span, message);
        let schemas = names.schemas.iter().map(|schema| schema.decl.name.text);
        self.hint(
            target.text,
            target.span,
            names.facets.iter().map(FacetInfo::name).chain(schemas),
        );
    }

    fn facet_call(
        &mut self,
        facet: &FacetInfo<'p, 's>,
        call: &'p Call<'s>,
        step: Option<Name<'s>>,
    ) {
        self.own_step(step, &call.args);
        self.unique_args(&call.args);
        self.known_args(facet, &call.args, "facet");
        self.typed_args(facet, &call.args);
        let supplied = self.supplied(facet);
        let missing: Vec<&Param<'s>> = facet
            .params()
            .iter()
            .filter(|param| {
                let given = call.args.iter().any(|arg| arg.name.text == param.name.text);
                !given && param.default.is_none() && !supplied.contains(&param.name.text)
            })
            .collect();
        self.missing(
            call.target,
            call.args.last().map(|arg| arg.span),
            call.span,
            &missing,
            (facet.file, facet.decl.sig.name.span),
        );
    }

    fn missing(
        &mut self,
        target: Name<'s>,
        last: Option<Span>,
        whole: Span,
        missing: &[&Param<'s>],
        declared: (u32, Span),
    ) {
        if missing.is_empty() || self.options.broken {
            return;
        }
        let names: Vec<String> = missing
            .iter()
            .map(|param| format!("'{}'", param.name.text))
            .collect();
        let (word, verb) = if missing.len() == 1 {
            ("argument", "is")
        } else {
            ("arguments", "are")
        };
        let message = format!(
            "The required {word} {} of '{}' {verb} missing",
            names.join(", "),
            target.text
        );
        let new: Vec<String> = missing
            .iter()
            .map(|param| format!("{} = ", param.name.text))
            .collect();
        let (at, text) = match last {
            Some(last) => (Span::at(last.end), format!(", {}", new.join(", "))),
            None => (
                Span::at((target.span.end + 1).min(whole.end)),
                new.join(", "),
            ),
        };
        let found = self.report(Rule::ArgumentMissing, target.span, message);
        found.relate(declared.0, declared.1, "declared here");
        found.repair("Add the missing arguments", at, text);
    }

    pub(super) fn unique_args(&mut self, args: &[Arg<'s>]) {
        let mut seen: Map<&str, Name<'s>> = Map::default();
        for arg in args {
            if let Some(first) = seen.get(arg.name.text).copied() {
                let file = self.file;
                let message = format!("Argument '{}' is given twice", arg.name.text);
                self.report(Rule::ArgumentDuplicate, arg.name.span, message)
                    .relate(file, first.span, "given here already");
            }
            seen.insert(arg.name.text, arg.name);
        }
    }

    fn known_args(&mut self, facet: &FacetInfo<'p, 's>, args: &[Arg<'s>], what: &str) {
        for arg in args {
            if member(facet.params(), arg.name.text).is_none() {
                let message = format!(
                    "The {what} '{}' has no parameter '{}'",
                    facet.full(),
                    arg.name.text
                );
                let declared = (facet.file, facet.decl.sig.name.span);
                self.report(Rule::ArgumentUnknown, arg.name.span, message)
                    .relate(declared.0, declared.1, "declared here");
                self.hint(
                    arg.name.text,
                    arg.name.span,
                    facet.params().iter().map(|param| param.name.text),
                );
            }
        }
    }

    pub(super) fn typed_args(&mut self, facet: &FacetInfo<'p, 's>, args: &'p [Arg<'s>]) {
        for arg in args {
            let have = self.infer(&arg.value);
            let Some(param) = member(facet.params(), arg.name.text) else {
                continue;
            };
            let want = self.model.param_ty(facet, param);
            if !have.fits(&want) {
                let message = format!(
                    "Argument '{}' must be {}, this is {}",
                    arg.name.text,
                    want.show(self.model),
                    have.show(self.model)
                );
                let (file, span) = (facet.file, param.span);
                self.report(Rule::ArgumentType, arg.value.span, message)
                    .relate(file, span, "declared here");
            }
        }
    }

    fn record(&mut self, schema: &SchemaInfo<'p, 's>, call: &'p Call<'s>, step: Option<Name<'s>>) {
        self.own_step(step, &call.args);
        self.unique_args(&call.args);
        let own = self.model.scope(schema.scope);
        for arg in &call.args {
            let have = self.infer(&arg.value);
            let Some(field) = member(&schema.decl.fields, arg.name.text) else {
                continue;
            };
            let want = self.model.ty(&field.ty, own);
            if !have.fits(&want) {
                let message = format!(
                    "Field '{}' must be {}, this is {}",
                    arg.name.text,
                    want.show(self.model),
                    have.show(self.model)
                );
                self.report(Rule::ArgumentType, arg.value.span, message)
                    .relate(schema.file, field.span, "declared here");
            }
        }
        let missing: Vec<&Param<'s>> = schema
            .decl
            .fields
            .iter()
            .filter(|field| !call.args.iter().any(|arg| arg.name.text == field.name.text))
            .collect();
        self.missing(
            call.target,
            call.args.last().map(|arg| arg.span),
            call.span,
            &missing,
            (schema.file, schema.decl.name.span),
        );
    }

    /// A mixin on a call or in a signature; `params` are those of the facet it is mixed into.
    pub(super) fn mixin(&mut self, mixin: &'p Mixin<'s>, params: &'p [Param<'s>]) {
        let Some(facet) = self.model.names.facet(mixin.target.text, self.scope).one() else {
            self.unknown_target(mixin.target);
            for arg in &mixin.args {
                self.infer(&arg.value);
            }
            return;
        };
        self.unique_args(&mixin.args);
        self.known_args(&facet, &mixin.args, "mixin");
        self.typed_args(&facet, &mixin.args);
        let missing: Vec<&Param<'s>> = facet
            .params()
            .iter()
            .filter(|param| {
                param.default.is_none()
                    && !mixin
                        .args
                        .iter()
                        .any(|arg| arg.name.text == param.name.text)
            })
            .collect();
        // A timeout needs one of its units, not all.
        if facet.name() != "Timeout" || mixin.args.is_empty() {
            self.missing(
                mixin.target,
                mixin.args.last().map(|arg| arg.span),
                mixin.span,
                &missing,
                (facet.file, facet.decl.sig.name.span),
            );
        }
        self.mixin_lints(&facet, mixin, params);
    }

    /// The parameters of a facet that an implicit in scope supplies.
    fn supplied(&self, facet: &FacetInfo<'p, 's>) -> Vec<&'s str> {
        let mut supplied = Vec::new();
        for (_, implicit) in self.model.implicits(self.scope) {
            if self
                .model
                .implicit_facet(&implicit)
                .is_some_and(|of| of.id == facet.id)
            {
                supplied.extend(implicit.decl.call.args.iter().map(|arg| arg.name.text));
            }
        }
        supplied
    }

    /// A step that reads its own output can never run.
    fn own_step(&mut self, step: Option<Name<'s>>, args: &'p [Arg<'s>]) {
        let Some(name) = step else { return };
        if self.index.contains_key(name.text) {
            return;
        }
        let mut found = false;
        for arg in args {
            crate::resolve::order::in_expr(&arg.value, &mut |read| found |= read == name.text);
        }
        if found {
            let message = format!(
                "Step '{0}' cannot reference step '{0}' which is not defined before it",
                name.text
            );
            self.report(Rule::RefForwardStep, name.span, message).help =
                Some("a step can never wait for itself".to_owned());
        }
    }
}
