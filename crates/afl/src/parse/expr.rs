//! Expressions, by precedence climbing.

use super::{MAX_HEIGHT, Parser};
use crate::ast::{Entry, Expr, ExprKind, Name, Op, Sign};
use crate::diag::Rule;
use crate::lex::{Kind, Token};
use crate::span::Span;

/// How tightly operators bind; `++` stands between comparison and addition.
const COMPARISON: u8 = 3;
const CONCAT: u8 = 4;

/// An infix operator, how tightly it binds and how many tokens it takes.
struct Infix {
    /// Nothing means `++`.
    op: Option<Op>,
    level: u8,
    tokens: usize,
}

impl<'s> Parser<'s, '_> {
    pub(super) fn expr(&mut self) -> Option<Expr<'s>> {
        if !self.enter() {
            self.leave();
            return None;
        }
        let expr = self.infix(1);
        self.leave();
        expr
    }

    fn infix(&mut self, least: u8) -> Option<Expr<'s>> {
        let mut left = self.prefix()?;
        let mut height = self.height;
        let mut compared = false;
        // A concatenation is one node with many operands, but one in parentheses stays a node of its own.
        let mut concat = false;
        while let Some(infix) = self.operator() {
            if infix.level < least {
                break;
            }
            let operator = self.peek();
            let chained = infix.level == COMPARISON && std::mem::replace(&mut compared, true);
            if chained {
                self.error(
                    Rule::Expected,
                    operator.span,
                    "Comparisons do not chain: combine them with `&&`",
                );
                self.last_error = None;
            }
            self.at += infix.tokens;
            if matches!(
                infix.op,
                Some(Op::In | Op::NotIn | Op::Contains | Op::StartsWith | Op::EndsWith)
            ) {
                self.ffl_only(operator.span, "This operator");
            }
            self.skip_newlines();
            let right = self.infix(infix.level + 1)?;
            let joined = infix.op.is_none() && std::mem::replace(&mut concat, true);
            height = height.max(self.height) + usize::from(!joined);
            let span = left.span.to(right.span);
            left = Expr {
                kind: join(left, right, infix.op, joined),
                span,
            };
            if chained {
                // What a chain was meant to compare is not known: nothing follows from it.
                left.kind = ExprKind::Error;
            }
            if height > MAX_HEIGHT {
                return self.too_high(span);
            }
        }
        self.height = height;
        Some(left)
    }

    fn too_high(&mut self, span: Span) -> Option<Expr<'s>> {
        self.last_error = None;
        self.error(
            Rule::TooDeep,
            span,
            format!("This expression nests more than {MAX_HEIGHT} operators"),
        );
        self.height = 1;
        None
    }

    /// The infix operator ahead, on a later line only between brackets.
    fn operator(&mut self) -> Option<Infix> {
        let here = self.peek();
        if here.kind == Kind::Newline && self.parens > 0 {
            let (at, token) = self.beyond(self.at);
            if matches!(token.kind, Kind::Ident | Kind::LBracket) || infix_of(token.kind).is_none()
            {
                return None;
            }
            self.refuse(
                token.span,
                "The reference allows a line end behind an operator, not before it",
            );
            while self.at < at {
                self.bump();
            }
        }
        let token = self.peek();
        if token.kind == Kind::Ident {
            return self.word_operator(token);
        }
        let (op, level) = infix_of(token.kind)?;
        Some(Infix {
            op,
            level,
            tokens: 1,
        })
    }

    fn word_operator(&self, token: Token) -> Option<Infix> {
        let next = self.token(self.at + 1);
        let (op, tokens) = match self.text(token) {
            "in" => (Op::In, 1),
            "not" if next.kind == Kind::Ident && self.text(next) == "in" => (Op::NotIn, 2),
            "contains" => (Op::Contains, 1),
            "startsWith" => (Op::StartsWith, 1),
            "endsWith" => (Op::EndsWith, 1),
            _ => return None,
        };
        // `a = F() in = G()`: a step of that name, not an operator.
        let behind = self.token(self.at + tokens).kind;
        (behind != Kind::Eq).then_some(Infix {
            op: Some(op),
            level: COMPARISON,
            tokens,
        })
    }

    fn prefix(&mut self) -> Option<Expr<'s>> {
        let mut signs: Vec<(Option<Sign>, u32)> = Vec::new();
        loop {
            let token = self.peek();
            let sign = match token.kind {
                Kind::Minus => Some(Sign::Minus),
                Kind::Bang => Some(Sign::Not),
                Kind::Plus | Kind::PlusPlus => None,
                _ => break,
            };
            signs.push((sign, token.span.start));
            self.at += 1;
        }
        let mut expr = self.postfix()?;
        for (sign, start) in signs.into_iter().rev() {
            let Some(sign) = sign else { continue };
            let span = Span::new(start, expr.span.end);
            self.height += 1;
            expr = Expr {
                kind: ExprKind::Unary(sign, Box::new(expr)),
                span,
            };
            if self.height > MAX_HEIGHT {
                return self.too_high(span);
            }
        }
        Some(expr)
    }

    fn postfix(&mut self) -> Option<Expr<'s>> {
        let mut expr = self.atom()?;
        let mut height = self.height;
        while self.kind() == Kind::LBracket {
            self.at += 1;
            self.parens += 1;
            self.lenient_lines();
            let index = self.expr();
            self.lenient_lines();
            self.parens -= 1;
            let Some(index) = index else {
                self.close(Kind::RBracket);
                return None;
            };
            self.expect(Kind::RBracket, "`]`").then_some(())?;
            height = height.max(self.height) + 1;
            let span = self.since(expr.span.start);
            expr = Expr {
                kind: ExprKind::Index(Box::new((expr, index))),
                span,
            };
            if height > MAX_HEIGHT {
                return self.too_high(span);
            }
        }
        self.height = height;
        Some(expr)
    }

    /// Skips line ends that the reference does not allow.
    fn lenient_lines(&mut self) {
        let token = self.peek();
        if token.kind == Kind::Newline {
            self.refuse(token.span, "The reference does not allow a line end here");
            self.skip_newlines();
        }
    }

    fn atom(&mut self) -> Option<Expr<'s>> {
        let token = self.peek();
        self.height = 1;
        let text = self.text(token);
        let kind = match token.kind {
            Kind::Str => ExprKind::Str(text),
            Kind::Int => ExprKind::Int(text),
            Kind::Float => ExprKind::Float(text),
            Kind::Input | Kind::Ident => return self.word(token),
            Kind::LParen => return self.parenthesised(),
            Kind::LBracket => return self.list(),
            Kind::HashBrace => return self.map(),
            _ => {
                self.expected("a value");
                return None;
            }
        };
        self.at += 1;
        Some(Expr {
            kind,
            span: token.span,
        })
    }

    fn word(&mut self, token: Token) -> Option<Expr<'s>> {
        let kind = match self.text(token) {
            _ if token.kind == Kind::Input => return self.reference(),
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            "null" => ExprKind::Null,
            _ => return self.reference(),
        };
        if self.token(self.at + 1).kind == Kind::Dot && !self.options.reference {
            return self.reference();
        }
        self.at += 1;
        Some(Expr {
            kind,
            span: token.span,
        })
    }

    /// `$.a.b`, `a.b` or a bare step.
    pub(super) fn reference(&mut self) -> Option<Expr<'s>> {
        let token = self.peek();
        if token.kind == Kind::Input {
            self.at += 1;
            let kind = ExprKind::Input(split(self.text(token), token.span));
            return Some(Expr {
                kind,
                span: token.span,
            });
        }
        if token.kind == Kind::Ident
            && ["true", "false", "null"]
                .iter()
                .any(|literal| self.text(token).starts_with(literal))
        {
            self.refuse(
                token.span,
                "The reference reads a literal at the beginning of this name",
            );
        }
        let first = self.name("`$.name` or `step.name`")?;
        let mut path = vec![first];
        while self.kind() == Kind::Dot {
            self.at += 1;
            let word = self.peek();
            if word.kind != Kind::Ident {
                self.expected("a name behind the point");
                path.push(Name {
                    text: "",
                    span: Span::at(self.end()),
                });
                break;
            }
            self.at += 1;
            path.push(Name {
                text: self.text(word),
                span: word.span,
            });
        }
        let span = self.since(first.span.start);
        if path.len() == 1 {
            self.ffl_only(span, "A reference to a whole step");
        }
        Some(Expr {
            kind: ExprKind::Step(path),
            span,
        })
    }

    fn parenthesised(&mut self) -> Option<Expr<'s>> {
        self.at += 1;
        self.parens += 1;
        self.lenient_lines();
        let expr = self.expr();
        self.lenient_lines();
        self.parens -= 1;
        let Some(expr) = expr else {
            self.close(Kind::RParen);
            return None;
        };
        let height = self.height;
        self.expect(Kind::RParen, "`)`").then_some(())?;
        self.height = height;
        Some(expr)
    }

    /// After an error between brackets: goes on behind the closing one, so that the error stays the only one.
    fn close(&mut self, close: Kind) {
        while self.kind() != close
            && !matches!(
                self.kind(),
                Kind::End | Kind::Newline | Kind::RParen | Kind::RBracket | Kind::RBrace
            )
        {
            self.skip_to_comma(close);
            if !self.eat(Kind::Comma) {
                break;
            }
        }
        self.eat(close);
    }

    fn list(&mut self) -> Option<Expr<'s>> {
        let start = self.bump().span.start;
        self.parens += 1;
        self.skip_newlines();
        let mut items = Vec::new();
        let mut height = 0;
        while self.kind() != Kind::RBracket && self.kind() != Kind::End {
            match self.expr() {
                Some(item) => items.push(item),
                None => self.skip_to_comma(Kind::RBracket),
            }
            height = height.max(self.height);
            if !self.separator(Kind::RBracket, "`,` or `]`") {
                break;
            }
        }
        self.parens -= 1;
        self.expect(Kind::RBracket, "`]`").then_some(())?;
        self.height = height + 1;
        Some(Expr {
            kind: ExprKind::List(items),
            span: self.since(start),
        })
    }

    /// Behind an item: whether another one follows.
    fn separator(&mut self, close: Kind, what: &str) -> bool {
        self.skip_newlines();
        if self.kind() == close {
            return false;
        }
        if !self.eat(Kind::Comma) {
            self.expected(what);
            self.skip_to_comma(close);
            if !self.eat(Kind::Comma) {
                return false;
            }
        }
        self.skip_newlines();
        self.check_trailing(close);
        true
    }

    fn map(&mut self) -> Option<Expr<'s>> {
        let start = self.bump().span.start;
        self.parens += 1;
        self.skip_newlines();
        let mut entries = Vec::new();
        let mut height = 0;
        while self.kind() != Kind::RBrace && self.kind() != Kind::End {
            match self.entry() {
                Some(entry) => entries.push(entry),
                None => self.skip_to_comma(Kind::RBrace),
            }
            height = height.max(self.height);
            if !self.separator(Kind::RBrace, "`,` or `}`") {
                break;
            }
        }
        self.parens -= 1;
        self.expect(Kind::RBrace, "`}`").then_some(())?;
        self.height = height + 1;
        Some(Expr {
            kind: ExprKind::Map(entries),
            span: self.since(start),
        })
    }

    fn entry(&mut self) -> Option<Entry<'s>> {
        let token = self.peek();
        let key = if token.kind == Kind::Str {
            self.at += 1;
            Name {
                text: self.text(token),
                span: token.span,
            }
        } else {
            self.name("a key, as a word or a string")?
        };
        self.expect(Kind::Colon, "`:`").then_some(())?;
        self.skip_newlines();
        let value = self.expr()?;
        Some(Entry { key, value })
    }
}

fn join<'s>(left: Expr<'s>, right: Expr<'s>, op: Option<Op>, joined: bool) -> ExprKind<'s> {
    match (op, left.kind) {
        (Some(op), kind) => ExprKind::Binary(
            op,
            Box::new((
                Expr {
                    kind,
                    span: left.span,
                },
                right,
            )),
        ),
        (None, ExprKind::Concat(mut operands)) if joined => {
            operands.push(right);
            ExprKind::Concat(operands)
        }
        (None, kind) => ExprKind::Concat(vec![
            Expr {
                kind,
                span: left.span,
            },
            right,
        ]),
    }
}

/// The operator a token is and how tightly it binds; `++` has no [`Op`].
const fn infix_of(kind: Kind) -> Option<(Option<Op>, u8)> {
    Some(match kind {
        Kind::OrOr => (Some(Op::Or), 1),
        Kind::AndAnd => (Some(Op::And), 2),
        Kind::EqEq => (Some(Op::Eq), COMPARISON),
        Kind::NotEq => (Some(Op::NotEq), COMPARISON),
        Kind::Ge => (Some(Op::Ge), COMPARISON),
        Kind::Le => (Some(Op::Le), COMPARISON),
        Kind::Gt => (Some(Op::Gt), COMPARISON),
        Kind::Lt => (Some(Op::Lt), COMPARISON),
        Kind::PlusPlus => (None, CONCAT),
        Kind::Plus => (Some(Op::Add), 5),
        Kind::Minus => (Some(Op::Sub), 5),
        Kind::Star => (Some(Op::Mul), 6),
        Kind::Slash => (Some(Op::Div), 6),
        Kind::Percent => (Some(Op::Rem), 6),
        _ => return None,
    })
}

/// The names of `$.a.b` with their places.
fn split(text: &str, span: Span) -> Vec<Name<'_>> {
    let mut at = span.start + 1;
    let mut path = Vec::new();
    for part in text.split('.').skip(1).filter(|part| !part.is_empty()) {
        at += 1;
        let end = at + crate::span::offset(part.len());
        path.push(Name {
            text: part,
            span: Span::new(at, end),
        });
        at = end;
    }
    path
}
