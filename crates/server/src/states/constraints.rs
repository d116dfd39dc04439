//! The bounds that the service's model sets to a request's members. What breaks them is told all at once.

use std::fmt::Write as _;

use super::errors::Error;

/// What a request breaks.
#[derive(Debug, Default)]
pub(super) struct Constraints(Vec<String>);

impl Constraints {
    /// A member must be there.
    pub(super) fn required<T>(&mut self, name: &str, value: Option<&T>) -> &mut Self {
        if value.is_none() {
            self.0.push(format!(
                "Value null at '{name}' failed to satisfy constraint: Member must not be null"
            ));
        }
        self
    }

    /// A text that has so many characters, if it is there.
    pub(super) fn text(
        &mut self,
        name: &str,
        value: Option<&String>,
        min: usize,
        max: usize,
    ) -> &mut Self {
        if let Some(value) = value {
            self.length(&format!("Value '{value}' at '{name}'"), value, min, max);
        }
        self
    }

    /// As [`Constraints::text`], of what is not repeated in answers.
    pub(super) fn secret(
        &mut self,
        name: &str,
        value: Option<&String>,
        min: usize,
        max: usize,
    ) -> &mut Self {
        if let Some(value) = value {
            self.length(&format!("Value at '{name}'"), value, min, max);
        }
        self
    }

    /// A payload: it is measured in bytes, and not repeated in answers.
    pub(super) fn payload(&mut self, name: &str, value: Option<&String>, max: usize) -> &mut Self {
        if value.is_some_and(|value| value.len() > max) {
            self.0.push(format!(
                "Value at '{name}' failed to satisfy constraint: Member must have length less than or equal to {max}"
            ));
        }
        self
    }

    fn length(&mut self, subject: &str, value: &str, min: usize, max: usize) {
        // A text has at least as many bytes as characters: most need not be counted.
        let count = if value.len() > max || min > 1 {
            value.chars().count()
        } else {
            value.len()
        };
        let bound = if count < min {
            format!("greater than or equal to {min}")
        } else if count > max {
            format!("less than or equal to {max}")
        } else {
            return;
        };
        self.0.push(format!(
            "{subject} failed to satisfy constraint: Member must have length {bound}"
        ));
    }

    /// A number within bounds, if it is there.
    pub(super) fn number(
        &mut self,
        name: &str,
        value: Option<i64>,
        min: i64,
        max: i64,
    ) -> &mut Self {
        let Some(value) = value else { return self };
        let bound = if value < min {
            format!("greater than or equal to {min}")
        } else if value > max {
            format!("less than or equal to {max}")
        } else {
            return self;
        };
        self.0.push(format!(
            "Value '{value}' at '{name}' failed to satisfy constraint: Member must have value {bound}"
        ));
        self
    }

    /// One of the words that the model lists.
    pub(super) fn word(&mut self, name: &str, value: Option<&String>, words: &[&str]) -> &mut Self {
        if let Some(value) = value
            && !words.contains(&value.as_str())
        {
            self.0.push(format!(
                "Value '{value}' at '{name}' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
                words.join(", ")
            ));
        }
        self
    }

    /// A text of the form that a regular expression says; whether it has it is for the caller to find.
    pub(super) fn pattern(
        &mut self,
        name: &str,
        value: Option<&String>,
        pattern: &str,
        fits: impl Fn(&str) -> bool,
    ) -> &mut Self {
        if let Some(value) = value
            && !fits(value)
        {
            self.0.push(format!(
                "Value '{value}' at '{name}' failed to satisfy constraint: Member must satisfy regular expression pattern: {pattern}"
            ));
        }
        self
    }

    /// A list's length; `shown` is how the service writes the list.
    pub(super) fn list(
        &mut self,
        name: &str,
        length: usize,
        (min, max): (usize, usize),
        shown: impl Fn() -> String,
    ) -> &mut Self {
        let bound = if length < min {
            format!("greater than or equal to {min}")
        } else if length > max {
            format!("less than or equal to {max}")
        } else {
            return self;
        };
        self.0.push(format!(
            "Value '{}' at '{name}' failed to satisfy constraint: Member must have length {bound}",
            shown()
        ));
        self
    }

    /// # Errors
    /// [`Error::Validation`] when anything was broken.
    pub(super) fn done(&mut self) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let plural = if self.0.len() == 1 { "" } else { "s" };
        let mut text = format!("{} validation error{plural} detected: ", self.0.len());
        let _ = write!(text, "{}", self.0.join("; "));
        Err(Error::validation(text))
    }
}
