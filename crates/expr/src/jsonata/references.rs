//! What a program refers to: variables from outside, fields of `$states`, functions.

use std::collections::BTreeSet;
use std::sync::Arc;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

use super::functions;
use super::scope::StatesField;
use super::unbound;
use super::walk;

/// The name of the variable that Step Functions binds itself.
pub(super) const STATES: &str = "states";

/// The names a program takes from outside.
#[derive(Debug, Default)]
pub(super) struct References {
    /// Free variables that are neither `$states` nor a function's name.
    pub(super) variables: Vec<Arc<str>>,
    /// Every free name except `$states`, functions' names too: a variable hides a function of its name.
    pub(super) names: Vec<Arc<str>>,
    /// The fields of `$states` it may read.
    pub(super) states: Vec<StatesField>,
    /// What it reads from a context item where there is none: names, `$` and `$$`.
    pub(super) unbound: Vec<Arc<str>>,
}

pub(super) fn of(ast: &AstNode) -> References {
    let mut walk = Walk {
        scopes: vec![BTreeSet::new()],
        ..Walk::default()
    };
    walk.node(ast);
    let shared = |names: &BTreeSet<&str>| names.iter().map(|name| Arc::from(*name)).collect();
    let names = &walk.variables | &walk.calls;
    walk.variables.retain(|name| !functions::is_function(name));
    References {
        variables: shared(&walk.variables),
        names: shared(&names),
        states: StatesField::ALL
            .into_iter()
            .filter(|field| walk.states.contains(field))
            .collect(),
        unbound: unbound::of(ast),
    }
}

#[derive(Default)]
struct Walk<'a> {
    /// Names bound by the program itself, innermost scope last.
    scopes: Vec<BTreeSet<&'a str>>,
    variables: BTreeSet<&'a str>,
    calls: BTreeSet<&'a str>,
    states: BTreeSet<StatesField>,
}

impl<'a> Walk<'a> {
    fn node(&mut self, node: &'a AstNode) {
        match node {
            AstNode::Variable(name) => self.variable(name, None),
            AstNode::Path { steps } => self.path(steps),
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

    fn path(&mut self, steps: &'a [PathStep]) {
        let mut steps = steps.iter().peekable();
        let mut first = true;
        while let Some(step) = steps.next() {
            match &step.node {
                AstNode::Variable(name) if first => {
                    let next = steps
                        .peek()
                        .filter(|_| step.stages.is_empty())
                        .map(|next| &next.node);
                    self.variable(name, next);
                }
                node => self.node(node),
            }
            first = false;
            // What a step binds stays visible to the rest of the path and to what is grouped or sorted by it.
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

    fn variable(&mut self, name: &'a str, next: Option<&AstNode>) {
        if name.is_empty() || self.is_bound(name) {
            return;
        }
        if name != STATES {
            self.variables.insert(name);
            return;
        }
        match next {
            Some(AstNode::Name(field)) => self.states.extend(StatesField::from_name(field)),
            _ => self.states.extend(StatesField::ALL),
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
