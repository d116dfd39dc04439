//! JSON strings: borrowed from the text unless they hold an escape.

use std::borrow::Cow;

use super::SyntaxError;
use super::error::Reason;
use super::scan::Scanner;

/// Reads the string that begins here.
pub(super) fn string<'t>(scanner: &mut Scanner<'t>) -> Result<Cow<'t, str>, SyntaxError> {
    scanner.next();
    let start = scanner.at;
    let text = scanner.text;
    let mut owned: Option<String> = None;
    loop {
        let before = scanner.at;
        match scanner.next() {
            None => {
                return Err(scanner.error(Reason::End {
                    expected: ": was expecting closing quote for a string value",
                }));
            }
            Some('"') => {
                return Ok(match owned {
                    Some(owned) => Cow::Owned(owned),
                    None => Cow::Borrowed(text.get(start..before).unwrap_or("")),
                });
            }
            Some('\\') => {
                let out =
                    owned.get_or_insert_with(|| text.get(start..before).unwrap_or("").to_owned());
                out.push(escape(scanner)?);
            }
            Some(control) if u32::from(control) < 0x20 => {
                return Err(scanner.error(Reason::Control {
                    code: u32::from(control),
                }));
            }
            Some(character) => {
                if let Some(out) = &mut owned {
                    out.push(character);
                }
            }
        }
    }
}

/// What a backslash and the characters behind it stand for.
fn escape(scanner: &mut Scanner<'_>) -> Result<char, SyntaxError> {
    let character = match scanner.next() {
        Some('"') => '"',
        Some('\\') => '\\',
        Some('/') => '/',
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('u') => return unicode(scanner),
        Some(found) => return Err(scanner.error(Reason::Escape { found })),
        None => {
            return Err(scanner.error(Reason::End {
                expected: " in character escape sequence",
            }));
        }
    };
    Ok(character)
}

/// One character from one or two groups of four hexadecimal digits. Half of a pair becomes the replacement character, as no text can hold it.
fn unicode(scanner: &mut Scanner<'_>) -> Result<char, SyntaxError> {
    let first = hexadecimal(scanner)?;
    if !(0xD800..0xDC00).contains(&first) {
        return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    let second_begins = scanner
        .text
        .get(scanner.at..)
        .is_some_and(|rest| rest.starts_with("\\u"));
    if !second_begins {
        return Ok(char::REPLACEMENT_CHARACTER);
    }
    let back = scanner.at;
    scanner.at += 2;
    let second = hexadecimal(scanner)?;
    if !(0xDC00..0xE000).contains(&second) {
        scanner.at = back;
        return Ok(char::REPLACEMENT_CHARACTER);
    }
    let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
}

fn hexadecimal(scanner: &mut Scanner<'_>) -> Result<u32, SyntaxError> {
    let mut code = 0;
    for _ in 0..4 {
        match scanner.next() {
            Some(found) => match found.to_digit(16) {
                Some(digit) => code = code * 16 + digit,
                None => {
                    return Err(scanner.error(Reason::Character {
                        found,
                        expected: "expected a hex-digit for character escape sequence",
                    }));
                }
            },
            None => {
                return Err(scanner.error(Reason::End {
                    expected: " in character escape sequence",
                }));
            }
        }
    }
    Ok(code)
}
