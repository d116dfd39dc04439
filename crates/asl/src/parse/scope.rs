//! Variables, and fields that only one language has.

use std::collections::HashSet;
use std::sync::Arc;

use super::Reader;
use super::fields::Object;
use super::machine::Graph;
use crate::definition::{Machine, QueryLanguage};
use crate::document::{Data, Node};

/// A variable's name has at most so many characters.
const VARIABLE_CHARACTERS_MAX: usize = 80;

impl<'t> Reader<'t> {
    /// Complains of fields that are not `known`, and says so of those that are the `others` of the other language.
    pub(super) fn fields_of_language(
        &mut self,
        object: &Object<'_, 't>,
        known: &[&str],
        others: &[&str],
        language: QueryLanguage,
    ) {
        for member in object.members {
            let name = &*member.name;
            if known.contains(&name) {
                continue;
            }
            let message = if others.contains(&name) {
                only_in_other(name, language)
            } else {
                format!("Field '{name}' is not supported")
            };
            self.error(&member.value, &object.place, message);
        }
    }

    /// Reads a machine inside a state of another one. It may read the other's variables, but not set them.
    pub(super) fn inner_machine(
        &mut self,
        graph: &Graph<'_>,
        object: &Object<'_, 't>,
    ) -> Option<Machine> {
        self.outer_variables.push(graph.variables.clone());
        let machine = self.machine(object, graph.depth + 1);
        self.outer_variables.pop();
        machine
    }

    /// Reads a machine that runs in executions of its own, which do not see the variables around it.
    pub(super) fn distributed_machine(
        &mut self,
        graph: &Graph<'_>,
        object: &Object<'_, 't>,
    ) -> Option<Machine> {
        let outer = std::mem::take(&mut self.outer_variables);
        let machine = self.machine(object, graph.depth + 1);
        self.outer_variables = outer;
        machine
    }

    /// Looks at the names of the variables that an `Assign` sets.
    pub(super) fn assigned_names(&mut self, object: &Object<'_, 't>) {
        let Some(node) = object.get("Assign") else {
            return;
        };
        let place = object.place.field("Assign");
        let Data::Object(members) = &node.data else {
            self.wrong_type(node, &place, "Object");
            return;
        };
        for member in members {
            let name = member.name.strip_suffix(".$").unwrap_or(&member.name);
            if let Some(problem) = refused(name) {
                self.error(&member.value, &place, problem);
            } else if self
                .outer_variables
                .iter()
                .any(|outer| outer.contains(name))
            {
                self.error(
                    &member.value,
                    &place,
                    format!("Variable '{name}' is already set by a state around this one"),
                );
            }
        }
    }
}

/// The variables that the states of a machine set, those of machines inside them apart.
pub(super) fn assigned_in(states: &Object<'_, '_>) -> Arc<HashSet<String>> {
    let mut names = HashSet::new();
    for state in states.members {
        let state = &state.value;
        names_of(state, &mut names);
        for list in ["Choices", "Catch"] {
            if let Some(Data::Array(items)) = state.get(list).map(|list| &list.data) {
                for item in items {
                    names_of(item, &mut names);
                }
            }
        }
    }
    Arc::new(names)
}

fn names_of(node: &Node<'_>, names: &mut HashSet<String>) {
    if let Some(Data::Object(members)) = node.get("Assign").map(|assign| &assign.data) {
        names.extend(members.iter().map(|member| {
            member
                .name
                .strip_suffix(".$")
                .unwrap_or(&member.name)
                .to_owned()
        }));
    }
}

/// What is said of a field that only the language other than this one has.
pub(super) fn only_in_other(name: &str, language: QueryLanguage) -> String {
    let other = match language {
        QueryLanguage::JsonPath => QueryLanguage::Jsonata,
        QueryLanguage::Jsonata => QueryLanguage::JsonPath,
    };
    format!(
        "The QueryLanguage is set to '{}', but field '{name}' is only supported for the '{}' QueryLanguage",
        language.as_str(),
        other.as_str()
    )
}

/// Why a variable cannot have this name.
fn refused(name: &str) -> Option<String> {
    let mut characters = name.chars();
    let begins = characters
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_');
    if !begins || !characters.all(|other| other.is_alphanumeric() || other == '_') {
        return Some(format!("Variable name '{name}' is not a valid identifier"));
    }
    if name.chars().count() > VARIABLE_CHARACTERS_MAX {
        return Some(format!(
            "Variable name '{name}' has more than {VARIABLE_CHARACTERS_MAX} characters"
        ));
    }
    (name == "states").then(|| "Variable name 'states' is reserved".to_owned())
}
