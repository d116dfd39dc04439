//! The children of a syntax tree's node. The library keeps its own walkers to itself.

use jsonata_core::ast::{AstNode, PathStep, Stage};

/// Makes the walk over shared nodes and the one over nodes that are changed in place of one text: they differ in `mut` alone.
macro_rules! walk {
    ($(#[$doc:meta])* $children:ident, $pairs:ident, $step:ident $(, $mut:ident)?) => {
        $(#[$doc])*
        pub(super) fn $children<'a>(node: &'a $($mut)? AstNode, visit: &mut dyn FnMut(&'a $($mut)? AstNode)) {
            match node {
                AstNode::Path { steps } => {
                    for step in steps {
                        $step(step, visit);
                    }
                }
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
                    for node in nodes {
                        visit(node);
                    }
                }
                AstNode::Call { procedure, args } => {
                    visit(procedure);
                    for argument in args {
                        visit(argument);
                    }
                }
                AstNode::Object(pairs) => $pairs(pairs, visit),
                AstNode::ObjectTransform { input, pattern } => {
                    visit(input);
                    $pairs(pattern, visit);
                }
                AstNode::Conditional { condition, then_branch, else_branch } => {
                    visit(condition);
                    visit(then_branch);
                    if let Some(branch) = else_branch {
                        visit(branch);
                    }
                }
                AstNode::Sort { input, terms } => {
                    visit(input);
                    for (term, _) in terms {
                        visit(term);
                    }
                }
                AstNode::Transform { location, update, delete } => {
                    visit(location);
                    visit(update);
                    if let Some(fields) = delete {
                        visit(fields);
                    }
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

        fn $pairs<'a>(pairs: &'a $($mut)? [(AstNode, AstNode)], visit: &mut dyn FnMut(&'a $($mut)? AstNode)) {
            for (key, value) in pairs {
                visit(key);
                visit(value);
            }
        }

        fn $step<'a>(step: &'a $($mut)? PathStep, visit: &mut dyn FnMut(&'a $($mut)? AstNode)) {
            visit(&$($mut)? step.node);
            for stage in &$($mut)? step.stages {
                match stage {
                    Stage::Filter(filter) => visit(filter),
                    Stage::KeepArray | Stage::Index(_) => {}
                }
            }
        }
    };
}

walk! {
    /// Calls `visit` for each direct child, in the order of the text.
    children, pair_children, step_children
}
walk! {
    /// [`children`], to be changed in place.
    children_mut, pair_children_mut, step_children_mut, mut
}
