//! Spans and times as requests write them.

use everstep_core::Timestamp;
use serde::Deserialize;

/// A year: the longest that anything waits.
pub(super) const SPAN_MS_MAX: u64 = 366 * 24 * 3_600_000;

/// Seconds, or a text such as `90s`, `45m`, `12h`, `7d`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Span {
    Seconds(u64),
    Text(String),
}

impl Span {
    /// # Errors
    /// What it should have been.
    pub(super) fn ms(&self, name: &str) -> Result<u64, String> {
        let seconds = match self {
            Self::Seconds(seconds) => Some(*seconds),
            Self::Text(text) => seconds(text),
        };
        let ms = seconds.and_then(|seconds| seconds.checked_mul(1_000));
        ms.filter(|ms| (1_000..=SPAN_MS_MAX).contains(ms))
            .ok_or_else(|| {
                format!("{name} is a number of seconds, or such as 90s, 45m, 12h or 7d, up to 366d")
            })
    }
}

fn seconds(text: &str) -> Option<u64> {
    let unit = text.chars().next_back()?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let count = text.strip_suffix(unit)?;
    // No sign and no space: what `parse` would take beside digits.
    let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    count
        .parse::<u64>()
        .ok()
        .filter(|_| digits)?
        .checked_mul(factor)
}

/// RFC 3339.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let at = text.parse::<jiff::Timestamp>().ok()?;
    u64::try_from(at.as_millisecond()).ok().map(Timestamp)
}

/// `3 days`, `5 hours`, `12 minutes`: how long something is, for people.
pub(super) fn in_words(ms: u64) -> String {
    let minutes = ms / 60_000;
    let (count, unit) = match minutes {
        0 => return "less than a minute".to_owned(),
        1..=119 => (minutes, "minute"),
        120..=2_879 => ((minutes + 30) / 60, "hour"),
        _ => ((minutes + 720) / 1_440, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_seconds_or_a_number_with_its_unit() {
        let ms = |text: &str| Span::Text(text.to_owned()).ms("x");
        assert_eq!(ms("90s"), Ok(90_000));
        assert_eq!(ms("45m"), Ok(2_700_000));
        assert_eq!(ms("7d"), Ok(604_800_000));
        assert_eq!(Span::Seconds(60).ms("x"), Ok(60_000));
        for wrong in [
            "",
            "s",
            "5",
            "-1h",
            "+1h",
            "1.5h",
            "1 h",
            "0s",
            "367d",
            "99999999999999999999d",
            "1w",
            "é",
        ] {
            assert!(ms(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn time_left_is_told_in_words() {
        for (ms, words) in [
            (59_999, "less than a minute"),
            (60_000, "1 minute"),
            (7_200_000, "2 hours"),
            (10_799_000, "3 hours"),
            (172_800_000, "2 days"),
            (604_799_000, "7 days"),
        ] {
            assert_eq!(in_words(ms), words);
        }
    }
}
