//! Variables, and fields that only one language has.

use super::Reader;
use super::fields::Object;
use crate::definition::QueryLanguage;
use crate::document::Data;

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
            }
        }
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
