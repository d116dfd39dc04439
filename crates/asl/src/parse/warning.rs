//! What is allowed but hardly meant.

use super::Reader;
use super::place::Place;
use crate::diagnostic::Code;
use crate::document::{Data, Node};

impl<'t> Reader<'t> {
    /// A template's field without `.$` whose value would be an expression.
    pub(super) fn value_without_dollar(&mut self, node: &Node<'t>, place: &Place<'_>) {
        if node.text().is_some_and(looks_like_expression) {
            self.find(
                Code::NoDollar,
                node,
                place,
                "No .$ on a field that appears to be a JSONPath or Intrinsic Function",
            );
        }
    }

    /// A field not ending in `Path` whose value would be a path.
    pub(super) fn path_without_suffix(&mut self, node: &Node<'t>, place: &Place<'_>, text: &str) {
        if looks_like_path(text) {
            self.find(
                Code::NoPath,
                node,
                place,
                "Field value looks like a path, but field name does not end with 'Path'",
            );
        }
    }

    /// A path in the result of a Pass state, which is taken as it is.
    pub(super) fn static_result(&mut self, node: &Node<'t>, place: &Place<'_>) {
        match &node.data {
            Data::Object(members) => {
                for member in members {
                    let place = place.field(&member.name);
                    if member.name.ends_with(".$") && member.value.text().is_some() {
                        self.static_path(&member.value, &place);
                    } else {
                        self.static_result(&member.value, &place);
                    }
                }
            }
            Data::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.static_result(item, &place.item(index));
                }
            }
            Data::String(text) if looks_like_expression(text) => self.static_path(node, place),
            Data::Null | Data::Bool(_) | Data::Number(_) | Data::String(_) => {}
        }
    }

    fn static_path(&mut self, node: &Node<'t>, place: &Place<'_>) {
        self.find(
            Code::PassResultIsStatic,
            node,
            place,
            "Attempt to use a path in the result of a Pass state",
        );
    }
}

fn looks_like_path(text: &str) -> bool {
    ["$.", "$[", "$$."]
        .iter()
        .any(|begin| text.starts_with(begin))
}

fn looks_like_expression(text: &str) -> bool {
    looks_like_path(text) || (text.starts_with("States.") && text.ends_with(')'))
}
