//! The children of a syntax tree's node. The library keeps its own walkers to itself.

use jsonata_core::ast::{AstNode, PathStep, Stage};

/// Calls `visit` for each direct child, in the order of the text.
pub(super) fn children<'a>(node: &'a AstNode, visit: &mut dyn FnMut(&'a AstNode)) {
    match node {
        AstNode::Path { steps } => steps.iter().for_each(|step| step_children(step, visit)),
        AstNode::Binary { lhs, rhs, .. } => {
            visit(lhs);
            visit(rhs);
        }
        AstNode::Unary { operand: inner, .. }
        | AstNode::FunctionApplication(inner)
        | AstNode::Lambda { body: inner, .. } => visit(inner),
        AstNode::Function { args: nodes, .. }
        | AstNode::Array(nodes)
        | AstNode::Block(nodes)
        | AstNode::ArrayGroup(nodes) => {
            nodes.iter().for_each(visit);
        }
        AstNode::Call { procedure, args } => {
            visit(procedure);
            args.iter().for_each(visit);
        }
        AstNode::Object(pairs) => pair_children(pairs, visit),
        AstNode::ObjectTransform { input, pattern } => {
            visit(input);
            pair_children(pattern, visit);
        }
        AstNode::Conditional {
            condition,
            then_branch,
            else_branch,
        } => {
            visit(condition);
            visit(then_branch);
            else_branch.iter().for_each(|branch| visit(branch));
        }
        AstNode::Sort { input, terms } => {
            visit(input);
            terms.iter().for_each(|(term, _)| visit(term));
        }
        AstNode::Transform {
            location,
            update,
            delete,
        } => {
            visit(location);
            visit(update);
            delete.iter().for_each(|fields| visit(fields));
        }
        AstNode::String(_)
        | AstNode::Name(_)
        | AstNode::Number(_)
        | AstNode::Boolean(_)
        | AstNode::Null
        | AstNode::Undefined
        | AstNode::Placeholder
        | AstNode::Regex { .. }
        | AstNode::Variable(_)
        | AstNode::ParentVariable(_)
        | AstNode::Wildcard
        | AstNode::Descendant
        | AstNode::Parent(_) => {}
    }
}

fn pair_children<'a>(pairs: &'a [(AstNode, AstNode)], visit: &mut dyn FnMut(&'a AstNode)) {
    for (key, value) in pairs {
        visit(key);
        visit(value);
    }
}

fn step_children<'a>(step: &'a PathStep, visit: &mut dyn FnMut(&'a AstNode)) {
    visit(&step.node);
    for stage in &step.stages {
        match stage {
            Stage::Filter(filter) => visit(filter),
            Stage::KeepArray | Stage::Index(_) => {}
        }
    }
}

/// [`children`], to be changed in place.
pub(super) fn children_mut<'a>(node: &'a mut AstNode, visit: &mut dyn FnMut(&'a mut AstNode)) {
    match node {
        AstNode::Path { steps } => steps
            .iter_mut()
            .for_each(|step| step_children_mut(step, visit)),
        AstNode::Binary { lhs, rhs, .. } => {
            visit(lhs);
            visit(rhs);
        }
        AstNode::Unary { operand: inner, .. }
        | AstNode::FunctionApplication(inner)
        | AstNode::Lambda { body: inner, .. } => visit(inner),
        AstNode::Function { args: nodes, .. }
        | AstNode::Array(nodes)
        | AstNode::Block(nodes)
        | AstNode::ArrayGroup(nodes) => {
            nodes.iter_mut().for_each(visit);
        }
        AstNode::Call { procedure, args } => {
            visit(procedure);
            args.iter_mut().for_each(visit);
        }
        AstNode::Object(pairs) => pair_children_mut(pairs, visit),
        AstNode::ObjectTransform { input, pattern } => {
            visit(input);
            pair_children_mut(pattern, visit);
        }
        AstNode::Conditional {
            condition,
            then_branch,
            else_branch,
        } => {
            visit(condition);
            visit(then_branch);
            else_branch.iter_mut().for_each(|branch| visit(branch));
        }
        AstNode::Sort { input, terms } => {
            visit(input);
            terms.iter_mut().for_each(|(term, _)| visit(term));
        }
        AstNode::Transform {
            location,
            update,
            delete,
        } => {
            visit(location);
            visit(update);
            delete.iter_mut().for_each(|fields| visit(fields));
        }
        AstNode::String(_)
        | AstNode::Name(_)
        | AstNode::Number(_)
        | AstNode::Boolean(_)
        | AstNode::Null
        | AstNode::Undefined
        | AstNode::Placeholder
        | AstNode::Regex { .. }
        | AstNode::Variable(_)
        | AstNode::ParentVariable(_)
        | AstNode::Wildcard
        | AstNode::Descendant
        | AstNode::Parent(_) => {}
    }
}

fn pair_children_mut<'a>(
    pairs: &'a mut [(AstNode, AstNode)],
    visit: &mut dyn FnMut(&'a mut AstNode),
) {
    for (key, value) in pairs {
        visit(key);
        visit(value);
    }
}

fn step_children_mut<'a>(step: &'a mut PathStep, visit: &mut dyn FnMut(&'a mut AstNode)) {
    visit(&mut step.node);
    for stage in &mut step.stages {
        match stage {
            Stage::Filter(filter) => visit(filter),
            Stage::KeepArray | Stage::Index(_) => {}
        }
    }
}
