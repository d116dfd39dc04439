//! Where an engine keeps things, and the key that it signs with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use everstep_core::token::Keyring;
use everstep_store::blobs::Blobs;
use everstep_store::{Fjall, Memory, Store};

use crate::{Dispatcher, Engine, Error, Options, Parts};

/// Where executions are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In memory: they end with the process. Blobs lie in the folder all the same.
    Memory { blobs: PathBuf },
    /// In a folder: the embedded store and its blobs.
    Folder(PathBuf),
}

/// The catalogue entry of the signing key.
const KEY: &str = "key/1";

impl Engine {
    /// Opens the storage and starts an engine on it. See [`Engine::start`].
    ///
    /// # Errors
    /// [`Error::Store`] when it can't be opened: in use, damaged, of a later version, or unreadable.
    pub fn open(
        storage: &Storage,
        dispatcher: Arc<dyn Dispatcher>,
        options: Options,
    ) -> Result<Self, Error> {
        let (store, blobs): (Arc<dyn Store>, _) = match storage {
            Storage::Memory { blobs } => (Arc::new(Memory::new()), blobs.clone()),
            Storage::Folder(folder) => (
                Arc::new(Fjall::open(folder.join("store"))?),
                folder.join("blobs"),
            ),
        };
        Self::open_on(store, &blobs, dispatcher, options)
    }

    /// As [`Engine::open`], on a store that is open already; `blobs` is the folder of its large payloads.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open_on(
        store: Arc<dyn Store>,
        blobs: &Path,
        dispatcher: Arc<dyn Dispatcher>,
        options: Options,
    ) -> Result<Self, Error> {
        let keyring = keyring(&*store)?;
        let blobs = Blobs::open_with(blobs, &options.artifacts).map_err(|error| Error::Store {
            kind: error.kind(),
            detail: error.to_string(),
        })?;
        Self::start(
            Parts {
                store,
                blobs,
                dispatcher,
                keyring,
            },
            options,
        )
    }
}

/// The key of this store, made when it was first opened: tokens stay valid for as long as the store does.
pub(crate) fn keyring(store: &dyn Store) -> Result<Keyring, Error> {
    loop {
        if let Some((_, key)) = store.catalogue(KEY)? {
            let damaged = || Error::Store {
                detail: "the signing key is damaged".to_owned(),
                kind: everstep_core::Kind::Corrupt,
            };
            return Ok(Keyring::new(
                key.as_ref().try_into().map_err(|_| damaged())?,
            ));
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| Error::Store {
            detail: format!("the system gives no random bytes: {error}"),
            kind: everstep_core::Kind::Transient,
        })?;
        match store.catalogue_put(KEY, None, Some(Bytes::copy_from_slice(&key))) {
            // Somebody else was first: theirs is the key.
            Ok(_) | Err(everstep_store::Error::RevisionConflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
