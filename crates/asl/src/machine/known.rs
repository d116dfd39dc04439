//! Which documents a replay can look up.

use std::collections::BTreeMap;

use super::document::{Document, DocumentId, WeakDocument};

/// The documents that something still holds, by number: what a replay looks up.
#[derive(Debug, Default)]
pub(crate) struct Known {
    documents: BTreeMap<DocumentId, WeakDocument>,
    /// When those that nobody holds any more are swept out next.
    sweep_at: usize,
}

impl Known {
    const SWEEP_MIN: usize = 64;

    pub fn put(&mut self, document: &Document) {
        if self.documents.len() >= self.sweep_at.max(Self::SWEEP_MIN) {
            self.documents.retain(|_, known| known.is_held());
            self.sweep_at = self.documents.len() * 2;
        }
        self.documents.insert(document.id(), document.downgrade());
    }

    pub fn get(&self, id: DocumentId) -> Option<Document> {
        self.documents.get(&id)?.upgrade()
    }
}

impl PartialEq for Known {
    /// Two states are the same whatever was looked up on the way to them.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
