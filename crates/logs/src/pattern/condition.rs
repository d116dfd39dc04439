//! Conditions on JSON messages: `{ ($.a.b = "x*") && ($.c[0] > 5 || $.d NOT EXISTS) }`.

use serde_json::Value;

use super::Error;
use super::text::{Fits, Text};

/// Parentheses may be so deep.
const DEPTH_MAX: usize = 64;

#[derive(Clone, Debug)]
pub(super) enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Member { path: Vec<Step>, test: Test },
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Member(String),
    Index(usize),
    Every,
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    Compare(Comparison),
    Null,
    Boolean(bool),
    Absent,
}

/// An operator with what stands behind it.
#[derive(Clone, Debug)]
pub(super) struct Comparison {
    operator: Operator,
    fits: Fits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Condition {
    pub(super) fn parse(text: &mut Text<'_>) -> Result<Condition, Error> {
        any(text, 0)
    }

    pub(super) fn holds(&self, value: &Value) -> bool {
        match self {
            Condition::Any(conditions) => conditions.iter().any(|one| one.holds(value)),
            Condition::All(conditions) => conditions.iter().all(|one| one.holds(value)),
            Condition::Member { path, test } => {
                let mut found = Vec::new();
                walk(value, path, &mut found);
                match test {
                    Test::Absent => found.is_empty(),
                    Test::Null => found.iter().any(|value| value.is_null()),
                    Test::Boolean(wanted) => {
                        found.iter().any(|value| value.as_bool() == Some(*wanted))
                    }
                    Test::Compare(comparison) => comparison.holds(&found),
                }
            }
        }
    }
}

fn any(text: &mut Text<'_>, depth: usize) -> Result<Condition, Error> {
    let mut conditions = vec![all(text, depth)?];
    while text.take("||") {
        conditions.push(all(text, depth)?);
    }
    Ok(Condition::Any(conditions))
}

fn all(text: &mut Text<'_>, depth: usize) -> Result<Condition, Error> {
    let mut conditions = vec![one(text, depth)?];
    while text.take("&&") {
        conditions.push(one(text, depth)?);
    }
    Ok(Condition::All(conditions))
}

fn one(text: &mut Text<'_>, depth: usize) -> Result<Condition, Error> {
    if depth > DEPTH_MAX {
        return Err(text.error("parentheses are too deep"));
    }
    if text.take("(") {
        let inside = any(text, depth + 1)?;
        text.expect(')', "a closing parenthesis is missing")?;
        return Ok(inside);
    }
    let path = path(text)?;
    let test = if text.take_word("IS") {
        if text.take_word("NULL") {
            Test::Null
        } else if text.take_word("TRUE") {
            Test::Boolean(true)
        } else if text.take_word("FALSE") {
            Test::Boolean(false)
        } else {
            return Err(text.error("NULL, TRUE or FALSE is missing"));
        }
    } else if text.take_word("NOT") {
        if !text.take_word("EXISTS") {
            return Err(text.error("EXISTS is missing"));
        }
        Test::Absent
    } else {
        let comparison = Comparison::parse(text, |c| c.is_whitespace() || ")}&|".contains(c))?;
        Test::Compare(comparison.ok_or_else(|| text.error("an operator is missing"))?)
    };
    Ok(Condition::Member { path, test })
}

fn path(text: &mut Text<'_>) -> Result<Vec<Step>, Error> {
    if !text.take("$") {
        return Err(text.error("a selector, such as $.member, is missing"));
    }
    let mut path = Vec::new();
    loop {
        match text.peek() {
            Some('.') => {
                text.next();
                // `$.[0]` is written as well.
                if text.peek() == Some('[') {
                    continue;
                }
                let name = text.plain(|c| c.is_whitespace() || ".[]=!<>(){}&|".contains(c));
                if name.is_empty() {
                    return Err(text.error("the name of a member is missing"));
                }
                path.push(Step::Member(name));
            }
            Some('[') => {
                text.next();
                path.push(step(text)?);
                text.expect(']', "a closing bracket is missing")?;
            }
            _ => return Ok(path),
        }
    }
}

fn step(text: &mut Text<'_>) -> Result<Step, Error> {
    match text.peek() {
        Some(mark @ ('"' | '\'')) => text.quoted(mark).map(Step::Member),
        Some('*') => {
            text.next();
            Ok(Step::Every)
        }
        _ => {
            let digits = text.plain(|c| !c.is_ascii_digit());
            let index = digits.parse().map(Step::Index);
            index.map_err(|_| text.error("an index is missing"))
        }
    }
}

fn walk<'v>(value: &'v Value, path: &[Step], found: &mut Vec<&'v Value>) {
    match path {
        [] => found.push(value),
        [Step::Member(name), rest @ ..] => {
            if let Some(inner) = value.get(name) {
                walk(inner, rest, found);
            }
        }
        [Step::Index(index), rest @ ..] => {
            if let Some(inner) = value.get(index) {
                walk(inner, rest, found);
            }
        }
        [Step::Every, rest @ ..] => {
            for inner in value.as_array().into_iter().flatten() {
                walk(inner, rest, found);
            }
        }
    }
}

impl Comparison {
    /// `None` when no operator comes next.
    pub(super) fn parse(
        text: &mut Text<'_>,
        ends: impl Fn(char) -> bool,
    ) -> Result<Option<Comparison>, Error> {
        let operators = [
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let Some((_, operator)) = operators.into_iter().find(|(sign, _)| text.take(sign)) else {
            return Ok(None);
        };
        let Some(fits) = text.term(ends)? else {
            return Err(text.error("a value is missing"));
        };
        let orders = !matches!(operator, Operator::Equal | Operator::NotEqual);
        if orders && fits.number().is_none() {
            return Err(text.error("only numbers are more or less, and something else ends"));
        }
        Ok(Some(Comparison { operator, fits }))
    }

    /// Of what a selector found; something that is not there is unequal to everything.
    fn holds(&self, found: &[&Value]) -> bool {
        let equal = || found.iter().any(|value| self.equals(value));
        match self.operator {
            Operator::Equal => equal(),
            Operator::NotEqual => !equal(),
            _ => found
                .iter()
                .any(|value| value.as_f64().is_some_and(|number| self.orders(number))),
        }
    }

    fn equals(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.fits.is(text),
            Value::Number(number) => {
                self.fits
                    .number()
                    .is_some_and(|wanted| number.as_f64() == Some(wanted))
                    || self.fits.is(&number.to_string())
            }
            Value::Bool(boolean) => self.fits.is(if *boolean { "true" } else { "false" }),
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        }
    }

    fn orders(&self, number: f64) -> bool {
        let Some(limit) = self.fits.number() else {
            return false;
        };
        match self.operator {
            Operator::Less => number < limit,
            Operator::LessOrEqual => number <= limit,
            Operator::Greater => number > limit,
            Operator::GreaterOrEqual => number >= limit,
            Operator::Equal | Operator::NotEqual => false,
        }
    }

    /// Of a word of a line.
    pub(super) fn fits_word(&self, word: &str) -> bool {
        let number = || word.parse::<f64>().ok();
        match self.operator {
            Operator::Equal | Operator::NotEqual => {
                let equal = self.fits.is(word)
                    || self
                        .fits
                        .number()
                        .is_some_and(|wanted| number() == Some(wanted));
                equal == (self.operator == Operator::Equal)
            }
            _ => number().is_some_and(|number| self.orders(number)),
        }
    }
}
