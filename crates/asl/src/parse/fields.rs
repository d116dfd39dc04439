//! Reads the fields of objects, each with the type that it must have.

use everstep_expr::json::Value;

use super::Reader;
use super::place::Place;
use super::scope::only_in_other;
use super::table;
use crate::definition::QueryLanguage;
use crate::document::{Data, Member, Node};

/// An object of the text, and its place.
#[derive(Clone, Copy)]
pub(super) struct Object<'n, 't> {
    pub node: &'n Node<'t>,
    pub members: &'n [Member<'t>],
    pub place: Place<'n>,
}

impl<'n, 't> Object<'n, 't> {
    pub fn of(node: &'n Node<'t>, place: Place<'n>) -> Option<Object<'n, 't>> {
        match &node.data {
            Data::Object(members) => Some(Object {
                node,
                members,
                place,
            }),
            _ => None,
        }
    }

    pub fn get(&self, name: &str) -> Option<&'n Node<'t>> {
        self.members
            .iter()
            .find(|member| member.name == name)
            .map(|member| &member.value)
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

impl<'t> Reader<'t> {
    /// Complains of fields that are not among those.
    pub(super) fn known_fields(&mut self, object: &Object<'_, 't>, known: &[&str]) {
        for member in object.members {
            if !known.contains(&&*member.name) {
                self.error(
                    &member.value,
                    &object.place,
                    format!("Field '{}' is not supported", member.name),
                );
            }
        }
    }

    /// Complains of fields that a machine cannot do without.
    pub(super) fn required(&mut self, object: &Object<'_, 't>, names: &[&str]) {
        let missing: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| !object.has(name))
            .collect();
        if !missing.is_empty() {
            self.error(
                object.node,
                &object.place,
                format!("These fields are required: [{}]", missing.join(", ")),
            );
        }
    }

    /// Complains if more than one of these fields is there.
    pub(super) fn only_one(&mut self, object: &Object<'_, 't>, names: &[&str]) {
        if names.iter().filter(|name| object.has(name)).count() > 1 {
            self.error(
                object.node,
                &object.place,
                format!(
                    "There should only be one of the following fields: [{}]",
                    names.join(", ")
                ),
            );
        }
    }

    pub(super) fn wrong_type(&mut self, node: &Node<'t>, place: &Place<'_>, expected: &str) {
        self.error(node, place, format!("Expected value of type {expected}"));
    }

    pub(super) fn string<'n>(&mut self, object: &Object<'n, 't>, name: &str) -> Option<&'n str> {
        let node = object.get(name)?;
        let text = node.text();
        if text.is_none() {
            self.wrong_type(node, &object.place.field(name), "String");
        }
        text
    }

    /// A string that is one of these.
    pub(super) fn one_of<T: Copy>(
        &mut self,
        object: &Object<'_, 't>,
        name: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let text = self.string(object, name)?;
        let chosen = choices.iter().find(|(known, _)| *known == text);
        if chosen.is_none() {
            let known: Vec<&str> = choices.iter().map(|(known, _)| *known).collect();
            let node = object.get(name)?;
            self.error(
                node,
                &object.place.field(name),
                format!(
                    "The field '{name}' should have one of these values: [{}]",
                    known.join(", ")
                ),
            );
        }
        chosen.map(|(_, value)| *value)
    }

    pub(super) fn boolean(&mut self, object: &Object<'_, 't>, name: &str) -> Option<bool> {
        let node = object.get(name)?;
        match node.data {
            Data::Bool(truth) => Some(truth),
            _ => {
                self.wrong_type(node, &object.place.field(name), "Boolean");
                None
            }
        }
    }

    /// An object with fields of its own.
    pub(super) fn object<'n>(
        &mut self,
        object: &'n Object<'n, 't>,
        name: &'n str,
    ) -> Option<Object<'n, 't>> {
        let node = object.get(name)?;
        self.object_at(node, object.place.field(name))
    }

    pub(super) fn object_at<'n>(
        &mut self,
        node: &'n Node<'t>,
        place: Place<'n>,
    ) -> Option<Object<'n, 't>> {
        let found = Object::of(node, place);
        if found.is_none() {
            self.wrong_type(node, &place, "Object");
        }
        found
    }

    pub(super) fn array<'n>(
        &mut self,
        object: &Object<'n, 't>,
        name: &str,
    ) -> Option<&'n [Node<'t>]> {
        let node = object.get(name)?;
        match &node.data {
            Data::Array(items) => Some(items),
            _ => {
                self.wrong_type(node, &object.place.field(name), "Array");
                None
            }
        }
    }

    /// The language that an object names, or that of what is around it.
    pub(super) fn query_language(
        &mut self,
        object: &Object<'_, 't>,
        around: QueryLanguage,
    ) -> QueryLanguage {
        const LANGUAGES: [(&str, QueryLanguage); 2] = [
            ("JSONPath", QueryLanguage::JsonPath),
            ("JSONata", QueryLanguage::Jsonata),
        ];
        match (
            object.get("QueryLanguage"),
            self.one_of(object, "QueryLanguage", &LANGUAGES),
        ) {
            (None, _) => around,
            // What is not exactly JSONPath is treated as JSONata, beside what is said of the field.
            (Some(_), named) => named.unwrap_or(QueryLanguage::Jsonata),
        }
    }

    /// Complains of fields that a state of that type and language cannot have.
    pub(super) fn state_fields(
        &mut self,
        object: &Object<'_, 't>,
        of: table::Type,
        language: QueryLanguage,
    ) {
        for member in object.members {
            let name = &member.name;
            let message = match table::verdict(name, of, language) {
                table::Verdict::Allowed => continue,
                table::Verdict::Unknown => format!("Field '{name}' is not supported"),
                table::Verdict::OnlyInOther => only_in_other(name, language),
            };
            self.error(&member.value, &object.place, message);
        }
    }

    /// A part of the text as a value.
    pub(super) fn value(&mut self, node: &Node<'t>, place: &Place<'_>) -> Option<Value> {
        let text = self.text.get(node.start..node.end).unwrap_or("");
        match Value::parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.error(node, place, error.to_string());
                None
            }
        }
    }
}
