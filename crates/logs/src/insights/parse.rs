//! A query's stages.

use regex::Regex;

use super::expression::{Expression, regex};
use super::scan::{Scanner, Token};
use super::stats::Aggregate;

/// Stages of one query.
const STAGES_MAX: usize = 100;
/// What is shown when a query names no fields.
const SHOWN: [&str; 2] = ["@timestamp", "@message"];

/// A query can't be read. Places count characters from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} ([{start},{end}])")]
pub struct Error {
    pub start: usize,
    pub end: usize,
    pub message: String,
}

/// A query, ready to run.
#[derive(Clone, Debug)]
pub struct Query {
    pub(super) stages: Vec<Stage>,
    /// Names of what is shown, in order.
    pub(super) shown: Vec<String>,
    /// Whether rows are records still, and have a `@ptr`.
    pub(super) of_records: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Computes columns; `fields` and `display` differ in what is shown.
    Columns(Vec<Column>),
    Filter(Expression),
    Extract(Extract),
    /// Expressions, and whether each is sorted downwards.
    Sort(Vec<(Expression, bool)>),
    Dedup(Vec<Expression>),
    Limit(usize),
    Stats(Stats),
}

#[derive(Clone, Debug)]
pub(super) struct Column {
    pub name: String,
    pub expression: Expression,
}

#[derive(Clone, Debug)]
pub(super) struct Extract {
    pub from: Expression,
    pub regex: Regex,
    /// Of each group of the expression.
    pub names: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Stats {
    /// By the text that each was written as.
    pub aggregates: Vec<(String, Aggregate)>,
    pub columns: Vec<Column>,
    pub by: Vec<Column>,
}

impl Query {
    /// # Errors
    /// [`Error`], with the place.
    pub fn parse(text: &str) -> Result<Query, Error> {
        let mut scanner = Scanner::new(text);
        let mut query = Query {
            stages: Vec::new(),
            shown: Vec::new(),
            of_records: true,
        };
        loop {
            let from = scanner.start();
            query.stage(&mut scanner)?;
            if query.stages.len() > STAGES_MAX {
                return Err(
                    scanner.error(from, format!("a query has at most {STAGES_MAX} commands"))
                );
            }
            if scanner.peek()? == Token::End {
                break;
            }
            scanner.expect("|")?;
        }
        if query.shown.is_empty() {
            query.shown = SHOWN.map(str::to_owned).into();
        }
        Ok(query)
    }

    fn stage(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Error> {
        let from = scanner.start();
        let Token::Word {
            text,
            quoted: false,
        } = scanner.peek()?
        else {
            return Err(scanner.unexpected("a command"));
        };
        scanner.next()?;
        let stage = match text.to_ascii_lowercase().as_str() {
            "fields" => {
                let columns = columns(scanner)?;
                self.show(&columns);
                Stage::Columns(columns)
            }
            "display" => {
                let columns = columns(scanner)?;
                self.shown.clear();
                self.show(&columns);
                Stage::Columns(columns)
            }
            "filter" => Stage::Filter(Expression::parse(scanner)?),
            "parse" => Stage::Extract(extract(scanner)?),
            "sort" => Stage::Sort(sort(scanner)?),
            "dedup" => Stage::Dedup(expressions(scanner)?),
            "limit" => Stage::Limit(limit(scanner)?),
            "stats" => {
                let stats = stats(scanner)?;
                self.of_records = false;
                self.shown.clear();
                self.show(&stats.by);
                self.show(&stats.columns);
                Stage::Stats(stats)
            }
            _ => return Err(scanner.error(from, format!("there is no command {text}"))),
        };
        self.stages.push(stage);
        Ok(())
    }

    fn show(&mut self, columns: &[Column]) {
        for column in columns {
            if !self.shown.contains(&column.name) {
                self.shown.push(column.name.clone());
            }
        }
    }
}

/// Expressions with the names that they get: an alias, or as they are written.
fn columns(scanner: &mut Scanner<'_>) -> Result<Vec<Column>, Error> {
    let mut columns = Vec::new();
    loop {
        let from = scanner.start();
        let expression = Expression::parse(scanner)?;
        let written = scanner.source(from, scanner.end).to_owned();
        let name = if scanner.take_word("as")? {
            name(scanner)?
        } else {
            match &expression {
                Expression::Field(name) => name.clone(),
                _ => written,
            }
        };
        columns.push(Column { name, expression });
        if !scanner.take(",")? {
            return Ok(columns);
        }
    }
}

fn name(scanner: &mut Scanner<'_>) -> Result<String, Error> {
    match scanner.peek()? {
        Token::Word { text, .. } | Token::Text(text) => {
            scanner.next()?;
            Ok(text)
        }
        _ => Err(scanner.unexpected("a name")),
    }
}

fn expressions(scanner: &mut Scanner<'_>) -> Result<Vec<Expression>, Error> {
    let mut found = vec![Expression::parse(scanner)?];
    while scanner.take(",")? {
        found.push(Expression::parse(scanner)?);
    }
    Ok(found)
}

fn sort(scanner: &mut Scanner<'_>) -> Result<Vec<(Expression, bool)>, Error> {
    let mut keys = Vec::new();
    loop {
        let key = Expression::parse(scanner)?;
        let down = scanner.take_word("desc")?;
        if !down {
            scanner.take_word("asc")?;
        }
        keys.push((key, down));
        if !scanner.take(",")? {
            return Ok(keys);
        }
    }
}

fn limit(scanner: &mut Scanner<'_>) -> Result<usize, Error> {
    let from = scanner.start();
    match scanner.peek()? {
        Token::Number(number) => {
            scanner.next()?;
            if number < 1.0 || number.fract() != 0.0 {
                return Err(scanner.error(from, "a limit is a whole number above 0"));
            }
            Ok(number as usize)
        }
        _ => Err(scanner.unexpected("a number")),
    }
}

fn stats(scanner: &mut Scanner<'_>) -> Result<Stats, Error> {
    let from = scanner.start();
    scanner.aggregates = Some(Vec::new());
    let columns = columns(scanner)?;
    let aggregates = scanner.aggregates.take().unwrap_or_default();
    if aggregates.is_empty() {
        return Err(scanner.error(
            from,
            "stats computes over groups: a function such as count(*) is missing",
        ));
    }
    let by = if scanner.take_word("by")? {
        self::columns(scanner)?
    } else {
        Vec::new()
    };
    Ok(Stats {
        aggregates,
        columns,
        by,
    })
}

/// `parse FIELD "text * text *" as a, b` or `parse FIELD /…(?<a>…)…/`.
fn extract(scanner: &mut Scanner<'_>) -> Result<Extract, Error> {
    let from = match scanner.peek()? {
        Token::Word { text, .. } => {
            scanner.next()?;
            Expression::Field(text)
        }
        _ => Expression::Field("@message".to_owned()),
    };
    let place = scanner.start();
    let (regex, mut names): (Regex, Vec<Option<String>>) = match scanner.regex()? {
        Some(text) => {
            let regex = regex(scanner, place, &text)?;
            let names = regex
                .capture_names()
                .skip(1)
                .map(|name| name.map(str::to_owned))
                .collect();
            (regex, names)
        }
        None => {
            let Token::Text(glob) = scanner.peek()? else {
                return Err(scanner.unexpected("a text with stars, or a regular expression,"));
            };
            scanner.next()?;
            let regex = regex(scanner, place, &of_glob(&glob))?;
            let names = vec![None; regex.captures_len() - 1];
            (regex, names)
        }
    };
    if scanner.take_word("as")? {
        let mut unnamed = names.iter_mut().filter(|found| found.is_none());
        loop {
            let at = scanner.start();
            let given = name(scanner)?;
            let Some(place) = unnamed.next() else {
                return Err(scanner.error(at, format!("nothing is left that could be {given}")));
            };
            *place = Some(given);
            if !scanner.take(",")? {
                break;
            }
        }
    }
    let count = names.len();
    let names: Vec<String> = names.into_iter().flatten().collect();
    if count == 0 || names.len() < count {
        return Err(scanner.error(
            place,
            format!("{count} parts are found and {} have a name", names.len()),
        ));
    }
    Ok(Extract { from, regex, names })
}

/// A star takes as little as it can, the last one at the end everything.
fn of_glob(glob: &str) -> String {
    let pieces: Vec<String> = glob.split('*').map(regex::escape).collect();
    let text = pieces.join("(.*?)");
    let text = match text.strip_suffix("(.*?)") {
        Some(before) => format!("{before}(.*)"),
        None => text,
    };
    format!("(?s){text}")
}
