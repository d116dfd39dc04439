//! Values of a query. Like the service, it has no types of fields: what looks like a number is one wherever a number is wanted.

use std::cmp::Ordering;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Missing,
    Number(f64),
    Text(String),
    Boolean(bool),
    /// Milliseconds since 1970.
    Time(i64),
}

impl Value {
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Value::Missing => None,
            Value::Number(number) => Some(*number),
            Value::Text(text) => {
                // "inf" and "nan" are words.
                let numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
                text.trim().parse().ok().filter(|_| numeric)
            }
            Value::Boolean(boolean) => Some(f64::from(u8::from(*boolean))),
            // Exact: milliseconds of any calendar date are below 2^53.
            Value::Time(ms) => Some(*ms as f64),
        }
    }

    pub(super) fn truth(&self) -> bool {
        match self {
            Value::Missing => false,
            Value::Boolean(boolean) => *boolean,
            Value::Number(number) => *number != 0.0,
            Value::Text(text) => !text.is_empty() && text != "0" && text != "false",
            Value::Time(_) => true,
        }
    }

    /// As it stands in results; `None` for what is not there.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Value::Missing => None,
            Value::Number(number) => Some(number_text(*number)),
            Value::Text(text) => Some(text.clone()),
            Value::Boolean(boolean) => Some(u8::from(*boolean).to_string()),
            Value::Time(ms) => Some(time_text(*ms)),
        }
    }

    pub(super) fn equals(&self, other: &Value) -> bool {
        self.compare(other) == Some(Ordering::Equal)
    }

    /// Numbers by size where both are; texts by their characters. Nothing compares with what is not there.
    pub(super) fn compare(&self, other: &Value) -> Option<Ordering> {
        if let (Some(one), Some(two)) = (self.number(), other.number())
            && !(self.is_boolean_word(other) || other.is_boolean_word(self))
        {
            return one.partial_cmp(&two);
        }
        match (self, other) {
            (Value::Boolean(boolean), Value::Text(text)) => word(*boolean, text),
            (Value::Text(text), Value::Boolean(boolean)) => {
                word(*boolean, text).map(Ordering::reverse)
            }
            _ => Some(self.text()?.cmp(&other.text()?)),
        }
    }

    fn is_boolean_word(&self, other: &Value) -> bool {
        matches!((self, other), (Value::Boolean(_), Value::Text(text)) if text == "true" || text == "false")
    }

    /// For sorting: what is not there comes first, then numbers, then texts.
    pub(super) fn order(&self, other: &Value) -> Ordering {
        let rank = |value: &Value| match value {
            Value::Missing => 0,
            value if value.number().is_some() => 1,
            _ => 2,
        };
        let by_rank = rank(self).cmp(&rank(other));
        by_rank.then_with(|| self.compare(other).unwrap_or(Ordering::Equal))
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Value>()
            + match self {
                Value::Text(text) => text.len(),
                Value::Missing | Value::Number(_) | Value::Boolean(_) | Value::Time(_) => 0,
            }
    }
}

fn word(boolean: bool, text: &str) -> Option<Ordering> {
    Some(boolean.to_string().as_str().cmp(text))
}

impl From<f64> for Value {
    /// What is no number, such as a division by zero, is not there.
    fn from(number: f64) -> Value {
        if number.is_finite() {
            Value::Number(number)
        } else {
            Value::Missing
        }
    }
}

impl From<Option<f64>> for Value {
    fn from(number: Option<f64>) -> Value {
        number.map_or(Value::Missing, Value::from)
    }
}

/// Whole numbers as such, others with at most four digits behind the point.
pub(super) fn number_text(number: f64) -> String {
    let rounded = (number * 1e4).round() / 1e4;
    let number = if rounded.is_finite() && number.abs() < 1e11 {
        rounded
    } else {
        number
    };
    // No zero with a sign.
    (number + 0.0).to_string()
}

/// `2026-11-21 13:00:00.123`, UTC.
pub(super) fn time_text(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(
        |_| ms.to_string(),
        |at| at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string(),
    )
}
