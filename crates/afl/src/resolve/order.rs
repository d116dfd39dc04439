//! In which order the statements of a block run.
//!
//! A step waits for the steps that it refers to. In declared order a step that reaches an event facet also waits for the one before it that does,
//! unless it does so already by data.

use super::Model;
use crate::ast::{
    AndThen, Arg, Block, Call, Catch, Caught, Expr, ExprKind, Step, Stmt, Then, When,
};
use crate::check::Order;
use crate::check::names::{Map, Scope};

/// Why one statement waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It refers to it.
    Data,
    /// It stands behind it, and both reach event facets.
    Declared,
}

/// A statement that waits for another; both are numbers of statements of the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    pub why: Why,
}

/// Two statements that reach event facets and that no data connects: in data order they race, in declared order only their place orders them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Race {
    pub first: usize,
    pub second: usize,
}

/// The order of a block.
#[derive(Debug, Clone, Default)]
pub struct BlockOrder {
    /// What waits for what, by waiting statement.
    pub edges: Vec<Edge>,
    /// Neighbours that data does not order.
    pub races: Vec<Race>,
}

/// Derives the order of a block.
#[must_use]
pub fn of_block<'s>(
    model: &Model<'_, '_, 's>,
    block: &Block<'s>,
    scope: &Scope<'s>,
    order: Order,
) -> BlockOrder {
    let mut out = BlockOrder::default();
    let mut index: Map<&str, usize> = Map::default();
    // How far down the chain of event statements each statement reaches by what it waits for, itself included.
    let mut reach: Vec<usize> = Vec::with_capacity(block.steps.len());
    let mut chain: Vec<usize> = Vec::new();
    for (at, stmt) in block.steps.iter().enumerate() {
        let mut waits: Vec<usize> = Vec::new();
        references(stmt, &mut |name| {
            if let Some(from) = index.get(name)
                && !waits.contains(from)
            {
                waits.push(*from);
            }
        });
        waits.sort_unstable();
        let mut known = waits
            .iter()
            .filter_map(|from| reach.get(*from))
            .copied()
            .max()
            .unwrap_or(0);
        out.edges.extend(waits.iter().map(|from| Edge {
            from: *from,
            to: at,
            why: Why::Data,
        }));
        if stmt
            .step()
            .is_some_and(|step| model.step_reaches_event(step, scope))
        {
            if let Some(last) = chain.last().filter(|_| known < chain.len()) {
                out.races.push(Race {
                    first: *last,
                    second: at,
                });
                if order == Order::Declared {
                    out.edges.push(Edge {
                        from: *last,
                        to: at,
                        why: Why::Declared,
                    });
                }
            }
            chain.push(at);
            known = chain.len();
        }
        reach.push(known);
        if let Some(step) = stmt.step() {
            index.entry(step.name.text).or_insert(at);
        }
    }
    out
}

/// The statements in waves: all of one wave can run at the same time, each wave waits for the ones before it.
#[must_use]
pub fn waves(count: usize, edges: &[Edge]) -> Vec<Vec<usize>> {
    let mut level = vec![0_usize; count];
    for edge in edges {
        let from = level.get(edge.from).copied().unwrap_or(0);
        if let Some(to) = level.get_mut(edge.to) {
            *to = (*to).max(from + 1);
        }
    }
    let mut waves: Vec<Vec<usize>> = Vec::new();
    for (at, wave) in level.into_iter().enumerate() {
        while waves.len() <= wave {
            waves.push(Vec::new());
        }
        if let Some(wave) = waves.get_mut(wave) {
            wave.push(at);
        }
    }
    waves
}

/// Calls `visit` with the first name of each step reference of a statement, those of its body and catch included.
pub fn references<'p>(stmt: &'p Stmt<'_>, visit: &mut impl FnMut(&'p str)) {
    match stmt {
        Stmt::Step(step) => in_step(step, visit),
        Stmt::Log { args, .. } => in_args(args, visit),
        Stmt::Assert { condition, .. } => in_expr(condition, visit),
    }
}

/// Calls `visit` with the first name of each step reference of the yields of a block.
pub fn yield_references<'p>(block: &'p Block<'_>, visit: &mut impl FnMut(&'p str)) {
    block.yields.iter().for_each(|y| in_call(&y.call, visit));
}

fn in_step<'p>(step: &'p Step<'_>, visit: &mut impl FnMut(&'p str)) {
    in_call(&step.call, visit);
    if let Some(body) = &step.body {
        in_then(body, visit);
    }
    if let Some(catch) = &step.catch {
        in_catch(catch, visit);
    }
}

fn in_call<'p>(call: &'p Call<'_>, visit: &mut impl FnMut(&'p str)) {
    in_args(&call.args, visit);
    call.mixins
        .iter()
        .for_each(|mixin| in_args(&mixin.args, visit));
}

fn in_args<'p>(args: &'p [Arg<'_>], visit: &mut impl FnMut(&'p str)) {
    args.iter().for_each(|arg| in_expr(&arg.value, visit));
}

/// Calls `visit` with the first name of each step reference of a body.
pub fn in_then<'p>(then: &'p AndThen<'_>, visit: &mut impl FnMut(&'p str)) {
    if let Some(foreach) = &then.foreach {
        in_expr(&foreach.list, visit);
    }
    match &then.kind {
        Then::Block(block) => in_block(block, visit),
        Then::When(when) => in_when(when, visit),
        Then::Script(_) => {}
    }
}

fn in_catch<'p>(catch: &'p Catch<'_>, visit: &mut impl FnMut(&'p str)) {
    match &catch.kind {
        Caught::Block(block) => in_block(block, visit),
        Caught::When(when) => in_when(when, visit),
    }
}

fn in_when<'p>(when: &'p When<'_>, visit: &mut impl FnMut(&'p str)) {
    for case in &when.cases {
        if let Some(condition) = &case.condition {
            in_expr(condition, visit);
        }
        in_block(&case.block, visit);
    }
}

fn in_block<'p>(block: &'p Block<'_>, visit: &mut impl FnMut(&'p str)) {
    block.steps.iter().for_each(|stmt| references(stmt, visit));
    yield_references(block, visit);
}

/// Calls `visit` with the first name of each step reference of an expression.
pub fn in_expr<'p>(expr: &'p Expr<'_>, visit: &mut impl FnMut(&'p str)) {
    match &expr.kind {
        ExprKind::Step(path) => path.iter().take(1).for_each(|name| visit(name.text)),
        ExprKind::Concat(items) | ExprKind::List(items) => {
            items.iter().for_each(|item| in_expr(item, visit))
        }
        ExprKind::Map(entries) => entries
            .iter()
            .for_each(|entry| in_expr(&entry.value, visit)),
        ExprKind::Unary(_, operand) => in_expr(operand, visit),
        ExprKind::Binary(_, pair) | ExprKind::Index(pair) => {
            in_expr(&pair.0, visit);
            in_expr(&pair.1, visit);
        }
        ExprKind::Str(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Bool(_)
        | ExprKind::Null
        | ExprKind::Input(_)
        | ExprKind::Error => {}
    }
}
