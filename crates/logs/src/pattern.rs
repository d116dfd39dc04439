//! CloudWatch Logs' filter patterns: terms, JSON selectors, and words of a line by their places.

mod condition;
mod text;
mod words;

use condition::Condition;
use text::{Fits, Text};
use words::Words;

/// A pattern can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at character {at} of the filter pattern")]
pub struct Error {
    pub what: &'static str,
    /// Counted from 1, in characters.
    pub at: usize,
}

/// A filter pattern.
#[derive(Clone, Debug)]
pub struct Pattern(Form);

#[derive(Clone, Debug)]
enum Form {
    /// Parts that a message has to contain, that it must not, and of which it needs one.
    Terms {
        all: Vec<Fits>,
        none: Vec<Fits>,
        any: Vec<Fits>,
    },
    Json(Condition),
    Words(Words),
}

impl Pattern {
    /// The empty pattern matches everything.
    ///
    /// # Errors
    /// [`Error`], with the place.
    pub fn parse(pattern: &str) -> Result<Pattern, Error> {
        let mut text = Text::new(pattern);
        text.skip_spaces();
        let form = match text.peek() {
            Some('{') => {
                text.next();
                let condition = Condition::parse(&mut text)?;
                text.expect('}', "a closing brace is missing")?;
                Form::Json(condition)
            }
            Some('[') => {
                text.next();
                Form::Words(Words::parse(&mut text)?)
            }
            _ => terms(&mut text)?,
        };
        text.skip_spaces();
        match text.peek() {
            None => Ok(Pattern(form)),
            Some(_) => Err(text.error("something stands behind the end")),
        }
    }

    #[must_use]
    pub fn matches(&self, message: &str) -> bool {
        match &self.0 {
            Form::Terms { all, none, any } => {
                let occurs = |fits: &Fits| fits.occurs_in(message);
                // As on AWS, alternatives count only where nothing else is asked for.
                let alternatives = any.is_empty() || !all.is_empty() || !none.is_empty();
                all.iter().all(occurs)
                    && !none.iter().any(occurs)
                    && (alternatives || any.iter().any(occurs))
            }
            Form::Json(condition) => {
                message.trim_start().starts_with(['{', '['])
                    && serde_json::from_str(message).is_ok_and(|value| condition.holds(&value))
            }
            Form::Words(words) => words.matches(message),
        }
    }
}

fn terms(text: &mut Text<'_>) -> Result<Form, Error> {
    let (mut all, mut none, mut any) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        text.skip_spaces();
        let place = match text.peek() {
            None => break,
            Some('-') => {
                text.next();
                &mut none
            }
            Some('?') => {
                text.next();
                &mut any
            }
            Some(_) => &mut all,
        };
        let term = text.term(|c| c.is_whitespace())?;
        place.push(term.ok_or_else(|| text.error("a term is missing"))?);
    }
    Ok(Form::Terms { all, none, any })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `# message` begins a group; then lines of `+ pattern` that matches it, `- pattern` that does not, and `! pattern` that can't be read.
    #[test]
    fn patterns_match_as_the_cases_say() {
        let mut message = String::new();
        let mut count = 0;
        for (number, line) in include_str!("pattern/cases/patterns.txt")
            .lines()
            .enumerate()
        {
            let Some((mark, rest)) = line.split_once(' ') else {
                continue;
            };
            let found = Pattern::parse(rest);
            let place = format!("line {}: {line}", number + 1);
            match mark {
                "#" => message = rest.replace("\\t", "\t"),
                "+" => assert!(found.expect(&place).matches(&message), "{place}"),
                "-" => assert!(!found.expect(&place).matches(&message), "{place}"),
                "!" => assert!(found.is_err(), "{place}"),
                _ => panic!("{place}"),
            }
            count += 1;
        }
        assert!(count > 90);
        assert!(Pattern::parse("").unwrap().matches("anything at all"));
    }

    #[test]
    fn an_error_names_its_place() {
        let error = Pattern::parse(r#"{ $.a = "x" & $.b = 1 }"#).unwrap_err();
        assert_eq!(error.at, 13);
        let error = Pattern::parse("ü %(%").unwrap_err();
        assert_eq!(
            (error.at, error.what),
            (6, "a regular expression that can't be read ends")
        );
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!(
            "{{ {} $.a = 1 {} }}",
            "(".repeat(100_000),
            ")".repeat(100_000)
        );
        assert!(Pattern::parse(&deep).is_err());
    }
}
