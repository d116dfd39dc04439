//! The texts of definitions, by their digests. They are put once and stay: executions name them.

use everstep_core::Digest;
use everstep_store::Store;

use super::super::entries::{decode, unknown};
use crate::{Error, Handle};

/// The text that a digest names, for those who read the store themselves.
///
/// # Errors
/// The store's.
pub fn definition_text(store: &dyn Store, digest: &Digest) -> Result<Option<String>, Error> {
    let key = definition_key(digest);
    let found = store.catalogue(&key)?;
    found.map(|(_, bytes)| decode(&key, &bytes)).transpose()
}

fn definition_key(digest: &Digest) -> String {
    format!("definition/{}", digest.hex())
}

impl Handle {
    /// Keeps a definition's text; returns its digest.
    ///
    /// # Errors
    /// The store's.
    pub async fn put_definition(&self, text: &str) -> Result<Digest, Error> {
        let digest = Digest::of(text.as_bytes());
        let put = self.put_entry(definition_key(&digest), None, Some(&text));
        match put.await {
            // It is there: by this key there is no other text.
            Ok(_) | Err(Error::EntryChanged { .. }) => Ok(digest),
            Err(error) => Err(error),
        }
    }

    /// The text that a digest names.
    ///
    /// # Errors
    /// [`Error::UnknownEntry`], or the store's.
    pub async fn definition(&self, digest: &Digest) -> Result<String, Error> {
        let found = self.entry(definition_key(digest)).await?;
        found
            .map(|(_, text)| text)
            .ok_or_else(|| unknown("definition", &digest.hex()))
    }
}
