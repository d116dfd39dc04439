//! A place in a text that is being parsed, and what can be wrong there.

/// Why a path or an expression is not one, and where: the offset in bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at offset {offset}")]
pub struct SyntaxError {
    pub kind: SyntaxErrorKind,
    pub offset: usize,
}

/// What is wrong with a text that is not a path or an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxErrorKind {
    #[error("unexpected end")]
    End,
    #[error("unexpected character '{0}'")]
    Character(char),
    #[error("expected '{0}'")]
    Expected(char),
    #[error("a path begins with $")]
    NotAPath,
    #[error("only names and indexes may stand in a reference path")]
    NotAReference,
    #[error("malformed number")]
    Number,
    #[error("malformed literal")]
    Literal,
    #[error("malformed regular expression: {0}")]
    Regex(String),
    #[error("unknown escape sequence")]
    Escape,
    #[error("unknown function '{0}'")]
    UnknownFunction(String),
    #[error("{function} takes {expected} arguments, not {found}")]
    Arguments {
        function: &'static str,
        expected: &'static str,
        found: usize,
    },
    #[error("more than {0} intrinsic functions")]
    TooManyFunctions(usize),
    #[error("nested too deep")]
    Depth,
}

pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub fn offset(&self) -> usize {
        self.at
    }

    /// The text from an offset up to here.
    pub fn since(&self, offset: usize) -> &'a str {
        self.text.get(offset..self.at).unwrap_or_default()
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    pub fn take_while(&mut self, mut belongs: impl FnMut(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    pub fn space(&mut self) {
        self.take_while(char::is_whitespace);
    }

    pub fn eat(&mut self, text: &str) -> bool {
        let is_there = self.rest().starts_with(text);
        if is_there {
            self.at += text.len();
        }
        is_there
    }

    pub fn expect(&mut self, expected: char) -> Result<(), SyntaxError> {
        if self.peek() == Some(expected) {
            self.at += expected.len_utf8();
            return Ok(());
        }
        Err(self.error(SyntaxErrorKind::Expected(expected)))
    }

    pub fn end(&self) -> Result<(), SyntaxError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected()),
        }
    }

    pub fn error(&self, kind: SyntaxErrorKind) -> SyntaxError {
        SyntaxError {
            kind,
            offset: self.at,
        }
    }

    pub fn unexpected(&self) -> SyntaxError {
        let kind = self
            .peek()
            .map_or(SyntaxErrorKind::End, SyntaxErrorKind::Character);
        self.error(kind)
    }
}
