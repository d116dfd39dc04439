//! String and number literals: what their source text means.
//!
//! Escapes are those of Python's `unicode_escape`, because that is how the reference reads them. It also reads the UTF-8 bytes of a string as
//! Latin-1 (so `ü` becomes `Ã¼`); we decode UTF-8, and show its bytes only under `--conformance`.

/// Why an escape means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadEscape {
    /// Offset of the backslash from the beginning of the literal's inner text.
    pub at: usize,
}

/// Calls `unit` with each code point of the inner text of a string literal. Surrogates pass through one by one, as `\ud83d` gives them.
///
/// # Errors
/// An escape such as `\x4` that ends too early, or one above the last code point.
pub fn units(inner: &str, latin1: bool, mut unit: impl FnMut(u32)) -> Result<(), BadEscape> {
    let mut rest = inner;
    while let Some(stop) = rest.find('\\') {
        let at = inner.len() - rest.len() + stop;
        plain(rest.get(..stop).unwrap_or(""), latin1, &mut unit);
        let escape = rest.get(stop + 1..).unwrap_or("");
        let taken = one(escape, latin1, &mut unit).ok_or(BadEscape { at })?;
        rest = escape.get(taken..).unwrap_or("");
    }
    plain(rest, latin1, &mut unit);
    Ok(())
}

fn plain(text: &str, latin1: bool, unit: &mut impl FnMut(u32)) {
    if latin1 {
        text.bytes().for_each(|byte| unit(u32::from(byte)));
    } else {
        text.chars().for_each(|c| unit(u32::from(c)));
    }
}

/// Reads what stands behind a backslash and tells how many bytes that were.
fn one(escape: &str, latin1: bool, unit: &mut impl FnMut(u32)) -> Option<usize> {
    let first = escape.chars().next()?;
    let simple = match first {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        '\\' | '"' | '\'' => first,
        'x' => return hex(escape, 2, unit),
        'u' => return hex(escape, 4, unit),
        'U' => return hex(escape, 8, unit),
        '0'..='7' => return Some(octal(escape, unit)),
        // Names of characters need a table of all of them, which no AFL source was seen to use.
        'N' => return None,
        _ => {
            unit(u32::from('\\'));
            plain(escape.get(..first.len_utf8()).unwrap_or(""), latin1, unit);
            return Some(first.len_utf8());
        }
    };
    unit(u32::from(simple));
    Some(1)
}

fn hex(escape: &str, digits: usize, unit: &mut impl FnMut(u32)) -> Option<usize> {
    let text = escape
        .get(1..=digits)
        .filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let value = u32::from_str_radix(text, 16)
        .ok()
        .filter(|value| *value <= 0x10_ffff)?;
    unit(value);
    Some(digits + 1)
}

fn octal(escape: &str, unit: &mut impl FnMut(u32)) -> usize {
    let digits = escape
        .bytes()
        .take(3)
        .take_while(|b| matches!(b, b'0'..=b'7'));
    let mut length = 0;
    let value = digits.fold(0, |value, digit| {
        length += 1;
        value * 8 + u32::from(digit - b'0')
    });
    unit(value);
    length
}

/// Whether the inner text of a literal has half of a surrogate pair, which is no character. Bad escapes are not judged here.
#[must_use]
pub fn has_lone_surrogate(inner: &str) -> bool {
    let mut high = false;
    let mut lone = false;
    let _ = units(inner, false, |unit| {
        let low = (0xdc00..0xe000).contains(&unit);
        lone |= high != low;
        high = (0xd800..0xdc00).contains(&unit);
    });
    lone || high
}

/// The text of a string literal with its quotes. Lone surrogates become U+FFFD, pairs are joined, bad escapes stay as written.
#[must_use]
pub fn text(literal: &str) -> String {
    let mut out = String::with_capacity(literal.len());
    let mut high = None;
    let result = units(inner(literal), false, |unit| {
        push(&mut out, &mut high, unit)
    });
    if high.is_some() {
        out.push('\u{fffd}');
    }
    if result.is_err() {
        inner(literal).to_owned()
    } else {
        out
    }
}

fn push(out: &mut String, high: &mut Option<u32>, unit: u32) {
    if let Some(first) = high.take() {
        if (0xdc00..0xe000).contains(&unit) {
            let joined = 0x1_0000 + ((first - 0xd800) << 10) + (unit - 0xdc00);
            return out.push(char::from_u32(joined).unwrap_or('\u{fffd}'));
        }
        out.push('\u{fffd}');
    }
    if (0xd800..0xdc00).contains(&unit) {
        *high = Some(unit);
    } else {
        out.push(char::from_u32(unit).unwrap_or('\u{fffd}'));
    }
}

/// A string literal without its quotes; the closing one may be missing.
#[must_use]
pub fn inner(literal: &str) -> &str {
    let inner = literal.strip_prefix('"').unwrap_or(literal);
    inner.strip_suffix('"').unwrap_or(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_follow_python() {
        assert_eq!(text(r#""a\n\x41\u00e9\101\q\"""#), "a\nAéA\\q\"");
        assert_eq!(text(r#""\ud83d\ude00 \ud83d""#), "😀 \u{fffd}");
        assert_eq!(units(r"ab\x4", false, |_| {}), Err(BadEscape { at: 2 }));
    }

    #[test]
    fn halves_of_surrogate_pairs_are_found() {
        assert!(has_lone_surrogate(r"a\ud83d") && has_lone_surrogate(r"\ude00b"));
        assert!(!has_lone_surrogate(r"\ud83d\ude00") && !has_lone_surrogate("😀"));
    }

    #[test]
    fn the_reference_reads_latin_1() {
        let mut seen = Vec::new();
        units("ü", true, |unit| seen.push(unit)).unwrap();
        assert_eq!(seen, [0xc3, 0xbc]);
        assert_eq!(text("\"ü\""), "ü");
    }
}
