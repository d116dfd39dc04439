//! `StringMatches`: text in which `*` stands for any characters.

use std::sync::Arc;

/// A pattern, taken apart where its wildcards are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The literal parts between the wildcards: one more than there are wildcards.
    parts: Vec<String>,
    source: Arc<str>,
}

impl Pattern {
    /// Reads a pattern. `\*` stands for an asterisk and `\\` for a backslash; before any other character a backslash is itself.
    #[must_use]
    pub fn parse(text: &str) -> Pattern {
        let mut parts = vec![];
        let mut part = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '*' => parts.push(std::mem::take(&mut part)),
                '\\' => match characters.next() {
                    Some(escaped @ ('*' | '\\')) => part.push(escaped),
                    Some(other) => part.extend(['\\', other]),
                    None => part.push('\\'),
                },
                other => part.push(other),
            }
        }
        parts.push(part);
        Pattern {
            parts,
            source: Arc::from(text),
        }
    }

    /// Whether all of the text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.parts.split_first() else {
            return false;
        };
        let Some((last, middle)) = rest.split_last() else {
            return text == first;
        };
        let Some(text) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some(mut text) = text.strip_suffix(last.as_str()) else {
            return false;
        };
        // The earliest place of each part leaves the most text to those behind it.
        for part in middle {
            let Some((_, behind)) = text.split_once(part.as_str()) else {
                return false;
            };
            text = behind;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::parse(pattern).matches(text)
    }

    #[test]
    fn wildcards_stand_for_any_characters() {
        assert!(matches("log-*.txt", "log-2026.txt"));
        assert!(matches("log-*.txt", "log-.txt"));
        assert!(!matches("log-*.txt", "log-2026.txt.gz"));
        assert!(!matches("log-*.txt", "a log-2026.txt"));
        assert!(matches("*", ""));
        assert!(matches("**", "anything"));
        assert!(matches("a*b*c", "a-b-b-c"));
        assert!(!matches("a*b*c", "a-c-b"));
        assert!(!matches("ab*ba", "aba"));
        assert!(matches("", ""));
        assert!(!matches("", "a"));
        assert!(matches("ä*ß", "äöüß"));
    }

    #[test]
    fn escaped_asterisks_are_literal() {
        assert!(matches("a\\*", "a*"));
        assert!(!matches("a\\*", "ab"));
        assert!(matches("a\\\\*", "a\\b"));
        assert!(matches("a\\b*\\", "a\\b-\\"));
    }
}
