//! Secrets in settings are named, never written.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use crate::keys;

/// `{ env = "NAME" }` or `{ file = "PATH" }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    Env(String),
    File(PathBuf),
}

impl Secret {
    /// # Errors
    /// The variable is not set, or the file can't be read or is one that others may read; the text names it.
    pub fn read(&self) -> Result<SecretString, String> {
        let text = match self {
            Self::Env(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => value,
                Ok(_) | Err(_) => {
                    return Err(format!("the environment variable {name} is not set"));
                }
            },
            Self::File(path) => keys::read_secret(path)
                .map_err(|why| format!("the secret in {} can't be used: {why}", path.display()))?
                .ok_or_else(|| format!("there is no file {}", path.display()))?,
        };
        Ok(text.trim().to_owned().into())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        const HOW: &str =
            "a secret is named, not written: { env = \"NAME\" } or { file = \"PATH\" }";
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Named {
            env: Option<String>,
            file: Option<PathBuf>,
        }
        // The value itself may be the secret: no error repeats it.
        let value = toml::Value::deserialize(from)?;
        let named: Named = value.try_into().map_err(|_| D::Error::custom(HOW))?;
        match named {
            Named {
                env: Some(name),
                file: None,
            } => Ok(Self::Env(name)),
            Named {
                env: None,
                file: Some(path),
            } => Ok(Self::File(path)),
            Named { .. } => Err(D::Error::custom(HOW)),
        }
    }
}

/// A text that may be a secret: an address with a credential in its path.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Guarded {
    Named(Secret),
    Written(String),
}

impl Guarded {
    /// # Errors
    /// As [`Secret::read`].
    pub fn read(&self) -> Result<SecretString, String> {
        match self {
            Self::Named(secret) => secret.read(),
            Self::Written(text) => Ok(text.clone().into()),
        }
    }
}
