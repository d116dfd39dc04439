//! Payload templates: JSON in which the value of every `name.$` is an expression.

use crate::cursor;
use crate::expression::{self, Expression, Scope};
use crate::intrinsic::TEXT_BYTES_MAX;
use crate::json::{DEPTH_MAX, Map, Value};
use crate::work::{EXPRESSION_STEPS_MAX, TEMPLATE_STEPS_MAX, Work};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A parsed payload template: of Parameters, ResultSelector, ItemSelector and Assign.
#[derive(Clone, Debug)]
pub struct Template(Node);

#[derive(Clone, Debug)]
enum Node {
    Constant(Value),
    Expression {
        /// The key with its `.$`, as errors name it.
        field: Arc<str>,
        expression: Expression,
    },
    Object(Vec<(Arc<str>, Node)>),
    Array(Vec<Node>),
}

/// A field of a template that can't be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the field '{field}' at '{location}': {fault}")]
pub struct SyntaxError {
    /// The key with its `.$`; empty if the template as a whole is meant.
    pub field: Arc<str>,
    /// The object that holds it, such as `/a/b[0]`; empty for the template itself.
    pub location: String,
    pub fault: Fault,
}

/// What is wrong with a field of a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the value of a field that ends in .$ must be a string")]
    NotAString,
    #[error("{0}")]
    Expression(cursor::SyntaxError),
    #[error("nested deeper than {0} levels")]
    Depth(usize),
}

/// Why a template gives no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{error}")]
    Field {
        /// The key with its `.$`.
        field: Arc<str>,
        error: expression::Error,
    },
    #[error("the value of the template nests deeper than {limit} levels")]
    TooDeep { limit: usize },
    #[error("the text of the value of the template has more than {limit} bytes")]
    TooLong { limit: usize },
}

impl Error {
    /// What the service says.
    pub fn text(&self, scope: &dyn Scope) -> String {
        match self {
            Self::Field { field, error } => error.text_in_field(field, scope),
            Self::TooDeep { .. } | Self::TooLong { .. } => self.to_string(),
        }
    }
}

impl Template {
    /// Parses all of it, or says everything that is wrong with it in the order of the text.
    pub fn parse(template: &Value) -> Result<Self, Vec<SyntaxError>> {
        if template.depth() > DEPTH_MAX {
            return Err(vec![SyntaxError {
                field: "".into(),
                location: String::new(),
                fault: Fault::Depth(DEPTH_MAX),
            }]);
        }
        let mut errors = Vec::new();
        let node = parse(template, &mut String::new(), &mut errors);
        if errors.is_empty() {
            return Ok(Self(node));
        }
        Err(errors)
    }

    /// The value. A template without expressions is its own value, shared and not copied.
    pub fn evaluate(&self, scope: &mut dyn Scope) -> Result<Value, Error> {
        let value = self.0.evaluate(scope, &mut Work::new(TEMPLATE_STEPS_MAX))?;
        if value.depth() > DEPTH_MAX {
            return Err(Error::TooDeep { limit: DEPTH_MAX });
        }
        if value.len_at_least() > TEXT_BYTES_MAX {
            return Err(Error::TooLong {
                limit: TEXT_BYTES_MAX,
            });
        }
        Ok(value)
    }

    /// The names of the variables that its expressions refer to.
    pub fn variables(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.0.variables(&mut names);
        names
    }

    /// Its value, if no expression is in it.
    pub fn as_constant(&self) -> Option<&Value> {
        match &self.0 {
            Node::Constant(value) => Some(value),
            _ => None,
        }
    }
}

fn parse(template: &Value, location: &mut String, errors: &mut Vec<SyntaxError>) -> Node {
    let length = location.len();
    let mut is_constant = true;
    let node = match template {
        Value::Object(map) => {
            let mut members = Vec::with_capacity(map.len());
            for (key, value) in map.iter() {
                let member = match key.strip_suffix(".$") {
                    Some(name) => (name.into(), expression(key, value, location, errors)),
                    None => {
                        location.push('/');
                        location.push_str(key);
                        (key.clone(), parse(value, location, errors))
                    }
                };
                location.truncate(length);
                is_constant &= matches!(member.1, Node::Constant(_));
                members.push(member);
            }
            Node::Object(members)
        }
        Value::Array(items) => {
            let mut nodes = Vec::with_capacity(items.len());
            for (place, item) in items.iter().enumerate() {
                location.push_str(&format!("[{place}]"));
                nodes.push(parse(item, location, errors));
                location.truncate(length);
            }
            is_constant = nodes.iter().all(|node| matches!(node, Node::Constant(_)));
            Node::Array(nodes)
        }
        _ => Node::Constant(template.clone()),
    };
    if is_constant {
        return Node::Constant(template.clone());
    }
    node
}

fn expression(
    field: &Arc<str>,
    value: &Value,
    location: &str,
    errors: &mut Vec<SyntaxError>,
) -> Node {
    let parsed = match value.as_str() {
        Some(text) => Expression::parse(text).map_err(Fault::Expression),
        None => Err(Fault::NotAString),
    };
    match parsed {
        Ok(expression) => Node::Expression {
            field: field.clone(),
            expression,
        },
        Err(fault) => {
            errors.push(SyntaxError {
                field: field.clone(),
                location: location.to_owned(),
                fault,
            });
            Node::Constant(Value::Null)
        }
    }
}

impl Node {
    fn evaluate(&self, scope: &mut dyn Scope, work: &mut Work) -> Result<Value, Error> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Expression { field, expression } => match work
                .limited(EXPRESSION_STEPS_MAX, |work| {
                    expression.evaluate_within(scope, work)
                }) {
                Ok(value) => Ok(value),
                // Only here, the service takes an index beyond the end for null.
                Err(expression::Error::Path(missing)) if missing.is_last_index() => Ok(Value::Null),
                Err(error) => Err(Error::Field {
                    field: field.clone(),
                    error,
                }),
            },
            Self::Object(members) => {
                let mut map = Map::with_capacity(members.len());
                for (key, node) in members {
                    map.insert(key.clone(), node.evaluate(scope, work)?);
                }
                Ok(map.into())
            }
            Self::Array(nodes) => {
                let mut items = Vec::with_capacity(nodes.len());
                for node in nodes {
                    items.push(node.evaluate(scope, work)?);
                }
                Ok(items.into())
            }
        }
    }

    fn variables<'a>(&'a self, names: &mut BTreeSet<&'a str>) {
        match self {
            Self::Constant(_) => {}
            Self::Expression { expression, .. } => names.extend(expression.variables()),
            Self::Object(members) => members.iter().for_each(|(_, node)| node.variables(names)),
            Self::Array(nodes) => nodes.iter().for_each(|node| node.variables(names)),
        }
    }
}
