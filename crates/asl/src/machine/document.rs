//! The JSON texts of an execution, each of which is stored once.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use everstep_core::Sequence;
use everstep_core::codec::{Corrupt, Reader, Writer};
use everstep_expr::json::{self, Value};

/// Numbers the documents of an execution, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId(pub u32);

/// A JSON text of an execution. A clone is the same document; the text is parsed when its value is first asked for.
#[derive(Clone)]
pub struct Document(Arc<Content>);

struct Content {
    id: DocumentId,
    /// The batch that stores the text.
    sequence: Sequence,
    text: Arc<str>,
    value: OnceLock<Value>,
}

impl Document {
    /// A document that the batch `sequence` stores.
    #[must_use]
    pub fn new(id: DocumentId, sequence: Sequence, text: Arc<str>) -> Self {
        Self(Arc::new(Content {
            id,
            sequence,
            text,
            value: OnceLock::new(),
        }))
    }

    /// As [`Document::new`], for a text whose value is known.
    #[must_use]
    pub fn of_value(id: DocumentId, sequence: Sequence, text: Arc<str>, value: Value) -> Self {
        Self(Arc::new(Content {
            id,
            sequence,
            text,
            value: OnceLock::from(value),
        }))
    }

    #[must_use]
    pub fn id(&self) -> DocumentId {
        self.0.id
    }

    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.0.text
    }

    /// The value; null for a text that is not JSON, which is checked where texts come in.
    #[must_use]
    pub fn value(&self) -> &Value {
        self.0
            .value
            .get_or_init(|| Value::parse(self.0.text.as_bytes()).unwrap_or_default())
    }

    /// The value of a text that may not be JSON.
    ///
    /// # Errors
    /// Where the text breaks JSON's grammar.
    pub fn parsed(&self) -> Result<&Value, json::Error> {
        if self.0.value.get().is_none() {
            let value = Value::parse(self.0.text.as_bytes())?;
            return Ok(self.0.value.get_or_init(|| value));
        }
        Ok(self.value())
    }

    pub(crate) fn downgrade(&self) -> WeakDocument {
        WeakDocument(Arc::downgrade(&self.0))
    }

    /// Whether this is the very same document, not one with the same text.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A document, as long as something else holds it.
#[derive(Debug)]
pub(crate) struct WeakDocument(Weak<Content>);

impl WeakDocument {
    pub fn upgrade(&self) -> Option<Document> {
        self.0.upgrade().map(Document)
    }

    pub fn is_held(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.id.0, self.text)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || (self.0.id == other.0.id && self.0.text == other.0.text)
    }
}

impl Eq for Document {}

/// A document as an event holds it: with its text the first time, by its number and its batch every other time.
#[derive(Clone)]
pub struct Body {
    id: DocumentId,
    /// The batch that stores the text.
    sequence: Sequence,
    /// Whether this event brings the text.
    is_first: bool,
    /// `None` in an event that was read and not resolved.
    document: Option<Document>,
    /// Whether it comes out of a journal: only then will later ones have to be looked up.
    is_read: bool,
}

impl Body {
    /// The document's first appearance: its text is stored with this event.
    #[must_use]
    pub fn first(document: Document) -> Self {
        Self {
            id: document.id(),
            sequence: document.0.sequence,
            is_first: true,
            document: Some(document),
            is_read: false,
        }
    }

    /// Another appearance.
    #[must_use]
    pub fn again(document: Document) -> Self {
        Self {
            is_first: false,
            ..Self::first(document)
        }
    }

    #[must_use]
    pub fn id(&self) -> DocumentId {
        self.id
    }

    /// The document; `None` in an event that was read and not resolved.
    #[must_use]
    pub fn document(&self) -> Option<&Document> {
        self.document.as_ref()
    }

    /// The text; empty in an event that was read and not resolved.
    #[must_use]
    pub fn text(&self) -> &str {
        self.document
            .as_ref()
            .map_or("", |document| document.text())
    }

    /// Whether the event that holds this brings the text.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.is_first
    }

    /// The batch and the number under which the missing document is to be found.
    #[must_use]
    pub fn unresolved(&self) -> Option<(Sequence, DocumentId)> {
        self.document.is_none().then_some((self.sequence, self.id))
    }

    pub(crate) const fn is_read(&self) -> bool {
        self.is_read
    }

    pub(crate) fn resolve(&mut self, document: Document) {
        self.document = Some(document);
    }

    /// About how many bytes the journal needs for it.
    #[must_use]
    pub fn weight(&self) -> usize {
        4 + if self.is_first { self.text().len() } else { 0 }
    }

    pub(crate) fn encode(&self, to: &mut Writer) {
        to.u8(if self.is_first { 1 } else { 2 });
        to.u32(self.id.0);
        to.u32(self.sequence.0);
        if self.is_first {
            to.str(self.text());
        }
    }

    pub(crate) fn decode(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        let tag = from.u8()?;
        let id = DocumentId(from.u32()?);
        let sequence = Sequence(from.u32()?);
        match tag {
            1 => {
                let text = std::str::from_utf8(from.slice()?)
                    .map_err(|_| Corrupt::Malformed { what: "document" })?;
                Ok(Self {
                    is_read: true,
                    ..Self::first(Document::new(id, sequence, text.into()))
                })
            }
            2 => Ok(Self {
                id,
                sequence,
                is_first: false,
                document: None,
                is_read: true,
            }),
            tag => Err(Corrupt::tag("document", tag)),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.document {
            Some(document) if self.is_first => write!(f, "new {document:?}"),
            Some(document) => write!(f, "{document:?}"),
            None => write!(f, "{}:?", self.id.0),
        }
    }
}

impl PartialEq for Body {
    /// What is stored counts, not what has been looked up.
    fn eq(&self, other: &Self) -> bool {
        let stored = |body: &Self| (body.id, body.sequence, body.is_first);
        stored(self) == stored(other) && (!self.is_first || self.text() == other.text())
    }
}
