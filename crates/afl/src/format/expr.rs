//! Expressions, calls and signatures as layouts.

use super::Printer;
use super::layout::{Doc, list, text};
use crate::ast::{Arg, Call, Expr, ExprKind, Mixin, Name, Op, Param, Sig, Sign, Type};

/// How tightly an expression binds, as the parser reads it.
fn level(expr: &Expr<'_>) -> u8 {
    match &expr.kind {
        ExprKind::Binary(op, _) => op_level(*op),
        ExprKind::Concat(_) => 4,
        ExprKind::Unary(..) => 7,
        ExprKind::Index(_) => 8,
        _ => 9,
    }
}

const fn op_level(op: Op) -> u8 {
    match op {
        Op::Or => 1,
        Op::And => 2,
        Op::Add | Op::Sub => 5,
        Op::Mul | Op::Div | Op::Rem => 6,
        Op::Eq
        | Op::NotEq
        | Op::Ge
        | Op::Le
        | Op::Gt
        | Op::Lt
        | Op::In
        | Op::NotIn
        | Op::Contains
        | Op::StartsWith
        | Op::EndsWith => 3,
    }
}

/// A reference as it is written.
pub fn path(names: &[Name<'_>]) -> String {
    names
        .iter()
        .map(|name| name.text)
        .collect::<Vec<_>>()
        .join(".")
}

/// A type as it is written.
pub fn ty(ty: &Type<'_>) -> String {
    match ty {
        Type::Name(name) => name.text.to_owned(),
        Type::List(inner, _) => format!("[{}]", self::ty(inner)),
    }
}

/// An expression on one line.
#[must_use]
pub fn flat(expr: &Expr<'_>) -> String {
    let mut out = String::new();
    let doc = Printer::new("", &[]).expr(expr);
    super::layout::write(&mut out, &doc, 0, usize::MAX);
    out
}

impl<'s> Printer<'_, 's> {
    fn at_least(&mut self, least: u8, expr: &Expr<'s>) -> Doc {
        let inner = self.expr(expr);
        if level(expr) >= least {
            inner
        } else {
            Doc::All(vec![text("("), inner, text(")")])
        }
    }

    pub(super) fn expr(&mut self, expr: &Expr<'s>) -> Doc {
        match &expr.kind {
            ExprKind::Str(literal) => Doc::Verbatim((*literal).to_owned()),
            ExprKind::Int(digits) | ExprKind::Float(digits) => text(*digits),
            ExprKind::Bool(value) => text(if *value { "true" } else { "false" }),
            ExprKind::Null | ExprKind::Error => text("null"),
            ExprKind::Input(names) => text(format!("$.{}", path(names))),
            ExprKind::Step(names) => text(path(names)),
            ExprKind::Concat(operands) => {
                let mut parts = Vec::new();
                for (at, operand) in operands.iter().enumerate() {
                    if at > 0 {
                        parts.push(text(" ++"));
                        parts.push(Doc::Line);
                    }
                    parts.push(self.at_least(5, operand));
                }
                Doc::Group(Box::new(Doc::Indent(Box::new(Doc::All(parts)))))
            }
            ExprKind::Binary(op, sides) => {
                let own = op_level(*op);
                // Comparisons do not chain, so an operand that compares stands in parentheses on either side.
                let left = self.at_least(if own == 3 { 4 } else { own }, &sides.0);
                let right = self.at_least(own + 1, &sides.1);
                Doc::Group(Box::new(Doc::All(vec![
                    left,
                    text(format!(" {}", op.text())),
                    Doc::Line,
                    right,
                ])))
            }
            ExprKind::Unary(sign, operand) => {
                let sign = text(if *sign == Sign::Not { "!" } else { "-" });
                Doc::All(vec![sign, self.at_least(7, operand)])
            }
            ExprKind::Index(parts) => {
                let target = self.at_least(8, &parts.0);
                Doc::All(vec![target, text("["), self.expr(&parts.1), text("]")])
            }
            ExprKind::List(items) => {
                let items = items
                    .iter()
                    .map(|item| self.item(item.span.start, |p| p.expr(item)))
                    .collect();
                self.closed("[", items, "]", expr.span.end)
            }
            ExprKind::Map(entries) => {
                let entries = entries.iter().map(|entry| {
                    self.item(entry.key.span.start, |p| {
                        let key = Doc::Verbatim(entry.key.text.to_owned());
                        Doc::All(vec![key, text(": "), p.expr(&entry.value)])
                    })
                });
                let entries = entries.collect();
                self.closed("#{", entries, "}", expr.span.end)
            }
        }
    }

    /// An item of a list with the comments in front of it.
    fn item(&mut self, start: u32, doc: impl FnOnce(&mut Self) -> Doc) -> Doc {
        let mut parts = self.comments_inside(start);
        parts.push(doc(self));
        if parts.len() == 1 {
            parts.pop().unwrap_or(Doc::Soft)
        } else {
            Doc::All(parts)
        }
    }

    /// A list with the comments in front of its closing bracket.
    fn closed(&mut self, open: &str, mut items: Vec<Doc>, close: &str, end: u32) -> Doc {
        // Comments alone between brackets wait for the next line that begins.
        if items.is_empty() {
            return list(open, items, close);
        }
        let comments = self
            .comments_inside(end.saturating_sub(1))
            .into_iter()
            .filter(|part| matches!(part, Doc::Verbatim(_)));
        let trailing: Vec<Doc> = comments.flat_map(|comment| [Doc::Hard, comment]).collect();
        if let Some(last) = items.last_mut().filter(|_| !trailing.is_empty()) {
            let item = std::mem::replace(last, Doc::Soft);
            *last = Doc::All(std::iter::once(item).chain(trailing).collect());
        }
        list(open, items, close)
    }

    pub(super) fn args(&mut self, open: &str, args: &[Arg<'s>], end: u32) -> Doc {
        let args = args.iter().map(|arg| {
            self.item(arg.span.start, |p| {
                let value = p.expr(&arg.value);
                Doc::All(vec![text(format!("{} = ", arg.name.text)), value])
            })
        });
        let args = args.collect();
        self.closed(open, args, ")", end)
    }

    fn mixin(&mut self, mixin: &Mixin<'s>) -> Doc {
        let args = self.args(
            &format!(" with {}(", mixin.target.text),
            &mixin.args,
            mixin.span.end,
        );
        match mixin.alias {
            Some(alias) => Doc::All(vec![args, text(format!(" as {}", alias.text))]),
            None => args,
        }
    }

    pub(super) fn call(&mut self, call: &Call<'s>) -> Doc {
        let end = call
            .mixins
            .first()
            .map_or(call.span.end, |mixin| mixin.span.start);
        let mut parts = vec![self.args(&format!("{}(", call.target.text), &call.args, end)];
        parts.extend(call.mixins.iter().map(|mixin| self.mixin(mixin)));
        Doc::All(parts)
    }

    pub(super) fn params(
        &mut self,
        open: &str,
        params: &[Param<'s>],
        close: &str,
        end: u32,
    ) -> Doc {
        let params = params.iter().map(|param| {
            self.item(param.span.start, |p| {
                let head = text(format!("{}: {}", param.name.text, ty(&param.ty)));
                match &param.default {
                    Some(default) => Doc::All(vec![head, text(" = "), p.expr(default)]),
                    None => head,
                }
            })
        });
        let params = params.collect();
        self.closed(open, params, close, end)
    }

    pub(super) fn sig(&mut self, words: &str, sig: &Sig<'s>) -> Doc {
        let after_params = sig
            .returns
            .as_ref()
            .and_then(|returns| returns.first())
            .map(|first| first.span.start);
        let mixins = sig.mixins.first().map(|mixin| mixin.span.start);
        let end = sig.span.end;
        let mut parts = vec![self.params(
            &format!("{words} {}(", sig.name.text),
            &sig.params,
            ")",
            after_params.or(mixins).unwrap_or(end),
        )];
        if let Some(returns) = &sig.returns {
            parts.push(self.params(" => (", returns, ")", mixins.unwrap_or(end)));
        }
        parts.extend(sig.mixins.iter().map(|mixin| self.mixin(mixin)));
        Doc::All(parts)
    }
}
