//! Why a text is no JSON, in the words of the parser that the service uses.

use std::fmt;

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
    #[error("Unexpected end-of-input within/between {inside} entries")]
    EndBetween { inside: Scope },
    /// The text ends where the scope could have.
    #[error("Unexpected end-of-input: expected close marker for {inside}")]
    EndOpen { inside: Scope, start: usize },
    #[error("Unexpected close marker '{found}': expected '{}'", inside.close())]
    Mismatch {
        found: char,
        inside: Scope,
        start: usize,
    },
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

/// What may be open when a text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Object,
    Array,
}

impl Scope {
    pub fn close(self) -> char {
        match self {
            Scope::Object => '}',
            Scope::Array => ']',
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scope::Object => "Object",
            Scope::Array => "Array",
        })
    }
}

/// A character with its number, because it may be one that cannot be seen.
fn shown(character: char) -> String {
    let code = u32::from(character);
    if character.is_control() {
        format!("(CTRL-CHAR, code {code})")
    } else if code > 255 {
        format!("'{character}' (code {code} / 0x{code:x})")
    } else {
        format!("'{character}' (code {code})")
    }
}

/// So much of the text is repeated in an error.
const EXCERPT_CHARACTERS_MAX: usize = 500;

impl SyntaxError {
    /// What is wrong, with the place where the open scope began if it matters.
    pub fn message(&self, text: &str) -> String {
        match &self.reason {
            Reason::EndOpen { start, .. } => {
                format!("{} (start marker at {})", self.reason, place(text, *start))
            }
            Reason::Mismatch { inside, start, .. } => {
                let start = place(text, *start);
                format!("{} (for {inside} starting at {start})", self.reason)
            }
            reason => reason.to_string(),
        }
    }

    /// The place as the service writes it.
    pub fn location(&self, text: &str) -> String {
        place(text, self.offset)
    }
}

fn place(text: &str, offset: usize) -> String {
    let read = text.get(..offset).unwrap_or(text);
    let line = read.matches('\n').count() + 1;
    let begin = read.rfind('\n').map_or(0, |newline| newline + 1);
    let column = read.get(begin..).unwrap_or("").chars().count() + 1;
    format!(
        "[Source: (String){}; line: {line}, column: {column}]",
        excerpt(text)
    )
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
