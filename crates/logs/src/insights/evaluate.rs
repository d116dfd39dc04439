//! What an expression is worth in a row.

use super::expression::{Arithmetic, Comparison, Expression, Rounding};
use super::record::Found;
use super::value::Value;

/// A record with what has been computed from it; behind `stats`, only what was computed.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub found: Option<Found>,
    pub values: Vec<(String, Value)>,
    /// In which order they came.
    pub number: u64,
}

impl Row {
    pub(super) fn field(&self, name: &str) -> Value {
        let computed = self.values.iter().rev().find(|(found, _)| found == name);
        match (computed, &self.found) {
            (Some((_, value)), _) => value.clone(),
            (None, Some(found)) => found.field(name),
            (None, None) => Value::Missing,
        }
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        match self.values.iter_mut().find(|(found, _)| found == name) {
            Some((_, old)) => *old = value,
            None => self.values.push((name.to_owned(), value)),
        }
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let computed: usize = self
            .values
            .iter()
            .map(|(name, value)| name.len() + value.bytes())
            .sum();
        // Parsed JSON takes several times its text.
        let record = self.found.as_ref().map_or(0, |found| {
            200 + found.record.message.len() * 4 + found.record.log_stream.len()
        });
        size_of::<Row>() + computed + record
    }
}

impl Expression {
    pub(super) fn of(&self, row: &Row) -> Value {
        match self {
            Expression::Field(name) => row.field(name),
            Expression::Number(number) => Value::Number(*number),
            Expression::Text(text) => Value::Text(text.clone()),
            Expression::Boolean(boolean) => Value::Boolean(*boolean),
            Expression::Negative(inner) => inner.of(row).number().map(|number| -number).into(),
            Expression::Not(inner) => Value::Boolean(!inner.of(row).truth()),
            Expression::And(left, right) => {
                Value::Boolean(left.of(row).truth() && right.of(row).truth())
            }
            Expression::Or(left, right) => {
                Value::Boolean(left.of(row).truth() || right.of(row).truth())
            }
            Expression::Compare(operator, left, right) => {
                Value::Boolean(compare(*operator, &left.of(row), &right.of(row)))
            }
            Expression::Arithmetic(operator, left, right) => {
                let numbers = left.of(row).number().zip(right.of(row).number());
                numbers
                    .map(|(left, right)| arithmetic(*operator, left, right))
                    .into()
            }
            Expression::Matches(inner, regex) => Value::Boolean(
                inner
                    .of(row)
                    .text()
                    .is_some_and(|text| regex.is_match(&text)),
            ),
            Expression::Like(inner, part) => {
                let texts = inner.of(row).text().zip(part.of(row).text());
                Value::Boolean(texts.is_some_and(|(text, part)| text.contains(&part)))
            }
            Expression::In(inner, values) => {
                let value = inner.of(row);
                Value::Boolean(values.iter().any(|one| value.equals(&one.of(row))))
            }
            Expression::Call(function, arguments) => {
                let values: Vec<Value> =
                    arguments.iter().map(|argument| argument.of(row)).collect();
                function.apply(&values)
            }
            Expression::Bin(inner, period, rounding) => {
                let ms = inner.of(row).number().map(|ms| ms as i64);
                let rounded = ms.and_then(|ms| match rounding {
                    Rounding::Down => period.floor(ms),
                    Rounding::Up => period.ceil(ms),
                });
                rounded.map_or(Value::Missing, Value::Time)
            }
        }
    }
}

/// Something that is not there is unequal to everything, and neither more nor less.
fn compare(operator: Comparison, left: &Value, right: &Value) -> bool {
    let ordering = left.compare(right);
    match operator {
        Comparison::Equal => ordering.is_some_and(std::cmp::Ordering::is_eq),
        Comparison::NotEqual => ordering.is_none_or(std::cmp::Ordering::is_ne),
        Comparison::Less => ordering.is_some_and(std::cmp::Ordering::is_lt),
        Comparison::LessOrEqual => ordering.is_some_and(std::cmp::Ordering::is_le),
        Comparison::Greater => ordering.is_some_and(std::cmp::Ordering::is_gt),
        Comparison::GreaterOrEqual => ordering.is_some_and(std::cmp::Ordering::is_ge),
    }
}

fn arithmetic(operator: Arithmetic, left: f64, right: f64) -> f64 {
    match operator {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
        Arithmetic::Remainder => left % right,
        Arithmetic::Power => left.powf(right),
    }
}
