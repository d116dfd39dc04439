//! Calls: parsing and applying them.

use super::{CALLS_MAX, Failure, Reason, array, encode, format, json, math, text};
use crate::cursor::{Cursor, SyntaxError, SyntaxErrorKind};
use crate::expression::{Error, Query, Scope};
use crate::json::{Array, Map, Number, Value};
use crate::work::{UsedUp, Work};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A call of an intrinsic function.
#[derive(Clone)]
pub(crate) struct Call {
    function: &'static Function,
    arguments: Vec<Argument>,
}

#[derive(Clone)]
enum Argument {
    Value(Value),
    /// A text in quotes: what it means, and how it was written, which counts when it is a template.
    Text {
        value: Value,
        written: Arc<str>,
    },
    Query(Query),
    Call(Call),
}

/// What a function gets.
pub(super) struct Arguments<'a> {
    function: &'static str,
    values: Vec<Value>,
    /// The first argument as it was written, if it is a text in quotes.
    pub written: Option<&'a str>,
}

type Apply = fn(&Arguments<'_>, &mut dyn Scope, &mut Work) -> Result<Value, Failure>;

struct Function {
    name: &'static str,
    apply: Apply,
}

const FUNCTIONS: &[Function] = &[
    Function {
        name: "States.Array",
        apply: array::array,
    },
    Function {
        name: "States.ArrayContains",
        apply: array::contains,
    },
    Function {
        name: "States.ArrayGetItem",
        apply: array::get_item,
    },
    Function {
        name: "States.ArrayLength",
        apply: array::length,
    },
    Function {
        name: "States.ArrayPartition",
        apply: array::partition,
    },
    Function {
        name: "States.ArrayRange",
        apply: array::range,
    },
    Function {
        name: "States.ArrayUnique",
        apply: array::unique,
    },
    Function {
        name: "States.Base64Decode",
        apply: encode::base64_decode,
    },
    Function {
        name: "States.Base64Encode",
        apply: encode::base64_encode,
    },
    Function {
        name: "States.Format",
        apply: format::format,
    },
    Function {
        name: "States.Hash",
        apply: encode::hash,
    },
    Function {
        name: "States.JsonMerge",
        apply: json::merge,
    },
    Function {
        name: "States.JsonToString",
        apply: json::to_string,
    },
    Function {
        name: "States.MathAdd",
        apply: math::add,
    },
    Function {
        name: "States.MathRandom",
        apply: math::random,
    },
    Function {
        name: "States.StringSplit",
        apply: text::split,
    },
    Function {
        name: "States.StringToJson",
        apply: json::of_string,
    },
    Function {
        name: "States.UUID",
        apply: text::uuid,
    },
];

impl Call {
    /// A call and what it nests; `calls` counts them.
    pub fn parse(cursor: &mut Cursor<'_>, calls: &mut usize) -> Result<Self, SyntaxError> {
        let start = cursor.error(SyntaxErrorKind::TooManyFunctions(CALLS_MAX));
        *calls += 1;
        if *calls > CALLS_MAX {
            return Err(start);
        }
        let name = cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '.');
        let function = FUNCTIONS.iter().find(|function| function.name == name);
        let function = function.ok_or_else(|| SyntaxError {
            kind: SyntaxErrorKind::UnknownFunction(name.to_owned()),
            ..start
        })?;
        cursor.space();
        cursor.expect('(')?;
        cursor.space();
        let mut arguments = Vec::new();
        if cursor.eat(")") {
            return Ok(Self {
                function,
                arguments,
            });
        }
        loop {
            cursor.space();
            arguments.push(Argument::parse(cursor, calls)?);
            cursor.space();
            if cursor.eat(")") {
                return Ok(Self {
                    function,
                    arguments,
                });
            }
            cursor.expect(',')?;
        }
    }

    /// Applies it; `expression` is the whole text that the errors quote.
    pub fn evaluate(
        &self,
        expression: &Arc<str>,
        scope: &mut dyn Scope,
        work: &mut Work,
    ) -> Result<Value, Error> {
        let mut values = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            values.push(match argument {
                Argument::Value(value) | Argument::Text { value, .. } => value.clone(),
                Argument::Query(query) => {
                    query.read(scope, work).map_err(|missing| Error::Argument {
                        expression: expression.clone(),
                        missing: Box::new(missing),
                    })?
                }
                Argument::Call(call) => call.evaluate(expression, scope, work)?,
            });
        }
        let written = match self.arguments.first() {
            Some(Argument::Text { written, .. }) => Some(&**written),
            _ => None,
        };
        let arguments = Arguments {
            function: self.function.name,
            values,
            written,
        };
        (self.function.apply)(&arguments, scope, work).map_err(|failure| Error::Intrinsic {
            expression: expression.clone(),
            failure,
        })
    }

    pub fn variables<'a>(&'a self, names: &mut BTreeSet<&'a str>) {
        for argument in &self.arguments {
            match argument {
                Argument::Query(query) => names.extend(query.variable()),
                Argument::Call(call) => call.variables(names),
                Argument::Value(_) | Argument::Text { .. } => {}
            }
        }
    }
}

impl Argument {
    fn parse(cursor: &mut Cursor<'_>, calls: &mut usize) -> Result<Self, SyntaxError> {
        match cursor.peek() {
            Some('$') => Ok(Self::Query(Query::parse(cursor)?)),
            Some('\'') => quoted(cursor),
            Some('S') => Ok(Self::Call(Call::parse(cursor, calls)?)),
            Some(_) => {
                let start = cursor.offset();
                let error = cursor.unexpected();
                cursor.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-'));
                match Value::parse(cursor.since(start)) {
                    Ok(value) => Ok(Self::Value(value)),
                    Err(_) => Err(error),
                }
            }
            None => Err(cursor.unexpected()),
        }
    }
}

/// A text in quotes. A backslash may stand before the quote, a brace and itself only.
fn quoted(cursor: &mut Cursor<'_>) -> Result<Argument, SyntaxError> {
    cursor.expect('\'')?;
    let start = cursor.offset();
    let mut text = String::new();
    loop {
        let written = cursor.since(start);
        match cursor.take() {
            Some('\'') => {
                return Ok(Argument::Text {
                    value: text.into(),
                    written: written.into(),
                });
            }
            Some('\\') => match cursor.peek() {
                Some(c @ ('\'' | '\\' | '{' | '}')) => {
                    cursor.take();
                    text.push(c);
                }
                _ => return Err(cursor.error(SyntaxErrorKind::Escape)),
            },
            Some(c) => text.push(c),
            None => return Err(cursor.unexpected()),
        }
    }
}

impl Arguments<'_> {
    pub fn failure(&self, reason: Reason) -> Failure {
        Failure {
            function: self.function,
            reason,
        }
    }

    /// Pays for what is done with so many bytes of text.
    pub fn charge_text(&self, bytes: usize, work: &mut Work) -> Result<(), Failure> {
        work.charge(bytes / 16)
            .map_err(|used_up| self.used_up(used_up))
    }

    pub fn used_up(&self, UsedUp: UsedUp) -> Failure {
        self.failure(Reason::Work)
    }

    /// All of them.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Exactly so many.
    pub fn take<const N: usize>(&self, expected: &'static str) -> Result<&[Value; N], Failure> {
        self.values
            .as_slice()
            .try_into()
            .map_err(|_| self.count(expected))
    }

    pub fn count(&self, expected: &'static str) -> Failure {
        self.failure(Reason::Count {
            expected,
            found: self.values.len(),
        })
    }

    fn wrong_type(&self, place: usize, expected: &'static str, found: &Value) -> Failure {
        self.failure(Reason::Type {
            place,
            expected,
            found: found.type_name(),
        })
    }

    pub fn array<'v>(&self, place: usize, value: &'v Value) -> Result<&'v Array, Failure> {
        value
            .as_array()
            .ok_or_else(|| self.wrong_type(place, "an array", value))
    }

    pub fn object<'v>(&self, place: usize, value: &'v Value) -> Result<&'v Map, Failure> {
        value
            .as_object()
            .ok_or_else(|| self.wrong_type(place, "an object", value))
    }

    pub fn text<'v>(&self, place: usize, value: &'v Value) -> Result<&'v str, Failure> {
        value
            .as_str()
            .ok_or_else(|| self.wrong_type(place, "a string", value))
    }

    pub fn number<'v>(&self, place: usize, value: &'v Value) -> Result<&'v Number, Failure> {
        value
            .as_number()
            .ok_or_else(|| self.wrong_type(place, "a number", value))
    }

    /// A number without its fraction.
    pub fn truncated(&self, place: usize, value: &Value) -> Result<i64, Failure> {
        let number = self.number(place, value)?;
        if let Some(whole) = number.as_i64() {
            return Ok(whole);
        }
        self.whole(number, number.as_f64().trunc())
    }

    /// A whole float that came of a number as an integer.
    pub fn whole(&self, number: &Number, float: f64) -> Result<i64, Failure> {
        // Within this range every whole float is an integer of 64 bits.
        const LIMIT: f64 = 9_000_000_000_000_000_000.0;
        if float.abs() <= LIMIT {
            return Ok(float as i64);
        }
        Err(self.failure(Reason::Range(number.to_string())))
    }
}
