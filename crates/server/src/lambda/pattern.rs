//! CloudWatch Logs' filter patterns, as far as they are served: plain and quoted terms that all have to occur, and JSON patterns that compare
//! members of a line with texts.

use serde_json::Value;

/// A filter pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// All of these occur in the line.
    Terms(Vec<String>),
    /// The line is a JSON object, and in one of the alternatives every comparison holds.
    Json(Vec<Vec<Comparison>>),
}

/// `$.member.member = "text"` or `!=`; a text that ends or begins with `*` matches what begins or ends with the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comparison {
    pointer: String,
    equal: bool,
    text: String,
}

impl Pattern {
    /// `None` for a pattern that is not served.
    pub(super) fn parse(pattern: &str) -> Option<Self> {
        let pattern = pattern.trim();
        if let Some(inner) = pattern.strip_prefix('{') {
            let inner = inner.strip_suffix('}')?;
            let alternatives = outside_quotes(inner, "||").into_iter();
            let parsed = alternatives.map(|alternative| {
                let parts = outside_quotes(&alternative, "&&");
                parts.iter().map(|part| Comparison::parse(part)).collect()
            });
            return parsed.collect::<Option<_>>().map(Self::Json);
        }
        if pattern.starts_with(['[', '%', '-', '?']) {
            return None;
        }
        let mut terms = Vec::new();
        // Every second piece between quotes was inside of them.
        for (index, piece) in pattern.split('"').enumerate() {
            if index % 2 == 1 {
                terms.push(piece.to_owned());
            } else {
                terms.extend(piece.split_whitespace().map(str::to_owned));
            }
        }
        Some(Self::Terms(terms))
    }

    pub(super) fn matches(&self, line: &str) -> bool {
        match self {
            Self::Terms(terms) => terms.iter().all(|term| line.contains(term.as_str())),
            Self::Json(alternatives) => {
                let Ok(line) = serde_json::from_str::<Value>(line) else {
                    return false;
                };
                let holds = |all: &Vec<Comparison>| all.iter().all(|one| one.holds(&line));
                alternatives.iter().any(holds)
            }
        }
    }
}

impl Comparison {
    fn parse(text: &str) -> Option<Self> {
        let text = text
            .trim()
            .trim_start_matches('(')
            .trim_end_matches(')')
            .trim();
        let (path, text) = text.strip_prefix("$.")?.split_once('=')?;
        let (path, equal) = match path.strip_suffix('!') {
            Some(path) => (path, false),
            None => (path, true),
        };
        let text = text.trim();
        let text = text
            .strip_prefix('"')
            .map_or(Some(text), |text| text.strip_suffix('"'))?;
        let pointer = format!("/{}", path.trim().replace('.', "/"));
        Some(Self {
            pointer,
            equal,
            text: text.to_owned(),
        })
    }

    fn holds(&self, line: &Value) -> bool {
        let found = match line.pointer(&self.pointer) {
            Some(Value::String(text)) => self.fits(text),
            Some(Value::Null) | None => false,
            Some(other) => self.fits(&other.to_string()),
        };
        found == self.equal
    }

    fn fits(&self, text: &str) -> bool {
        match (self.text.strip_prefix('*'), self.text.strip_suffix('*')) {
            (Some(end), None) => text.ends_with(end),
            (None, Some(begin)) => text.starts_with(begin),
            _ => text == self.text,
        }
    }
}

/// Splits at an operator that does not stand inside a quoted text.
fn outside_quotes(text: &str, operator: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for (index, piece) in text.split('"').enumerate() {
        let quoted = index % 2 == 1;
        let pieces: Vec<&str> = if quoted {
            vec![piece]
        } else {
            piece.split(operator).collect()
        };
        for (at, piece) in pieces.iter().enumerate() {
            if at > 0 {
                parts.push(String::new());
            }
            if let Some(last) = parts.last_mut() {
                if quoted {
                    last.push('"');
                }
                last.push_str(piece);
                if quoted {
                    last.push('"');
                }
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"executionArn":"arn:a/b || c","level":"INFO","nested":{"count":3}}"#;

    #[test]
    fn patterns_match_lines() {
        for (pattern, matches) in [
            ("", true),
            ("INFO nested", true),
            (r#""arn:a/b || c""#, true),
            ("INFO absent", false),
            (r#"{ $.level = "INFO" }"#, true),
            (r#"{ $.level != "INFO" }"#, false),
            (
                r#"{ ($.durableExecutionArn = "x") || ($.executionArn = "arn:a/b || c") }"#,
                true,
            ),
            (r#"{ ($.level = "INFO") && ($.nested.count = 3) }"#, true),
            (r#"{ ($.level = "INFO") && ($.nested.count = 4) }"#, false),
            (r#"{ $.executionArn = "arn:*" }"#, true),
            (r#"{ $.absent = "x" }"#, false),
        ] {
            let parsed = Pattern::parse(pattern).expect("served");
            assert_eq!(parsed.matches(LINE), matches, "{pattern}");
        }
    }

    #[test]
    fn other_patterns_are_refused() {
        for pattern in [
            "[a, b]",
            "?ERROR ?WARN",
            "-INFO",
            "{ $.a IS NULL }",
            "{ $.a = \"x\"",
        ] {
            assert_eq!(Pattern::parse(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn a_line_that_is_no_json_matches_no_json_pattern() {
        let pattern = Pattern::parse(r#"{ $.a = "x" }"#).expect("served");
        assert!(!pattern.matches("START RequestId"));
    }
}
