//! JSON texts that requests bring, and what is said of those that are none: the words of the service's own parser.

use everstep_asl::machine::{Document, DocumentId};
use everstep_core::Sequence;
use serde::de::IgnoredAny;
use serde_json::error::Category;

const VALUE: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// Whether a text is one JSON value that executions can look into; otherwise, what is wrong.
pub(super) fn check(text: &str) -> Result<(), String> {
    let document = Document::new(DocumentId(0), Sequence(0), text.into());
    let Err(refused) = document.parsed() else {
        return Ok(());
    };
    let error = match serde_json::from_str::<IgnoredAny>(text) {
        // Well formed, and yet too deep or no text.
        Ok(_) => return Err(refused.to_string()),
        Err(error) => error,
    };
    if error.classify() == Category::Eof {
        return Err("Unexpected end-of-input".to_owned());
    }
    let at = offset(text, error.line(), error.column());
    if let Some(token) = token(text, at) {
        return Err(format!(
            "Unrecognized token '{token}': was expecting {VALUE}"
        ));
    }
    let Some(found) = text.get(at..).and_then(|rest| rest.chars().next()) else {
        return Err("Unexpected end-of-input".to_owned());
    };
    let said = error.to_string();
    let expected = if said.starts_with("key must be a string") {
        "was expecting double-quote to start field name"
    } else if said.starts_with("expected `:`") {
        "was expecting a colon to separate field name and value"
    } else if said.starts_with("expected `,` or `}`") {
        "was expecting comma to separate Object entries"
    } else if said.starts_with("expected `,` or `]`") {
        "was expecting comma to separate Array entries"
    } else {
        let code = u32::from(found);
        return Err(format!(
            "Unexpected character ('{found}' (code {code})): expected a valid value {VALUE}"
        ));
    };
    let code = u32::from(found);
    Err(format!(
        "Unexpected character ('{found}' (code {code})): {expected}"
    ))
}

/// Where the parser stopped: its columns count bytes, from 1.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before = line.saturating_sub(1);
    let lines: usize = text.split_inclusive('\n').take(before).map(str::len).sum();
    let mut at = lines + column.saturating_sub(1);
    while at > 0 && !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The word around a place, unless that is one of JSON's or inside a string.
fn token(text: &str, at: usize) -> Option<&str> {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let (before, behind) = text.split_at_checked(at)?;
    let start = before.trim_end_matches(word).len();
    let end = at + (behind.len() - behind.trim_start_matches(word).len());
    let found = text.get(start..end)?;
    let begins = found.starts_with(|c: char| c.is_alphabetic());
    let quoted = before.get(..start)?.ends_with('"');
    (begins && !quoted && !matches!(found, "null" | "true" | "false")).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_json_is_described_as_the_service_does() {
        for good in ["{}", "2", "\"text\"", "null", " [1, {\"a\": true}] "] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let word = |token: &str| format!("Unrecognized token '{token}': was expecting {VALUE}");
        let character = |c: char, said: &str| {
            format!(
                "Unexpected character ('{c}' (code {})): {said}",
                u32::from(c)
            )
        };
        let value = format!("expected a valid value {VALUE}");
        for (text, said) in [
            ("not some json", word("not")),
            ("nope", word("nope")),
            ("{\"a\": nil}", word("nil")),
            ("[true, falsy]", word("falsy")),
            (
                "{'not': 'json'",
                character('\'', "was expecting double-quote to start field name"),
            ),
            (
                "{\"a\" 1}",
                character(
                    '1',
                    "was expecting a colon to separate field name and value",
                ),
            ),
            (
                "{\"a\": 1 \"b\": 2}",
                character('"', "was expecting comma to separate Object entries"),
            ),
            (
                "[1 2]",
                character('2', "was expecting comma to separate Array entries"),
            ),
            ("[1,\n\n  ;]", character(';', &value)),
            ("\u{00e4}\u{20ac}", word("\u{00e4}")),
            ("{\"a\": ", "Unexpected end-of-input".to_owned()),
            ("\"open", "Unexpected end-of-input".to_owned()),
        ] {
            assert_eq!(check(text), Err(said), "{text}");
        }
    }
}
