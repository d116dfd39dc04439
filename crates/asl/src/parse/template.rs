//! Templates of both languages, and JSONata programs.
//!
//! Every expression in a template is tried on its own first, so that all that do not parse are told, each with its place.

use everstep_expr::expression::Expression;
use everstep_expr::jsonata::{self, Program};
use everstep_expr::template::Template;

use super::Reader;
use super::fields::Object;
use super::place::Place;
use crate::definition::{Payload, QueryLanguage};
use crate::diagnostic::Code;
use crate::document::{Data, Node};

impl<'t> Reader<'t> {
    /// A template in the language of its state.
    pub(super) fn payload(
        &mut self,
        object: &Object<'_, 't>,
        name: &str,
        language: QueryLanguage,
    ) -> Option<Payload> {
        match language {
            QueryLanguage::JsonPath => self.json_path_template(object, name).map(Payload::JsonPath),
            QueryLanguage::Jsonata => self.jsonata_template(object, name).map(Payload::Jsonata),
        }
    }

    pub(super) fn json_path_template(
        &mut self,
        object: &Object<'_, 't>,
        name: &str,
    ) -> Option<Template> {
        let node = object.get(name)?;
        let place = object.place.field(name);
        if !matches!(node.data, Data::Object(_) | Data::Array(_)) {
            self.wrong_type(node, &place, "Object");
            return None;
        }
        let found_before = self.findings.len();
        self.json_path_expressions(node, &place);
        let value = self.value(node, &place)?;
        match Template::parse(&value) {
            Ok(template) => Some(template),
            Err(errors) => {
                // What the walk over the expressions has not told already.
                if self.findings.len() == found_before {
                    for error in errors {
                        self.error(node, &place, error.to_string());
                    }
                }
                None
            }
        }
    }

    /// Complains of each `.$` field whose value is no expression.
    fn json_path_expressions(&mut self, node: &Node<'t>, place: &Place<'_>) {
        match &node.data {
            Data::Object(members) => {
                for member in members {
                    let name = &*member.name;
                    if !name.ends_with(".$") {
                        self.value_without_dollar(&member.value, &place.field(name));
                        self.json_path_expressions(&member.value, &place.field(name));
                        continue;
                    }
                    let is_expression = member
                        .value
                        .text()
                        .is_some_and(|text| Expression::parse(text).is_ok());
                    if !is_expression {
                        self.error(
                            &member.value,
                            place,
                            format!(
                                "The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call"
                            ),
                        );
                    }
                }
            }
            Data::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.json_path_expressions(item, &place.item(index));
                }
            }
            Data::Null | Data::Bool(_) | Data::Number(_) | Data::String(_) => {}
        }
    }

    pub(super) fn jsonata_template(
        &mut self,
        object: &Object<'_, 't>,
        name: &str,
    ) -> Option<jsonata::Template> {
        let node = object.get(name)?;
        let place = object.place.field(name);
        let found_before = self.findings.len();
        self.programs(node, &place);
        let value = self.value(node, &place)?;
        match jsonata::Template::parse(&value) {
            Ok(template) => Some(template),
            Err(errors) => {
                if self.findings.len() == found_before {
                    for error in errors {
                        self.error(node, &place, error.to_string());
                    }
                }
                None
            }
        }
    }

    /// Complains of each string between `{%` and `%}` that is no program.
    fn programs(&mut self, node: &Node<'t>, place: &Place<'_>) {
        match &node.data {
            Data::Object(members) => {
                for member in members {
                    self.programs(&member.value, &place.field(&member.name));
                }
            }
            Data::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.programs(item, &place.item(index));
                }
            }
            Data::String(_) => {
                self.program(node, place);
            }
            Data::Null | Data::Bool(_) | Data::Number(_) => {}
        }
    }

    /// The program that a value is. `None` if it is none, `Some(None)` if it is one that does not parse.
    pub(super) fn program(
        &mut self,
        node: &Node<'t>,
        place: &Place<'_>,
    ) -> Option<Option<Program>> {
        let text = node.text()?;
        let inner = match (text.strip_prefix("{%"), text.strip_suffix("%}")) {
            (Some(_), Some(_)) if text.len() >= 4 => text.get(2..text.len() - 2)?,
            (None, None) => return None,
            _ => {
                self.find(
                    Code::InvalidJsonataExpression,
                    node,
                    place,
                    "A JSONata expression must begin with '{%' and end with '%}'",
                );
                return Some(None);
            }
        };
        match Program::parse(inner) {
            Ok(program) => {
                for name in program.unbound() {
                    self.find(
                        Code::UnsupportedJsonataExpression,
                        node,
                        place,
                        format!("Reference to '{name}' at the top level is not supported."),
                    );
                }
                Some(Some(program))
            }
            Err(error) => {
                // The service leaves out JSONata's own code of the error.
                let message = match error {
                    jsonata::SyntaxError::Program { message, .. } => message,
                    jsonata::SyntaxError::Operator { operator } => {
                        format!("The symbol \"{operator}\" cannot be used as a unary operator")
                    }
                    jsonata::SyntaxError::Delimiter => error.to_string(),
                };
                self.find(Code::InvalidJsonataExpression, node, place, message);
                Some(None)
            }
        }
    }
}
