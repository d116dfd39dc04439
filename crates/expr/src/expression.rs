//! What may stand where the States Language takes a path or an intrinsic function: `$.input`, `$$.Context`, `$variable.part` and
//! `States.Format('{}', $.name)`.

mod error;

pub use error::{Error, Missing};

use crate::cursor::{Cursor, SyntaxError, SyntaxErrorKind};
use crate::intrinsic::{Call, TEXT_BYTES_MAX};
use crate::json::{DEPTH_MAX, Value};
use crate::path::{PathError, Steps};
use crate::work::{EXPRESSION_STEPS_MAX, Work};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// What expressions are evaluated against.
pub trait Scope {
    /// What `$` means.
    fn input(&self) -> &Value;
    /// The context object, `$$`.
    fn context(&self) -> &Value;
    fn variable(&self, name: &str) -> Option<&Value>;
    /// The next 64 random bits.
    fn chance(&mut self) -> u64;
}

/// A parsed expression.
#[derive(Clone)]
pub struct Expression {
    text: Arc<str>,
    form: Form,
}

#[derive(Clone)]
enum Form {
    Query(Query),
    Call(Call),
}

/// A path and what it is read from.
#[derive(Clone)]
pub(crate) struct Query {
    text: Arc<str>,
    source: Source,
    steps: Steps,
}

#[derive(Clone)]
enum Source {
    Input,
    Context,
    Variable(Arc<str>),
}

impl Expression {
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut cursor = Cursor::new(text);
        let form = match cursor.peek() {
            Some('$') => Form::Query(Query::parse(&mut cursor)?),
            Some('S') => Form::Call(Call::parse(&mut cursor, &mut 0)?),
            _ => return Err(cursor.error(SyntaxErrorKind::NotAPath)),
        };
        cursor.end()?;
        Ok(Self {
            text: text.into(),
            form,
        })
    }

    /// The text it was parsed from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn evaluate(&self, scope: &mut dyn Scope) -> Result<Value, Error> {
        self.evaluate_within(scope, &mut Work::new(EXPRESSION_STEPS_MAX))
    }

    pub(crate) fn evaluate_within(
        &self,
        scope: &mut dyn Scope,
        work: &mut Work,
    ) -> Result<Value, Error> {
        let value = match &self.form {
            Form::Query(query) => {
                let found = query.read(scope, work);
                found.map_err(|missing| Error::Path(Box::new(missing)))?
            }
            Form::Call(call) => call.evaluate(&self.text, scope, work)?,
        };
        if value.depth() > DEPTH_MAX {
            return Err(Error::TooDeep {
                expression: self.text.clone(),
                limit: DEPTH_MAX,
            });
        }
        if value.len_at_least() > TEXT_BYTES_MAX {
            return Err(Error::TooLong {
                expression: self.text.clone(),
                limit: TEXT_BYTES_MAX,
            });
        }
        Ok(value)
    }

    /// The names of the variables that it refers to.
    pub fn variables(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        match &self.form {
            Form::Query(query) => names.extend(query.variable()),
            Form::Call(call) => call.variables(&mut names),
        }
        names
    }

    /// Whether it names one place, by names and indexes alone, in the input, the context object or a variable.
    pub fn is_reference_path(&self) -> bool {
        matches!(&self.form, Form::Query(query) if query.steps.is_reference())
    }

    /// Whether it is a path of any kind and no function.
    pub fn is_path(&self) -> bool {
        matches!(self.form, Form::Query(_))
    }

    /// Whether it is a path into the context object.
    pub fn is_context_path(&self) -> bool {
        matches!(&self.form, Form::Query(query) if matches!(query.source, Source::Context))
    }
}

impl Query {
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        let start = cursor.offset();
        cursor.expect('$')?;
        let source = if cursor.eat("$") {
            Source::Context
        } else if cursor.peek().is_some_and(|c| c.is_alphabetic() || c == '_') {
            Source::Variable(
                cursor
                    .take_while(|c| c.is_alphanumeric() || c == '_')
                    .into(),
            )
        } else {
            Source::Input
        };
        let steps = Steps::parse_prefix(cursor)?;
        Ok(Self {
            text: cursor.since(start).into(),
            source,
            steps,
        })
    }

    pub fn read(&self, scope: &dyn Scope, work: &mut Work) -> Result<Value, Missing> {
        let root = match &self.source {
            Source::Input => scope.input(),
            Source::Context => scope.context(),
            Source::Variable(name) => match scope.variable(name) {
                Some(value) => value,
                None => return Err(self.missing(None)),
            },
        };
        self.steps
            .read(root, work)
            .map_err(|path| self.missing(Some(path)))
    }

    fn missing(&self, path: Option<PathError>) -> Missing {
        Missing {
            query: self.text.clone(),
            in_context: matches!(self.source, Source::Context),
            path,
        }
    }

    pub fn variable(&self) -> Option<&str> {
        match &self.source {
            Source::Variable(name) => Some(name),
            Source::Input | Source::Context => None,
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({})", self.text)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}
