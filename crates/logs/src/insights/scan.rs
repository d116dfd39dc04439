//! Reading a query: the marks and words it is made of, and where they stand.

use super::parse::Error;
use super::stats::Aggregate;

/// What a query is made of.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A word, or a name between backticks; those are no keywords.
    Word {
        text: String,
        quoted: bool,
    },
    Number(f64),
    Text(String),
    Mark(&'static str),
    End,
}

impl Token {
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self, Token::Word { text, quoted: false } if text.eq_ignore_ascii_case(word))
    }
}

/// Longer ones first.
const MARKS: [&str; 18] = [
    "!=", "<=", ">=", "=~", "=", "<", ">", "|", ",", "(", ")", "[", "]", "+", "-", "*", "/", "^",
];

/// A query with the place up to which it has been read. Tokens are read when they are asked for, because a slash begins a regular
/// expression in some places and divides in others.
pub(super) struct Scanner<'q> {
    query: &'q str,
    /// Bytes.
    at: usize,
    /// Where the last token ended.
    pub end: usize,
    /// Within `stats`: what is computed over a group, by the text that it was written as.
    pub aggregates: Option<Vec<(String, Aggregate)>>,
}

impl<'q> Scanner<'q> {
    pub(super) fn new(query: &'q str) -> Scanner<'q> {
        Scanner {
            query,
            at: 0,
            end: 0,
            aggregates: None,
        }
    }

    fn rest(&self) -> &'q str {
        self.query.get(self.at..).unwrap_or_default()
    }

    /// Passes over spaces and comments, which go from `#` to the end of the line; where the next token begins.
    pub(super) fn start(&mut self) -> usize {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return self.at;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    /// What was written between two places.
    pub(super) fn source(&self, from: usize, to: usize) -> &'q str {
        self.query.get(from..to).unwrap_or_default().trim()
    }

    pub(super) fn peek(&mut self) -> Result<Token, Error> {
        let (at, end) = (self.at, self.end);
        let token = self.next();
        (self.at, self.end) = (at, end);
        token
    }

    pub(super) fn next(&mut self) -> Result<Token, Error> {
        let from = self.start();
        let rest = self.rest();
        let token = match rest.chars().next() {
            None => Token::End,
            Some(quote @ ('"' | '\'')) => Token::Text(self.quoted(quote)?),
            Some('`') => Token::Word {
                text: self.quoted('`')?,
                quoted: true,
            },
            Some(c) if c.is_ascii_digit() => {
                let length = number_length(rest);
                self.at += length;
                let text = rest.get(..length).unwrap_or_default();
                Token::Number(
                    text.parse()
                        .map_err(|_| self.error(from, "a number can't be read"))?,
                )
            }
            Some(c) if begins_word(c) => {
                let length = rest.find(|c| !continues_word(c)).unwrap_or(rest.len());
                let text = rest.get(..length).unwrap_or_default();
                self.at += text.len();
                Token::Word {
                    text: text.to_owned(),
                    quoted: false,
                }
            }
            Some('%') => {
                self.at += 1;
                Token::Mark("%")
            }
            Some(other) => match MARKS.into_iter().find(|mark| rest.starts_with(mark)) {
                Some(mark) => {
                    self.at += mark.len();
                    Token::Mark(mark)
                }
                None => {
                    self.at += other.len_utf8();
                    return Err(self.error(from, format!("unexpected character {other:?}")));
                }
            },
        };
        self.end = self.at;
        Ok(token)
    }

    /// Takes a mark if it comes next.
    pub(super) fn take(&mut self, mark: &'static str) -> Result<bool, Error> {
        let found = self.peek()? == Token::Mark(mark);
        if found {
            self.next()?;
        }
        Ok(found)
    }

    /// Takes a keyword if it comes next.
    pub(super) fn take_word(&mut self, word: &str) -> Result<bool, Error> {
        let found = self.peek()?.is_word(word);
        if found {
            self.next()?;
        }
        Ok(found)
    }

    pub(super) fn expect(&mut self, mark: &'static str) -> Result<(), Error> {
        if self.take(mark)? {
            return Ok(());
        }
        Err(self.unexpected(&format!("{mark:?}")))
    }

    /// A regular expression between slashes, if one comes next.
    pub(super) fn regex(&mut self) -> Result<Option<String>, Error> {
        let from = self.start();
        let Some(rest) = self.rest().strip_prefix('/') else {
            return Ok(None);
        };
        let mut text = String::new();
        let mut characters = rest.char_indices();
        while let Some((index, c)) = characters.next() {
            match c {
                '/' => {
                    self.at += index + 2;
                    self.end = self.at;
                    return Ok(Some(text));
                }
                '\\' => match characters.next() {
                    Some((_, '/')) => text.push('/'),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                other => text.push(other),
            }
        }
        self.at = self.query.len();
        Err(self.error(from, "the regular expression has no end"))
    }

    fn quoted(&mut self, quote: char) -> Result<String, Error> {
        let from = self.at;
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((index, c)) = characters.next() {
            match c {
                '\\' if quote != '`' => match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, other)) if other == quote || other == '\\' => text.push(other),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                c if c == quote => {
                    self.at += index + c.len_utf8();
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        self.at = self.query.len();
        Err(self.error(from, format!("the text has no closing {quote}")))
    }

    /// An error from a place up to where has been read; an AWS client counts characters.
    pub(super) fn error(&self, from: usize, message: impl Into<String>) -> Error {
        let characters = |to: usize| self.query.get(..to).unwrap_or(self.query).chars().count();
        Error {
            start: characters(from),
            end: characters(self.at.max(from)),
            message: message.into(),
        }
    }

    /// The next token is not what is needed.
    pub(super) fn unexpected(&mut self, wanted: &str) -> Error {
        let from = self.start();
        match self.next() {
            Ok(Token::End) => {
                self.error(from, format!("the query ends where {wanted} is expected"))
            }
            Ok(_) => {
                let found = self.source(from, self.at);
                self.error(
                    from,
                    format!("unexpected symbol found {found}, {wanted} is expected"),
                )
            }
            Err(error) => error,
        }
    }
}

fn begins_word(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '@'
}

fn continues_word(c: char) -> bool {
    c.is_alphanumeric() || "_@.".contains(c)
}

/// Digits, perhaps a fraction, perhaps an exponent. `5m` is the number 5 and a word.
fn number_length(text: &str) -> usize {
    let digits = |text: &str| {
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len())
    };
    let behind = |at: usize| text.get(at..).unwrap_or_default();
    let mut length = digits(text);
    if let Some(fraction) = behind(length)
        .strip_prefix('.')
        .map(digits)
        .filter(|digits| *digits > 0)
    {
        length += 1 + fraction;
    }
    if let Some(rest) = behind(length).strip_prefix(['e', 'E']) {
        let unsigned = rest.strip_prefix(['+', '-']).unwrap_or(rest);
        let exponent = digits(unsigned);
        if exponent > 0 {
            length += 1 + rest.len() - unsigned.len() + exponent;
        }
    }
    length
}
