//! Expressions: fields, texts, numbers, arithmetic, comparisons and calls.

use regex::Regex;

use super::function::{Function, Period};
use super::parse::Error;
use super::scan::{Scanner, Token};
use super::stats::Aggregate;

/// Parentheses and signs may be so deep.
const DEPTH_MAX: usize = 50;
/// A program of a regular expression, bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

#[derive(Clone, Debug)]
pub(super) enum Expression {
    Field(String),
    Number(f64),
    Text(String),
    Boolean(bool),
    Negative(Box<Expression>),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Compare(Comparison, Box<Expression>, Box<Expression>),
    Arithmetic(Arithmetic, Box<Expression>, Box<Expression>),
    Matches(Box<Expression>, Regex),
    /// Contains, as `like "text"`.
    Like(Box<Expression>, Box<Expression>),
    In(Box<Expression>, Vec<Expression>),
    Call(Function, Vec<Expression>),
    Bin(Box<Expression>, Period, Rounding),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    Down,
    Up,
}

impl Expression {
    pub(super) fn parse(scanner: &mut Scanner<'_>) -> Result<Expression, Error> {
        or(scanner, 0)
    }
}

/// A regular expression as users write it. Look-around is not to be had: its cost has no bound.
pub(super) fn regex(scanner: &Scanner<'_>, from: usize, text: &str) -> Result<Regex, Error> {
    let built = regex::RegexBuilder::new(text)
        .size_limit(REGEX_BYTES_MAX)
        .build();
    built.map_err(|error| {
        let reason = error.to_string();
        let reason = reason
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned();
        scanner.error(
            from,
            format!("the regular expression can't be used: {reason}"),
        )
    })
}

fn or(scanner: &mut Scanner<'_>, depth: usize) -> Result<Expression, Error> {
    let mut left = and(scanner, depth)?;
    while scanner.take_word("or")? {
        left = Expression::Or(Box::new(left), Box::new(and(scanner, depth)?));
    }
    Ok(left)
}

fn and(scanner: &mut Scanner<'_>, depth: usize) -> Result<Expression, Error> {
    let mut left = not(scanner, depth)?;
    while scanner.take_word("and")? {
        left = Expression::And(Box::new(left), Box::new(not(scanner, depth)?));
    }
    Ok(left)
}

fn not(scanner: &mut Scanner<'_>, depth: usize) -> Result<Expression, Error> {
    let from = scanner.start();
    if depth > DEPTH_MAX {
        return Err(scanner.error(from, "the expression is too deep"));
    }
    if scanner.take_word("not")? {
        return Ok(Expression::Not(Box::new(not(scanner, depth + 1)?)));
    }
    comparison(scanner, depth)
}

fn comparison(scanner: &mut Scanner<'_>, depth: usize) -> Result<Expression, Error> {
    let left = sum(scanner, depth)?;
    let operator = match scanner.peek()? {
        Token::Mark("=") => Comparison::Equal,
        Token::Mark("!=") => Comparison::NotEqual,
        Token::Mark("<") => Comparison::Less,
        Token::Mark("<=") => Comparison::LessOrEqual,
        Token::Mark(">") => Comparison::Greater,
        Token::Mark(">=") => Comparison::GreaterOrEqual,
        Token::Mark("=~") => {
            scanner.next()?;
            return like(scanner, left, depth);
        }
        word if word.is_word("like") || word.is_word("in") || word.is_word("not") => {
            return word_operator(scanner, left, depth);
        }
        _ => return Ok(left),
    };
    scanner.next()?;
    let right = sum(scanner, depth)?;
    Ok(Expression::Compare(
        operator,
        Box::new(left),
        Box::new(right),
    ))
}

/// `like`, `in`, and both behind `not`.
fn word_operator(
    scanner: &mut Scanner<'_>,
    left: Expression,
    depth: usize,
) -> Result<Expression, Error> {
    let negated = scanner.take_word("not")?;
    let found = if scanner.take_word("like")? {
        like(scanner, left, depth)?
    } else if scanner.take_word("in")? {
        scanner.expect("[")?;
        let mut values = vec![sum(scanner, depth)?];
        while scanner.take(",")? {
            values.push(sum(scanner, depth)?);
        }
        scanner.expect("]")?;
        Expression::In(Box::new(left), values)
    } else {
        return Err(scanner.unexpected("like or in"));
    };
    Ok(if negated {
        Expression::Not(Box::new(found))
    } else {
        found
    })
}

fn like(scanner: &mut Scanner<'_>, left: Expression, depth: usize) -> Result<Expression, Error> {
    let from = scanner.start();
    if let Some(text) = scanner.regex()? {
        let regex = regex(scanner, from, &text)?;
        return Ok(Expression::Matches(Box::new(left), regex));
    }
    let right = sum(scanner, depth)?;
    Ok(Expression::Like(Box::new(left), Box::new(right)))
}

fn sum(scanner: &mut Scanner<'_>, depth: usize) -> Result<Expression, Error> {
    let mut left = product(scanner, depth)?;
    loop {
        let operator = match scanner.peek()? {
            Token::Mark("+") => Arithmetic::Add,
            Token::Mark("-") => Arithmetic::Subtract,
            _ => return Ok(left),
        };
        scanner.next()?;
        left = Expression::Arithmetic(operator, Box::new(left), Box::new(product(scanner, depth)?));
    }
}

fn product(scanner: &mut Scanner<'_>, depth: usize) -> Result<Expression, Error> {
    let mut left = power(scanner, depth)?;
    loop {
        let operator = match scanner.peek()? {
            Token::Mark("*") => Arithmetic::Multiply,
            Token::Mark("/") => Arithmetic::Divide,
            Token::Mark("%") => Arithmetic::Remainder,
            _ => return Ok(left),
        };
        scanner.next()?;
        left = Expression::Arithmetic(operator, Box::new(left), Box::new(power(scanner, depth)?));
    }
}

/// Binds from the right.
fn power(scanner: &mut Scanner<'_>, depth: usize) -> Result<Expression, Error> {
    let base = single(scanner, depth)?;
    if !scanner.take("^")? {
        return Ok(base);
    }
    let from = scanner.start();
    if depth > DEPTH_MAX {
        return Err(scanner.error(from, "the expression is too deep"));
    }
    let exponent = power(scanner, depth + 1)?;
    Ok(Expression::Arithmetic(
        Arithmetic::Power,
        Box::new(base),
        Box::new(exponent),
    ))
}

fn single(scanner: &mut Scanner<'_>, depth: usize) -> Result<Expression, Error> {
    let from = scanner.start();
    if depth > DEPTH_MAX {
        return Err(scanner.error(from, "the expression is too deep"));
    }
    match scanner.peek()? {
        Token::Mark("-") => {
            scanner.next()?;
            Ok(Expression::Negative(Box::new(single(scanner, depth + 1)?)))
        }
        Token::Mark("(") => {
            scanner.next()?;
            let inside = or(scanner, depth + 1)?;
            scanner.expect(")")?;
            Ok(inside)
        }
        Token::Number(number) => {
            scanner.next()?;
            Ok(Expression::Number(number))
        }
        Token::Text(text) => {
            scanner.next()?;
            Ok(Expression::Text(text))
        }
        Token::Word { text, quoted } => {
            scanner.next()?;
            if !quoted && scanner.peek()? == Token::Mark("(") {
                return call(scanner, from, &text, depth + 1);
            }
            Ok(match text.as_str() {
                "true" if !quoted => Expression::Boolean(true),
                "false" if !quoted => Expression::Boolean(false),
                _ => Expression::Field(text),
            })
        }
        Token::Mark(_) | Token::End => Err(scanner.unexpected("a field, a value or a function")),
    }
}

fn call(
    scanner: &mut Scanner<'_>,
    from: usize,
    name: &str,
    depth: usize,
) -> Result<Expression, Error> {
    scanner.expect("(")?;
    let lower = name.to_ascii_lowercase();
    if lower == "bin" {
        let period = Period::parse(scanner)?;
        scanner.expect(")")?;
        let at = Expression::Field("@timestamp".to_owned());
        return Ok(Expression::Bin(Box::new(at), period, Rounding::Down));
    }
    if lower == "datefloor" || lower == "dateceil" {
        let at = or(scanner, depth)?;
        scanner.expect(",")?;
        let period = Period::parse(scanner)?;
        scanner.expect(")")?;
        let rounding = if lower == "dateceil" {
            Rounding::Up
        } else {
            Rounding::Down
        };
        return Ok(Expression::Bin(Box::new(at), period, rounding));
    }
    if Aggregate::is_name(&lower) {
        return match scanner.aggregates.take() {
            Some(found) => aggregate(scanner, from, &lower, found),
            None => result_of_stats(scanner, from),
        };
    }
    let Some(function) = Function::named(&lower) else {
        return Err(scanner.error(from, format!("there is no function {name}")));
    };
    let mut arguments = Vec::new();
    while !scanner.take(")")? {
        if !arguments.is_empty() {
            scanner.expect(",")?;
        }
        arguments.push(or(scanner, depth)?);
    }
    if !function.takes(arguments.len()) {
        return Err(scanner.error(
            from,
            format!("{name} does not take {} arguments", arguments.len()),
        ));
    }
    Ok(Expression::Call(function, arguments))
}

/// Something computed over a group. Its arguments are of single records: no other is among them.
fn aggregate(
    scanner: &mut Scanner<'_>,
    from: usize,
    name: &str,
    mut found: Vec<(String, Aggregate)>,
) -> Result<Expression, Error> {
    let aggregate = Aggregate::parse(scanner, from, name)?;
    let text = scanner.source(from, scanner.end).to_owned();
    found.push((text.clone(), aggregate));
    scanner.aggregates = Some(found);
    Ok(Expression::Field(text))
}

/// Behind `stats`, what it computed goes by the text that was written there: `sort count(*) desc`.
fn result_of_stats(scanner: &mut Scanner<'_>, from: usize) -> Result<Expression, Error> {
    let mut open = 1_usize;
    while open > 0 {
        match scanner.next()? {
            Token::Mark("(") => open += 1,
            Token::Mark(")") => open -= 1,
            Token::End => return Err(scanner.unexpected("\")\"")),
            _ => {}
        }
    }
    Ok(Expression::Field(
        scanner.source(from, scanner.end).to_owned(),
    ))
}
