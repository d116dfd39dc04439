//! Expressions and literals as JSON.

use super::Emit;
use crate::ast::{Arg, Expr, ExprKind, Name, Sign};
use crate::literal;

impl Emit<'_> {
    pub(super) fn args(&mut self, args: &[Arg<'_>]) {
        if args.is_empty() {
            return;
        }
        self.w.key("args");
        self.w.open_array();
        for arg in args {
            self.w.element();
            self.w.open_object();
            self.w.member("name", arg.name.text);
            self.w.key("value");
            self.expr(&arg.value);
            self.w.close_object();
        }
        self.w.close_array();
    }

    /// A string literal with its quotes.
    pub(super) fn literal(&mut self, text: &str) {
        if !self.options.latin1 {
            return self.w.string(&literal::text(text));
        }
        self.w.units(|unit| {
            // Bad escapes were reported as syntax errors; what precedes them is shown.
            let _ = literal::units(literal::inner(text), true, unit);
        });
    }

    /// Plain text, with its bytes shown as the reference does where that is asked for.
    pub(super) fn text(&mut self, text: &str) {
        if self.options.latin1 {
            self.w
                .units(|unit| text.bytes().for_each(|byte| unit(u32::from(byte))));
        } else {
            self.w.string(text);
        }
    }

    fn value(&mut self, kind: &str, value: &str) {
        self.w.member("type", kind);
        self.w.key("value");
        self.w.raw(value);
    }

    fn path(&mut self, kind: &str, path: &[Name<'_>]) {
        self.w.member("type", kind);
        self.w.key("path");
        self.w.array(path, |w, name| w.string(name.text));
    }

    pub(super) fn expr(&mut self, expr: &Expr<'_>) {
        self.w.open_object();
        match &expr.kind {
            ExprKind::Str(text) => {
                self.w.member("type", "String");
                self.w.key("value");
                self.literal(text);
            }
            ExprKind::Int(text) => {
                let digits = text.trim_start_matches('0');
                self.value("Int", if digits.is_empty() { "0" } else { digits });
            }
            ExprKind::Float(text) => self.value("Double", float(text)),
            ExprKind::Bool(value) => self.value("Boolean", if *value { "true" } else { "false" }),
            ExprKind::Null | ExprKind::Error => self.w.member("type", "Null"),
            ExprKind::Input(path) => self.path("InputRef", path),
            ExprKind::Step(path) => self.path("StepRef", path),
            ExprKind::Concat(operands) => {
                self.w.member("type", "ConcatExpr");
                self.exprs("operands", operands);
            }
            ExprKind::Binary(op, sides) => {
                self.w.member("type", "BinaryExpr");
                self.w.member("operator", op.text());
                self.w.key("left");
                self.expr(&sides.0);
                self.w.key("right");
                self.expr(&sides.1);
            }
            ExprKind::Unary(sign, operand) => {
                self.w.member("type", "UnaryExpr");
                self.w
                    .member("operator", if *sign == Sign::Not { "!" } else { "-" });
                self.w.key("operand");
                self.expr(operand);
            }
            ExprKind::List(items) => {
                self.w.member("type", "ArrayLiteral");
                self.exprs("elements", items);
            }
            ExprKind::Map(_) => self.map(expr),
            ExprKind::Index(parts) => {
                self.w.member("type", "IndexExpr");
                self.w.key("target");
                self.expr(&parts.0);
                self.w.key("index");
                self.expr(&parts.1);
            }
        }
        self.w.close_object();
    }

    fn map(&mut self, expr: &Expr<'_>) {
        let ExprKind::Map(entries) = &expr.kind else {
            return;
        };
        self.w.member("type", "MapLiteral");
        self.w.key("entries");
        self.w.open_array();
        for entry in entries {
            self.w.element();
            self.w.open_object();
            self.w.key("key");
            if entry.key.text.starts_with('"') {
                self.literal(entry.key.text);
            } else {
                self.w.string(entry.key.text);
            }
            self.w.key("value");
            self.expr(&entry.value);
            self.w.close_object();
        }
        self.w.close_array();
    }

    fn exprs(&mut self, key: &str, items: &[Expr<'_>]) {
        self.w.key(key);
        self.w.open_array();
        for item in items {
            self.w.element();
            self.expr(item);
        }
        self.w.close_array();
    }
}

/// A float literal as JSON: JSON allows no needless zeros at the front.
fn float(text: &str) -> &str {
    let trimmed = text.trim_start_matches('0');
    if trimmed.starts_with('.') {
        text.get(text.len() - trimmed.len() - 1..).unwrap_or(text)
    } else {
        trimmed
    }
}
