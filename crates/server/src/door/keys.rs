//! The operator's keys, in memory. Whoever keeps their file replaces them as a whole.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What a key is good for; each of the first three includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Look at everything.
    Read,
    /// And start, stop and answer executions.
    Operate,
    /// And change functions and settings.
    Admin,
    /// Read and write artifacts, and nothing else.
    Agent,
}

/// The two halves that AWS's signatures are made with.
#[derive(Clone, Debug)]
pub struct AccessKey {
    pub id: String,
    pub secret_access_key: SecretString,
    /// A temporary key's third part: it has to come with every request.
    pub session_token: Option<SecretString>,
}

/// One holder of keys.
#[derive(Clone, Debug)]
pub struct Key {
    pub name: String,
    pub role: Role,
    /// What its holder is a member of, where approvals ask groups.
    pub groups: Vec<String>,
    pub access: Option<AccessKey>,
    /// [`fingerprint`] of the API key.
    pub api_key: [u8; 32],
    pub expires: Option<SystemTime>,
}

impl Key {
    pub(crate) fn is_over(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// What is kept of an API key: its SHA-256. The keys are random, so that nothing slower is needed.
#[must_use]
pub fn fingerprint(api_key: &str) -> [u8; 32] {
    Sha256::digest(api_key.as_bytes()).into()
}

/// All keys that are known. Clones are the same keys.
#[derive(Clone, Default)]
pub struct Keys(Arc<RwLock<Arc<Vec<Key>>>>);

impl Keys {
    /// Puts these in the place of all.
    pub fn replace(&self, keys: Vec<Key>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    fn all(&self) -> Arc<Vec<Key>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn by_access_key(&self, id: &str) -> Option<(Key, AccessKey)> {
        let all = self.all();
        all.iter().find_map(|key| {
            let access = key.access.as_ref().filter(|access| access.id == id)?;
            Some((key.clone(), access.clone()))
        })
    }

    /// The key of this name.
    pub(crate) fn by_name(&self, name: &str) -> Option<Key> {
        self.all().iter().find(|key| key.name == name).cloned()
    }

    /// Looks at every key, however early one fits.
    pub(crate) fn by_api_key(&self, text: &str) -> Option<Key> {
        let wanted = fingerprint(text);
        let all = self.all();
        let mut found = None;
        for key in all.iter() {
            if bool::from(key.api_key.ct_eq(&wanted)) {
                found = Some(key.clone());
            }
        }
        found
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.all().len())
    }
}
