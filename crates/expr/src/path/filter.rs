//! Filters: `[?(@.price < 10 && !@.sold)]`.

use super::compare::{Operator, SYMBOLS, WORDS};
use super::parse::{self, NESTING_MAX};
use super::read::{Found, Reading};
use super::{Steps, SyntaxError, SyntaxErrorKind};
use crate::cursor::Cursor;
use crate::json::Value;
use crate::work::UsedUp;
use regex::{Regex, RegexBuilder};

/// Larger programs are refused when the path is parsed.
const REGEX_BYTES_MAX: usize = 1 << 18;

#[derive(Clone, Debug)]
pub(super) enum Filter {
    Any(Vec<Filter>),
    All(Vec<Filter>),
    Not(Box<Filter>),
    Exists(Operand),
    Compare(Operand, Operator, Operand),
    Matches(Operand, Regex),
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Root(Steps),
    Item(Steps),
    Literal(Value),
}

impl Filter {
    pub fn accepts(&self, item: &Value, reading: &mut Reading<'_>) -> Result<bool, UsedUp> {
        reading.work.charge(1)?;
        match self {
            Self::Any(filters) => {
                for filter in filters {
                    if filter.accepts(item, reading)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::All(filters) => {
                for filter in filters {
                    if !filter.accepts(item, reading)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Not(filter) => Ok(!filter.accepts(item, reading)?),
            Self::Exists(operand) => Ok(match operand.value(item, reading)? {
                Some(Value::Array(matches)) if operand.is_list() => !matches.is_empty(),
                value => value.is_some(),
            }),
            Self::Compare(left, operator, right) => {
                let left = left.value(item, reading)?;
                let right = right.value(item, reading)?;
                operator.holds(left.as_ref(), right.as_ref(), reading.work)
            }
            Self::Matches(operand, regex) => {
                let text = match operand.value(item, reading)? {
                    Some(Value::String(text)) => text.to_string(),
                    Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_text(),
                    _ => return Ok(false),
                };
                reading.work.charge(1 + text.len() / 4)?;
                Ok(regex.is_match(&text))
            }
        }
    }
}

impl Operand {
    fn value(&self, item: &Value, reading: &mut Reading<'_>) -> Result<Option<Value>, UsedUp> {
        let found = match self {
            Self::Literal(value) => return Ok(Some(value.clone())),
            Self::Root(steps) => steps.evaluate(reading.root, reading)?,
            Self::Item(steps) => steps.evaluate(item, reading)?,
        };
        Ok(match found {
            Found::Value(value) => Some(value),
            Found::Nothing | Found::NoNumbers(_) => None,
        })
    }

    fn is_list(&self) -> bool {
        match self {
            Self::Root(steps) | Self::Item(steps) => !steps.is_definite(),
            Self::Literal(_) => false,
        }
    }
}

/// What stands between `?(` and `)`.
pub(super) fn parse(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, SyntaxError> {
    if depth > NESTING_MAX {
        return Err(cursor.error(SyntaxErrorKind::Depth));
    }
    list(cursor, "||", Filter::Any, |cursor| {
        list(cursor, "&&", Filter::All, |cursor| term(cursor, depth))
    })
}

fn list(
    cursor: &mut Cursor<'_>,
    separator: &str,
    join: fn(Vec<Filter>) -> Filter,
    mut parse: impl FnMut(&mut Cursor<'_>) -> Result<Filter, SyntaxError>,
) -> Result<Filter, SyntaxError> {
    let first = parse(cursor)?;
    cursor.space();
    if !cursor.eat(separator) {
        return Ok(first);
    }
    let mut filters = vec![first];
    loop {
        filters.push(parse(cursor)?);
        cursor.space();
        if !cursor.eat(separator) {
            return Ok(join(filters));
        }
    }
}

fn term(cursor: &mut Cursor<'_>, depth: usize) -> Result<Filter, SyntaxError> {
    cursor.space();
    if cursor.eat("!") {
        if depth >= NESTING_MAX {
            return Err(cursor.error(SyntaxErrorKind::Depth));
        }
        return Ok(Filter::Not(Box::new(term(cursor, depth + 1)?)));
    }
    if cursor.eat("(") {
        let filter = parse(cursor, depth + 1)?;
        cursor.space();
        cursor.expect(')')?;
        return Ok(filter);
    }
    if cursor.peek() == Some('/') {
        let regex = regex(cursor)?;
        cursor.space();
        if !cursor.eat("=~") {
            return Err(cursor.unexpected());
        }
        return Ok(Filter::Matches(operand(cursor, depth)?, regex));
    }
    let left = operand(cursor, depth)?;
    cursor.space();
    if cursor.eat("=~") {
        cursor.space();
        return Ok(Filter::Matches(left, regex(cursor)?));
    }
    match operator(cursor) {
        Some(operator) => Ok(Filter::Compare(left, operator, operand(cursor, depth)?)),
        None => match left {
            Operand::Literal(_) => Err(cursor.unexpected()),
            left => Ok(Filter::Exists(left)),
        },
    }
}

fn operator(cursor: &mut Cursor<'_>) -> Option<Operator> {
    for (symbol, operator) in SYMBOLS {
        if cursor.eat(symbol) {
            return Some(operator);
        }
    }
    let word: String = cursor
        .rest()
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .collect();
    let (_, operator) = WORDS
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(&word))?;
    cursor.eat(&word);
    Some(operator)
}

fn operand(cursor: &mut Cursor<'_>, depth: usize) -> Result<Operand, SyntaxError> {
    cursor.space();
    if cursor.eat("@") {
        return Ok(Operand::Item(parse::steps_in_filter(cursor, depth + 1)?));
    }
    if cursor.eat("$") {
        return Ok(Operand::Root(parse::steps_in_filter(cursor, depth + 1)?));
    }
    Ok(Operand::Literal(literal(cursor, depth)?))
}

fn literal(cursor: &mut Cursor<'_>, depth: usize) -> Result<Value, SyntaxError> {
    if depth > NESTING_MAX {
        return Err(cursor.error(SyntaxErrorKind::Depth));
    }
    cursor.space();
    match cursor.peek() {
        Some('\'' | '"') => Ok(Value::from(parse::quoted(cursor)?)),
        Some('[') => {
            cursor.take();
            let mut items = Vec::new();
            cursor.space();
            if cursor.eat("]") {
                return Ok(items.into());
            }
            loop {
                items.push(literal(cursor, depth + 1)?);
                cursor.space();
                if cursor.eat("]") {
                    return Ok(items.into());
                }
                cursor.expect(',')?;
            }
        }
        Some('{') => object(cursor),
        Some(_) => {
            let start = cursor.offset();
            let error = cursor.error(SyntaxErrorKind::Literal);
            cursor.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-'));
            Value::parse(cursor.since(start)).map_err(|_| error)
        }
        None => Err(cursor.unexpected()),
    }
}

/// A JSON object: up to the brace that closes it, whatever stands inside quotes.
fn object(cursor: &mut Cursor<'_>) -> Result<Value, SyntaxError> {
    let start = cursor.offset();
    let error = cursor.error(SyntaxErrorKind::Literal);
    let (mut open, mut quoted, mut escaped) = (0_usize, false, false);
    while let Some(c) = cursor.take() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '{' if !quoted => open += 1,
            '}' if !quoted => {
                open -= 1;
                if open == 0 {
                    return Value::parse(cursor.since(start)).map_err(|_| error);
                }
            }
            _ => {}
        }
    }
    Err(cursor.unexpected())
}

/// `/pattern/flags`, which has to match the whole text.
fn regex(cursor: &mut Cursor<'_>) -> Result<Regex, SyntaxError> {
    cursor.expect('/')?;
    let start = cursor.error(SyntaxErrorKind::End);
    let mut pattern = String::new();
    loop {
        match cursor.take() {
            Some('/') => break,
            Some('\\') if cursor.eat("/") => pattern.push('/'),
            Some('\\') => {
                pattern.push('\\');
                pattern.extend(cursor.take());
            }
            Some(c) => pattern.push(c),
            None => return Err(cursor.unexpected()),
        }
    }
    let flags = cursor.take_while(|c| c.is_ascii_alphabetic());
    // The line break ends a comment that the flag x may have opened.
    let lines = if flags.contains('x') { "\n" } else { "" };
    RegexBuilder::new(&format!("\\A(?:{pattern}{lines})\\z"))
        .case_insensitive(flags.contains('i'))
        .multi_line(flags.contains('m'))
        .dot_matches_new_line(flags.contains('s'))
        .ignore_whitespace(flags.contains('x'))
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| SyntaxError {
            kind: SyntaxErrorKind::Regex(error.to_string()),
            ..start
        })
}
