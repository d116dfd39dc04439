//! RFC 3339 times, with the states language's restrictions: an upper-case `T`, and `Z` or a numeric offset.

use everstep_core::Timestamp;

/// A point in time, as precise as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Nanoseconds of that second. Finer digits are dropped.
    pub nanoseconds: u32,
}

impl Instant {
    /// Reads a time. `None` if the text is not exactly one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Instant> {
        let mut digits = Digits(text.as_bytes());
        let year = digits.number(4)?;
        digits.byte(b'-')?;
        let month = digits.number(2)?;
        digits.byte(b'-')?;
        let day = digits.number(2)?;
        digits.byte(b'T')?;
        let hour = digits.number(2)?;
        digits.byte(b':')?;
        let minute = digits.number(2)?;
        digits.byte(b':')?;
        let second = digits.number(2)?;
        let nanoseconds = digits.fraction()?;
        let offset_seconds = digits.offset()?;
        let in_range = (1..=12).contains(&month)
            && (1..=days_of(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60
            && digits.0.is_empty();
        let seconds =
            days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
                - offset_seconds;
        in_range.then_some(Instant {
            seconds,
            nanoseconds,
        })
    }

    /// The kernel's time. It begins in 1970: what lies before is its beginning.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        let seconds = u64::try_from(self.seconds).unwrap_or(0);
        if self.seconds < 0 {
            return Timestamp(0);
        }
        // A part of a millisecond counts as a whole one: a timer is never early.
        let milliseconds = u64::from(self.nanoseconds.div_ceil(1_000_000));
        Timestamp(seconds.saturating_mul(1_000).saturating_add(milliseconds))
    }
}

/// The bytes not read yet.
struct Digits<'t>(&'t [u8]);

impl Digits<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    /// Exactly so many digits.
    fn number(&mut self, count: usize) -> Option<i64> {
        let mut number = 0;
        for _ in 0..count {
            let digit = self.next()?;
            if !digit.is_ascii_digit() {
                return None;
            }
            number = number * 10 + i64::from(digit - b'0');
        }
        Some(number)
    }

    /// A point and at least one digit, or nothing.
    fn fraction(&mut self) -> Option<u32> {
        if self.0.first() != Some(&b'.') {
            return Some(0);
        }
        self.next();
        let (mut nanoseconds, mut unit, mut any) = (0, 100_000_000, false);
        while let Some(digit) = self.0.first().filter(|byte| byte.is_ascii_digit()) {
            nanoseconds += u32::from(digit - b'0') * unit;
            unit /= 10;
            any = true;
            self.next();
        }
        any.then_some(nanoseconds)
    }

    /// `Z`, or hours and minutes that the place is ahead or behind.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.next()? {
            b'Z' => return Some(0),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let hours = self.number(2)?;
        self.byte(b':')?;
        let minutes = self.number(2)?;
        (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
    }
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Counted in years that begin in March, so that the leap day is the last one.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<i64> {
        Instant::parse(text).map(|instant| instant.seconds)
    }

    #[test]
    fn times_are_read() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2016-03-14T01:59:00Z"), Some(1_457_920_740));
        assert_eq!(seconds("2000-02-29T23:59:59Z"), Some(951_868_799));
        assert_eq!(
            seconds("2016-03-14T01:59:00+02:30"),
            Some(1_457_920_740 - 9_000)
        );
        assert_eq!(
            seconds("2016-03-14T01:59:00-02:30"),
            Some(1_457_920_740 + 9_000)
        );
        assert_eq!(seconds("0001-01-01T00:00:00Z"), Some(-62_135_596_800));
        assert_eq!(
            Instant::parse("2016-03-05T21:29:29.243167252Z").map(|instant| instant.nanoseconds),
            Some(243_167_252)
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2016-03-14",
            "2016-12-05 21:29:29Z",
            "2016-12-05t21:29:29Z",
            "2016-12-05T21:29:29z",
            "2016-12-05T21:29:29",
            "2016-13-05T21:29:29Z",
            "2016-00-05T21:29:29Z",
            "2015-02-29T21:29:29Z",
            "2016-12-05T25:29:29Z",
            "2016-12-05T21:60:29Z",
            "2016-12-05T21:29:60Z",
            "2016-12-05T21:29:29.Z",
            "2016-12-05T21:29:29Z ",
            "2016-12-05T21:29:29+0100",
            "05-12-2016T21:29:29Z",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn the_kernel_is_never_early() {
        let timestamp = |text| Instant::parse(text).map(Instant::timestamp);
        assert_eq!(
            timestamp("1970-01-01T00:00:01.000000001Z"),
            Some(Timestamp(1_001))
        );
        assert_eq!(timestamp("1969-12-31T23:59:59.5Z"), Some(Timestamp(0)));
    }
}
