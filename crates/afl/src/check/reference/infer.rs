//! The reference's types: a name or nothing, and what operators do with them.

use super::Checker;
use crate::ast::{Expr, ExprKind, Name, Op, Sign, Type};
use crate::check::names::member;
use crate::diag::{Diagnostic, Rule, Severity};
use crate::span::Span;

/// A type as the reference infers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'s> {
    String,
    Int,
    Long,
    Double,
    Boolean,
    Null,
    Array,
    Map,
    Unknown,
    /// A schema; `Json` too where it is the type of a step's output.
    Named(&'s str),
}

impl<'s> Kind<'s> {
    fn of(ty: &Type<'s>) -> Self {
        let Type::Name(name) = ty else {
            return Self::Array;
        };
        match name.text {
            "String" => Self::String,
            "Int" => Self::Int,
            "Long" => Self::Long,
            "Double" => Self::Double,
            "Boolean" => Self::Boolean,
            "Null" => Self::Null,
            "Array" => Self::Array,
            "Map" => Self::Map,
            "Unknown" => Self::Unknown,
            other => Self::Named(other),
        }
    }

    pub(super) fn name(self) -> &'s str {
        match self {
            Self::String => "String",
            Self::Int => "Int",
            Self::Long => "Long",
            Self::Double => "Double",
            Self::Boolean => "Boolean",
            Self::Null => "Null",
            Self::Array => "Array",
            Self::Map => "Map",
            Self::Unknown => "Unknown",
            Self::Named(name) => name,
        }
    }

    pub(super) fn may_be_boolean(self) -> bool {
        matches!(self, Self::Boolean | Self::Unknown)
    }

    fn schema(self) -> Option<&'s str> {
        if let Self::Named(name) = self {
            Some(name)
        } else {
            None
        }
    }
}

impl<'p, 's> Checker<'_, 'p, 's> {
    pub(super) fn infer(&mut self, expr: &'p Expr<'s>) -> Kind<'s> {
        match &expr.kind {
            ExprKind::Str(_) | ExprKind::Concat(_) => Kind::String,
            ExprKind::Int(_) => Kind::Int,
            ExprKind::Bool(_) => Kind::Boolean,
            ExprKind::Null => Kind::Null,
            ExprKind::List(_) => Kind::Array,
            ExprKind::Map(_) => Kind::Map,
            ExprKind::Float(_) | ExprKind::Index(_) | ExprKind::Error => Kind::Unknown,
            ExprKind::Input(path) => self.infer_input(path),
            ExprKind::Step(path) => self.infer_step(path, expr.span),
            ExprKind::Unary(sign, operand) => self.infer_unary(*sign, operand, expr.span),
            ExprKind::Binary(op, sides) => self.infer_binary(*op, sides, expr.span),
        }
    }

    fn infer_input(&self, path: &[Name<'s>]) -> Kind<'s> {
        let params = self.facet.map_or(&[][..], |facet| &facet.sig.params);
        let Some(param) = path.first().and_then(|first| member(params, first.text)) else {
            return Kind::Unknown;
        };
        // The reference takes the parameter's type for that of anything below it; only scalars and lists have none below.
        if self.relaxed && path.len() > 1 {
            return Kind::Unknown;
        }
        match Kind::of(&param.ty) {
            Kind::Named(_) | Kind::Null | Kind::Map => Kind::Unknown,
            kind => kind,
        }
    }

    fn infer_step(&mut self, path: &[Name<'s>], span: Span) -> Kind<'s> {
        let [step, attribute, deeper @ ..] = path else {
            return Kind::Unknown;
        };
        let Some(step) = self
            .index
            .get(step.text)
            .and_then(|at| self.steps.get(*at))
            .copied()
        else {
            return Kind::Unknown;
        };
        let kind = match member(step.outputs(), attribute.text) {
            _ if step.caught && matches!(attribute.text, "error" | "error_type") => Kind::String,
            Some(output) => Kind::of(&output.ty),
            None => Kind::Unknown,
        };
        let kind = self.nested(kind, deeper, span);
        if self.relaxed && kind == Kind::Named("Json") {
            Kind::Unknown
        } else {
            kind
        }
    }

    fn nested(&mut self, mut kind: Kind<'s>, path: &[Name<'s>], span: Span) -> Kind<'s> {
        for name in path {
            let Some(schema) = kind
                .schema()
                .filter(|schema| !self.relaxed || *schema != "Json")
            else {
                return Kind::Unknown;
            };
            let found = self.schema_named(schema, span).or_else(|| {
                match self.names.schemas_named(schema) {
                    (1, found) => found,
                    _ => None,
                }
            });
            let Some(schema) = found else {
                return Kind::Unknown;
            };
            let Some(field) = member(&schema.decl.fields, name.text) else {
                // An error by default, reported by the strict walk with the same words; the reference only warns.
                if !self.relaxed {
                    let message = format!(
                        "Field '{}' not found on schema '{}'",
                        name.text, schema.decl.name.text
                    );
                    let mut warning = Diagnostic::new(Rule::SchemaUnknownField, name.span, message)
                        .in_file(self.file);
                    warning.severity = Severity::Warning;
                    self.out.push(warning);
                }
                return Kind::Unknown;
            };
            kind = Kind::of(&field.ty);
        }
        kind
    }

    fn infer_unary(&mut self, sign: Sign, operand: &'p Expr<'s>, span: Span) -> Kind<'s> {
        let kind = self.infer(operand);
        let (rule, message) = match (sign, kind) {
            (Sign::Not, Kind::Boolean | Kind::Unknown) => return Kind::Boolean,
            (Sign::Not, _) => (
                Rule::TypeNotOperandRequired,
                format!(
                    "Type error: operator '!' requires Boolean operand, got {}",
                    kind.name()
                ),
            ),
            (Sign::Minus, Kind::String) => (
                Rule::TypeNegateString,
                "Type error: cannot negate String operand".to_owned(),
            ),
            (Sign::Minus, Kind::Boolean) => (
                Rule::TypeNegateBoolean,
                "Type error: cannot negate Boolean operand".to_owned(),
            ),
            (Sign::Minus, Kind::Named(name)) => (
                Rule::TypeNegateSchema,
                format!("Type error: cannot negate schema type '{name}'"),
            ),
            (Sign::Minus, Kind::Int | Kind::Long | Kind::Double) => return kind,
            (Sign::Minus, Kind::Null | Kind::Array | Kind::Map | Kind::Unknown) => {
                return Kind::Unknown;
            }
        };
        self.report(rule, span, message);
        Kind::Unknown
    }

    fn infer_binary(&mut self, op: Op, sides: &'p (Expr<'s>, Expr<'s>), span: Span) -> Kind<'s> {
        let (left, right) = (self.infer(&sides.0), self.infer(&sides.1));
        let text = op.text();
        let (rule, message) = match op {
            Op::Or | Op::And => match [left, right]
                .into_iter()
                .find(|kind| !kind.may_be_boolean())
            {
                None => return Kind::Boolean,
                Some(kind) => (
                    Rule::TypeBooleanOperandRequired,
                    format!(
                        "Type error: operator '{text}' requires Boolean operands, got {}",
                        kind.name()
                    ),
                ),
            },
            Op::Eq | Op::NotEq => return Kind::Boolean,
            Op::Ge | Op::Le | Op::Gt | Op::Lt => match (left, right) {
                (Kind::Boolean, _) | (_, Kind::Boolean) => (
                    Rule::TypeOrderedComparisonBoolean,
                    format!(
                        "Type error: cannot use ordered comparison '{text}' with Boolean operand"
                    ),
                ),
                (Kind::Named(name), _) | (_, Kind::Named(name)) => (
                    Rule::TypeOrderedComparisonSchema,
                    format!(
                        "Type error: cannot use ordered comparison '{text}' with schema type '{name}'"
                    ),
                ),
                _ => return Kind::Boolean,
            },
            Op::In | Op::NotIn | Op::Contains => {
                if (if op == Op::Contains { left } else { right }) != Kind::Boolean {
                    return Kind::Boolean;
                }
                (
                    Rule::TypeContainmentOperand,
                    format!(
                        "Type error: operator '{text}' requires a collection or String operand, got Boolean"
                    ),
                )
            }
            Op::StartsWith | Op::EndsWith => match [left, right]
                .into_iter()
                .find(|kind| !matches!(kind, Kind::Unknown | Kind::String))
            {
                None => return Kind::Boolean,
                Some(kind) => (
                    Rule::TypeStringMatchOperand,
                    format!(
                        "Type error: operator '{text}' requires String operands, got {}",
                        kind.name()
                    ),
                ),
            },
            Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Rem => {
                match arithmetic(text, left, right) {
                    Ok(kind) => return kind,
                    Err(error) => error,
                }
            }
        };
        self.operator_error(rule, op, sides, span, message);
        Kind::Unknown
    }

    fn operator_error(
        &mut self,
        rule: Rule,
        op: Op,
        sides: &(Expr<'s>, Expr<'s>),
        span: Span,
        message: String,
    ) {
        let between = Span::new(sides.0.span.end, sides.1.span.start);
        let plus = self
            .program
            .source(self.file)
            .and_then(|source| between.text(&source.text).find('+'));
        let found = self.report(rule, span, message);
        if let (Rule::TypeArithmeticString, Op::Add, Some(plus)) = (rule, op, plus) {
            let at = between.start + crate::span::offset(plus);
            found.repair("Concatenate with `++`", Span::new(at, at + 1), "++");
        }
    }
}

fn arithmetic<'s>(op: &str, left: Kind<'s>, right: Kind<'s>) -> Result<Kind<'s>, (Rule, String)> {
    if left == Kind::Unknown || right == Kind::Unknown {
        return Ok(Kind::Unknown);
    }
    let either = |kind| left == kind || right == kind;
    if either(Kind::String) {
        let text = format!(
            "Type error: cannot use arithmetic operator '{op}' with String operand (use '++' for concatenation)"
        );
        return Err((Rule::TypeArithmeticString, text));
    }
    if either(Kind::Boolean) {
        return Err((
            Rule::TypeArithmeticBoolean,
            format!("Type error: cannot use arithmetic operator '{op}' with Boolean operand"),
        ));
    }
    if let Some(name) = left.schema().or(right.schema()) {
        return Err((
            Rule::TypeArithmeticSchema,
            format!("Type error: cannot use arithmetic operator '{op}' with schema type '{name}'"),
        ));
    }
    let number = |kind| matches!(kind, Kind::Int | Kind::Long | Kind::Double);
    if !number(left) || !number(right) {
        return Ok(Kind::Unknown);
    }
    Ok([Kind::Double, Kind::Long]
        .into_iter()
        .find(|kind| either(*kind))
        .unwrap_or(Kind::Int))
}
