//! Why a text is no JSON, in the words of the parser that the service uses.

use thiserror::Error;

/// The text is no JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub reason: Reason,
    /// The byte behind the last one that was read.
    pub offset: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Reason {
    #[error(
        "Unrecognized token '{token}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
    )]
    Token { token: String },
    #[error("Unexpected character ({}): {expected}", shown(*found))]
    Character { found: char, expected: &'static str },
    #[error("Unexpected end-of-input{expected}")]
    End { expected: &'static str },
    #[error(
        "Illegal unquoted character ((CTRL-CHAR, code {code})): has to be escaped using backslash to be included in string value"
    )]
    Control { code: u32 },
    #[error("Unrecognized character escape {}", shown(*found))]
    Escape { found: char },
    #[error("Invalid numeric value: Leading zeroes not allowed")]
    LeadingZero,
    #[error("Duplicate field '{name}'")]
    Duplicate { name: String },
    #[error("Document nesting depth ({depth}) exceeds the maximum allowed ({max})")]
    Depth { depth: usize, max: usize },
}

/// A character with its number, because it may be one that cannot be seen.
fn shown(character: char) -> String {
    let code = u32::from(character);
    if character.is_control() {
        format!("(CTRL-CHAR, code {code})")
    } else {
        format!("'{character}' (code {code})")
    }
}

/// So much of the text is repeated in an error.
const EXCERPT_CHARACTERS_MAX: usize = 500;

impl SyntaxError {
    /// The place as the service writes it.
    pub fn location(&self, text: &str) -> String {
        let read = text.get(..self.offset).unwrap_or(text);
        let line = read.matches('\n').count() + 1;
        let begin = read.rfind('\n').map_or(0, |newline| newline + 1);
        let column = read.get(begin..).unwrap_or("").chars().count() + 1;
        format!(
            "[Source: (String){}; line: {line}, column: {column}]",
            excerpt(text)
        )
    }
}

fn excerpt(text: &str) -> String {
    let shown: String = text.chars().take(EXCERPT_CHARACTERS_MAX).collect();
    let left = text
        .get(shown.len()..)
        .map_or(0, |rest| rest.chars().count());
    if left > 0 {
        format!("\"{shown}\"[truncated {left} chars]")
    } else {
        format!("\"{shown}\"")
    }
}
