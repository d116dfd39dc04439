//! Tokens to a tree.
//!
//! Parsing never fails: [`parse`] returns a tree *and* errors. After an error it goes on at the next comma, line, closing brace or
//! declaration, so that one run reports every error of a file. One parser reads AFL and FFL, and more newlines than either reference; with
//! [`Options::reference`] it additionally reports what the reference of the dialect refuses.
//!
//! Recursion is bounded by [`MAX_DEPTH`], the height of expression trees by [`MAX_HEIGHT`]: no input exhausts the stack, here or later.

mod block;
mod call;
mod decl;
mod expr;

use crate::ast::{File, Name};
use crate::diag::{Diagnostic, Phase, Rule, settle};
use crate::lex::{self, Comment, Kind, Token};
use crate::span::{Span, offset};

/// How deep blocks, types and expressions may nest.
pub const MAX_DEPTH: usize = 200;
/// How high the tree of one expression may grow, chains of one operator included.
pub const MAX_HEIGHT: usize = 500;
/// How large a source may be.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

/// The two states of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// The last AFL-named state.
    #[default]
    Afl,
    /// The later superset.
    Ffl,
}

/// How to read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The dialect; it matters only with `reference`.
    pub dialect: Dialect,
    /// Report what the reference of the dialect refuses.
    pub reference: bool,
}

/// What became of a text.
#[derive(Debug)]
pub struct Parsed<'s> {
    /// The tree, as complete as the text allows.
    pub file: File<'s>,
    /// Everything that could not be read, in order.
    pub errors: Vec<Diagnostic>,
}

/// Reads a source text.
#[must_use]
pub fn parse(source: &str, options: Options) -> Parsed<'_> {
    if source.len() > MAX_BYTES {
        let message = format!(
            "A source may have {MAX_BYTES} bytes, this one has {}",
            source.len()
        );
        return Parsed {
            file: File::default(),
            errors: vec![Diagnostic::new(Rule::TooLarge, Span::default(), message)],
        };
    }
    let lexed = lex::lex(source, options.reference);
    let mut parser = Parser {
        source,
        tokens: &lexed.tokens,
        at: 0,
        errors: lexed.errors,
        comments: lexed.comments,
        options,
        depth: 0,
        parens: 0,
        height: 0,
        last_error: None,
    };
    let mut file = parser.file();
    parser.literals();
    for error in &mut parser.errors {
        error.phase = Phase::Parse;
    }
    settle(&mut parser.errors);
    parser.comments.sort_by_key(|comment| comment.span);
    file.comments = parser.comments;
    Parsed {
        file,
        errors: parser.errors,
    }
}

struct Parser<'s, 't> {
    source: &'s str,
    tokens: &'t [Token],
    at: usize,
    errors: Vec<Diagnostic>,
    comments: Vec<Comment>,
    options: Options,
    depth: usize,
    /// How many brackets are open: between them a newline ends nothing.
    parens: usize,
    /// The height of the expression that was read last.
    height: usize,
    last_error: Option<usize>,
}

const END: Token = Token {
    kind: Kind::End,
    span: Span::at(0),
};

impl<'s> Parser<'s, '_> {
    /// Whether this is the reference's later state.
    fn ffl(&self) -> bool {
        self.options.dialect == Dialect::Ffl
    }

    fn token(&self, at: usize) -> Token {
        self.tokens
            .get(at)
            .or(self.tokens.last())
            .copied()
            .unwrap_or(END)
    }

    /// The current token, doc comments that document nothing skipped.
    fn peek(&mut self) -> Token {
        while self.token(self.at).kind == Kind::Doc {
            self.stray_doc();
        }
        self.token(self.at)
    }

    fn kind(&mut self) -> Kind {
        self.peek().kind
    }

    fn text(&self, token: Token) -> &'s str {
        token.span.text(self.source)
    }

    fn bump(&mut self) -> Token {
        let token = self.peek();
        if token.kind != Kind::End {
            self.at += 1;
        }
        token
    }

    fn eat(&mut self, kind: Kind) -> bool {
        let found = self.kind() == kind;
        if found {
            self.at += 1;
        }
        found
    }

    fn at_word(&mut self, word: &str) -> bool {
        let token = self.peek();
        token.kind == Kind::Ident && self.text(token) == word
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.at += 1;
        }
        found
    }

    /// The kind and text of the first token at or behind `at` that is neither a newline nor a doc comment.
    fn beyond(&self, mut at: usize) -> (usize, Token) {
        while matches!(self.token(at).kind, Kind::Newline | Kind::Doc) {
            at += 1;
        }
        (at, self.token(at))
    }

    fn skip_newlines(&mut self) {
        while self.kind() == Kind::Newline {
            self.at += 1;
        }
    }

    /// The end of the last token that was read.
    fn end(&self) -> u32 {
        self.at
            .checked_sub(1)
            .map_or(0, |at| self.token(at).span.end)
    }

    fn since(&self, start: u32) -> Span {
        let mut last = self.at;
        while last > 0
            && matches!(
                self.token(last - 1).kind,
                Kind::Newline | Kind::Doc | Kind::Semi
            )
        {
            last -= 1;
        }
        let end = last
            .checked_sub(1)
            .map_or(start, |at| self.token(at).span.end);
        Span::new(start, end.max(start))
    }

    /// Reports an error at the current token, once for each token.
    fn error(
        &mut self,
        rule: Rule,
        span: Span,
        message: impl Into<String>,
    ) -> Option<&mut Diagnostic> {
        if self.last_error == Some(self.at) {
            return None;
        }
        self.last_error = Some(self.at);
        self.errors
            .push(Diagnostic::new(rule, span, message.into()));
        self.errors.last_mut()
    }

    /// Reports what only the reference refuses.
    fn refuse(&mut self, span: Span, message: &str) {
        if self.options.reference {
            self.errors.push(Diagnostic::new(
                Rule::ReferenceRefuses,
                span,
                message.to_owned(),
            ));
        }
    }

    /// Reports FFL syntax where the reference of AFL would read it.
    fn ffl_only(&mut self, span: Span, what: &str) {
        if self.options.reference && !self.ffl() {
            self.errors.push(Diagnostic::new(
                Rule::FflOnly,
                span,
                format!("{what} belongs to FFL, this file is AFL"),
            ));
        }
    }

    fn expected(&mut self, what: &str) {
        let token = self.peek();
        if token.kind == Kind::Unknown {
            self.last_error = Some(self.at);
            return;
        }
        let found = match token.kind {
            Kind::End => "the end of the file".to_owned(),
            Kind::Newline => "the end of the line".to_owned(),
            _ => format!("`{}`", short(self.text(token))),
        };
        self.error(
            Rule::Expected,
            token.span,
            format!("Expected {what}, found {found}"),
        );
    }

    fn expect(&mut self, kind: Kind, what: &str) -> bool {
        let found = self.eat(kind);
        if !found {
            self.expected(what);
        }
        found
    }

    /// Enters one level of nesting; beyond the limit reports it, skips what is nested and answers false.
    fn enter(&mut self) -> bool {
        self.depth += 1;
        if self.depth <= MAX_DEPTH {
            return true;
        }
        let span = self.peek().span;
        self.error(
            Rule::TooDeep,
            span,
            format!("Nesting goes deeper than {MAX_DEPTH} levels"),
        );
        self.skip_nested();
        false
    }

    fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Skips to the bracket that closes the current level, which stays.
    fn skip_nested(&mut self) {
        let mut open = 0_usize;
        loop {
            match self.kind() {
                Kind::End => return,
                Kind::LBrace | Kind::LParen | Kind::LBracket | Kind::HashBrace => open += 1,
                Kind::RBrace | Kind::RParen | Kind::RBracket if open == 0 => return,
                Kind::RBrace | Kind::RParen | Kind::RBracket => open -= 1,
                _ => {}
            }
            self.at += 1;
        }
    }

    /// A name; a keyword is one too wherever a name stands.
    fn name(&mut self, what: &str) -> Option<Name<'s>> {
        let token = self.peek();
        if token.kind != Kind::Ident {
            self.expected(what);
            return None;
        }
        self.check_reserved(token);
        self.at += 1;
        Some(Name {
            text: self.text(token),
            span: token.span,
        })
    }

    /// `a.b.c` without blanks.
    fn qualified(&mut self, what: &str) -> Option<Name<'s>> {
        let first = self.peek();
        if first.kind != Kind::Ident {
            self.expected(what);
            return None;
        }
        self.at += 1;
        let mut span = first.span;
        while let (dot, word) = (self.token(self.at), self.token(self.at + 1))
            && dot.kind == Kind::Dot
            && dot.span.start == span.end
            && word.kind == Kind::Ident
            && word.span.start == dot.span.end
        {
            span.end = word.span.end;
            self.at += 2;
        }
        Some(Name {
            text: span.text(self.source),
            span,
        })
    }

    /// The reference's lexer takes some words for keywords behind a line end, a call or a block, wherever a name may stand too.
    fn check_reserved(&mut self, token: Token) {
        if !self.options.reference {
            return;
        }
        let text = self.text(token);
        let before = self.at.checked_sub(1).map(|at| self.token(at).kind);
        let always = [
            "andThen",
            "event",
            "facet",
            "implicit",
            "namespace",
            "schema",
            "use",
            "uses",
            "workflow",
            "yield",
        ];
        let behind_line = ["case", "script", "when"];
        let behind_line_afl = ["model", "prompt", "python", "system", "template"];
        let sys = self.ffl() && text == "sys";
        let taken = match before {
            Some(Kind::Newline) => {
                let prefixes = ["catch", "true", "false", "null"];
                always.contains(&text)
                    || behind_line.contains(&text)
                    || prefixes.iter().any(|prefix| text.starts_with(prefix))
                    || (if self.ffl() {
                        ["with", "sys"].contains(&text)
                    } else {
                        behind_line_afl.contains(&text)
                    })
            }
            Some(Kind::RParen) => {
                always.contains(&text) || text.starts_with("catch") || text == "with" || sys
            }
            Some(Kind::RBrace) => {
                always.contains(&text) || text.starts_with("catch") || text == "case" || sys
            }
            Some(Kind::LBrace) => text == "yield" || sys,
            _ => false,
        };
        if taken {
            self.refuse(token.span, "The reference reads a keyword here, not a name");
        }
    }

    /// A doc comment where no declaration follows: a comment for us, a token for the reference where its state takes one.
    fn stray_doc(&mut self) {
        let token = self.token(self.at);
        let before = self.at.checked_sub(1).map(|at| self.token(at).kind);
        if self.options.reference
            && matches!(
                before,
                None | Some(Kind::Newline | Kind::RParen | Kind::RBrace | Kind::Semi | Kind::Doc)
            )
        {
            let message = "A doc comment documents a declaration; none follows".to_owned();
            self.errors
                .push(Diagnostic::new(Rule::MisplacedDoc, token.span, message));
        }
        let trailing = !matches!(before, None | Some(Kind::Newline));
        self.comments.push(Comment {
            span: token.span,
            trailing,
        });
        self.at += 1;
    }

    /// Checks what literals mean, once the tree stands: the escapes of strings, the size of decimal numbers.
    fn literals(&mut self) {
        // The reference reads a number that is too large as infinity.
        let floats = self
            .tokens
            .iter()
            .filter(|token| token.kind == Kind::Float && !self.options.reference);
        for token in floats {
            let value: Result<f64, _> = token.span.text(self.source).parse();
            if !value.is_ok_and(f64::is_finite) {
                let message = "A Double holds numbers up to about 1.8e308".to_owned();
                self.errors
                    .push(Diagnostic::new(Rule::NumberTooLarge, token.span, message));
            }
        }
        self.escapes();
    }

    fn escapes(&mut self) {
        for token in self.tokens.iter().filter(|token| token.kind == Kind::Str) {
            let inner = crate::literal::inner(token.span.text(self.source));
            if !inner.contains('\\') {
                continue;
            }
            match crate::literal::units(inner, false, |_| {}) {
                Err(bad) => {
                    let start = token.span.start + 1 + offset(bad.at);
                    let span = Span::new(start, (start + 2).min(token.span.end));
                    let message = "This escape is not complete".to_owned();
                    self.errors
                        .push(Diagnostic::new(Rule::BadEscape, span, message));
                }
                // The reference passes halves of surrogate pairs on; they are no text.
                Ok(()) if !self.options.reference && crate::literal::has_lone_surrogate(inner) => {
                    let message = "This string holds half of a surrogate pair".to_owned();
                    self.errors
                        .push(Diagnostic::new(Rule::BadEscape, token.span, message));
                }
                Ok(()) => {}
            }
        }
    }
}

/// A text cut to what fits a message.
fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    if line.chars().count() <= 30 {
        line.to_owned()
    } else {
        line.chars().take(27).chain("...".chars()).collect()
    }
}
