//! Blocks: steps, yields, `andThen`, `when`.

use super::Parser;
use crate::ast::{AndThen, Block, Case, Foreach, Step, Stmt, Then, When, Yield};
use crate::diag::Rule;
use crate::lex::Kind;
use crate::span::Span;

impl<'s> Parser<'s, '_> {
    /// What stands behind the word `andThen`; a script only where a facet's own block stands.
    pub(super) fn and_then(&mut self, script: bool) -> Option<AndThen<'s>> {
        let start = self.token(self.at - 1).span.start;
        if self.tail("when", true) {
            let when = self.when()?;
            return Some(AndThen {
                foreach: None,
                kind: Then::When(when),
                span: self.since(start),
            });
        }
        if script && self.tail("script", true) {
            let script = self.script_block()?;
            return Some(AndThen {
                foreach: None,
                kind: Then::Script(script),
                span: self.since(start),
            });
        }
        let foreach = if self.tail("foreach", false) {
            Some(self.foreach()?)
        } else {
            None
        };
        let block = self.block()?;
        Some(AndThen {
            foreach,
            kind: Then::Block(block),
            span: self.since(start),
        })
    }

    fn foreach(&mut self) -> Option<Foreach<'s>> {
        let variable = self.name("a name for the element")?;
        if !self.eat_word("in") {
            self.expected("`in`");
            return None;
        }
        let list = self.reference()?;
        Some(Foreach { variable, list })
    }

    pub(super) fn block(&mut self) -> Option<Block<'s>> {
        self.brace_ahead();
        let start = self.peek().span;
        self.expect(Kind::LBrace, "`{`").then_some(())?;
        let parens = std::mem::take(&mut self.parens);
        let mut block = Block::default();
        if self.enter() {
            self.statements(&mut block, start);
        } else {
            self.eat(Kind::RBrace);
        }
        self.leave();
        self.parens = parens;
        block.span = self.since(start.start);
        Some(block)
    }

    fn statements(&mut self, block: &mut Block<'s>, open: Span) {
        loop {
            self.skip_newlines();
            let token = self.peek();
            let before = self.at;
            match token.kind {
                Kind::RBrace => {
                    self.at += 1;
                    return;
                }
                Kind::End => {
                    self.expected("`}` to close this block");
                    if let Some(error) = self.errors.last_mut() {
                        error.relate(0, open, "opened here");
                    }
                    return;
                }
                Kind::Ident
                    if self.text(token) == "yield"
                        && self.token(self.at + 1).kind == Kind::Ident =>
                {
                    self.yields(block)
                }
                Kind::Ident => self.statement(block),
                Kind::Semi => {
                    self.error(
                        Rule::Expected,
                        token.span,
                        "Steps are separated by line ends, not by `;`",
                    );
                    if let Some(error) = self.errors.last_mut() {
                        error.repair("Remove the `;`", token.span, "");
                    }
                    self.at += 1;
                    self.last_error = None;
                }
                _ => self.expected("a step, a `yield` or `}`"),
            }
            if self
                .last_error
                .is_some_and(|at| at >= before && at == self.at)
                || self.at == before
            {
                self.skip_line();
                if self.at == before {
                    self.at += 1;
                }
            }
        }
    }

    fn yields(&mut self, block: &mut Block<'s>) {
        let start = self.bump().span.start;
        if let Some(call) = self.call("the facet or mixin to yield to") {
            block.yields.push(Yield {
                call,
                span: self.since(start),
            });
        }
    }

    fn statement(&mut self, block: &mut Block<'s>) {
        let token = self.peek();
        let dotted = self.text(token) == "sys" && self.token(self.at + 1).kind == Kind::Dot;
        let stmt = if dotted {
            self.sys()
        } else {
            self.step().map(Stmt::Step)
        };
        let Some(stmt) = stmt else { return };
        if let Some(last) = block.yields.last() {
            let last = last.span;
            let at = self.last_error.take();
            if let Some(error) = self.error(
                Rule::StepAfterYield,
                stmt.span(),
                "A step cannot stand behind a yield of its block",
            ) {
                error.relate(0, last, "the yield");
            }
            self.last_error = at;
        }
        block.steps.push(stmt);
    }

    /// `sys.log(..)` and `sys.assert(..)`
    fn sys(&mut self) -> Option<Stmt<'s>> {
        let start = self.bump().span;
        self.at += 1;
        let word = self.name("`log` or `assert`")?;
        self.ffl_only(start.to(word.span), "`sys`");
        match word.text {
            "log" => {
                let args = self.arguments()?;
                Some(Stmt::Log {
                    args,
                    span: self.since(start.start),
                })
            }
            "assert" => {
                self.expect(Kind::LParen, "`(`").then_some(())?;
                self.parens += 1;
                let condition = self.expr();
                self.parens -= 1;
                let condition = condition?;
                self.expect(Kind::RParen, "`)`");
                Some(Stmt::Assert {
                    condition,
                    span: self.since(start.start),
                })
            }
            other => {
                self.last_error = None;
                self.error(
                    Rule::Expected,
                    word.span,
                    format!("`sys` offers `log` and `assert`, not `{other}`"),
                );
                self.last_error = Some(self.at);
                None
            }
        }
    }

    fn step(&mut self) -> Option<Step<'s>> {
        let name = self.name("a step")?;
        if !self.eat(Kind::Eq) {
            if self.kind() == Kind::LParen || self.kind() == Kind::Dot {
                let text = format!("A step needs a name: `{0} = {1}(..)`", "name", name.text);
                self.error(Rule::Expected, name.span, text);
            } else {
                self.expected("`=` and a call");
            }
            return None;
        }
        if self.kind() == Kind::Newline {
            let span = self.peek().span;
            self.refuse(span, "The reference does not allow a line end here");
            self.skip_newlines();
        }
        let call = self.call("the facet to call")?;
        let mut step = Step {
            name,
            call,
            body: None,
            catch: None,
            span: name.span,
        };
        let mut free = false;
        if self.tail("andThen", false) {
            step.body = Some(Box::new(self.and_then(false)?));
            free = true;
            if self.beyond_word("andThen") {
                let (_, token) = self.beyond(self.at);
                self.last_error = None;
                self.error(Rule::Expected, token.span, "A step has one `andThen`: put the further steps into its block, or call a facet that has several");
                self.last_error = None;
                while self.tail("andThen", true) {
                    self.and_then(false)?;
                }
            }
        }
        if self.tail("catch", free) {
            step.catch = Some(Box::new(self.catch_clause()?));
        }
        step.span = self.since(name.span.start);
        Some(step)
    }

    fn beyond_word(&self, word: &str) -> bool {
        let (_, token) = self.beyond(self.at);
        token.kind == Kind::Ident && self.text(token) == word
    }

    pub(super) fn when(&mut self) -> Option<When<'s>> {
        let start = self.token(self.at - 1).span.start;
        self.brace_ahead();
        self.expect(Kind::LBrace, "`{`").then_some(())?;
        let mut cases = Vec::new();
        loop {
            self.skip_newlines();
            let token = self.peek();
            match token.kind {
                Kind::RBrace => {
                    self.at += 1;
                    break;
                }
                Kind::Ident if self.text(token) == "case" => match self.case() {
                    Some(case) => cases.push(case),
                    None => self.skip_case(),
                },
                Kind::End => {
                    self.expected("`}` to close the cases");
                    break;
                }
                _ => {
                    self.expected("`case` or `}`");
                    self.skip_case();
                }
            }
        }
        let span = self.since(start);
        if cases.is_empty() {
            self.refuse(span, "The reference wants at least one case");
        }
        Some(When { cases, span })
    }

    fn case(&mut self) -> Option<Case<'s>> {
        let start = self.bump().span.start;
        let token = self.peek();
        let default = token.kind == Kind::Ident
            && self.text(token) == "_"
            && self.token(self.at + 1).kind != Kind::Dot;
        let condition = if default {
            self.at += 1;
            None
        } else {
            Some(self.expr()?)
        };
        self.expect(Kind::Arrow, "`=>`").then_some(())?;
        let block = self.block()?;
        Some(Case {
            condition,
            block,
            span: self.since(start),
        })
    }

    fn skip_case(&mut self) {
        loop {
            let token = self.peek();
            match token.kind {
                Kind::End | Kind::RBrace => return,
                Kind::Ident if self.text(token) == "case" && self.last_error != Some(self.at) => {
                    return;
                }
                Kind::LBrace | Kind::LParen | Kind::LBracket | Kind::HashBrace => {
                    self.at += 1;
                    self.skip_nested();
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Skips the rest of a broken line together with the brackets that it opens.
    pub(super) fn skip_line(&mut self) {
        loop {
            match self.kind() {
                Kind::End | Kind::RBrace | Kind::Newline => return,
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
