//! Functions of single values.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::parse::Error;
use super::scan::{Scanner, Token};
use super::value::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Abs,
    Ceil,
    Coalesce,
    Concat,
    Floor,
    FromMillis,
    Greatest,
    IsBlank,
    IsEmpty,
    IsPresent,
    IsValidIp,
    IsValidIpv4,
    IsValidIpv6,
    Least,
    Log,
    Ltrim,
    Replace,
    Rtrim,
    Sqrt,
    Strcontains,
    Strlen,
    Substr,
    ToMillis,
    Tolower,
    Toupper,
    Trim,
}

/// Names in small letters, with the least and the most arguments.
const FUNCTIONS: [(&str, Function, usize, usize); 26] = [
    ("abs", Function::Abs, 1, 1),
    ("ceil", Function::Ceil, 1, 1),
    ("coalesce", Function::Coalesce, 1, usize::MAX),
    ("concat", Function::Concat, 1, usize::MAX),
    ("floor", Function::Floor, 1, 1),
    ("frommillis", Function::FromMillis, 1, 1),
    ("greatest", Function::Greatest, 1, usize::MAX),
    ("isblank", Function::IsBlank, 1, 1),
    ("isempty", Function::IsEmpty, 1, 1),
    ("ispresent", Function::IsPresent, 1, 1),
    ("isvalidip", Function::IsValidIp, 1, 1),
    ("isvalidipv4", Function::IsValidIpv4, 1, 1),
    ("isvalidipv6", Function::IsValidIpv6, 1, 1),
    ("least", Function::Least, 1, usize::MAX),
    ("log", Function::Log, 1, 1),
    ("ltrim", Function::Ltrim, 1, 2),
    ("replace", Function::Replace, 3, 3),
    ("rtrim", Function::Rtrim, 1, 2),
    ("sqrt", Function::Sqrt, 1, 1),
    ("strcontains", Function::Strcontains, 2, 2),
    ("strlen", Function::Strlen, 1, 1),
    ("substr", Function::Substr, 2, 3),
    ("tomillis", Function::ToMillis, 1, 1),
    ("tolower", Function::Tolower, 1, 1),
    ("toupper", Function::Toupper, 1, 1),
    ("trim", Function::Trim, 1, 2),
];

impl Function {
    pub(super) fn named(name: &str) -> Option<Function> {
        FUNCTIONS.iter().find(|row| row.0 == name).map(|row| row.1)
    }

    pub(super) fn takes(self, count: usize) -> bool {
        FUNCTIONS
            .iter()
            .any(|row| row.1 == self && (row.2..=row.3).contains(&count))
    }

    pub(super) fn apply(self, arguments: &[Value]) -> Value {
        let first = arguments.first().unwrap_or(&Value::Missing);
        let numbers = || arguments.iter().filter_map(Value::number);
        match self {
            Function::Abs => first.number().map(f64::abs).into(),
            Function::Ceil => first.number().map(f64::ceil).into(),
            Function::Floor => first.number().map(f64::floor).into(),
            Function::Log => first.number().map(f64::ln).into(),
            Function::Sqrt => first.number().map(f64::sqrt).into(),
            Function::Greatest => numbers().reduce(f64::max).into(),
            Function::Least => numbers().reduce(f64::min).into(),
            Function::Coalesce => {
                let found = arguments.iter().find(|value| **value != Value::Missing);
                found.cloned().unwrap_or(Value::Missing)
            }
            Function::IsPresent => Value::Boolean(*first != Value::Missing),
            Function::IsEmpty => Value::Boolean(first.text().is_none_or(|text| text.is_empty())),
            Function::IsBlank => {
                Value::Boolean(first.text().is_none_or(|text| text.trim().is_empty()))
            }
            Function::FromMillis => first
                .number()
                .map_or(Value::Missing, |ms| Value::Time(ms as i64)),
            Function::ToMillis => first.number().into(),
            Function::Concat => Value::Text(arguments.iter().filter_map(Value::text).collect()),
            Function::IsValidIp => is::<IpAddr>(first),
            Function::IsValidIpv4 => is::<Ipv4Addr>(first),
            Function::IsValidIpv6 => is::<Ipv6Addr>(first),
            Function::Ltrim
            | Function::Replace
            | Function::Rtrim
            | Function::Strcontains
            | Function::Strlen
            | Function::Substr
            | Function::Tolower
            | Function::Toupper
            | Function::Trim => match first.text() {
                Some(text) => self.of_text(&text, arguments.get(1..).unwrap_or_default()),
                None => Value::Missing,
            },
        }
    }

    fn of_text(self, text: &str, rest: &[Value]) -> Value {
        let words: Vec<Option<String>> = rest.iter().map(Value::text).collect();
        let word = |index: usize| words.get(index).cloned().flatten();
        let trimmed = |c: char| match word(0) {
            Some(marks) => marks.contains(c),
            None => c.is_whitespace(),
        };
        match self {
            Function::Ltrim => Value::Text(text.trim_start_matches(trimmed).to_owned()),
            Function::Rtrim => Value::Text(text.trim_end_matches(trimmed).to_owned()),
            Function::Trim => Value::Text(text.trim_matches(trimmed).to_owned()),
            Function::Tolower => Value::Text(text.to_lowercase()),
            Function::Toupper => Value::Text(text.to_uppercase()),
            Function::Strlen => Value::Number(text.chars().count() as f64),
            Function::Strcontains => match word(0) {
                Some(part) => Value::Number(f64::from(u8::from(text.contains(&part)))),
                None => Value::Missing,
            },
            Function::Replace => match (word(0), word(1)) {
                (Some(from), Some(to)) if !from.is_empty() => Value::Text(text.replace(&from, &to)),
                _ => Value::Text(text.to_owned()),
            },
            Function::Substr => {
                let count = |index: usize| {
                    rest.get(index)
                        .and_then(Value::number)
                        .map(|n| n.max(0.0) as usize)
                };
                let from = text.chars().skip(count(0).unwrap_or(0));
                Value::Text(from.take(count(1).unwrap_or(usize::MAX)).collect())
            }
            _ => Value::Missing,
        }
    }
}

fn is<Address: std::str::FromStr>(value: &Value) -> Value {
    Value::Boolean(
        value
            .text()
            .is_some_and(|text| text.parse::<Address>().is_ok()),
    )
}

/// A length of time in a calendar: `5m`, `1h`, `1mo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Period {
    Milliseconds(i64),
    /// Each begins on a Monday.
    Weeks(i64),
    Months(i64),
}

/// A Monday.
const FIRST_MONDAY_MS: i64 = 4 * DAY_MS;
const DAY_MS: i64 = 86_400_000;
/// More is no period of a log.
const COUNT_MAX: f64 = 1e9;

impl Period {
    pub(super) fn parse(scanner: &mut Scanner<'_>) -> Result<Period, Error> {
        let from = scanner.start();
        let count = match scanner.peek()? {
            Token::Number(number) => {
                scanner.next()?;
                number
            }
            _ => return Err(scanner.unexpected("a period, such as 5m,")),
        };
        let Token::Word { text: unit, .. } = scanner.peek()? else {
            return Err(scanner.unexpected("a unit of time: ms, s, m, h, d, w, mo, q, y"));
        };
        scanner.next()?;
        if !(1.0..=COUNT_MAX).contains(&count) || count.fract() != 0.0 {
            return Err(scanner.error(from, "a period is a whole number of a unit of time"));
        }
        let count = count as i64;
        Ok(match unit.as_str() {
            "ms" | "msec" | "millisecond" | "milliseconds" => Period::Milliseconds(count),
            "s" | "sec" | "second" | "seconds" => Period::Milliseconds(count * 1_000),
            "m" | "min" | "minute" | "minutes" => Period::Milliseconds(count * 60_000),
            "h" | "hr" | "hour" | "hours" => Period::Milliseconds(count * 3_600_000),
            "d" | "day" | "days" => Period::Milliseconds(count * DAY_MS),
            "w" | "week" | "weeks" => Period::Weeks(count),
            "mo" | "mon" | "month" | "months" => Period::Months(count),
            "q" | "qtr" | "quarter" | "quarters" => Period::Months(count * 3),
            "y" | "yr" | "year" | "years" => Period::Months(count * 12),
            _ => {
                return Err(scanner.error(
                    from,
                    format!("{unit} is no unit of time: ms, s, m, h, d, w, mo, q, y"),
                ));
            }
        })
    }

    /// The beginning of the period that a moment lies in.
    pub(super) fn floor(self, ms: i64) -> Option<i64> {
        match self {
            Period::Milliseconds(length) => Some(ms.div_euclid(length) * length),
            Period::Weeks(count) => {
                let length = count.checked_mul(7 * DAY_MS)?;
                Some((ms - FIRST_MONDAY_MS).div_euclid(length) * length + FIRST_MONDAY_MS)
            }
            Period::Months(count) => {
                let at = jiff::Timestamp::from_millisecond(ms)
                    .ok()?
                    .to_zoned(TimeZone::UTC);
                let months = i64::from(at.year()) * 12 + i64::from(at.month()) - 1;
                let first = months.div_euclid(count) * count;
                let year = i16::try_from(first.div_euclid(12)).ok()?;
                let month = i8::try_from(first.rem_euclid(12) + 1).ok()?;
                begin(DateTime::new(year, month, 1, 0, 0, 0, 0).ok()?)
            }
        }
    }

    /// The first beginning of a period that is not before a moment.
    pub(super) fn ceil(self, ms: i64) -> Option<i64> {
        let floor = self.floor(ms)?;
        if floor == ms {
            return Some(ms);
        }
        match self {
            Period::Milliseconds(length) => floor.checked_add(length),
            Period::Weeks(count) => floor.checked_add(count.checked_mul(7 * DAY_MS)?),
            Period::Months(count) => {
                let at = jiff::Timestamp::from_millisecond(floor)
                    .ok()?
                    .to_zoned(TimeZone::UTC);
                let span = jiff::Span::new().try_months(count).ok()?;
                begin(at.datetime().checked_add(span).ok()?)
            }
        }
    }
}

fn begin(at: DateTime) -> Option<i64> {
    let zoned = at.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_millisecond())
}
