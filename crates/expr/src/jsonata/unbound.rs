//! Names that are read from a context item where a program has none: outside of paths, filters, groups and orders.

use std::collections::BTreeSet;
use std::sync::Arc;

use jsonata_core::ast::AstNode;

use super::walk;

/// The names, `$` and `$$` that have nothing to be read from, sorted.
pub(super) fn of(ast: &AstNode) -> Vec<Arc<str>> {
    let mut found = BTreeSet::new();
    visit(ast, &mut found);
    found.into_iter().map(Arc::from).collect()
}

/// Looks at a node that has no context item. The parts that get one are left out.
fn visit<'a>(node: &'a AstNode, found: &mut BTreeSet<&'a str>) {
    match node {
        AstNode::Name(name) => {
            found.insert(name);
        }
        AstNode::Variable(name) if name.is_empty() => {
            found.insert("$");
        }
        AstNode::Variable(name) if name == "$" => {
            found.insert("$$");
        }
        AstNode::ParentVariable(name) if name.is_empty() => {
            found.insert("$$");
        }
        // The first step makes the item of all that follows, its own filters included.
        AstNode::Path { steps } => {
            if let Some(first) = steps.first() {
                visit(&first.node, found);
            }
        }
        AstNode::ObjectTransform { input, .. } | AstNode::Sort { input, .. } => {
            visit(input, found);
        }
        // A function may be called where there is a context item, and a transform always is.
        AstNode::Lambda { .. } | AstNode::Transform { .. } => {}
        other => walk::children(other, &mut |child| visit(child, found)),
    }
}

#[cfg(test)]
mod tests {
    use crate::jsonata::Program;

    fn unbound(text: &str) -> Vec<String> {
        let program = Program::parse(text).unwrap();
        program.unbound().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_has_nothing_to_be_read_from_is_found() {
        assert_eq!(unbound("phone"), ["phone"]);
        assert_eq!(unbound("phone.number[type = 'x']"), ["phone"]);
        assert_eq!(unbound("$sum(a) + b"), ["a", "b"]);
        assert_eq!(unbound("{'x': y, 'z': [w]}"), ["w", "y"]);
        assert_eq!(unbound("$"), ["$"]);
        assert_eq!(unbound("$$"), ["$$"]);
        assert_eq!(unbound("$.a"), ["$"]);
        assert_eq!(unbound("$$.a"), ["$$"]);
        assert_eq!(unbound("$x ? a : b"), ["a", "b"]);
        assert_eq!(unbound("($y := a; $y)"), ["a"]);
    }

    #[test]
    fn what_has_an_item_is_not() {
        for text in [
            "$states.input.phone",
            "$states.input.phones[type = 'x'].number",
            "$states.input{kind: $sum(amount)}",
            "$states.input.orders^(price).name",
            "$states.input.(a + b)",
            "$states.input.{'x': y}",
            "$x[$ > 1]",
            "$map($x, function($v) { $v.name })",
            "$x ~> |a|{'b': c}|",
            "'text' & 1",
        ] {
            assert!(unbound(text).is_empty(), "{text}");
        }
    }
}
