//! Reading a pattern character by character, and the texts that it compares with.

use regex::Regex;

use super::Error;

/// What a part of a message is compared with.
#[derive(Clone, Debug)]
pub(super) enum Fits {
    /// Pieces between stars.
    Glob {
        pieces: Vec<String>,
        text: String,
    },
    Regex(Regex),
}

impl Fits {
    fn glob(text: &str) -> Fits {
        let pieces = text.split('*').map(str::to_owned).collect();
        Fits::Glob {
            pieces,
            text: text.to_owned(),
        }
    }

    /// Whether a whole value is meant: stars stand for anything, a regular expression may match a part.
    pub(super) fn is(&self, value: &str) -> bool {
        match self {
            Fits::Regex(regex) => regex.is_match(value),
            Fits::Glob { pieces, .. } => match pieces.as_slice() {
                [] => value.is_empty(),
                [only] => value == only,
                [first, between @ .., last] => {
                    let Some(rest) = value.strip_prefix(first.as_str()) else {
                        return false;
                    };
                    let Some(mut rest) = rest.strip_suffix(last.as_str()) else {
                        return false;
                    };
                    between
                        .iter()
                        .all(|piece| match rest.split_once(piece.as_str()) {
                            Some((_, behind)) => {
                                rest = behind;
                                true
                            }
                            None => false,
                        })
                }
            },
        }
    }

    /// Whether a message contains it; here a star is a star.
    pub(super) fn occurs_in(&self, message: &str) -> bool {
        match self {
            Fits::Regex(regex) => regex.is_match(message),
            Fits::Glob { text, .. } => message.contains(text.as_str()),
        }
    }

    /// The number that it is, when it is one.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Fits::Glob { text, .. } => text.parse().ok().filter(|number: &f64| number.is_finite()),
            Fits::Regex(_) => None,
        }
    }
}

/// A pattern that is being read.
pub(super) struct Text<'a> {
    rest: std::str::Chars<'a>,
    at: usize,
}

impl<'a> Text<'a> {
    pub(super) fn new(text: &'a str) -> Text<'a> {
        Text {
            rest: text.chars(),
            at: 0,
        }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        self.at += 1;
        self.rest.next()
    }

    pub(super) fn error(&self, what: &'static str) -> Error {
        Error {
            what,
            at: self.at + 1,
        }
    }

    pub(super) fn skip_spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    /// Takes a piece that comes next, behind spaces.
    pub(super) fn take(&mut self, piece: &str) -> bool {
        self.skip_spaces();
        let found = self.rest.as_str().starts_with(piece);
        if found {
            for _ in piece.chars() {
                self.next();
            }
        }
        found
    }

    /// Takes a word in capitals, as `IS` and `EXISTS`.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        self.skip_spaces();
        let behind = self.rest.as_str().strip_prefix(word);
        let ends = behind.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()));
        ends && self.take(word)
    }

    pub(super) fn expect(&mut self, mark: char, what: &'static str) -> Result<(), Error> {
        self.skip_spaces();
        if self.peek() != Some(mark) {
            return Err(self.error(what));
        }
        self.next();
        Ok(())
    }

    /// A quoted text, a regular expression between percent signs, or plain characters up to an end; `None` when there is nothing.
    pub(super) fn term(&mut self, ends: impl Fn(char) -> bool) -> Result<Option<Fits>, Error> {
        self.skip_spaces();
        match self.peek() {
            Some('"') => Ok(Some(Fits::glob(&self.quoted('"')?))),
            Some('%') => {
                self.next();
                let mut text = String::new();
                loop {
                    match self.next() {
                        Some('%') => break,
                        Some('\\') if self.peek() == Some('%') => text.extend(self.next()),
                        Some(c) => text.push(c),
                        None => return Err(self.error("a percent sign is missing")),
                    }
                }
                let regex = Regex::new(&text);
                let refused = |_| self.error("a regular expression that can't be read ends");
                regex.map_err(refused).map(|regex| Some(Fits::Regex(regex)))
            }
            _ => {
                let text = self.plain(ends);
                Ok((!text.is_empty()).then(|| Fits::glob(&text)))
            }
        }
    }

    /// Characters up to an end that is not taken.
    pub(super) fn plain(&mut self, ends: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while let Some(c) = self.peek().filter(|c| !ends(*c)) {
            text.push(c);
            self.next();
        }
        text
    }

    /// What stands between two marks; a backslash takes the next character as it is.
    pub(super) fn quoted(&mut self, mark: char) -> Result<String, Error> {
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                Some('\\') => match self.next() {
                    Some(c) => text.push(c),
                    None => return Err(self.error("a quotation mark is missing")),
                },
                Some(c) if c == mark => return Ok(text),
                Some(c) => text.push(c),
                None => return Err(self.error("a quotation mark is missing")),
            }
        }
    }
}
