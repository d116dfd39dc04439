//! What is computed over groups of records.

use std::collections::HashSet;

use super::evaluate::Row;
use super::expression::Expression;
use super::parse::Error;
use super::scan::{Scanner, Token};
use super::value::Value;

/// `count(*)`, `pct(@duration, 95)`.
#[derive(Clone, Debug)]
pub(super) struct Aggregate {
    kind: Kind,
    /// `None` counts records.
    of: Option<Expression>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Count,
    CountDistinct,
    Sum,
    Average,
    Min,
    Max,
    Percentile(f64),
    Deviation,
    Earliest,
    Latest,
    SortsFirst,
    SortsLast,
}

const KINDS: [(&str, Kind); 14] = [
    ("count", Kind::Count),
    ("count_distinct", Kind::CountDistinct),
    ("sum", Kind::Sum),
    ("avg", Kind::Average),
    ("min", Kind::Min),
    ("max", Kind::Max),
    ("pct", Kind::Percentile(f64::NAN)),
    ("median", Kind::Percentile(50.0)),
    ("stddev", Kind::Deviation),
    ("earliest", Kind::Earliest),
    ("latest", Kind::Latest),
    ("sortsfirst", Kind::SortsFirst),
    ("sortslast", Kind::SortsLast),
    ("percentile", Kind::Percentile(f64::NAN)),
];

impl Aggregate {
    pub(super) fn is_name(name: &str) -> bool {
        KINDS.iter().any(|(known, _)| *known == name)
    }

    /// What stands behind the opening parenthesis, up to the closing one.
    pub(super) fn parse(
        scanner: &mut Scanner<'_>,
        from: usize,
        name: &str,
    ) -> Result<Aggregate, Error> {
        let known = KINDS.iter().find(|(known, _)| *known == name);
        let mut kind = known.map_or(Kind::Count, |(_, kind)| *kind);
        if matches!(kind, Kind::Count)
            && (scanner.take("*")? || scanner.peek()? == Token::Mark(")"))
        {
            scanner.expect(")")?;
            return Ok(Aggregate { kind, of: None });
        }
        let of = Expression::parse(scanner)?;
        if matches!(kind, Kind::Percentile(percent) if percent.is_nan()) {
            scanner.expect(",")?;
            let Token::Number(percent) = scanner.peek()? else {
                return Err(scanner.unexpected("a percentage"));
            };
            scanner.next()?;
            if !(0.0..=100.0).contains(&percent) {
                return Err(scanner.error(from, "a percentage is from 0 to 100"));
            }
            kind = Kind::Percentile(percent);
        }
        scanner.expect(")")?;
        Ok(Aggregate { kind, of: Some(of) })
    }

    pub(super) fn begin(&self) -> State {
        match self.kind {
            Kind::Count => State::Count(0),
            Kind::CountDistinct => State::Distinct(HashSet::new()),
            Kind::Sum => State::Sum(None),
            Kind::Average | Kind::Deviation => State::Moments {
                count: 0.0,
                mean: 0.0,
                squares: 0.0,
            },
            Kind::Percentile(_) => State::Numbers(Vec::new()),
            Kind::Min | Kind::Max | Kind::SortsFirst | Kind::SortsLast => {
                State::One(Value::Missing)
            }
            Kind::Earliest | Kind::Latest => State::At(None),
        }
    }

    /// Takes a row in; how many bytes more the state needs for it.
    pub(super) fn add(&self, state: &mut State, row: &Row) -> usize {
        let value = match &self.of {
            Some(of) => of.of(row),
            None => Value::Boolean(true),
        };
        if value == Value::Missing {
            return 0;
        }
        match state {
            State::Count(count) => *count += 1,
            State::Distinct(seen) => {
                let text = value.text().unwrap_or_default();
                let bytes = text.len() + 64;
                return if seen.insert(text) { bytes } else { 0 };
            }
            State::Sum(sum) => {
                if let Some(number) = value.number() {
                    *sum = Some(sum.unwrap_or(0.0) + number);
                }
            }
            State::Moments {
                count,
                mean,
                squares,
            } => {
                if let Some(number) = value.number() {
                    *count += 1.0;
                    let off = number - *mean;
                    *mean += off / *count;
                    *squares += off * (number - *mean);
                }
            }
            State::Numbers(numbers) => {
                numbers.extend(value.number());
                return size_of::<f64>();
            }
            State::One(best) => {
                let ordering = value.order(best);
                let better = match self.kind {
                    Kind::Min | Kind::SortsFirst => ordering.is_lt(),
                    _ => ordering.is_gt(),
                };
                if *best == Value::Missing || better {
                    *best = value;
                }
            }
            State::At(best) => {
                let at = row.field("@timestamp").number().unwrap_or_default();
                let better = best.as_ref().is_none_or(|(found, _)| match self.kind {
                    Kind::Earliest => at < *found,
                    _ => at >= *found,
                });
                if better {
                    *best = Some((at, value));
                }
            }
        }
        0
    }

    pub(super) fn finish(&self, state: State) -> Value {
        match state {
            State::Count(count) => Value::Number(count as f64),
            State::Distinct(seen) => Value::Number(seen.len() as f64),
            State::Sum(sum) => sum.into(),
            State::Moments { count: 0.0, .. } => Value::Missing,
            State::Moments {
                count,
                mean,
                squares,
            } => match self.kind {
                Kind::Deviation => Value::from((squares / (count - 1.0).max(1.0)).sqrt()),
                _ => mean.into(),
            },
            State::Numbers(numbers) => self.percentile(numbers).into(),
            State::One(best) => best,
            State::At(best) => best.map_or(Value::Missing, |(_, value)| value),
        }
    }

    /// The smallest number that so many percent are not above.
    fn percentile(&self, mut numbers: Vec<f64>) -> Option<f64> {
        let Kind::Percentile(percent) = self.kind else {
            return None;
        };
        numbers.sort_by(f64::total_cmp);
        let rank = (percent / 100.0 * numbers.len() as f64).ceil() as usize;
        numbers.get(rank.max(1) - 1).copied()
    }
}

/// What has been seen of a group.
pub(super) enum State {
    Count(u64),
    Distinct(HashSet<String>),
    Sum(Option<f64>),
    Moments { count: f64, mean: f64, squares: f64 },
    Numbers(Vec<f64>),
    One(Value),
    At(Option<(f64, Value)>),
}
