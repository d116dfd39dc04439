//! Puts the guarded functions into a program's tree.

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

use super::guard::{
    CONCATENATE, FORMAT_INTEGER, JOIN, PAD, PART, PICTURE, RANGE, REPLACE, STRING, ZIP,
};
use super::walk;

/// What the program calls a name, and what it is called in the tree.
pub(super) fn renamed(name: &str) -> &str {
    match name {
        "string" => STRING,
        "join" => JOIN,
        "pad" => PAD,
        "replace" => REPLACE,
        "zip" => ZIP,
        "formatInteger" => FORMAT_INTEGER,
        name => name,
    }
}

/// Puts the guarded functions into the tree.
pub(super) fn install(ast: &mut AstNode) {
    lend(ast);
    let mut left = vec![(ast, Place::Value)];
    while let Some((mut node, place)) = left.pop() {
        if place == Place::Value && gathers(node) {
            *node = call(PART, vec![take(node)]);
            let AstNode::Function { args, .. } = node else {
                continue;
            };
            let Some(gatherer) = args.first_mut() else {
                continue;
            };
            node = gatherer;
        }
        if place != Place::Piped {
            insert_context(node);
        }
        replace(node);
        let below = match node {
            AstNode::Binary {
                op: BinaryOp::ChainPipe,
                lhs,
                rhs,
            } => {
                left.extend([(&mut **lhs, Place::Value), (&mut **rhs, Place::Piped)]);
                continue;
            }
            // The parser hangs predicates of a call on a path of one step.
            AstNode::Path { steps } if steps.len() == 1 && place == Place::Piped => Place::Piped,
            AstNode::Path { .. } => Place::Inside,
            AstNode::Function { name, .. } if name == PART => Place::Inside,
            _ => Place::Value,
        };
        walk::children_mut(node, &mut |child| left.push((child, below)));
    }
}

/// Functions that are guarded where they are called are guarded as values too: `$map` becomes `function($0!, $1!) { $map($0!, $1!) }`.
/// Not in a program that uses the name for something else.
fn lend(ast: &mut AstNode) {
    for (name, count) in [("map", 2), ("each", 2), ("fromMillis", 3)] {
        let mut places = Vec::new();
        let mut is_other = false;
        let mut left = vec![&mut *ast];
        while let Some(node) = left.pop() {
            match node {
                AstNode::Variable(known) if known == name => places.push(node),
                AstNode::Binary {
                    op: BinaryOp::ColonEqual,
                    lhs,
                    rhs,
                } => {
                    is_other |= matches!(&**lhs, AstNode::Variable(known) if known == name);
                    left.push(rhs);
                }
                AstNode::Lambda { params, body, .. } => {
                    is_other |= params.iter().any(|known| known == name);
                    left.push(body);
                }
                node => walk::children_mut(node, &mut |child| left.push(child)),
            }
        }
        if !is_other {
            places
                .into_iter()
                .for_each(|place| *place = lent(name, count));
        }
    }
}

fn lent(name: &str, count: usize) -> AstNode {
    let params: Vec<_> = (0..count).map(|place| format!("{place}!")).collect();
    let args = params.iter().map(AstNode::variable).collect();
    AstNode::Lambda {
        params,
        body: Box::new(call(name, args)),
        signature: None,
        thunk: true,
    }
}

/// What a node is to the one above it.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Value,
    /// A step of a path, or what the function [`PART`] looks at.
    Inside,
    /// The right side of `~>`: a call gets one argument more.
    Piped,
}

/// Whether the value is an array of what a function gives: the one way besides brackets and braces to put values into a new one.
fn gathers(node: &AstNode) -> bool {
    let is_gatherer = |node: &AstNode| matches!(node, AstNode::Function { name, .. } if matches!(name.as_str(), "map" | "each"));
    let heads = |node: &AstNode| match node {
        AstNode::Path { steps } => steps.first().is_some_and(|step| is_gatherer(&step.node)),
        node => is_gatherer(node),
    };
    match node {
        AstNode::Binary {
            op: BinaryOp::ChainPipe,
            rhs,
            ..
        } => heads(rhs),
        node => heads(node),
    }
}

/// Functions of ours do not see the context, which stands for a first argument that is left out. Where the number of arguments does not tell
/// whether it is, the context goes last, behind a null, and the function decides.
fn insert_context(node: &mut AstNode) {
    let AstNode::Function { name, args, .. } = node else {
        return;
    };
    let context = AstNode::variable("");
    match (name.as_str(), args.len()) {
        ("string" | "toMillis", 0) | ("pad" | "formatInteger", 1) | ("replace", 2) => {
            args.insert(0, context)
        }
        ("pad", 2) | ("replace", 3) => args.extend([AstNode::Null, context]),
        _ => {}
    }
}

fn replace(node: &mut AstNode) {
    match node {
        AstNode::Binary {
            op: op @ (BinaryOp::Concatenate | BinaryOp::Range),
            lhs,
            rhs,
        } => {
            let name = if *op == BinaryOp::Range {
                RANGE
            } else {
                CONCATENATE
            };
            *node = call(name, [take(lhs), take(rhs)].into());
        }
        AstNode::Array(items) | AstNode::ArrayGroup(items) => items.iter_mut().for_each(watch),
        AstNode::Object(members)
        | AstNode::ObjectTransform {
            pattern: members, ..
        } => {
            members.iter_mut().for_each(|(_, member)| watch(member));
        }
        AstNode::Function { name, args, .. } if name == "fromMillis" => {
            for arg in args.iter_mut().filter(|arg| **arg != AstNode::Placeholder) {
                *arg = call(PICTURE, vec![take(arg)]);
            }
        }
        AstNode::Variable(name) | AstNode::Function { name, .. } => rename(name),
        AstNode::Lambda { params, .. } => params.iter_mut().for_each(rename),
        AstNode::Path { steps } => steps.iter_mut().for_each(rename_bindings),
        _ => {}
    }
}

fn rename_bindings(step: &mut PathStep) {
    step.focus
        .iter_mut()
        .chain(&mut step.index_var)
        .for_each(rename);
    for stage in &mut step.stages {
        if let Stage::Index(name) = stage {
            rename(name);
        }
    }
}

fn rename(name: &mut String) {
    let other = renamed(name);
    if other != name {
        *name = other.to_owned();
    }
}

pub(super) fn call(name: &str, args: Vec<AstNode>) -> AstNode {
    AstNode::Function {
        name: name.to_owned(),
        args,
        is_builtin: true,
    }
}

fn take(node: &mut AstNode) -> AstNode {
    std::mem::replace(node, AstNode::Undefined)
}

/// Lets the function [`PART`] see what becomes a part of an array or object. A value whose parts are shared is small in memory and may still
/// take for ever to walk; such values grow only where something is put into something else.
fn watch(node: &mut AstNode) {
    let is_watched = match node {
        // An array inside an array stays one, and the parser hangs its predicates on a path of one step.
        AstNode::Path { steps } => {
            !matches!(steps.as_slice(), [step] if matches!(step.node, AstNode::Array(_)))
        }
        AstNode::Variable(_)
        | AstNode::Function { .. }
        | AstNode::Call { .. }
        | AstNode::Block(_)
        | AstNode::Conditional { .. }
        | AstNode::Binary { .. }
        | AstNode::ObjectTransform { .. }
        | AstNode::Sort { .. } => true,
        _ => false,
    };
    if is_watched {
        *node = call(PART, vec![take(node)]);
    }
}
