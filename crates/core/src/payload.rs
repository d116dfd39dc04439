//! What users hand in and get back: opaque bytes, normally JSON text, never re-serialised on the way through.

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::codec::{Corrupt, Reader, Writer};

/// Payloads above this many bytes lie in the blob store, the journal names them by digest.
pub const BLOB_THRESHOLD_BYTES: usize = 32 * 1024;

/// A SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Lower-case hexadecimal, 64 characters.
    #[must_use]
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Bytes in the journal, or the name of a blob that was made durable before the commit that names it. A machine passes payloads on;
/// the engine moves large ones out before a command and back in for a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    Inline(Bytes),
    Blob { digest: Digest, len: u32 },
}

impl Payload {
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Inline(bytes) => bytes.len(),
            Self::Blob { len, .. } => *len as usize,
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Equal content has an equal digest, wherever it lies.
    #[must_use]
    pub fn digest(&self) -> Digest {
        match self {
            Self::Inline(bytes) => Digest::of(bytes),
            Self::Blob { digest, .. } => *digest,
        }
    }

    pub fn encode(&self, to: &mut Writer) {
        match self {
            Self::Inline(bytes) => {
                to.u8(1);
                to.bytes(bytes);
            }
            Self::Blob { digest, len } => {
                to.u8(2);
                to.raw(&digest.0);
                to.u32(*len);
            }
        }
    }

    /// # Errors
    /// [`Corrupt`] when the bytes are not a payload.
    pub fn decode(from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        match from.u8()? {
            1 => Ok(Self::Inline(from.bytes()?)),
            2 => Ok(Self::Blob {
                digest: Digest(from.raw()?),
                len: from.u32()?,
            }),
            tag => Err(Corrupt::tag("payload", tag)),
        }
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self::Inline(bytes)
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self::Inline(text.into())
    }
}

impl From<&'static str> for Payload {
    fn from(text: &'static str) -> Self {
        Self::Inline(Bytes::from_static(text.as_bytes()))
    }
}
