//! Text to tokens.
//!
//! The lexer reads bytes once, never fails and never looks back more than one token: what it cannot read becomes an [`Kind::Unknown`]
//! token with an error. Comments are kept aside for the formatter; newlines are tokens because the language separates with them.

use crate::diag::{Diagnostic, Rule};
use crate::script;
use crate::span::{Span, offset};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A name or a keyword: keywords are contextual, the parser decides.
    Ident,
    /// `$.a.b`, or an incomplete `$` or `$.` while somebody is typing.
    Input,
    Int,
    Float,
    Str,
    /// `{ python code }` behind `script`, braces included.
    Code,
    /// `/** .. */`.
    Doc,
    /// One or more line ends with nothing but blanks and comments between them.
    Newline,
    LBrace,
    RBrace,
    LParen,
    RParen,
    LBracket,
    RBracket,
    HashBrace,
    Comma,
    Colon,
    Semi,
    Dot,
    Eq,
    Arrow,
    EqEq,
    NotEq,
    Ge,
    Le,
    Gt,
    Lt,
    AndAnd,
    OrOr,
    Plus,
    PlusPlus,
    Minus,
    Star,
    Slash,
    Percent,
    Bang,
    /// Bytes that mean nothing; reported already.
    Unknown,
    End,
}

/// One token.
#[derive(Debug, Clone, Copy)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub span: Span,
}

/// A comment that documents nothing: `// ..` or `/* .. */`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comment {
    /// Where it is, delimiters included, the line end excluded.
    pub span: Span,
    /// Whether something other than blanks stands before it on its line.
    pub trailing: bool,
}

/// What the lexer made of a text.
#[derive(Debug)]
pub struct Lexed {
    /// All tokens; the last is [`Kind::End`].
    pub tokens: Vec<Token>,
    /// All comments, in order.
    pub comments: Vec<Comment>,
    /// What could not be read.
    pub errors: Vec<Diagnostic>,
}

/// Reads a text. With `reference`, `script {` starts code wherever it stands, as the reference's pre-lexer does; otherwise only where code can stand.
#[must_use]
pub fn lex(source: &str, reference: bool) -> Lexed {
    let lexed = Lexed {
        tokens: Vec::with_capacity(source.len() / 5 + 8),
        comments: Vec::new(),
        errors: Vec::new(),
    };
    let mut lexer = Lexer {
        source,
        bytes: source.as_bytes(),
        at: 0,
        reference,
        lexed,
        on_line: false,
    };
    lexer.run();
    lexer.lexed
}

struct Lexer<'s> {
    source: &'s str,
    bytes: &'s [u8],
    at: usize,
    reference: bool,
    lexed: Lexed,
    /// Whether something other than blanks was seen on this line.
    on_line: bool,
}

impl Lexer<'_> {
    fn byte(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn push(&mut self, kind: Kind, start: usize) {
        self.on_line = true;
        self.lexed.tokens.push(Token {
            kind,
            span: Span::new(offset(start), offset(self.at)),
        });
    }

    fn error(&mut self, rule: Rule, start: usize, message: String) {
        let span = Span::new(offset(start), offset(self.at));
        self.lexed.errors.push(Diagnostic::new(rule, span, message));
    }

    fn run(&mut self) {
        while self.at < self.bytes.len() {
            let start = self.at;
            match self.byte(0) {
                b' ' | b'\t' => self.at += 1,
                b'\n' => self.newline(1),
                b'\r' if self.byte(1) == b'\n' => self.newline(2),
                b'/' if self.byte(1) == b'/' => self.line_comment(),
                b'/' if self.byte(1) == b'*' => self.block_comment(),
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.ident(),
                b'0'..=b'9' => self.number(),
                b'"' => self.string(),
                b'$' => self.input(),
                first => match operator(first, self.byte(1)) {
                    Some((kind, length)) => {
                        self.at += length;
                        self.push(kind, start);
                    }
                    None => self.unknown(),
                },
            }
        }
        let end = self.at;
        self.push(Kind::End, end);
    }

    fn newline(&mut self, length: usize) {
        let start = self.at;
        self.at += length;
        if self
            .lexed
            .tokens
            .last()
            .is_none_or(|last| last.kind != Kind::Newline)
        {
            self.push(Kind::Newline, start);
        }
        self.on_line = false;
    }

    fn comment(&mut self, start: usize) {
        let span = Span::new(offset(start), offset(self.at));
        self.lexed.comments.push(Comment {
            span,
            trailing: self.on_line,
        });
        self.on_line = true;
    }

    fn line_comment(&mut self) {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let mut length = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(rest.len());
        if length < rest.len() && rest.get(length.wrapping_sub(1)) == Some(&b'\r') {
            length -= 1;
        }
        self.at += length;
        self.comment(start);
    }

    fn block_comment(&mut self) {
        let start = self.at;
        let rest = self.source.get(start..).unwrap_or("");
        // The reference reads `/**/` as the beginning of a doc comment when a later `*/` ends one, and as an empty comment otherwise.
        let doc = rest.starts_with("/**")
            && (!rest.starts_with("/**/")
                || self.reference && rest.get(4..).is_some_and(|tail| tail.contains("*/")));
        let opening = if doc { 3 } else { 2 };
        let Some(length) = rest.get(opening..).and_then(|inner| inner.find("*/")) else {
            self.at = self.bytes.len();
            self.error(
                Rule::UnclosedComment,
                start,
                "This comment is never closed".to_owned(),
            );
            self.comment(start);
            return;
        };
        self.at += opening + length + 2;
        if doc && self.documents() {
            self.push(Kind::Doc, start);
        } else {
            self.comment(start);
        }
    }

    /// Whether a doc comment that was just read stands where a declaration may begin; elsewhere it is an ordinary comment.
    fn documents(&self) -> bool {
        let Some(last) = self.lexed.tokens.last() else {
            return true;
        };
        match last.kind {
            Kind::Newline
            | Kind::RParen
            | Kind::RBrace
            | Kind::LBrace
            | Kind::Semi
            | Kind::Str
            | Kind::Code
            | Kind::Doc => true,
            Kind::Ident => {
                let rest = self
                    .source
                    .get(self.at..)
                    .unwrap_or("")
                    .trim_start_matches([' ', '\t']);
                ["facet ", "event ", "workflow ", "schema ", "namespace "]
                    .iter()
                    .any(|word| rest.starts_with(word))
            }
            _ => false,
        }
    }

    fn ident(&mut self) {
        let start = self.at;
        self.skip_word();
        self.push(Kind::Ident, start);
        if self.bytes.get(start..self.at) == Some(b"script") {
            self.script();
        }
    }

    fn skip_word(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += rest
            .iter()
            .position(|byte| !is_word(*byte))
            .unwrap_or(rest.len());
    }

    /// Behind the word `script`: takes `[python] { code }` when it is there.
    fn script(&mut self) {
        let before = self
            .lexed
            .tokens
            .len()
            .checked_sub(2)
            .and_then(|at| self.lexed.tokens.get(at));
        let declares = |token: &Token| match token.kind {
            Kind::Dot => true,
            Kind::Ident => matches!(
                token.span.text(self.source),
                "schema" | "namespace" | "facet" | "workflow"
            ),
            _ => false,
        };
        if !self.reference && before.is_some_and(declares) {
            return;
        }
        let blank = |at: usize, breaks: bool| {
            let rest = self.bytes.get(at..).unwrap_or_default();
            at + rest
                .iter()
                .position(|b| match b {
                    b' ' | b'\t' => false,
                    b'\r' | b'\n' => !breaks,
                    _ => true,
                })
                .unwrap_or(rest.len())
        };
        let mut open = blank(self.at, false);
        let mut language = None;
        if self.bytes.get(open..open + 6) == Some(b"python")
            && !self.bytes.get(open + 6).is_some_and(|byte| is_word(*byte))
        {
            language = Some(open);
            open += 6;
        }
        open = blank(open, true);
        if self.bytes.get(open) != Some(&b'{') {
            return;
        }
        if let Some(word) = language {
            self.at = word + 6;
            self.push(Kind::Ident, word);
        }
        self.at = open;
        match script::closing_brace(self.bytes, open) {
            Some(end) => {
                self.at = end;
                self.push(Kind::Code, open);
            }
            None => {
                self.at = self.bytes.len();
                self.push(Kind::Code, open);
                let first_line = self
                    .source
                    .get(open..)
                    .and_then(|rest| rest.find('\n'))
                    .unwrap_or(1);
                let span = Span::new(offset(open), offset(open + first_line));
                self.lexed.errors.push(Diagnostic::new(
                    Rule::UnclosedScript,
                    span,
                    "Unbalanced brace in script block".to_owned(),
                ));
            }
        }
    }

    fn digits(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += rest
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(rest.len());
    }

    fn number(&mut self) {
        let start = self.at;
        self.digits();
        if self.byte(0) != b'.' || !self.byte(1).is_ascii_digit() {
            return self.push(Kind::Int, start);
        }
        self.at += 1;
        self.digits();
        if matches!(self.byte(0), b'e' | b'E') {
            let sign = usize::from(matches!(self.byte(1), b'+' | b'-'));
            if self.byte(1 + sign).is_ascii_digit() {
                self.at += 1 + sign;
                self.digits();
            }
        }
        self.push(Kind::Float, start);
    }

    fn string(&mut self) {
        let start = self.at;
        self.at += 1;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let Some(stop) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) else {
                return self.open_string(start);
            };
            self.at += stop + 1;
            if rest.get(stop) == Some(&b'"') {
                return self.push(Kind::Str, start);
            }
            if self.byte(0) == b'\n' {
                let at = self.at;
                self.error(
                    Rule::BadEscape,
                    at - 1,
                    "A backslash cannot stand before a line end".to_owned(),
                );
            }
            // The escaped character may be longer than one byte; its tail holds neither a quote nor a backslash.
            self.at = (self.at + 1).min(self.bytes.len());
        }
    }

    /// A string that is never closed ends at its line, so that the rest of the file is still read.
    fn open_string(&mut self, start: usize) {
        let rest = self.bytes.get(start..).unwrap_or_default();
        self.at = start
            + rest
                .iter()
                .position(|byte| matches!(byte, b'\n' | b'\r'))
                .unwrap_or(rest.len());
        self.push(Kind::Str, start);
        self.error(
            Rule::UnclosedString,
            start,
            "This string is never closed".to_owned(),
        );
    }

    fn input(&mut self) {
        let start = self.at;
        self.at += 1;
        let mut complete = false;
        while self.byte(0) == b'.' && (self.byte(1).is_ascii_alphabetic() || self.byte(1) == b'_') {
            self.at += 1;
            self.skip_word();
            complete = true;
        }
        if !complete {
            if self.byte(0) == b'.' {
                self.at += 1;
            }
            self.error(
                Rule::BadInput,
                start,
                "An input reference names a parameter: `$.name`".to_owned(),
            );
        }
        self.push(Kind::Input, start);
    }

    fn unknown(&mut self) {
        let start = self.at;
        let first = self
            .source
            .get(start..)
            .and_then(|rest| rest.chars().next());
        self.at += first.map_or(1, char::len_utf8);
        let shown = first.unwrap_or('\u{fffd}');
        // A byte order mark or a lone carriage return is harmless; the reference refuses both.
        if !self.reference && matches!(shown, '\u{feff}' | '\r' | '\u{a0}') {
            return;
        }
        self.error(
            Rule::UnexpectedCharacter,
            start,
            format!("Unexpected character '{shown}'"),
        );
        if self
            .lexed
            .tokens
            .last()
            .is_none_or(|last| last.kind != Kind::Unknown)
        {
            self.push(Kind::Unknown, start);
        }
    }
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The operator that begins with `first`, and its length in bytes.
const fn operator(first: u8, second: u8) -> Option<(Kind, usize)> {
    Some(match (first, second) {
        (b'{', _) => (Kind::LBrace, 1),
        (b'}', _) => (Kind::RBrace, 1),
        (b'(', _) => (Kind::LParen, 1),
        (b')', _) => (Kind::RParen, 1),
        (b'[', _) => (Kind::LBracket, 1),
        (b']', _) => (Kind::RBracket, 1),
        (b'#', b'{') => (Kind::HashBrace, 2),
        (b',', _) => (Kind::Comma, 1),
        (b':', _) => (Kind::Colon, 1),
        (b';', _) => (Kind::Semi, 1),
        (b'.', _) => (Kind::Dot, 1),
        (b'=', b'>') => (Kind::Arrow, 2),
        (b'=', b'=') => (Kind::EqEq, 2),
        (b'=', _) => (Kind::Eq, 1),
        (b'!', b'=') => (Kind::NotEq, 2),
        (b'!', _) => (Kind::Bang, 1),
        (b'>', b'=') => (Kind::Ge, 2),
        (b'>', _) => (Kind::Gt, 1),
        (b'<', b'=') => (Kind::Le, 2),
        (b'<', _) => (Kind::Lt, 1),
        (b'&', b'&') => (Kind::AndAnd, 2),
        (b'|', b'|') => (Kind::OrOr, 2),
        (b'+', b'+') => (Kind::PlusPlus, 2),
        (b'+', _) => (Kind::Plus, 1),
        (b'-', _) => (Kind::Minus, 1),
        (b'*', _) => (Kind::Star, 1),
        (b'/', _) => (Kind::Slash, 1),
        (b'%', _) => (Kind::Percent, 1),
        _ => return None,
    })
}
