//! The grammar of paths.

use super::filter;
use super::function::Function;
use super::{Selector, Slice, Step, Steps, SyntaxError, SyntaxErrorKind};
use crate::cursor::Cursor;
use std::sync::Arc;

/// How deep filters and literals inside them may nest.
pub(super) const NESTING_MAX: usize = 32;

/// Where a path stands decides what ends it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// By itself, or as an argument.
    Open,
    /// Inside a filter, where operators end a name; with the depth of that filter.
    Filter(usize),
}

impl Place {
    fn depth(self) -> usize {
        match self {
            Self::Open => 0,
            Self::Filter(depth) => depth,
        }
    }

    fn is_in_name(self, c: char) -> bool {
        match c {
            '.' | '[' | ']' | '(' | ')' | ',' | '\'' | '"' | '?' | '*' | '\\' | '{' | '}' => false,
            '=' | '!' | '<' | '>' | '&' | '|' | '~' | '/' | '$' | '@' => self == Self::Open,
            _ => !c.is_whitespace() && !c.is_control(),
        }
    }
}

/// A whole path with its `$`.
pub(super) fn steps(text: &str) -> Result<Steps, SyntaxError> {
    let mut cursor = Cursor::new(text);
    if !cursor.eat("$") {
        return Err(cursor.error(SyntaxErrorKind::NotAPath));
    }
    let steps = steps_of_prefix(&mut cursor)?;
    cursor.end()?;
    Ok(steps)
}

/// What stands behind a `$`, as far as it belongs to the path.
pub(super) fn steps_of_prefix(cursor: &mut Cursor<'_>) -> Result<Steps, SyntaxError> {
    parse(cursor, Place::Open)
}

pub(super) fn steps_in_filter(cursor: &mut Cursor<'_>, depth: usize) -> Result<Steps, SyntaxError> {
    if depth > NESTING_MAX {
        return Err(cursor.error(SyntaxErrorKind::Depth));
    }
    parse(cursor, Place::Filter(depth))
}

fn parse(cursor: &mut Cursor<'_>, place: Place) -> Result<Steps, SyntaxError> {
    let mut steps = Steps::default();
    loop {
        let deep = cursor.eat("..");
        let is_dotted = !deep && cursor.eat(".");
        if cursor.peek() == Some('[') {
            let selector = bracket(cursor, place)?;
            steps.list.push(Step { deep, selector });
            continue;
        }
        if !deep && !is_dotted {
            return Ok(steps);
        }
        if cursor.eat("*") {
            let selector = Selector::All;
            steps.list.push(Step { deep, selector });
            continue;
        }
        let start = cursor.error(SyntaxErrorKind::End);
        let name = cursor.take_while(|c| place.is_in_name(c));
        if name.is_empty() {
            return Err(cursor.unexpected());
        }
        if cursor.eat("(") {
            let function = Function::of_name(name).filter(|_| is_dotted);
            let unknown = SyntaxErrorKind::UnknownFunction(name.to_owned());
            steps.function = Some(function.ok_or(SyntaxError {
                kind: unknown,
                ..start
            })?);
            cursor.expect(')')?;
            return Ok(steps);
        }
        let selector = Selector::Name(name.into());
        steps.list.push(Step { deep, selector });
    }
}

fn bracket(cursor: &mut Cursor<'_>, place: Place) -> Result<Selector, SyntaxError> {
    cursor.expect('[')?;
    cursor.space();
    let selector = match cursor.peek() {
        Some('*') => {
            cursor.take();
            Selector::All
        }
        Some('\'' | '"') => names(cursor)?,
        Some('?') => {
            cursor.take();
            cursor.space();
            cursor.expect('(')?;
            let filter = filter::parse(cursor, place.depth() + 1)?;
            cursor.space();
            cursor.expect(')')?;
            Selector::Filter(Box::new(filter))
        }
        Some('(') => from_end(cursor)?,
        Some('-' | '0'..='9' | ':') => numbers(cursor)?,
        _ => return Err(cursor.unexpected()),
    };
    cursor.space();
    cursor.expect(']')?;
    Ok(selector)
}

fn names(cursor: &mut Cursor<'_>) -> Result<Selector, SyntaxError> {
    let first: Arc<str> = quoted(cursor)?.into();
    let mut names = vec![first.clone()];
    loop {
        cursor.space();
        if !cursor.eat(",") {
            break;
        }
        cursor.space();
        names.push(quoted(cursor)?.into());
    }
    Ok(match names.len() {
        1 => Selector::Name(first),
        _ => Selector::Names(names),
    })
}

/// A text in quotes of either kind. A backslash escapes the quote and itself, and stands for itself before everything else.
pub(super) fn quoted(cursor: &mut Cursor<'_>) -> Result<String, SyntaxError> {
    let quote = match cursor.peek() {
        Some(quote @ ('\'' | '"')) => quote,
        _ => return Err(cursor.unexpected()),
    };
    cursor.take();
    let mut text = String::new();
    loop {
        match cursor.take() {
            Some(c) if c == quote => return Ok(text),
            Some('\\') => match cursor.peek() {
                Some(c) if c == quote || c == '\\' => {
                    cursor.take();
                    text.push(c);
                }
                _ => text.push('\\'),
            },
            Some(c) => text.push(c),
            None => return Err(cursor.unexpected()),
        }
    }
}

/// `(@.length-1)`: counted from the end.
fn from_end(cursor: &mut Cursor<'_>) -> Result<Selector, SyntaxError> {
    cursor.expect('(')?;
    cursor.space();
    if !cursor.eat("@.length") {
        return Err(cursor.unexpected());
    }
    cursor.eat("()");
    cursor.space();
    cursor.expect('-')?;
    cursor.space();
    let distance = integer(cursor)?;
    if distance < 1 {
        return Err(cursor.error(SyntaxErrorKind::Number));
    }
    cursor.space();
    cursor.expect(')')?;
    Ok(Selector::Index(-distance))
}

fn numbers(cursor: &mut Cursor<'_>) -> Result<Selector, SyntaxError> {
    if cursor.peek() == Some(':') {
        return slice(cursor, None);
    }
    let first = integer(cursor)?;
    cursor.space();
    match cursor.peek() {
        Some(':') => slice(cursor, Some(first)),
        Some(',') => {
            let mut indexes = vec![first];
            while cursor.eat(",") {
                cursor.space();
                indexes.push(integer(cursor)?);
                cursor.space();
            }
            Ok(Selector::Indexes(indexes))
        }
        _ => Ok(Selector::Index(first)),
    }
}

fn slice(cursor: &mut Cursor<'_>, start: Option<i64>) -> Result<Selector, SyntaxError> {
    cursor.expect(':')?;
    cursor.space();
    let end = match cursor.peek() {
        Some('-' | '0'..='9') => Some(integer(cursor)?),
        _ => None,
    };
    cursor.space();
    let mut step = 1;
    if cursor.eat(":") {
        cursor.space();
        let given = integer(cursor)?;
        let positive = usize::try_from(given).ok().filter(|step| *step > 0);
        step = positive.ok_or_else(|| cursor.error(SyntaxErrorKind::Number))?;
    }
    Ok(Selector::Slice(Slice { start, end, step }))
}

fn integer(cursor: &mut Cursor<'_>) -> Result<i64, SyntaxError> {
    let start = cursor.offset();
    let error = cursor.error(SyntaxErrorKind::Number);
    cursor.eat("-");
    cursor.take_while(|c| c.is_ascii_digit());
    cursor.since(start).parse().map_err(|_| error)
}
