//! Numbers of any size and precision, which keep the text they were read from.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A JSON number. `1.0` stays `1.0` and 30 digits stay 30 digits; equality and order are those of the exact decimal values.
#[derive(Clone)]
pub struct Number(Form);

#[derive(Clone)]
enum Form {
    /// An integer whose shortest text is its text.
    Integer(i64),
    /// Everything else, in JSON's grammar.
    Text(Arc<str>),
}

impl Number {
    /// A number from a text that the caller knows to be one of JSON's grammar.
    pub(super) fn from_grammar(text: &str) -> Self {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        // So many digits fit for certain; `-0` is not the text of an integer.
        if digits.len() <= 18 && text != "-0" && digits.bytes().all(|b| b.is_ascii_digit()) {
            let magnitude = digits
                .bytes()
                .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
            let value = if negative { -magnitude } else { magnitude };
            return Self(Form::Integer(value));
        }
        Self(Form::Text(text.into()))
    }

    /// The shortest text that reads back as the same float, whole ones without a fraction, as JavaScript prints them.
    /// Infinity and not-a-number are no JSON.
    pub fn from_f64(value: f64) -> Option<Self> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if !value.is_finite() {
            return None;
        }
        if value.fract() == 0.0 && value.abs() <= EXACT {
            // Whole and within 2^53: the conversion is exact.
            return Some(Self(Form::Integer(value as i64)));
        }
        let magnitude = value.abs();
        let text = if (1e-6..1e21).contains(&magnitude) {
            value.to_string()
        } else {
            let text = format!("{value:e}");
            match text.split_once('e') {
                Some((digits, exponent)) if !exponent.starts_with('-') => {
                    format!("{digits}e+{exponent}")
                }
                _ => text,
            }
        };
        Some(Self(Form::Text(text.into())))
    }

    /// The exact value, if it is whole and fits: `5`, `5.0` and `0.5e1` are 5.
    pub fn as_i64(&self) -> Option<i64> {
        match &self.0 {
            Form::Integer(value) => Some(*value),
            Form::Text(text) => Decimal::of(text).whole(),
        }
    }

    /// The nearest float; a number beyond the range of floats is infinite.
    pub fn as_f64(&self) -> f64 {
        match &self.0 {
            Form::Integer(value) => *value as f64,
            Form::Text(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    /// Whether the text has neither fraction nor exponent.
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            Form::Integer(_) => true,
            Form::Text(text) => !text.contains(['.', 'e', 'E']),
        }
    }

    /// Appends the text.
    pub fn write(&self, out: &mut String) {
        match &self.0 {
            Form::Integer(value) => super::write::integer(*value, out),
            Form::Text(text) => out.push_str(text),
        }
    }

    pub(crate) fn len_utf8(&self) -> usize {
        match &self.0 {
            Form::Integer(value) => {
                let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
                digits + usize::from(*value < 0)
            }
            Form::Text(text) => text.len(),
        }
    }

    /// One text for all spellings of one value.
    pub fn canonical(&self) -> String {
        match &self.0 {
            Form::Integer(value) => Decimal::of(&value.to_string()).to_string(),
            Form::Text(text) => Decimal::of(text).to_string(),
        }
    }

    fn exact_cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.to_string(), other.to_string());
        Decimal::of(&a).cmp(&Decimal::of(&b))
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(Form::Integer(value))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Form::Integer(a), Form::Integer(b)) => a.cmp(b),
            (Form::Text(a), Form::Text(b)) if a == b => Ordering::Equal,
            // Rounding keeps the order, so floats that differ decide; only those that are equal need all digits.
            _ => match self.as_f64().partial_cmp(&other.as_f64()) {
                Some(Ordering::Equal) | None => self.exact_cmp(other),
                Some(order) => order,
            },
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Integer(value) => value.fmt(f),
            Form::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// 0.`digits` × 10^`exponent`, without zeros at either end; zero has no digits and no sign.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn of(text: &str) -> Self {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        // An exponent beyond this is one that nobody can tell from infinity or zero.
        let beyond = if exponent.starts_with('-') {
            i64::MIN / 4
        } else {
            i64::MAX / 4
        };
        let exponent: i64 = exponent
            .parse()
            .unwrap_or(beyond)
            .clamp(i64::MIN / 4, i64::MAX / 4);
        let all = format!("{whole}{fraction}");
        let leading = all.len() - all.trim_start_matches('0').len();
        let digits = all.trim_matches('0').to_owned();
        if digits.is_empty() {
            return Self {
                negative: false,
                digits,
                exponent: 0,
            };
        }
        let length = |n: usize| i64::try_from(n).unwrap_or(i64::MAX / 4);
        Self {
            negative,
            digits,
            exponent: exponent + length(whole.len()) - length(leading),
        }
    }

    fn whole(&self) -> Option<i64> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let places = usize::try_from(self.exponent).ok().filter(|n| *n <= 19)?;
        if self.digits.len() > places {
            return None;
        }
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{:0<places$}", self.digits).parse().ok()
    }

    fn magnitude(&self) -> (bool, i64, &str) {
        (!self.digits.is_empty(), self.exponent, &self.digits)
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.magnitude().cmp(&other.magnitude()),
            (true, true) => other.magnitude().cmp(&self.magnitude()),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        write!(f, "{sign}0.{}e{}", self.digits, self.exponent)
    }
}
