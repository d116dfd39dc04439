//! What a checked program means: which facets reach the outside, in which order steps run, which policies hold.
//!
//! Everything here is derived from the tree and the names, without findings: the checker, the graph, the plan, the language server and the
//! resolved output ask the same questions and get the same answers.

pub mod order;
pub mod policy;
pub mod ty;

use crate::ast::{AndThen, Block, Call, Catch, Caught, FacetKind, Step, Stmt, Then};
use crate::check::names::{FacetId, FacetInfo, ImplicitInfo, Names, SchemaInfo, Scope};

/// A program with its names and what follows from them.
#[derive(Debug)]
pub struct Model<'n, 'p, 's> {
    pub names: &'n Names<'p, 's>,
    /// For each facet: whether calling it may create a task.
    reaches: Vec<bool>,
    /// For each facet: the outputs that a foreach yields.
    collected: Vec<Vec<&'s str>>,
}

/// What a step makes.
#[derive(Debug, Clone, Copy)]
pub enum Target<'p, 's> {
    Facet(FacetInfo<'p, 's>),
    Schema(SchemaInfo<'p, 's>),
    Unknown,
}

impl<'n, 'p, 's> Model<'n, 'p, 's> {
    /// Derives the model.
    #[must_use]
    pub fn new(names: &'n Names<'p, 's>) -> Self {
        let collected = names.facets.iter().map(collected).collect();
        let mut model = Self {
            names,
            reaches: Vec::new(),
            collected,
        };
        model.reaches = model.reach();
        model
    }

    /// The scope of a declaration.
    #[must_use]
    pub fn scope(&self, number: usize) -> &'n Scope<'s> {
        static TOP: Scope<'static> = Scope {
            namespace: "",
            imports: Vec::new(),
        };
        self.names.scopes.get(number).unwrap_or(&TOP)
    }

    /// What a call's target means.
    #[must_use]
    pub fn target(&self, name: &str, scope: &Scope<'_>) -> Target<'p, 's> {
        match self.names.facet(name, scope).one() {
            Some(facet) => Target::Facet(facet),
            None => self
                .names
                .schema(name, scope)
                .one()
                .map_or(Target::Unknown, Target::Schema),
        }
    }

    /// Whether calling a facet may create a task: it is an event facet, or its body reaches one.
    #[must_use]
    pub fn reaches_event(&self, facet: FacetId) -> bool {
        self.reaches.get(facet).copied().unwrap_or(false)
    }

    /// Whether a step creates a task, itself, in its facet's body or in its own body.
    #[must_use]
    pub fn step_reaches_event(&self, step: &Step<'s>, scope: &Scope<'_>) -> bool {
        let mut found = false;
        calls(step, &mut |call, _| {
            found |= matches!(self.target(call.target.text, scope), Target::Facet(facet) if self.reaches_event(facet.id));
        });
        found
    }

    /// Whether a foreach of the facet yields this output, which makes it a list.
    #[must_use]
    pub fn is_collected(&self, facet: FacetId, output: &str) -> bool {
        self.collected
            .get(facet)
            .is_some_and(|outputs| outputs.contains(&output))
    }

    /// The implicits that hold in a scope with their numbers, in the order of their declaration.
    #[must_use]
    pub fn implicits(&self, scope: &Scope<'_>) -> Vec<(usize, ImplicitInfo<'p, 's>)> {
        let namespaces = std::iter::once(scope.namespace).chain(scope.imports.iter().copied());
        let mut numbers: Vec<usize> = namespaces
            .flat_map(|name| self.names.implicits_of(name))
            .copied()
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
            .into_iter()
            .filter_map(|at| Some((at, *self.names.implicits.get(at)?)))
            .collect()
    }

    /// The facet that an implicit supplies.
    #[must_use]
    pub fn implicit_facet(&self, implicit: &ImplicitInfo<'p, 's>) -> Option<FacetInfo<'p, 's>> {
        self.names
            .facet(implicit.decl.call.target.text, self.scope(implicit.scope))
            .one()
    }

    fn reach(&self) -> Vec<bool> {
        let mut callers: Vec<Vec<FacetId>> = vec![Vec::new(); self.names.facets.len()];
        for facet in &self.names.facets {
            let scope = self.scope(facet.scope);
            body_calls(facet, &mut |call, _| {
                if let Target::Facet(callee) = self.target(call.target.text, scope)
                    && let Some(callers) = callers.get_mut(callee.id)
                {
                    callers.push(facet.id);
                }
            });
        }
        let mut reaches = vec![false; self.names.facets.len()];
        let mut open: Vec<FacetId> = self
            .names
            .facets
            .iter()
            .filter(|facet| facet.decl.kind == FacetKind::Event)
            .map(|facet| facet.id)
            .collect();
        while let Some(id) = open.pop() {
            if let Some(seen) = reaches.get_mut(id)
                && !std::mem::replace(seen, true)
            {
                open.extend(callers.get(id).into_iter().flatten());
            }
        }
        reaches
    }
}

/// Calls `visit` with each call of a facet's body, and whether it happens only under a condition (in a case, a foreach or a catch).
pub fn body_calls<'p, 's>(facet: &FacetInfo<'p, 's>, visit: &mut impl FnMut(&'p Call<'s>, bool)) {
    for block in facet.decl.body.blocks() {
        then_calls(block, false, visit);
    }
    if let Some(catch) = &facet.decl.catch {
        catch_calls(catch, visit);
    }
}

/// Calls `visit` with a step's call and those of its body and catch.
pub fn calls<'p, 's>(step: &'p Step<'s>, visit: &mut impl FnMut(&'p Call<'s>, bool)) {
    step_calls(step, false, visit);
}

fn step_calls<'p, 's>(step: &'p Step<'s>, maybe: bool, visit: &mut impl FnMut(&'p Call<'s>, bool)) {
    visit(&step.call, maybe);
    if let Some(body) = &step.body {
        then_calls(body, maybe, visit);
    }
    if let Some(catch) = &step.catch {
        catch_calls(catch, visit);
    }
}

fn then_calls<'p, 's>(
    then: &'p AndThen<'s>,
    maybe: bool,
    visit: &mut impl FnMut(&'p Call<'s>, bool),
) {
    match &then.kind {
        Then::Block(block) => block_calls(block, maybe || then.foreach.is_some(), visit),
        Then::When(when) => when
            .cases
            .iter()
            .for_each(|case| block_calls(&case.block, true, visit)),
        Then::Script(_) => {}
    }
}

fn catch_calls<'p, 's>(catch: &'p Catch<'s>, visit: &mut impl FnMut(&'p Call<'s>, bool)) {
    match &catch.kind {
        Caught::Block(block) => block_calls(block, true, visit),
        Caught::When(when) => when
            .cases
            .iter()
            .for_each(|case| block_calls(&case.block, true, visit)),
    }
}

fn block_calls<'p, 's>(
    block: &'p Block<'s>,
    maybe: bool,
    visit: &mut impl FnMut(&'p Call<'s>, bool),
) {
    block
        .steps
        .iter()
        .filter_map(Stmt::step)
        .for_each(|step| step_calls(step, maybe, visit));
}

fn collected<'s>(facet: &FacetInfo<'_, 's>) -> Vec<&'s str> {
    let mut outputs = Vec::new();
    for block in facet
        .decl
        .body
        .blocks()
        .iter()
        .filter(|block| block.foreach.is_some())
    {
        let Then::Block(block) = &block.kind else {
            continue;
        };
        for y in block
            .yields
            .iter()
            .filter(|y| crate::check::names::short(y.call.target.text) == facet.name())
        {
            outputs.extend(y.call.args.iter().map(|arg| arg.name.text));
        }
    }
    outputs
}
