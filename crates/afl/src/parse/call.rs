//! Calls, arguments and mixins.

use super::Parser;
use crate::ast::{Arg, Call, Mixin};
use crate::diag::Rule;
use crate::lex::Kind;

impl<'s> Parser<'s, '_> {
    pub(super) fn call(&mut self, what: &str) -> Option<Call<'s>> {
        let target = self.qualified(what)?;
        let start = target.span.start;
        let args = self.arguments()?;
        let mut mixins = Vec::new();
        let free = self.ffl();
        while self.tail("with", free) {
            mixins.push(self.mixin()?);
        }
        Some(Call {
            target,
            args,
            mixins,
            span: self.since(start),
        })
    }

    /// What stands behind the word `with`.
    pub(super) fn mixin(&mut self) -> Option<Mixin<'s>> {
        let start = self.token(self.at - 1).span.start;
        let target = self.qualified("the mixin's facet")?;
        let args = self.arguments()?;
        // Not through `peek`: a doc comment behind the last mixin belongs to the next declaration.
        let word = self.token(self.at);
        let aliased = word.kind == Kind::Ident && self.text(word) == "as";
        self.at += usize::from(aliased);
        let alias = if aliased {
            Some(self.name("an alias")?)
        } else {
            None
        };
        Some(Mixin {
            target,
            args,
            alias,
            span: self.since(start),
        })
    }

    /// `(name = expr, ..)`
    pub(super) fn arguments(&mut self) -> Option<Vec<Arg<'s>>> {
        self.expect(Kind::LParen, "`(`").then_some(())?;
        self.parens += 1;
        let open = self.at;
        self.skip_newlines();
        let mut args = Vec::new();
        while self.kind() != Kind::RParen && self.kind() != Kind::End {
            match self.argument() {
                Some(arg) => args.push(arg),
                None => self.skip_to_comma(Kind::RParen),
            }
            self.skip_newlines();
            if !self.eat(Kind::Comma) {
                if self.kind() == Kind::RParen {
                    break;
                }
                self.expected("`,` or `)`");
                // A comma is missing between two arguments: go on with the second.
                if self.kind() == Kind::Ident && self.token(self.at + 1).kind == Kind::Eq {
                    continue;
                }
                self.skip_to_comma(Kind::RParen);
                if !self.eat(Kind::Comma) {
                    break;
                }
            }
            self.skip_newlines();
            self.check_trailing(Kind::RParen);
        }
        if args.is_empty() && self.at > open && self.kind() == Kind::RParen {
            let span = self.peek().span;
            self.refuse(
                span,
                "The reference does not allow a line end between empty parentheses",
            );
        }
        self.parens -= 1;
        self.expect(Kind::RParen, "`)`").then_some(args)
    }

    fn argument(&mut self) -> Option<Arg<'s>> {
        let token = self.peek();
        let named = token.kind == Kind::Ident && self.token(self.at + 1).kind == Kind::Eq;
        if !named {
            self.positional();
            return None;
        }
        let name = self.name("an argument")?;
        self.at += 1;
        self.skip_newlines();
        let value = self.expr()?;
        Some(Arg {
            name,
            value,
            span: self.since(name.span.start),
        })
    }

    fn positional(&mut self) {
        let token = self.peek();
        let starts = matches!(
            token.kind,
            Kind::Ident
                | Kind::Input
                | Kind::Int
                | Kind::Float
                | Kind::Str
                | Kind::LBracket
                | Kind::HashBrace
                | Kind::Minus
                | Kind::Bang
        );
        if starts && self.token(self.at + 1).kind != Kind::Colon {
            let text = "Arguments are named: `name = value`";
            self.error(Rule::PositionalArgument, token.span, text);
        } else {
            self.expected("an argument `name = value`");
            if token.kind == Kind::Ident
                && let Some(error) = self.errors.last_mut()
            {
                let colon = self.tokens.get(self.at + 1).map_or(token.span, |t| t.span);
                error.help = Some("arguments take `=`, parameters take `:`".to_owned());
                error.repair("Use `=`", colon, " =");
            }
        }
    }

    /// Behind a comma: reports that nothing follows.
    pub(super) fn check_trailing(&mut self, close: Kind) {
        if self.kind() != close {
            return;
        }
        let comma = (0..self.at)
            .rev()
            .map(|at| self.token(at))
            .find(|t| t.kind == Kind::Comma);
        if let Some(comma) = comma {
            self.last_error = None;
            self.error(
                Rule::TrailingComma,
                comma.span,
                "A comma must be followed by another item",
            );
            self.last_error = None;
            if let Some(error) = self.errors.last_mut() {
                error.repair("Remove the comma", comma.span, "");
            }
        }
    }

    /// After an error in a list: skips to the next comma of this level or to its end, which stay.
    pub(super) fn skip_to_comma(&mut self, close: Kind) {
        loop {
            match self.kind() {
                Kind::End | Kind::Comma | Kind::RParen | Kind::RBracket | Kind::RBrace => return,
                kind if kind == close => return,
                Kind::LBrace | Kind::LParen | Kind::LBracket | Kind::HashBrace => {
                    self.at += 1;
                    self.skip_nested();
                    if self.kind() == Kind::End {
                        return;
                    }
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
    }
}
