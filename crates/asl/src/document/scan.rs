//! Reads JSON strictly, and says where it ends being JSON.

use std::borrow::Cow;
use std::collections::HashSet;

use super::error::Reason;
use super::string::string;
use super::{DEPTH_MAX, Data, Member, Node, SyntaxError};

const VALUE: &str = "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

pub(super) struct Scanner<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
}

impl<'t> Scanner<'t> {
    pub fn new(text: &'t str) -> Scanner<'t> {
        Scanner { text, at: 0 }
    }

    /// One value, and nothing behind it.
    pub fn document(&mut self) -> Result<Node<'t>, SyntaxError> {
        self.space();
        let node = self.value(0)?;
        self.space();
        match self.next() {
            None => Ok(node),
            Some(found) => Err(self.error(Reason::Character {
                found,
                expected: "expected the end of the definition",
            })),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node<'t>, SyntaxError> {
        let start = self.at;
        if depth > DEPTH_MAX {
            return Err(self.error(Reason::Depth {
                depth,
                max: DEPTH_MAX,
            }));
        }
        let data = match self.peek() {
            Some('{') => self.object(depth)?,
            Some('[') => self.array(depth)?,
            Some('"') => Data::String(self.string()?),
            Some('-' | '0'..='9') => Data::Number(self.number()?),
            Some(letter) if letter.is_alphabetic() => self.word()?,
            Some(found) => {
                self.next();
                return Err(self.error(Reason::Character {
                    found,
                    expected: VALUE,
                }));
            }
            None => return Err(self.error(Reason::End { expected: "" })),
        };
        Ok(Node {
            start,
            end: self.at,
            data,
        })
    }

    fn object(&mut self, depth: usize) -> Result<Data<'t>, SyntaxError> {
        const OPEN: &str = ": expected close marker for Object";
        self.next();
        let mut members: Vec<Member<'t>> = Vec::new();
        let mut names: HashSet<Cow<'t, str>> = HashSet::new();
        self.space();
        if self.take('}') {
            return Ok(Data::Object(members));
        }
        loop {
            self.space();
            if self.peek() != Some('"') {
                return Err(self.unexpected("was expecting double-quote to start field name", OPEN));
            }
            let name = self.string()?;
            if !names.insert(name.clone()) {
                return Err(self.error(Reason::Duplicate {
                    name: name.into_owned(),
                }));
            }
            self.space();
            if !self.take(':') {
                return Err(self.unexpected(
                    "was expecting a colon to separate field name and value",
                    OPEN,
                ));
            }
            self.space();
            let value = self.value(depth + 1)?;
            members.push(Member { name, value });
            self.space();
            if self.take('}') {
                return Ok(Data::Object(members));
            }
            if !self.take(',') {
                return Err(self.unexpected("was expecting comma to separate Object entries", OPEN));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Data<'t>, SyntaxError> {
        self.next();
        let mut items = Vec::new();
        self.space();
        if self.take(']') {
            return Ok(Data::Array(items));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take(']') {
                return Ok(Data::Array(items));
            }
            if !self.take(',') {
                return Err(self.unexpected(
                    "was expecting comma to separate Array entries",
                    ": expected close marker for Array",
                ));
            }
        }
    }

    fn word(&mut self) -> Result<Data<'t>, SyntaxError> {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$')
        {
            self.next();
        }
        match self.text.get(start..self.at).unwrap_or("") {
            "null" => Ok(Data::Null),
            "true" => Ok(Data::Bool(true)),
            "false" => Ok(Data::Bool(false)),
            token => Err(self.error(Reason::Token {
                token: token.to_owned(),
            })),
        }
    }

    fn number(&mut self) -> Result<&'t str, SyntaxError> {
        let start = self.at;
        self.take('-');
        if self.take('0') {
            if self.peek().is_some_and(|c| c.is_ascii_digit()) {
                self.next();
                return Err(self.error(Reason::LeadingZero));
            }
        } else {
            self.digits()?;
        }
        if self.take('.') {
            self.digits()?;
        }
        if self.take('e') || self.take('E') {
            let _ = self.take('+') || self.take('-');
            self.digits()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or(""))
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), SyntaxError> {
        if !self.peek().is_some_and(|c| c.is_ascii_digit()) {
            return Err(self.unexpected("expected digit (0-9) to follow", " in numeric value"));
        }
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.next();
        }
        Ok(())
    }

    fn string(&mut self) -> Result<Cow<'t, str>, SyntaxError> {
        string(self)
    }

    fn space(&mut self) {
        while let Some(' ' | '\t' | '\n' | '\r') = self.peek() {
            self.next();
        }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let found = self.peek()?;
        self.at += found.len_utf8();
        Some(found)
    }

    fn take(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.next();
        }
        there
    }

    /// The next character is not what was expected, or there is none.
    fn unexpected(&mut self, expected: &'static str, at_end: &'static str) -> SyntaxError {
        match self.next() {
            Some(found) => self.error(Reason::Character { found, expected }),
            None => self.error(Reason::End { expected: at_end }),
        }
    }

    pub(super) fn error(&self, reason: Reason) -> SyntaxError {
        SyntaxError {
            reason,
            offset: self.at,
        }
    }
}
