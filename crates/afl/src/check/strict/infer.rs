//! The type of an expression, and what operators want.

use super::Walker;
use crate::ast::{Expr, ExprKind, Name, Op, Sign};
use crate::check::names::member;
use crate::diag::Rule;
use crate::resolve::Target;
use crate::resolve::ty::Ty;

impl<'p, 's> Walker<'_, '_, 'p, 's> {
    pub(super) fn infer(&mut self, expr: &'p Expr<'s>) -> Ty {
        match &expr.kind {
            ExprKind::Str(_) => Ty::String,
            ExprKind::Int(_) => Ty::Int,
            ExprKind::Float(_) => Ty::Double,
            ExprKind::Bool(_) => Ty::Boolean,
            ExprKind::Null => Ty::Null,
            ExprKind::Error => Ty::Any,
            ExprKind::Input(path) => self.input(path),
            ExprKind::Step(path) => self.step_value(path),
            ExprKind::Concat(operands) => {
                for operand in operands {
                    self.infer(operand);
                }
                Ty::String
            }
            ExprKind::List(items) => {
                let types: Vec<Ty> = items.iter().map(|item| self.infer(item)).collect();
                Ty::List(Box::new(
                    types.into_iter().reduce(Ty::join).unwrap_or(Ty::Any),
                ))
            }
            ExprKind::Map(entries) => {
                for entry in entries {
                    self.infer(&entry.value);
                }
                Ty::Map
            }
            ExprKind::Index(parts) => self.indexed(&parts.0, &parts.1),
            ExprKind::Unary(Sign::Not, operand) => {
                self.boolean(operand, "`!` needs");
                Ty::Boolean
            }
            ExprKind::Unary(Sign::Minus, operand) => self.number(operand, "-"),
            ExprKind::Binary(op, sides) => self.binary(*op, &sides.0, &sides.1),
        }
    }

    fn input(&mut self, path: &[Name<'s>]) -> Ty {
        let Some((first, rest)) = path.split_first() else {
            return Ty::Any;
        };
        let variable = self
            .variables
            .iter()
            .rev()
            .find(|(name, _)| name.text == first.text)
            .map(|(_, ty)| ty.clone());
        let ty = variable.or_else(|| {
            let facet = self.facet?;
            member(facet.params(), first.text).map(|param| self.model.param_ty(&facet, param))
        });
        self.field(ty.unwrap_or(Ty::Any), rest)
    }

    fn step_value(&mut self, path: &[Name<'s>]) -> Ty {
        let Some((first, rest)) = path.split_first() else {
            return Ty::Any;
        };
        let Some(step) = self
            .index
            .get(first.text)
            .and_then(|at| self.steps.get_mut(*at))
        else {
            let variable = self
                .variables
                .iter()
                .rev()
                .find(|(name, _)| name.text == first.text)
                .map(|(_, ty)| ty.clone());
            return self.field(variable.unwrap_or(Ty::Any), rest);
        };
        step.used = true;
        let (target, caught) = (step.target, step.caught);
        let Some((attribute, deeper)) = rest.split_first() else {
            return if let Target::Facet(facet) = target {
                Ty::Step(facet.id)
            } else {
                Ty::Any
            };
        };
        if caught && matches!(attribute.text, "error" | "error_type") {
            return Ty::String;
        }
        let ty = match target {
            Target::Unknown => Ty::Any,
            Target::Schema(schema) => return self.field(Ty::Schema(schema.id), rest),
            Target::Facet(facet) => match member(self.model.attributes(&facet), attribute.text) {
                Some(output) if facet.decl.sig.returns.is_some() => {
                    self.model.output_ty(&facet, output, self.options.collect)
                }
                Some(param) => self.model.param_ty(&facet, param),
                None => {
                    // With outputs this is the reference's own rule.
                    if facet.returns().is_empty() && !attribute.text.is_empty() {
                        let message = format!(
                            "'{}' declares no outputs, and no parameter '{}' that could be read instead",
                            facet.full(),
                            attribute.text
                        );
                        self.report(Rule::RefInvalidStepAttribute, attribute.span, message);
                    }
                    Ty::Any
                }
            },
        };
        self.field(ty, deeper)
    }

    fn field(&mut self, ty: Ty, path: &[Name<'s>]) -> Ty {
        match self.model.below(ty, path, self.options.collect) {
            Ok(ty) => ty,
            Err((name, schema)) => {
                if let Some(schema) = self
                    .model
                    .names
                    .schemas
                    .get(schema)
                    .filter(|_| !name.text.is_empty())
                {
                    let message = format!(
                        "Field '{}' not found on schema '{}'",
                        name.text,
                        schema.full()
                    );
                    self.report(Rule::UnknownNestedField, name.span, message)
                        .relate(schema.file, schema.decl.name.span, "declared here");
                    self.hint(
                        name.text,
                        name.span,
                        schema.decl.fields.iter().map(|field| field.name.text),
                    );
                }
                Ty::Any
            }
        }
    }

    fn indexed(&mut self, target: &'p Expr<'s>, index: &'p Expr<'s>) -> Ty {
        let (have, by) = (self.infer(target), self.infer(index));
        match have {
            Ty::List(element) => {
                if !matches!(by, Ty::Int | Ty::Long | Ty::Any | Ty::Json) {
                    self.operand(index, "A list is indexed by Int", &by);
                }
                *element
            }
            Ty::Any | Ty::Json | Ty::Map | Ty::Schema(_) => Ty::Any,
            other => {
                self.operand(target, "Only lists, maps and Json can be indexed", &other);
                Ty::Any
            }
        }
    }

    pub(super) fn boolean(&mut self, expr: &'p Expr<'s>, what: &str) {
        let have = self.infer(expr);
        if have != Ty::Boolean && !have.dynamic() {
            self.operand(expr, &format!("{what} Boolean"), &have);
        }
    }

    fn number(&mut self, expr: &'p Expr<'s>, op: &str) -> Ty {
        let have = self.infer(expr);
        if have.numeric() {
            return have;
        }
        self.operand(expr, &format!("`{op}` needs a number"), &have);
        Ty::Any
    }

    fn operand(&mut self, expr: &'p Expr<'s>, what: &str, have: &Ty) {
        let message = format!("{what}, this is {}", have.show(self.model));
        self.report(Rule::OperandType, expr.span, message);
    }

    fn binary(&mut self, op: Op, left: &'p Expr<'s>, right: &'p Expr<'s>) -> Ty {
        let text = op.text();
        match op {
            Op::Or | Op::And => {
                self.boolean(left, &format!("`{text}` needs"));
                self.boolean(right, &format!("`{text}` needs"));
            }
            Op::Eq | Op::NotEq => {
                let (a, b) = (self.infer(left), self.infer(right));
                if !a.fits(&b) && !b.fits(&a) {
                    self.operand(
                        right,
                        &format!(
                            "`{text}` compares it with {}, which it can never equal",
                            a.show(self.model)
                        ),
                        &b,
                    );
                }
            }
            Op::Ge | Op::Le | Op::Gt | Op::Lt => {
                let (a, b) = (self.infer(left), self.infer(right));
                let ordered = |ty: &Ty| ty.numeric() || *ty == Ty::String;
                match (ordered(&a), ordered(&b)) {
                    (false, _) => {
                        self.operand(left, &format!("`{text}` orders numbers and Strings"), &a)
                    }
                    (true, false) => {
                        self.operand(right, &format!("`{text}` orders numbers and Strings"), &b)
                    }
                    (true, true) if !a.fits(&b) && !b.fits(&a) => self.operand(
                        right,
                        &format!("`{text}` compares it with {}", a.show(self.model)),
                        &b,
                    ),
                    (true, true) => {}
                }
            }
            Op::In | Op::NotIn | Op::Contains => {
                let (a, b) = (self.infer(left), self.infer(right));
                let (whole, ty) = if op == Op::Contains {
                    (left, a)
                } else {
                    (right, b)
                };
                if !matches!(ty, Ty::List(_) | Ty::String | Ty::Map | Ty::Any | Ty::Json) {
                    self.operand(
                        whole,
                        &format!("`{text}` looks into a list, a map or a String"),
                        &ty,
                    );
                }
            }
            Op::StartsWith | Op::EndsWith => {
                for side in [left, right] {
                    let ty = self.infer(side);
                    if ty != Ty::String && !ty.dynamic() {
                        self.operand(side, &format!("`{text}` needs String"), &ty);
                    }
                }
            }
            Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Rem => {
                return self.arithmetic(text, left, right);
            }
        }
        Ty::Boolean
    }

    fn arithmetic(&mut self, op: &str, left: &'p Expr<'s>, right: &'p Expr<'s>) -> Ty {
        let (a, b) = (self.number(left, op), self.number(right, op));
        if a.dynamic() || b.dynamic() {
            return Ty::Any;
        }
        a.join(b)
    }
}
