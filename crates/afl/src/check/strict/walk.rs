//! Facets, blocks and steps.

use super::{StepInfo, Walker};
use crate::ast::{
    AndThen, Arg, Block, Call, Catch, Caught, Expr, ExprKind, Name, Param, Step, Stmt, Then, When,
};
use crate::check::names::{FacetInfo, Map, member, short};
use crate::diag::Rule;
use crate::resolve::Target;
use crate::resolve::ty::Ty;

impl<'p, 's> Walker<'_, '_, 'p, 's> {
    pub(super) fn facet(&mut self, facet: &FacetInfo<'p, 's>) {
        self.file = facet.file;
        self.scope = self.model.scope(facet.scope);
        self.facet = Some(*facet);
        self.signature(facet);
        let blocks = facet.decl.body.blocks();
        let mut earlier: Vec<StepInfo<'p, 's>> = Vec::new();
        for block in blocks {
            self.steps.clear();
            self.index.clear();
            match &block.kind {
                Then::When(when) => {
                    for step in &earlier {
                        self.index.insert(step.name.text, self.steps.len());
                        self.steps.push(*step);
                    }
                    self.when(when, None);
                    for (step, seen) in earlier.iter_mut().zip(&self.steps) {
                        step.used |= seen.used;
                    }
                }
                Then::Script(_) => {}
                Then::Block(inner) => {
                    let used = self.and_then(block, None);
                    // A later `when` may read the steps of this block: judge them at the end.
                    earlier.extend(
                        inner
                            .steps
                            .iter()
                            .filter_map(Stmt::step)
                            .map(|step| self.info(step, used.contains(&step.name.text))),
                    );
                }
            }
        }
        self.unused(blocks, &earlier);
        self.twice_yielded(facet, blocks);
        if let Some(catch) = &facet.decl.catch {
            self.steps.clear();
            self.index.clear();
            self.catch(catch);
        }
        self.facet = None;
    }

    fn info(&self, step: &Step<'s>, used: bool) -> StepInfo<'p, 's> {
        StepInfo {
            name: step.name,
            target: self.model.target(step.call.target.text, self.scope),
            caught: false,
            used,
        }
    }

    fn signature(&mut self, facet: &FacetInfo<'p, 's>) {
        let sig = &facet.decl.sig;
        for params in [&sig.params[..], facet.returns()] {
            let mut seen: Map<&str, Name<'s>> = Map::default();
            for param in params {
                if let Some(first) = seen.get(param.name.text).copied() {
                    let (file, message) = (
                        self.file,
                        format!("Two parameters are named '{}'", param.name.text),
                    );
                    self.report(Rule::ParameterDuplicate, param.name.span, message)
                        .relate(file, first.span, "the first one");
                }
                seen.insert(param.name.text, param.name);
                self.default(facet, param);
            }
        }
        for mixin in &sig.mixins {
            self.mixin(mixin, facet.params());
            // The reference does not look at these references.
            for arg in &mixin.args {
                self.known_inputs(facet, &arg.value);
            }
        }
    }

    /// In a signature only parameters can be read: there are no steps yet.
    fn known_inputs(&mut self, facet: &FacetInfo<'p, 's>, expr: &'p Expr<'s>) {
        let mut open = vec![expr];
        while let Some(expr) = open.pop() {
            match &expr.kind {
                ExprKind::Input(path) => {
                    let Some(first) = path
                        .first()
                        .filter(|name| member(facet.params(), name.text).is_none())
                    else {
                        continue;
                    };
                    let message = format!(
                        "Invalid input reference '$.{0}': no parameter named '{0}'",
                        first.text
                    );
                    self.report(Rule::RefInvalidInput, first.span, message);
                    self.hint(
                        first.text,
                        first.span,
                        facet.params().iter().map(|param| param.name.text),
                    );
                }
                ExprKind::Step(path) => {
                    let name = path.first().map_or("", |name| name.text);
                    self.report(
                        Rule::RefUndefinedStep,
                        expr.span,
                        format!("Reference to undefined step '{name}'"),
                    );
                }
                ExprKind::Concat(items) | ExprKind::List(items) => open.extend(items),
                ExprKind::Map(entries) => open.extend(entries.iter().map(|entry| &entry.value)),
                ExprKind::Unary(_, operand) => open.push(operand),
                ExprKind::Binary(_, pair) | ExprKind::Index(pair) => {
                    open.extend([&pair.0, &pair.1])
                }
                ExprKind::Str(_)
                | ExprKind::Int(_)
                | ExprKind::Float(_)
                | ExprKind::Bool(_)
                | ExprKind::Null
                | ExprKind::Error => {}
            }
        }
    }

    fn default(&mut self, facet: &FacetInfo<'p, 's>, param: &'p Param<'s>) {
        let Some(default) = &param.default else {
            return;
        };
        if refers(default) {
            let message = format!(
                "The default of '{}' must not refer to inputs or steps",
                param.name.text
            );
            self.report(Rule::DefaultReference, default.span, message);
            return;
        }
        let (have, want) = (self.infer(default), self.model.param_ty(facet, param));
        if !have.fits(&want) {
            let message = format!(
                "The default of '{}' is {}, but its type is {}",
                param.name.text,
                have.show(self.model),
                want.show(self.model)
            );
            let (file, span) = (self.file, param.ty.span());
            self.report(Rule::DefaultType, default.span, message)
                .relate(file, span, "declared here");
        }
    }

    /// Walks a block and tells which of its own steps were read.
    fn and_then(&mut self, then: &'p AndThen<'s>, step: Option<&'p Call<'s>>) -> Vec<&'s str> {
        match &then.kind {
            Then::When(when) => self.when(when, step),
            Then::Script(_) => {}
            Then::Block(block) => {
                let Some(foreach) = &then.foreach else {
                    return self.block(block, step, false);
                };
                let element = match self.infer(&foreach.list) {
                    Ty::List(element) => *element,
                    list if list.dynamic() => Ty::Any,
                    other => {
                        let message =
                            format!("foreach needs a list, this is {}", other.show(self.model));
                        self.report(Rule::ForeachNotList, foreach.list.span, message);
                        Ty::Any
                    }
                };
                self.variables.push((foreach.variable, element));
                let used = self.block(block, step, true);
                self.variables.pop();
                return used;
            }
        }
        Vec::new()
    }

    fn block(
        &mut self,
        block: &'p Block<'s>,
        step: Option<&'p Call<'s>>,
        foreach: bool,
    ) -> Vec<&'s str> {
        let base = self.steps.len();
        for stmt in &block.steps {
            match stmt {
                Stmt::Step(step) => self.step(step),
                Stmt::Log { args, .. } => {
                    for arg in args {
                        self.infer(&arg.value);
                    }
                }
                Stmt::Assert { condition, .. } => {
                    self.boolean(condition, "sys.assert needs");
                }
            }
        }
        self.yields(block, step, foreach);
        self.order(block);
        let mut used = Vec::new();
        for step in self.steps.drain(base..) {
            self.index.remove(step.name.text);
            if step.used {
                used.push(step.name.text);
            }
        }
        used
    }

    fn step(&mut self, step: &'p Step<'s>) {
        let info = self.info(step, false);
        self.call(&step.call, info.target, Some(step.name));
        if !self.index.contains_key(step.name.text) {
            self.index.insert(step.name.text, self.steps.len());
            self.steps.push(info);
        }
        if let Some(body) = &step.body {
            let used = self.and_then(body, Some(&step.call));
            if let Then::Block(block) = &body.kind {
                let inner: Vec<StepInfo<'p, 's>> = block
                    .steps
                    .iter()
                    .filter_map(Stmt::step)
                    .map(|step| self.info(step, used.contains(&step.name.text)))
                    .collect();
                self.unused(std::slice::from_ref(body), &inner);
            }
        }
        if let Some(catch) = &step.catch {
            let at = self.index.get(step.name.text).copied();
            self.caught(at, true);
            self.catch(catch);
            self.caught(at, false);
        }
    }

    fn caught(&mut self, at: Option<usize>, value: bool) {
        if let Some(step) = at.and_then(|at| self.steps.get_mut(at)) {
            step.caught = value;
        }
    }

    fn catch(&mut self, catch: &'p Catch<'s>) {
        match &catch.kind {
            Caught::Block(block) => {
                self.block(block, None, false);
            }
            Caught::When(when) => self.when(when, None),
        }
    }

    fn when(&mut self, when: &'p When<'s>, step: Option<&'p Call<'s>>) {
        for case in &when.cases {
            if let Some(condition) = &case.condition {
                self.boolean(condition, "A case needs");
            }
            self.block(&case.block, step, false);
        }
    }

    fn yields(&mut self, block: &'p Block<'s>, step: Option<&'p Call<'s>>, foreach: bool) {
        for target in crate::json::yields(block, self.options.ffl()) {
            let Some(facet) = self.yield_target(short(target.target.text), step) else {
                for arg in target.args {
                    self.infer(&arg.value);
                }
                continue;
            };
            self.unique_args(target.args);
            for arg in target.args {
                self.yielded(&facet, arg, foreach);
            }
        }
    }

    fn yield_target(&self, name: &str, step: Option<&'p Call<'s>>) -> Option<FacetInfo<'p, 's>> {
        let own = self.facet?;
        if let Some(call) = step.filter(|call| short(call.target.text) == name) {
            return match self.model.target(call.target.text, self.scope) {
                Target::Facet(facet) => Some(facet),
                Target::Schema(_) | Target::Unknown => None,
            };
        }
        if own.name() == name {
            return Some(own);
        }
        let aliased = own
            .decl
            .sig
            .mixins
            .iter()
            .find(|mixin| mixin.alias.is_some_and(|alias| alias.text == name));
        let mixin = aliased.or_else(|| {
            own.decl
                .sig
                .mixins
                .iter()
                .find(|mixin| short(mixin.target.text) == name)
        })?;
        self.model.names.facet(mixin.target.text, self.scope).one()
    }

    fn yielded(&mut self, facet: &FacetInfo<'p, 's>, arg: &'p Arg<'s>, foreach: bool) {
        let have = self.infer(&arg.value);
        let Some(output) = member(facet.returns(), arg.name.text) else {
            let message = format!("'{}' has no output '{}'", facet.full(), arg.name.text);
            let declared = (facet.file, facet.decl.sig.name.span);
            self.report(Rule::YieldUnknownOutput, arg.name.span, message)
                .relate(declared.0, declared.1, "declared here");
            return self.hint(
                arg.name.text,
                arg.name.span,
                facet.returns().iter().map(|output| output.name.text),
            );
        };
        let want = self.model.param_ty(facet, output);
        let each = matches!(&want, Ty::List(element) if foreach && have.fits(element));
        if !have.fits(&want) && !each {
            let message = format!(
                "Output '{}' is {}, but {} is yielded",
                arg.name.text,
                want.show(self.model),
                have.show(self.model)
            );
            let (file, span) = (facet.file, output.span);
            self.report(Rule::YieldOutputType, arg.value.span, message)
                .relate(file, span, "declared here");
        }
        if foreach && !each && !matches!(want, Ty::Json | Ty::Any | Ty::List(_)) {
            self.scalar_from_foreach(facet, arg);
        }
    }

    /// Two blocks beside each other that yield one output: which value wins would be chance.
    fn twice_yielded(&mut self, facet: &FacetInfo<'p, 's>, blocks: &'p [AndThen<'s>]) {
        let mut seen: Map<(&str, &str), (usize, Name<'s>)> = Map::default();
        for (number, block) in blocks.iter().enumerate() {
            let Then::Block(block) = &block.kind else {
                continue;
            };
            for target in crate::json::yields(block, self.options.ffl()) {
                for arg in target.args {
                    let (first, name) = *seen
                        .entry((target.target.text, arg.name.text))
                        .or_insert((number, arg.name));
                    if first != number {
                        let message = format!(
                            "Output '{}' of '{}' is yielded by two blocks, which run at the same time",
                            arg.name.text,
                            facet.name()
                        );
                        let file = self.file;
                        self.report(Rule::OutputYieldedTwice, arg.name.span, message)
                            .relate(file, name.span, "yielded here too");
                    }
                }
            }
        }
    }
}

/// Whether an expression refers to an input or a step.
pub(super) fn refers(expr: &Expr<'_>) -> bool {
    match &expr.kind {
        ExprKind::Input(_) | ExprKind::Step(_) => true,
        ExprKind::Concat(items) | ExprKind::List(items) => items.iter().any(refers),
        ExprKind::Map(entries) => entries.iter().any(|entry| refers(&entry.value)),
        ExprKind::Unary(_, operand) => refers(operand),
        ExprKind::Binary(_, pair) | ExprKind::Index(pair) => refers(&pair.0) || refers(&pair.1),
        ExprKind::Str(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Bool(_)
        | ExprKind::Null
        | ExprKind::Error => false,
    }
}
