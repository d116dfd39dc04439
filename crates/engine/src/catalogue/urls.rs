//! The way from a function's own address to the function.

use serde::{Deserialize, Serialize};

use super::entries::unknown;
use crate::{Error, Handle};

/// Whose address it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UrlOwner {
    pub function: String,
    /// `$LATEST` or an alias.
    pub qualifier: String,
}

impl Handle {
    /// Notes whose address an id is. The function's settings have the last word.
    ///
    /// # Errors
    /// [`Error::EntryChanged`] for an id that is taken, or the store's.
    pub async fn put_url(&self, id: &str, function: &str, qualifier: &str) -> Result<(), Error> {
        let owner = UrlOwner {
            function: function.to_owned(),
            qualifier: qualifier.to_owned(),
        };
        self.put_entry(url_key(id), None, Some(&owner)).await?;
        Ok(())
    }

    /// Forgets an id.
    ///
    /// # Errors
    /// The store's.
    pub async fn drop_url(&self, id: &str) -> Result<(), Error> {
        let found = self.entry::<UrlOwner>(url_key(id)).await?;
        if let Some((revision, _)) = found {
            let dropped = self.put_entry::<UrlOwner>(url_key(id), Some(revision), None);
            dropped.await?;
        }
        Ok(())
    }

    /// Whose address an id is, or [`Error::UnknownEntry`].
    ///
    /// # Errors
    /// The store's.
    pub async fn url(&self, id: &str) -> Result<UrlOwner, Error> {
        let found = self.entry(url_key(id)).await?;
        found
            .map(|(_, owner)| owner)
            .ok_or_else(|| unknown("function URL", id))
    }
}

fn url_key(id: &str) -> String {
    format!("url/{id}")
}
