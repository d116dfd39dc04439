//! `Range` of RFC 9110, as far as one range goes.

use std::ops::Range;

/// What a header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The whole: nothing is asked for, or something that may be ignored.
    All,
    From {
        first: u64,
        last: Option<u64>,
    },
    Last(u64),
}

/// Several ranges and other units may be ignored, and are.
pub(super) fn parse(header: Option<&str>) -> Wanted {
    let read = || {
        let range = header?.trim().strip_prefix("bytes=")?;
        let (first, last) = range.split_once('-')?;
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
        };
        match (first.trim(), last.trim()) {
            ("", last) => Some(Wanted::Last(number(last)?)),
            (first, "") => Some(Wanted::From {
                first: number(first)?,
                last: None,
            }),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Wanted::From {
                    first,
                    last: Some(last),
                })
            }
        }
    };
    read().unwrap_or(Wanted::All)
}

impl Wanted {
    /// The range of a content of this size; `None` when the content has nothing of it.
    pub(super) fn of(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::All => return Some(0..size),
            Self::From { first, last } => {
                first..last.map_or(size, |last| last.saturating_add(1).min(size))
            }
            Self::Last(count) => size.saturating_sub(count)..size,
        };
        (range.start < range.end).then_some(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_has_them() {
        for (header, size, expected) in [
            (None, 10, Some(0..10)),
            (None, 0, Some(0..0)),
            (Some("bytes=0-3"), 10, Some(0..4)),
            (Some("bytes=0-0"), 10, Some(0..1)),
            (Some("bytes=9-"), 10, Some(9..10)),
            (Some("bytes=5-99"), 10, Some(5..10)),
            (Some("bytes=0-18446744073709551615"), 10, Some(0..10)),
            (Some("bytes=-3"), 10, Some(7..10)),
            (Some("bytes=-30"), 10, Some(0..10)),
            (Some("bytes=-0"), 10, None),
            (Some("bytes=10-"), 10, None),
            (Some("bytes=0-"), 0, None),
            (Some("bytes=99999999999999999999-"), 10, None),
            (Some("bytes=3-2"), 10, Some(0..10)),
            (Some("bytes=0-1,4-5"), 10, Some(0..10)),
            (Some("bytes=a-b"), 10, Some(0..10)),
            (Some("bytes=-"), 10, Some(0..10)),
            (Some("lines=1-2"), 10, Some(0..10)),
        ] {
            assert_eq!(parse(header).of(size), expected, "{header:?}");
        }
    }
}
