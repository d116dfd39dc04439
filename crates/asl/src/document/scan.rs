//! Reads JSON strictly, and says where it ends being JSON.

use std::borrow::Cow;
use std::collections::HashSet;

use super::error::{Reason, Scope};
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
        let start = self.at;
        self.next();
        let mut members: Vec<Member<'t>> = Vec::new();
        let mut names: HashSet<Cow<'t, str>> = HashSet::new();
        self.space();
        if self.take('}') {
            return Ok(Data::Object(members));
        }
        self.not_at_end(Scope::Object, start)?;
        loop {
            if self.peek() != Some('"') {
                return Err(self.unexpected(
                    "was expecting double-quote to start field name",
                    Scope::Object,
                ));
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
                    Scope::Object,
                ));
            }
            let value = self.element(Scope::Object, depth)?;
            members.push(Member { name, value });
            if self.closed(Scope::Object, start)? {
                return Ok(Data::Object(members));
            }
            if !self.take(',') {
                return Err(self.unexpected(
                    "was expecting comma to separate Object entries",
                    Scope::Object,
                ));
            }
            self.space();
        }
    }

    fn array(&mut self, depth: usize) -> Result<Data<'t>, SyntaxError> {
        let start = self.at;
        self.next();
        let mut items = Vec::new();
        self.space();
        if self.take(']') {
            return Ok(Data::Array(items));
        }
        self.not_at_end(Scope::Array, start)?;
        loop {
            items.push(self.element(Scope::Array, depth)?);
            if self.closed(Scope::Array, start)? {
                return Ok(Data::Array(items));
            }
            if !self.take(',') {
                return Err(self.unexpected(
                    "was expecting comma to separate Array entries",
                    Scope::Array,
                ));
            }
        }
    }

    /// A value inside a scope.
    fn element(&mut self, inside: Scope, depth: usize) -> Result<Node<'t>, SyntaxError> {
        self.space();
        if self.peek().is_none() {
            return Err(self.error(Reason::EndBetween { inside }));
        }
        self.value(depth + 1)
    }

    /// Whether the scope ends here. The mark of the other kind is no end.
    fn closed(&mut self, inside: Scope, start: usize) -> Result<bool, SyntaxError> {
        self.space();
        if self.take(inside.close()) {
            return Ok(true);
        }
        match self.peek() {
            Some(found @ ('}' | ']')) => {
                self.next();
                Err(self.error(Reason::Mismatch {
                    found,
                    inside,
                    start,
                }))
            }
            _ => self.not_at_end(inside, start).map(|()| false),
        }
    }

    fn not_at_end(&self, inside: Scope, start: usize) -> Result<(), SyntaxError> {
        match self.peek() {
            Some(_) => Ok(()),
            None => Err(self.error(Reason::EndOpen { inside, start })),
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
            return Err(match self.next() {
                Some(found) => self.error(Reason::Character {
                    found,
                    expected: "expected digit (0-9) to follow",
                }),
                None => self.error(Reason::End {
                    expected: " in numeric value",
                }),
            });
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
    fn unexpected(&mut self, expected: &'static str, inside: Scope) -> SyntaxError {
        match self.next() {
            Some(found) => self.error(Reason::Character { found, expected }),
            None => self.error(Reason::EndBetween { inside }),
        }
    }

    pub(super) fn error(&self, reason: Reason) -> SyntaxError {
        SyntaxError {
            reason,
            offset: self.at,
        }
    }
}
