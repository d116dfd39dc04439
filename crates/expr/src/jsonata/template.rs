//! JSON values with programs in them: Arguments, Output, Assign, Items and other fields of JSONata states.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::{EvaluationError, SyntaxError};
use super::program::Program;
use super::scope::{Limits, Scope};
use crate::json::{Map, Value};

/// A JSON value in which every string of the form `{% ... %}` is a program.
#[derive(Debug, Clone, PartialEq)]
pub struct Template(Node);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    /// A value without programs, evaluated to itself.
    Constant(Value),
    Program(Program),
    Array(Arc<[Node]>),
    Object(Arc<[(Arc<str>, Node)]>),
}

/// A string that is meant as a program and is none. `path` leads to it from the template: `/result`, `/list[0]`, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the expression '{expression}' at '{path}': {error}")]
pub struct TemplateSyntaxError {
    pub path: String,
    pub expression: Arc<str>,
    pub error: SyntaxError,
}

/// A program of a template that has no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", self.cause(""))]
pub struct TemplateError {
    pub path: String,
    pub expression: Arc<str>,
    pub error: EvaluationError,
}

impl TemplateError {
    /// The place in the state, such as `Output/result`, for a template that is the state's `field`.
    pub fn location(&self, field: &str) -> String {
        format!("{field}{}", self.path)
    }

    /// The sentence of a States.QueryEvaluationError's cause.
    pub fn cause(&self, field: &str) -> String {
        self.error.cause(&self.expression, &self.location(field))
    }
}

impl Template {
    /// Parses every program; all that are none are reported, in the order of the document.
    pub fn parse(value: &Value) -> Result<Self, Vec<TemplateSyntaxError>> {
        let mut parser = Parser::default();
        let node = parser.node(value);
        if parser.errors.is_empty() {
            Ok(Self(node))
        } else {
            Err(parser.errors)
        }
    }

    /// The value with every program replaced by its value. The first program without one ends it.
    pub fn evaluate(&self, scope: &mut dyn Scope, limits: &Limits) -> Result<Value, TemplateError> {
        let mut path = Path(Vec::new());
        self.0.evaluate(scope, limits, &mut path)
    }

    /// The value, if there is no program in it.
    pub fn constant(&self) -> Option<&Value> {
        match &self.0 {
            Node::Constant(value) => Some(value),
            Node::Program(_) | Node::Array(_) | Node::Object(_) => None,
        }
    }

    /// The program, if the whole template is one.
    pub fn program(&self) -> Option<&Program> {
        match &self.0 {
            Node::Program(program) => Some(program),
            Node::Constant(_) | Node::Array(_) | Node::Object(_) => None,
        }
    }

    /// The variables its programs take from outside, sorted.
    pub fn variables(&self) -> Vec<Arc<str>> {
        let mut names = BTreeSet::new();
        self.0.variables(&mut names);
        names.into_iter().collect()
    }
}

/// The text between `{%` and `%}`, or nothing if the string is just a string.
pub(super) fn delimited(text: &str) -> Option<Result<&str, SyntaxError>> {
    let opened = text.strip_prefix("{%");
    match opened.and_then(|rest| rest.strip_suffix("%}")) {
        Some(inside) => Some(Ok(inside)),
        None if opened.is_some() || text.ends_with("%}") => Some(Err(SyntaxError::Delimiter)),
        None => None,
    }
}

#[derive(Default)]
struct Parser {
    path: Path,
    errors: Vec<TemplateSyntaxError>,
}

impl Parser {
    fn node(&mut self, value: &Value) -> Node {
        match value {
            Value::String(text) => self.string(value, text),
            Value::Array(items) => {
                let nodes: Vec<_> = items
                    .iter()
                    .enumerate()
                    .map(|(place, item)| self.within(Segment::Index(place), item))
                    .collect();
                if nodes.iter().all(Node::is_constant) {
                    return Node::Constant(value.clone());
                }
                Node::Array(nodes.into())
            }
            Value::Object(map) => {
                let members: Vec<_> = map
                    .iter()
                    .map(|(key, member)| {
                        (
                            Arc::clone(key),
                            self.within(Segment::Key(Arc::clone(key)), member),
                        )
                    })
                    .collect();
                if members.iter().all(|(_, node)| node.is_constant()) {
                    return Node::Constant(value.clone());
                }
                Node::Object(members.into())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Node::Constant(value.clone()),
        }
    }

    fn within(&mut self, segment: Segment, value: &Value) -> Node {
        self.path.0.push(segment);
        let node = self.node(value);
        self.path.0.pop();
        node
    }

    fn string(&mut self, value: &Value, text: &Arc<str>) -> Node {
        let Some(inside) = delimited(text) else {
            return Node::Constant(value.clone());
        };
        let expression = inside
            .as_ref()
            .map_or(&**text, |inside| inside.trim())
            .into();
        match inside.and_then(Program::parse) {
            Ok(program) => Node::Program(program),
            Err(error) => {
                let path = self.path.to_string();
                self.errors.push(TemplateSyntaxError {
                    path,
                    expression,
                    error,
                });
                Node::Constant(value.clone())
            }
        }
    }
}

impl Node {
    fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }

    fn evaluate(
        &self,
        scope: &mut dyn Scope,
        limits: &Limits,
        path: &mut Path,
    ) -> Result<Value, TemplateError> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Program(program) => {
                program
                    .evaluate(scope, limits)
                    .map_err(|error| TemplateError {
                        path: path.to_string(),
                        expression: Arc::clone(program.text()),
                        error,
                    })
            }
            Self::Array(nodes) => {
                let mut items = Vec::with_capacity(nodes.len());
                for (place, node) in nodes.iter().enumerate() {
                    path.0.push(Segment::Index(place));
                    items.push(node.evaluate(scope, limits, path)?);
                    path.0.pop();
                }
                Ok(items.into())
            }
            Self::Object(members) => {
                let mut map = Map::with_capacity(members.len());
                for (key, node) in members.iter() {
                    path.0.push(Segment::Key(Arc::clone(key)));
                    map.insert(Arc::clone(key), node.evaluate(scope, limits, path)?);
                    path.0.pop();
                }
                Ok(map.into())
            }
        }
    }

    fn variables(&self, names: &mut BTreeSet<Arc<str>>) {
        match self {
            Self::Constant(_) => {}
            Self::Program(program) => names.extend(program.variables().iter().cloned()),
            Self::Array(nodes) => nodes.iter().for_each(|node| node.variables(names)),
            Self::Object(members) => members.iter().for_each(|(_, node)| node.variables(names)),
        }
    }
}

/// Where in the template one is.
#[derive(Default)]
struct Path(Vec<Segment>);

enum Segment {
    Key(Arc<str>),
    Index(usize),
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|segment| match segment {
            Segment::Key(key) => write!(f, "/{key}"),
            Segment::Index(place) => write!(f, "[{place}]"),
        })
    }
}
