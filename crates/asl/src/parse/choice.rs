//! Choice states and their rules.

use std::sync::Arc;

use everstep_expr::json::Value;

use super::Reader;
use super::fields::Object;
use super::machine::Graph;
use super::operator::Operator;
use super::place::Place;
use super::setting::PathKind;
use crate::choice::{Comparison, Condition, Operand, Pattern, Test, Type};
use crate::definition::{
    Choice, ChoiceRules, JsonPathRule, JsonataCondition, JsonataRule, QueryLanguage,
};
use crate::document::{Data, Node};

/// The fields of a rule that are no operators.
const RULE: &[&str] = &["Comment", "Next", "Assign", "Variable"];
const RULE_JSONATA: &[&str] = &["Comment", "Next", "Assign", "Condition", "Output"];

impl<'t> Reader<'t> {
    pub(super) fn choice(
        &mut self,
        graph: &mut Graph<'_>,
        object: &Object<'_, 't>,
        language: QueryLanguage,
    ) -> Option<Box<Choice>> {
        self.required(object, &["Choices"]);
        let flow = self.flow(object, language);
        let default = self.transition(graph, object, "Default");
        let items = self.array(object, "Choices")?;
        let list = object.place.field("Choices");
        if items.is_empty() {
            let node = object.get("Choices")?;
            self.error(node, &list, "Value cannot be empty");
        }
        let objects = items.iter().enumerate();
        let rules = match language {
            QueryLanguage::JsonPath => ChoiceRules::JsonPath(
                objects
                    .filter_map(|(index, node)| self.json_path_rule(graph, node, list.item(index)))
                    .collect(),
            ),
            QueryLanguage::Jsonata => ChoiceRules::Jsonata(
                objects
                    .filter_map(|(index, node)| self.jsonata_rule(graph, node, list.item(index)))
                    .collect(),
            ),
        };
        Some(Box::new(Choice {
            rules,
            default,
            flow,
        }))
    }

    fn json_path_rule(
        &mut self,
        graph: &mut Graph<'_>,
        node: &Node<'t>,
        place: Place<'_>,
    ) -> Option<JsonPathRule> {
        let rule = self.object_at(node, place)?;
        self.required(&rule, &["Next"]);
        self.assigned_names(&rule);
        let condition = self.condition(&rule, true);
        let next = self.transition(graph, &rule, "Next");
        let assign = self.json_path_template(&rule, "Assign");
        Some(JsonPathRule {
            condition: condition?,
            next: next?,
            assign,
        })
    }

    fn jsonata_rule(
        &mut self,
        graph: &mut Graph<'_>,
        node: &Node<'t>,
        place: Place<'_>,
    ) -> Option<JsonataRule> {
        let rule = self.object_at(node, place)?;
        let of_json_path: Vec<&str> = rule
            .members
            .iter()
            .map(|member| &*member.name)
            .filter(|name| *name == "Variable" || Operator::parse(name).is_some())
            .collect();
        self.fields_of_language(&rule, RULE_JSONATA, &of_json_path, QueryLanguage::Jsonata);
        self.required(&rule, &["Condition", "Next"]);
        self.assigned_names(&rule);
        let condition = self.jsonata_condition(&rule);
        let next = self.transition(graph, &rule, "Next");
        let assign = self.jsonata_template(&rule, "Assign");
        let output = self.jsonata_template(&rule, "Output");
        Some(JsonataRule {
            condition: condition?,
            next: next?,
            assign,
            output,
        })
    }

    fn jsonata_condition(&mut self, rule: &Object<'_, 't>) -> Option<JsonataCondition> {
        let node = rule.get("Condition")?;
        if let Data::Bool(truth) = node.data {
            return Some(JsonataCondition::Fixed(truth));
        }
        let place = rule.place.field("Condition");
        match self.program(node, &place) {
            Some(program) => program.map(JsonataCondition::Program),
            None => {
                self.wrong_type(node, &place, "Boolean");
                None
            }
        }
    }

    /// What a rule, or a part of one, asks.
    fn condition(&mut self, rule: &Object<'_, 't>, is_outermost: bool) -> Option<Condition> {
        let mut operators = Vec::new();
        for member in rule.members {
            let name = &*member.name;
            let is_known = match name {
                "Next" | "Assign" => is_outermost,
                _ => RULE.contains(&name),
            };
            match Operator::parse(name) {
                Some(operator) => operators.push((operator, name, &member.value)),
                None if is_known => {}
                None => {
                    let only_jsonata: &[&str] = &["Condition", "Output"];
                    let known: &[&str] = if is_outermost {
                        RULE
                    } else {
                        &["Comment", "Variable"]
                    };
                    let one = Object {
                        members: std::slice::from_ref(member),
                        ..*rule
                    };
                    self.fields_of_language(&one, known, only_jsonata, QueryLanguage::JsonPath);
                }
            }
        }
        let [(operator, name, node)] = operators.as_slice() else {
            self.error(
                rule.node,
                &rule.place,
                "A choice rule must have exactly one comparison operator",
            );
            return None;
        };
        let place = rule.place.field(name);
        match operator {
            Operator::And => self.conditions(node, &place).map(Condition::And),
            Operator::Or => self.conditions(node, &place).map(Condition::Or),
            Operator::Not => {
                let inner = self.object_at(node, place)?;
                let inner = self.condition(&inner, false)?;
                Some(Condition::Not(Box::new(inner)))
            }
            Operator::Is(_) | Operator::Matches | Operator::Compares { .. } => {
                self.required(rule, &["Variable"]);
                let variable = match rule.get("Variable") {
                    Some(variable) => self.path_at(
                        variable,
                        &rule.place.field("Variable"),
                        PathKind::ReferenceOrContext,
                    ),
                    None => None,
                };
                let test = self.test(*operator, node, &place);
                Some(Condition::Test {
                    variable: variable?,
                    test: test?,
                })
            }
        }
    }

    fn conditions(&mut self, node: &Node<'t>, place: &Place<'_>) -> Option<Vec<Condition>> {
        let Data::Array(items) = &node.data else {
            self.wrong_type(node, place, "Array");
            return None;
        };
        if items.is_empty() {
            self.error(node, place, "Value cannot be empty");
            return None;
        }
        let conditions: Vec<_> = items
            .iter()
            .enumerate()
            .map(|(index, node)| {
                let rule = self.object_at(node, place.item(index))?;
                self.condition(&rule, false)
            })
            .collect();
        conditions.into_iter().collect()
    }

    fn test(&mut self, operator: Operator, node: &Node<'t>, place: &Place<'_>) -> Option<Test> {
        match operator {
            Operator::And | Operator::Or | Operator::Not => None,
            Operator::Is(class) => match node.data {
                Data::Bool(wanted) => Some(Test::Is { class, wanted }),
                _ => {
                    self.wrong_type(node, place, "Boolean");
                    None
                }
            },
            Operator::Matches => match node.text() {
                Some(text) => Some(Test::Matches(Pattern::parse(text))),
                None => {
                    self.wrong_type(node, place, "String");
                    None
                }
            },
            Operator::Compares {
                of,
                relation,
                is_path,
            } => {
                let operand = if is_path {
                    let path = self.path_at(node, place, PathKind::ReferenceOrContext)?;
                    Operand::Path { of, path }
                } else {
                    self.operand(of, node, place)?
                };
                Some(Test::Compares(Comparison { relation, operand }))
            }
        }
    }

    fn operand(&mut self, of: Type, node: &Node<'t>, place: &Place<'_>) -> Option<Operand> {
        let expected = match (of, &node.data) {
            (Type::String, Data::String(text)) => {
                return Some(Operand::String(Arc::from(&**text)));
            }
            (Type::Numeric, Data::Number(_)) => {
                return match self.value(node, place)? {
                    Value::Number(number) => Some(Operand::Numeric(number)),
                    _ => None,
                };
            }
            (Type::Timestamp, Data::String(_)) => {
                return self.instant(node, place).map(Operand::Timestamp);
            }
            (Type::Boolean, Data::Bool(truth)) => return Some(Operand::Boolean(*truth)),
            (Type::String | Type::Timestamp, _) => "String",
            (Type::Numeric, _) => "Number",
            (Type::Boolean, _) => "Boolean",
        };
        self.wrong_type(node, place, expected);
        None
    }
}
