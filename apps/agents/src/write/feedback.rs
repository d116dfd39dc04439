use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

/// What a reviewer asks for. `text` is the reviewer's own wording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    Shorter {
        text: String,
    },
    Longer {
        text: String,
    },
    AtMost {
        words: usize,
        text: String,
    },
    Add {
        about: String,
        text: String,
    },
    Focus {
        about: String,
        text: String,
    },
    Remove {
        about: String,
        text: String,
    },
    /// Nothing that the writer knows how to do by itself.
    Other {
        text: String,
    },
}

impl Request {
    /// The reviewer's own wording.
    pub fn text(&self) -> &str {
        match self {
            Self::Shorter { text }
            | Self::Longer { text }
            | Self::AtMost { text, .. }
            | Self::Add { text, .. }
            | Self::Focus { text, .. }
            | Self::Remove { text, .. }
            | Self::Other { text } => text,
        }
    }
}

/// What became of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcome {
    pub request: String,
    /// `done`, `partly` or `not_done`.
    pub status: String,
    pub note: String,
}

static AT_MOST: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:at most|under|below|no more than|not more than|max(?:imum)?(?: of)?|within|limit(?:ed)? (?:it )?to|less than|fewer than|down to)\s+(\d[\d,]*)\s+words?\b",
    )
});
static ADD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:add|include|insert|write|cover|mention|discuss|needs?|missing)\b(?:\s+(?:more|something|also|please))*(?:\s+(?:(?:a|an|one|another)\s+)?(?:\w+\s+)?(?:section|chapter|paragraph|part|note|word|sentence)s?)?\s*(?:on|about|for|regarding|concerning|covering)?\s+(.+)$",
    )
});
static FOCUS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:focus(?:es)?(?:\s+(?:more|mainly|mostly|only))?\s+on|concentrate on|emphasi[sz]e|stress|highlight|prioriti[sz]e|more (?:on|about)|put more weight on)\s+(.+)$",
    )
});
static REMOVE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b(?:remove|drop|omit|delete|leave out|skip|without)\s+(.+)$"));
static SHORTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:shorter|shorten|more concise|concise|briefer|brief|condense|too long|trim|cut (?:it )?down|tighten)\b",
    )
});
static LONGER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:longer|more detail(?:ed|s)?|expand|elaborate|too short|in more depth|go deeper)\b",
    )
});
static SEPARATOR: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)[\n;]+|[.!?]+(?:\s+|$)|,?\s+(?:and|but|also|then)\s+(?:please\s+)?(?:add|include|focus|make|remove|drop|omit|shorten|keep|cut|expand|mention|emphasi[sz]e)\b|,\s+(?:please\s+)?(?:add|include|focus|make|remove|drop|omit|shorten|cut|expand|mention|emphasi[sz]e)\b",
    )
});

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the patterns are constant and a test compiles each of them")
}

/// Splits feedback into requests. Words that only approve ask for nothing.
pub(super) fn read(feedback: &str) -> Vec<Request> {
    clauses(feedback)
        .into_iter()
        .filter(|clause| !is_praise(clause))
        .map(|clause| request(&clause))
        .collect()
}

/// A separator that ends in a verb belongs, from the verb on, to the clause behind it.
fn clauses(feedback: &str) -> Vec<String> {
    let mut clauses = Vec::new();
    let mut start = 0;
    for found in SEPARATOR.find_iter(feedback) {
        clauses.push(feedback.get(start..found.start()).unwrap_or_default());
        let verb = found
            .as_str()
            .rsplit(char::is_whitespace)
            .next()
            .filter(|word| word.chars().all(char::is_alphabetic))
            .map_or(0, str::len);
        start = found.end() - verb;
    }
    clauses.push(feedback.get(start..).unwrap_or_default());
    clauses
        .into_iter()
        .map(|clause| {
            clause
                .trim()
                .trim_start_matches(['-', '*', '•', ' '])
                .to_owned()
        })
        .filter(|clause| clause.chars().any(char::is_alphanumeric))
        .collect()
}

fn is_praise(clause: &str) -> bool {
    let words = clause
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect::<Vec<_>>();
    const PRAISE: [&str; 26] = [
        "ok",
        "okay",
        "good",
        "great",
        "fine",
        "looks",
        "look",
        "lgtm",
        "approved",
        "approve",
        "yes",
        "nice",
        "well",
        "done",
        "thanks",
        "thank",
        "you",
        "excellent",
        "perfect",
        "go",
        "ahead",
        "very",
        "to",
        "me",
        "work",
        "all",
    ];
    words.iter().all(|word| PRAISE.contains(&word.as_str()))
}

fn request(clause: &str) -> Request {
    let text = clause.to_owned();
    let about = |pattern: &Regex| {
        pattern
            .captures(clause)
            .and_then(|captures| captures.get(1))
            .map(|about| clean(about.as_str()))
            .filter(|about| !about.is_empty())
    };
    if let Some(words) = AT_MOST
        .captures(clause)
        .and_then(|captures| captures.get(1))
        .and_then(|count| count.as_str().replace(',', "").parse().ok())
    {
        return Request::AtMost { words, text };
    }
    if SHORTER.is_match(clause) {
        return Request::Shorter { text };
    }
    if let Some(about) = about(&FOCUS) {
        return Request::Focus { about, text };
    }
    if LONGER.is_match(clause) {
        return Request::Longer { text };
    }
    if let Some(about) = about(&REMOVE) {
        return Request::Remove { about, text };
    }
    if let Some(about) = about(&ADD) {
        return Request::Add { about, text };
    }
    Request::Other { text }
}

fn clean(about: &str) -> String {
    let about = about.trim().trim_end_matches(['.', '!', ',', ' ']);
    let about = about.strip_suffix(" please").unwrap_or(about);
    let lower = about.to_lowercase();
    let skipped = [
        "the section on ",
        "the section about ",
        "section on ",
        "the ",
        "a ",
        "an ",
    ]
    .iter()
    .find(|prefix| lower.starts_with(**prefix))
    .map_or(0, |prefix| prefix.len());
    about
        .get(skipped..)
        .unwrap_or(about)
        .trim_matches(['"', '“', '”'])
        .to_owned()
}
