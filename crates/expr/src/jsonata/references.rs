//! What a program refers to: variables from outside, fields of `$states`, functions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

use super::functions;
use super::scope::StatesField;
use super::shape::is_plain;
use super::unbound;
use super::walk;

/// The name of the variable that Step Functions binds itself.
pub(super) const STATES: &str = "states";

/// The names a program takes from outside.
#[derive(Debug)]
pub(super) struct References {
    /// Free variables that are neither `$states` nor a function's name.
    pub(super) variables: Vec<Arc<str>>,
    /// What is read of every free name except `$states`, functions' names too: a variable hides a function of its name.
    pub(super) names: BTreeMap<Arc<str>, Wanted>,
    /// What is read of `$states`.
    pub(super) states: BTreeMap<StatesField, Wanted>,
    /// The built-in function it calls, if it calls just one.
    pub(super) function: Option<Arc<str>>,
    /// What it reads from a context item where there is none: names, `$` and `$$`.
    pub(super) unbound: Vec<Arc<str>>,
}

/// Which parts of a value are read. Only these are worth converting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    /// Of an object these members; of an array every item, for a path gathers from all.
    Members(BTreeMap<Arc<str>, Wanted>),
}

impl Wanted {
    fn nothing() -> Self {
        Self::Members(BTreeMap::new())
    }

    fn add(&mut self, path: &[&str]) {
        match (self, path.split_first()) {
            (Self::All, _) => {}
            (wanted, None) => *wanted = Self::All,
            (Self::Members(members), Some((name, below))) => members
                .entry((*name).into())
                .or_insert_with(Self::nothing)
                .add(below),
        }
    }
}

pub(super) fn of(ast: &AstNode) -> References {
    let mut walk = Walk {
        scopes: vec![BTreeSet::new()],
        ..Walk::default()
    };
    walk.node(ast);
    let is_variable = |name: &&Arc<str>| !functions::is_function(name);
    let variables = walk.variables.keys().filter(is_variable).cloned().collect();
    let mut called = walk
        .calls
        .iter()
        .filter(|name| functions::is_function(name));
    let function = called
        .next()
        .filter(|_| called.next().is_none())
        .map(|name| Arc::from(*name));
    let mut names = walk.variables;
    for name in walk.calls {
        names.entry(name.into()).or_insert(Wanted::All);
    }
    References {
        variables,
        names,
        states: walk.states,
        function,
        unbound: unbound::of(ast),
    }
}

#[derive(Default)]
struct Walk<'a> {
    /// Names bound by the program itself, innermost scope last.
    scopes: Vec<BTreeSet<&'a str>>,
    is_in_path: bool,
    variables: BTreeMap<Arc<str>, Wanted>,
    calls: BTreeSet<&'a str>,
    states: BTreeMap<StatesField, Wanted>,
}

impl<'a> Walk<'a> {
    fn node(&mut self, node: &'a AstNode) {
        match node {
            AstNode::Variable(name) => self.variable(name, &[]),
            AstNode::Path { .. } | AstNode::ObjectTransform { .. } | AstNode::Sort { .. } => {
                self.path(node)
            }
            AstNode::Function { name, args, .. } => {
                if !self.is_bound(name) {
                    self.calls.insert(name);
                }
                args.iter().for_each(|arg| self.node(arg));
            }
            AstNode::Lambda { params, body, .. } => {
                self.scopes
                    .push(params.iter().map(String::as_str).collect());
                self.node(body);
                self.scopes.pop();
            }
            AstNode::Block(nodes) => {
                self.scopes.push(BTreeSet::new());
                nodes.iter().for_each(|inner| self.node(inner));
                self.scopes.pop();
            }
            AstNode::Binary {
                op: BinaryOp::ColonEqual,
                lhs,
                rhs,
            } => self.assignment(lhs, rhs),
            other => walk::children(other, &mut |child| self.node(child)),
        }
    }

    fn assignment(&mut self, target: &'a AstNode, value: &'a AstNode) {
        let AstNode::Variable(name) = target else {
            return self.node(value);
        };
        // A function may call itself by the name it is about to get.
        let recursive = matches!(value, AstNode::Lambda { .. });
        if recursive {
            self.bind(name);
        }
        self.node(value);
        self.bind(name);
    }

    /// What a step binds is visible to the rest of the path and to what groups or sorts it, and no further.
    fn path(&mut self, node: &'a AstNode) {
        let is_outermost = !std::mem::replace(&mut self.is_in_path, true);
        if is_outermost {
            self.scopes.push(BTreeSet::new());
        }
        match node {
            AstNode::Path { steps } => self.steps(steps),
            other => walk::children(other, &mut |child| self.node(child)),
        }
        if is_outermost {
            self.scopes.pop();
            self.is_in_path = false;
        }
    }

    fn steps(&mut self, steps: &'a [PathStep]) {
        for (place, step) in steps.iter().enumerate() {
            match &step.node {
                AstNode::Variable(name) if place == 0 && is_plain(step) => {
                    let below = steps.get(1..).unwrap_or_default().iter();
                    let names: Vec<_> = below.map_while(plain_name).collect();
                    self.variable(name, &names);
                }
                node => self.node(node),
            }
            step.focus
                .iter()
                .chain(&step.index_var)
                .for_each(|name| self.bind(name));
            for stage in &step.stages {
                match stage {
                    Stage::Filter(filter) => self.node(filter),
                    Stage::Index(name) => self.bind(name),
                    Stage::KeepArray => {}
                }
            }
        }
    }

    fn variable(&mut self, name: &'a str, path: &[&str]) {
        if name.is_empty() || self.is_bound(name) {
            return;
        }
        if name != STATES {
            return self
                .variables
                .entry(name.into())
                .or_insert_with(Wanted::nothing)
                .add(path);
        }
        match path.split_first() {
            Some((field, below)) => {
                if let Some(field) = StatesField::from_name(field) {
                    self.states
                        .entry(field)
                        .or_insert_with(Wanted::nothing)
                        .add(below);
                }
            }
            None => self
                .states
                .extend(StatesField::ALL.map(|field| (field, Wanted::All))),
        }
    }

    fn bind(&mut self, name: &'a str) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name);
        }
    }

    fn is_bound(&self, name: &str) -> bool {
        self.scopes.iter().any(|scope| scope.contains(name))
    }
}

fn plain_name(step: &PathStep) -> Option<&str> {
    match &step.node {
        AstNode::Name(name) if is_plain(step) => Some(name),
        _ => None,
    }
}
