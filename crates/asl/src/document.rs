//! A definition's text as JSON with places: every value knows the bytes it was read from.
//!
//! The engine's own JSON values keep neither places nor repeated names, and a definition's errors need both.

mod error;
mod scan;
mod string;

pub(crate) use error::SyntaxError;

use std::borrow::Cow;

/// Definitions nested deeper than this are refused: it keeps every walk over them within the stack.
pub(crate) const DEPTH_MAX: usize = 256;

/// One value and its place.
#[derive(Debug)]
pub(crate) struct Node<'t> {
    /// Its first byte in the text.
    pub start: usize,
    /// The byte behind its last one.
    pub end: usize,
    pub data: Data<'t>,
}

#[derive(Debug)]
pub(crate) enum Data<'t> {
    Null,
    Bool(bool),
    /// As written.
    Number(&'t str),
    String(Cow<'t, str>),
    Array(Vec<Node<'t>>),
    /// In the order of the text. Names are distinct.
    Object(Vec<Member<'t>>),
}

#[derive(Debug)]
pub(crate) struct Member<'t> {
    pub name: Cow<'t, str>,
    pub value: Node<'t>,
}

impl<'t> Node<'t> {
    /// Reads a text that is one JSON value.
    pub fn parse(text: &'t str) -> Result<Node<'t>, SyntaxError> {
        scan::Scanner::new(text).document()
    }

    pub fn text(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) => Some(text),
            _ => None,
        }
    }

    /// The member of that name, if this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Node<'t>> {
        match &self.data {
            Data::Object(members) => members
                .iter()
                .find(|member| member.name == name)
                .map(|member| &member.value),
            _ => None,
        }
    }
}
