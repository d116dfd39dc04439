//! One expression: parsed once, evaluated in any number of scopes.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jsonata_core::ast::{AstNode, BinaryOp};
use jsonata_core::evaluator::Context;
use jsonata_core::parser;
use jsonata_core::value::JValue;

use super::chance::Chance;
use super::convert::{self, Input};
use super::error::{EvaluationError, SyntaxError};
use super::functions::{self, Entry, Supply};
use super::references::{self, References, STATES};
use super::scope::{Limits, Scope};
use super::shape::Shape;
use super::{rewrite, walk};
use crate::json::Value;

/// A JSONata program. Clones share the parsed form, in any thread.
#[derive(Clone)]
pub struct Program(Arc<Parsed>);

struct Parsed {
    text: Arc<str>,
    ast: AstNode,
    shape: Shape,
    references: References,
    functions: Vec<&'static Entry>,
}

impl Program {
    /// Parses the text between `{%` and `%}`.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let text = text.trim();
        // The library has panicked on texts before; a definition that it cannot read is only a bad definition.
        let parsed = catch_unwind(|| parser::parse(text)).map_err(|_| SyntaxError::Program {
            code: None,
            message: "the expression cannot be parsed".to_owned(),
        })?;
        let mut ast = parsed.map_err(|error| SyntaxError::from_library(&error))?;
        refuse_later_operators(&ast)?;
        let shape = Shape::of(&ast);
        let references = references::of(&ast);
        rewrite::install(&mut ast);
        let functions = functions::mentioned(&ast);
        let text = text.into();
        Ok(Self(Arc::new(Parsed {
            text,
            ast,
            shape,
            references,
            functions,
        })))
    }

    /// The text, without white space around it.
    pub fn text(&self) -> &Arc<str> {
        &self.0.text
    }

    /// The variables it takes from outside, sorted; `$states` is not among them.
    pub fn variables(&self) -> &[Arc<str>] {
        &self.0.references.variables
    }

    /// What it reads from a context item where there is none, sorted: names, `$` and `$$`. Step Functions refuses such a program.
    pub fn unbound(&self) -> &[Arc<str>] {
        &self.0.references.unbound
    }

    /// The program's value in the scope. No value at all is an error.
    pub fn evaluate(
        &self,
        scope: &mut dyn Scope,
        limits: &Limits,
    ) -> Result<Value, EvaluationError> {
        if let Some(result) = self.0.shape.evaluate(scope) {
            return result;
        }
        // The library is large and indexes without asking. Whatever it stumbles over must fail this state, not the whole turn.
        let result = catch_unwind(AssertUnwindSafe(|| self.run(scope, limits)));
        result.unwrap_or_else(|_| {
            Err(EvaluationError::thrown(
                "The expression cannot be evaluated",
            ))
        })
    }

    fn run(&self, scope: &mut dyn Scope, limits: &Limits) -> Result<Value, EvaluationError> {
        let chance = self.chance(scope);
        let supply = Supply::new(scope.now_ms(), chance, *limits, &self.0.functions);
        let mut input = Input::default();
        let value = supply
            .evaluator(self.context(scope, &mut input))
            .and_then(|mut evaluator| evaluator.evaluate(&self.0.ast, &JValue::Undefined))
            .map_err(|error| {
                EvaluationError::from_library(&error, self.0.references.function.as_deref())
            })?;
        convert::from_library(&value, &input, limits.bytes)
    }

    fn chance(&self, scope: &mut dyn Scope) -> Chance {
        if self
            .0
            .functions
            .iter()
            .any(|(name, _)| functions::draws(name))
        {
            Chance::new(scope.chance(), scope.chance())
        } else {
            Chance::new(0, 0)
        }
    }

    fn context(&self, scope: &dyn Scope, input: &mut Input) -> Context {
        let references = &self.0.references;
        let mut context = Context::new();
        if !references.states.is_empty() {
            let fields = references.states.iter().filter_map(|(field, wanted)| {
                let value = scope.states(*field)?;
                Some((field.name().to_owned(), input.read(&value, wanted)))
            });
            context.bind(STATES.to_owned(), convert::object(fields));
        }
        for (name, wanted) in &references.names {
            if let Some(value) = scope.variable(name) {
                context.bind(
                    rewrite::renamed(name).to_owned(),
                    input.read(&value, wanted),
                );
            }
        }
        context
    }
}

/// JSONata 2.1 has operators that Step Functions' 2.0.6 has not.
fn refuse_later_operators(ast: &AstNode) -> Result<(), SyntaxError> {
    let mut left = vec![ast];
    while let Some(node) = left.pop() {
        match node {
            AstNode::Binary {
                op: BinaryOp::Coalesce,
                ..
            } => return Err(SyntaxError::Operator { operator: "?" }),
            AstNode::Binary {
                op: BinaryOp::Default,
                ..
            } => return Err(SyntaxError::Operator { operator: ":" }),
            _ => walk::children(node, &mut |child| left.push(child)),
        }
    }
    Ok(())
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{% {} %}}", self.0.text)
    }
}

impl PartialEq for Program {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Program {}
