//! References: inputs, steps, whole steps.

use super::body::Around;
use super::{Checker, Maker, StepInfo};
use crate::ast::{Arg, Call, Expr, ExprKind, Name};
use crate::check::names::{FacetInfo, member};
use crate::diag::Rule;
use crate::span::Span;

impl<'p, 's> Checker<'_, 'p, 's> {
    /// Checks every reference inside an expression.
    pub(super) fn references(
        &mut self,
        expr: &'p Expr<'s>,
        current: Option<&str>,
        around: Around<'_, 's>,
    ) {
        match &expr.kind {
            ExprKind::Input(path) => self.input(path, expr.span, around),
            ExprKind::Step(path) => self.step_ref(path, expr.span, current, around),
            ExprKind::Concat(items) | ExprKind::List(items) => items
                .iter()
                .for_each(|item| self.references(item, current, around)),
            ExprKind::Binary(_, sides) => {
                self.references(&sides.0, current, around);
                self.references(&sides.1, current, around);
            }
            ExprKind::Index(parts) => {
                self.references(&parts.0, current, around);
                self.references(&parts.1, current, around);
            }
            ExprKind::Unary(_, operand) => self.references(operand, current, around),
            ExprKind::Map(entries) => entries
                .iter()
                .for_each(|entry| self.references(&entry.value, current, around)),
            ExprKind::Str(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Bool(_)
            | ExprKind::Null
            | ExprKind::Error => {}
        }
    }

    /// The arguments of a call or yield.
    pub(super) fn call_args(
        &mut self,
        target: Name<'s>,
        args: &'p [Arg<'s>],
        current: Option<&str>,
        around: Around<'_, 's>,
    ) {
        let facet = if self.options.ffl() {
            self.names.facet_as_type(target.text)
        } else {
            None
        };
        for arg in args {
            self.references(&arg.value, current, around);
            self.infer(&arg.value);
            self.step_as_argument(arg, facet);
        }
    }

    /// The arguments of a call's mixins; the reference does not infer their types.
    pub(super) fn mixin_args(
        &mut self,
        call: &'p Call<'s>,
        current: Option<&str>,
        around: Around<'_, 's>,
    ) {
        for mixin in &call.mixins {
            let facet = if self.options.ffl() {
                self.names.facet_as_type(mixin.target.text)
            } else {
                None
            };
            for arg in &mixin.args {
                self.references(&arg.value, current, around);
                self.step_as_argument(arg, facet);
            }
        }
    }

    /// The list of a foreach; the reference does not look at it.
    pub(super) fn foreach_list(&mut self, list: &'p Expr<'s>, around: Around<'_, 's>) {
        self.references(list, None, around);
    }

    fn input(&mut self, path: &[Name<'s>], span: Span, around: Around<'_, 's>) {
        let (Some(facet), Some(first)) = (self.facet, path.first()) else {
            return;
        };
        if around.is_variable(first.text) {
            return;
        }
        let params = &facet.sig.params;
        if let Some(param) = member(params, first.text) {
            if self.options.ffl() && path.len() > 1 {
                let ty = super::super::names::type_name(&param.ty);
                if let (crate::ast::Type::Name(_), Some(facet)) =
                    (&param.ty, self.names.facet_as_type(ty.text))
                {
                    self.facet_path(facet, path, span);
                }
            }
            return;
        }
        // What a pre-script sets and what an aliased mixin returns is readable; the reference's checker does not know.
        let aliased = facet
            .sig
            .mixins
            .iter()
            .any(|mixin| mixin.alias.is_some_and(|alias| alias.text == first.text));
        if self.relaxed && (aliased || self.result_keys.iter().any(|key| key == first.text)) {
            return;
        }
        let name = first.text;
        self.report(
            Rule::RefInvalidInput,
            first.span,
            format!("Invalid input reference '$.{name}': no parameter named '{name}'"),
        );
        let variables = around.variables.iter().map(|variable| variable.text);
        self.hint(
            name,
            first.span,
            params.iter().map(|param| param.name.text).chain(variables),
        );
    }

    fn step_ref(
        &mut self,
        path: &[Name<'s>],
        span: Span,
        current: Option<&str>,
        around: Around<'_, 's>,
    ) {
        let Some(first) = path.first() else { return };
        if path.len() < 2 && !self.options.ffl() {
            self.report(
                Rule::RefInvalidStepFormat,
                span,
                "Invalid step reference: must be 'step.attribute'".to_owned(),
            );
            return;
        }
        let Some(at) = self.index.get(first.text).copied() else {
            return self.missing_step(*first, around);
        };
        let now = current.and_then(|name| self.index.get(name)).copied();
        if now.is_some_and(|now| at > now) {
            let message = format!(
                "Step '{}' cannot reference step '{}' which is not defined before it",
                current.unwrap_or(""),
                first.text
            );
            self.report(Rule::RefForwardStep, first.span, message);
            return;
        }
        if let (Some(step), Some(attribute)) = (self.steps.get(at).copied(), path.get(1)) {
            self.attribute(step, *attribute);
        }
    }

    fn missing_step(&mut self, name: Name<'s>, around: Around<'_, 's>) {
        if around.is_variable(name.text) {
            return;
        }
        if around.in_sibling(name.text) {
            let message = format!(
                "Cross-block step reference: '{}' is defined in a sibling andThen block and cannot be referenced here. Use a step body (e.g. step = Call(...) andThen {{ ... }}) to compose steps that depend on each other.",
                name.text
            );
            self.report(Rule::RefCrossBlockStep, name.span, message);
            return;
        }
        self.report(
            Rule::RefUndefinedStep,
            name.span,
            format!("Reference to undefined step '{}'", name.text),
        );
        let params = self.facet.map_or(&[][..], |facet| &facet.sig.params);
        if member(params, name.text).is_some()
            || around
                .variables
                .iter()
                .any(|variable| variable.text == name.text)
        {
            if let Some(last) = self.out.last_mut() {
                last.help = Some(format!("`{0}` is an input: write `$.{0}`", name.text));
                last.repair("Refer to the input", Span::at(name.span.start), "$.");
            }
            return;
        }
        let steps: Vec<&str> = self.steps.iter().map(|step| step.name.text).collect();
        self.hint(name.text, name.span, steps);
    }

    fn attribute(&mut self, step: StepInfo<'p, 's>, attribute: Name<'s>) {
        let outputs = step.outputs();
        let error = step.caught && matches!(attribute.text, "error" | "error_type");
        // For the reference a caught step without outputs has only these two.
        let none = outputs.is_empty() && (!step.caught || self.relaxed);
        if none || error || attribute.text.is_empty() || member(outputs, attribute.text).is_some() {
            return;
        }
        let caught = if step.caught {
            &["error", "error_type"][..]
        } else {
            &[]
        };
        let valid: Vec<&str> = outputs
            .iter()
            .map(|output| output.name.text)
            .chain(caught.iter().copied())
            .collect();
        let message = format!(
            "Invalid attribute '{}' for step '{}': valid attributes are {}",
            attribute.text,
            step.name.text,
            Self::list(valid.iter().copied())
        );
        let declared = match step.maker {
            Maker::Facet(facet) => Some((facet.file, facet.decl.sig.name.span)),
            Maker::Schema(schema) => Some((schema.file, schema.decl.name.span)),
            Maker::Unknown => None,
        };
        let last = self.report(Rule::RefInvalidStepAttribute, attribute.span, message);
        if let Some((file, span)) = declared {
            last.relate(file, span, "declared here");
        }
        self.hint(attribute.text, attribute.span, valid);
    }

    /// A whole step as an argument: its facet must be the one that the parameter names, or mix it in.
    fn step_as_argument(&mut self, arg: &Arg<'s>, target: Option<FacetInfo<'p, 's>>) {
        let (Some(target), ExprKind::Step(path)) = (target, &arg.value.kind) else {
            return;
        };
        let ([name], Some(param)) = (path.as_slice(), member(target.params(), arg.name.text))
        else {
            return;
        };
        let crate::ast::Type::Name(expected) = param.ty else {
            return;
        };
        let Some(expected) = self.names.facet_as_type(expected.text) else {
            return;
        };
        let Some(step) = self
            .index
            .get(name.text)
            .and_then(|at| self.steps.get(*at))
            .copied()
        else {
            return;
        };
        let Some(source) = self.names.facet_as_type(step.target) else {
            return;
        };
        if !self.satisfies(source, expected, &mut Vec::new()) {
            let message = format!(
                "Step '{0}' is a '{1}', but parameter '{2}' expects a step of facet '{3}' (or one whose signature mixes in '{3}')",
                step.name.text,
                source.name(),
                arg.name.text,
                expected.name()
            );
            self.report(Rule::StepRefFacetMismatch, arg.value.span, message);
        }
    }

    fn satisfies(
        &self,
        source: FacetInfo<'p, 's>,
        expected: FacetInfo<'p, 's>,
        seen: &mut Vec<usize>,
    ) -> bool {
        // A list instead of recursion: chains of mixins may be long.
        let mut open = vec![source];
        while let Some(facet) = open.pop() {
            if facet.id == expected.id {
                return true;
            }
            if seen.contains(&facet.id) {
                continue;
            }
            seen.push(facet.id);
            open.extend(
                facet
                    .decl
                    .sig
                    .mixins
                    .iter()
                    .filter_map(|mixin| self.names.facet_as_type(mixin.target.text)),
            );
        }
        false
    }

    /// `$.param.a.b` where the parameter takes a step of `facet`.
    fn facet_path(&mut self, facet: FacetInfo<'p, 's>, path: &[Name<'s>], span: Span) {
        let (Some(param), Some(segment)) = (path.first(), path.get(1)) else {
            return;
        };
        if has(facet, segment.text) {
            return;
        }
        let alias = facet
            .decl
            .sig
            .mixins
            .iter()
            .find(|mixin| mixin.alias.is_some_and(|alias| alias.text == segment.text));
        let Some(alias) = alias else {
            let message = format!(
                "Invalid FacetRef attribute '$.{}.{}': facet '{}' has no param, return, or mixin alias named '{}'. Valid names: {}",
                param.text,
                segment.text,
                facet.name(),
                segment.text,
                Self::list(surface(facet))
            );
            self.report(Rule::RefInvalidFacetRefAttribute, span, message);
            return self.hint(segment.text, segment.span, surface(facet));
        };
        let (Some(mixin), Some(sub)) = (self.names.facet_as_type(alias.target.text), path.get(2))
        else {
            return;
        };
        if !has(mixin, sub.text) && !surface(mixin).any(|name| name == sub.text) {
            let message = format!(
                "Invalid mixin attribute '$.{}.{}.{}': mixin facet '{}' has no param, return, or mixin alias named '{}'. Valid names: {}",
                param.text,
                segment.text,
                sub.text,
                mixin.name(),
                sub.text,
                Self::list(surface(mixin))
            );
            self.report(Rule::RefInvalidFacetRefAttribute, span, message);
            self.hint(sub.text, sub.span, surface(mixin));
        }
    }
}

fn has(facet: FacetInfo<'_, '_>, name: &str) -> bool {
    member(facet.params(), name).is_some() || member(facet.returns(), name).is_some()
}

/// What a reference to a step of a facet can name.
fn surface<'s>(facet: FacetInfo<'_, 's>) -> impl Iterator<Item = &'s str> {
    let aliases = facet
        .decl
        .sig
        .mixins
        .iter()
        .filter_map(|mixin| mixin.alias)
        .map(|alias| alias.text);
    facet
        .params()
        .iter()
        .chain(facet.returns())
        .map(|param| param.name.text)
        .chain(aliases)
}
