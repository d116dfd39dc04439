//! Why something outside, or a whole execution, failed.

use crate::codec::{Corrupt, Reader, Writer};

/// An error as it comes from and goes to users. Every part may be missing; none is interpreted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// A name that code can match on.
    pub kind: Option<String>,
    pub message: Option<String>,
    /// Machine-readable detail, by convention JSON text.
    pub data: Option<String>,
    pub stack: Vec<String>,
}

impl Failure {
    #[must_use]
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: Some(kind.into()),
            message: Some(message.into()),
            ..Self::default()
        }
    }

    /// Bytes of all parts together.
    #[must_use]
    pub fn len(&self) -> usize {
        let text = |part: &Option<String>| part.as_ref().map_or(0, String::len);
        text(&self.kind)
            + text(&self.message)
            + text(&self.data)
            + self.stack.iter().map(String::len).sum::<usize>()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub fn encode(&self, to: &mut Writer) {
        for part in [&self.kind, &self.message, &self.data] {
            to.option(part.as_ref(), |to, text| to.str(text));
        }
        to.list(&self.stack, |to, line| to.str(line));
    }

    /// # Errors
    /// [`Corrupt`] when the bytes are not a failure.
    pub fn decode(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        Ok(Self {
            kind: from.option(Reader::str)?,
            message: from.option(Reader::str)?,
            data: from.option(Reader::str)?,
            stack: from.list(Reader::str)?,
        })
    }
}
