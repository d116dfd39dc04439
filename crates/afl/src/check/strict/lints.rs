//! Advice: nothing here makes a program wrong.

use super::{StepInfo, Walker};
use crate::ast::{AndThen, Arg, Block, Body, Call, ExprKind, Mixin, Param, Stmt, Then};
use crate::check::names::{FacetInfo, Map, member};
use crate::check::{Collect, Order};
use crate::diag::{Rule, Severity};
use crate::resolve::{Target, order, policy};

impl<'p, 's> Walker<'_, '_, 'p, 's> {
    /// Event facets that only their place orders: a note in declared order, a race in data order.
    pub(super) fn order(&mut self, block: &'p Block<'s>) {
        if block.steps.len() < 2 {
            return;
        }
        let data = self.options.order == Order::Data || self.options.conformance;
        for race in order::of_block(self.model, block, self.scope, self.options.order).races {
            let steps =
                [race.first, race.second].map(|at| block.steps.get(at).and_then(Stmt::step));
            let [Some(first), Some(second)] = steps else {
                continue;
            };
            let (a, b) = (first.name.text, second.name.text);
            let message = if data {
                format!(
                    "Steps '{a}' and '{b}' both reach event facets and no data connects them: they run at the same time"
                )
            } else {
                format!(
                    "Step '{b}' waits for '{a}' only because it stands behind it; no data connects them"
                )
            };
            let file = self.file;
            let found = self.report(Rule::OrderOfEvents, second.name.span, message);
            found.relate(file, first.name.span, "the step before");
            found.severity = if data {
                Severity::Warning
            } else {
                Severity::Note
            };
        }
    }

    pub(super) fn scalar_from_foreach(&mut self, facet: &FacetInfo<'p, 's>, arg: &Arg<'s>) {
        if self.options.collect == Collect::Last || self.options.conformance {
            let message = format!(
                "Output '{}' of '{}' is no list: only one item's value remains",
                arg.name.text,
                facet.name()
            );
            self.report(Rule::ScalarFromForeach, arg.name.span, message);
        }
    }

    pub(super) fn mixin_lints(
        &mut self,
        facet: &FacetInfo<'p, 's>,
        mixin: &'p Mixin<'s>,
        params: &'p [Param<'s>],
    ) {
        if mixin.alias.is_none() {
            for arg in mixin
                .args
                .iter()
                .filter(|arg| member(params, arg.name.text).is_some())
            {
                let message = format!(
                    "Mixin parameter '{}' is named like a parameter of the facet it is mixed into",
                    arg.name.text
                );
                self.report(Rule::MixinShadowsParameter, arg.name.span, message)
                    .help = Some("give the mixin an alias: `as name`".to_owned());
            }
        }
        if facet.name() == "Timeout" {
            let literal =
                |arg: &&Arg<'s>| !matches!(arg.value.kind, ExprKind::Int(_) | ExprKind::Float(_));
            for arg in mixin.args.iter().filter(literal) {
                let message =
                    "This timeout is not a literal: the reference would read it as 0".to_owned();
                self.report(Rule::TimeoutNotLiteral, arg.value.span, message);
            }
        }
        let data = facet.returns().is_empty()
            && matches!(facet.decl.body, Body::None)
            && mixin.alias.is_none();
        if data && !policy::is_policy(facet) {
            let message = format!(
                "'{}' is not a known policy: its settings are passed on as data",
                facet.full()
            );
            self.report(Rule::MixinNotPolicy, mixin.target.span, message);
        }
    }

    /// Steps whose outputs nobody reads and that do nothing outside.
    pub(super) fn unused(&mut self, blocks: &'p [AndThen<'s>], steps: &[StepInfo<'p, 's>]) {
        // A piece that could not be read may be the one that reads the step.
        if self.options.broken {
            return;
        }
        let all = blocks.iter().filter_map(|then| {
            if let Then::Block(block) = &then.kind {
                Some(block)
            } else {
                None
            }
        });
        // Both list the same steps in the same order.
        for (step, info) in all
            .flat_map(|block| &block.steps)
            .filter_map(Stmt::step)
            .zip(steps)
        {
            if info.used {
                continue;
            }
            let quiet = match self.model.target(step.call.target.text, self.scope) {
                Target::Facet(facet) => {
                    !self.model.step_reaches_event(step, self.scope) && !scripted(&facet)
                }
                Target::Schema(_) => true,
                Target::Unknown => false,
            };
            if quiet && step.body.is_none() && step.catch.is_none() {
                let message = format!(
                    "Nobody reads step '{}', and it does nothing outside",
                    step.name.text
                );
                self.report(Rule::UnusedStep, step.name.span, message);
            }
        }
    }

    /// Notes which implicits a call makes use of.
    pub(super) fn mark_implicits(&mut self, facet: &FacetInfo<'p, 's>, call: &Call<'s>) {
        let reaches = self.model.reaches_event(facet.id);
        let scope = self.scope;
        for (at, implicit) in self.model.implicits(scope) {
            let Some(of) = self.model.implicit_facet(&implicit) else {
                continue;
            };
            let direct = of.id == facet.id
                && implicit.decl.call.args.iter().any(|arg| {
                    !call
                        .args
                        .iter()
                        .any(|given| given.name.text == arg.name.text)
                });
            if (direct || (reaches && policy::is_policy(&of)))
                && let Some(used) = self.used_implicits.get_mut(at)
            {
                *used = true;
            }
        }
    }

    /// Implicits that reach no step. One of a library, in whose scope no step stands at all, is left alone.
    pub(super) fn unused_implicits(&mut self) {
        let names = self.model.names;
        // The namespaces in whose scope a step stands.
        let mut reached: Map<&str, ()> = Map::default();
        for facet in names
            .facets
            .iter()
            .filter(|facet| !facet.decl.body.blocks().is_empty())
        {
            let scope = self.model.scope(facet.scope);
            reached.extend(
                std::iter::once(scope.namespace)
                    .chain(scope.imports.iter().copied())
                    .map(|name| (name, ())),
            );
        }
        for (implicit, used) in names
            .implicits
            .iter()
            .zip(std::mem::take(&mut self.used_implicits))
        {
            let steps = reached.contains_key(implicit.namespace);
            if !used && steps && self.model.implicit_facet(implicit).is_some() {
                self.file = implicit.file;
                let message = format!("Implicit '{}' reaches no step", implicit.decl.name.text);
                self.report(
                    Rule::ImplicitWithoutEffect,
                    implicit.decl.name.span,
                    message,
                );
            }
        }
    }
}

fn scripted(facet: &FacetInfo<'_, '_>) -> bool {
    facet.decl.pre_script.is_some()
        || facet
            .decl
            .body
            .blocks()
            .iter()
            .any(|then| matches!(then.kind, Then::Script(_)))
}
