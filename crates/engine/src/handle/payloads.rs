//! Large payloads: out to the blob store before a command names them, back in when a reply shows them.

use bytes::Bytes;
use everstep_core::{Digest, ExecutionId, Payload};

use super::{Handle, is_large};
use crate::Error;

impl Handle {
    /// Makes a payload of bytes: large ones are durable in the blob store when this returns.
    ///
    /// # Errors
    /// [`Error::Payload`] when they can't be stored.
    pub async fn put_payload(
        &self,
        execution: ExecutionId,
        bytes: Bytes,
    ) -> Result<Payload, Error> {
        if !is_large(bytes.len()) {
            return Ok(Payload::Inline(bytes));
        }
        let digest = Digest::of(&bytes);
        let len = u32::try_from(bytes.len()).map_err(|_| failed(&digest, "longer than 4 GiB"))?;
        self.blobs()
            .put(execution, digest, bytes)
            .await
            .map_err(|error| failed(&digest, error))?;
        Ok(Payload::Blob { digest, len })
    }

    /// The bytes of a payload.
    ///
    /// # Errors
    /// [`Error::Payload`] when the blob is gone or damaged.
    pub async fn payload(&self, execution: ExecutionId, payload: &Payload) -> Result<Bytes, Error> {
        match payload {
            Payload::Inline(bytes) => Ok(bytes.clone()),
            Payload::Blob { digest, .. } => self
                .blobs()
                .get(execution, *digest)
                .await
                .map_err(|error| failed(digest, error)),
        }
    }

    /// Deletes the blobs of a purged execution. What a crash leaves behind, the sweep finds.
    pub(crate) fn forget_blobs(&self, execution: ExecutionId) {
        let blobs = self.blobs().clone();
        self.inner.runtime.spawn(async move {
            if let Err(error) = blobs.delete_prefix(execution).await {
                tracing::warn!(%execution, %error, "the blobs of a purged execution are still there");
            }
        });
    }
}

fn failed(digest: &Digest, error: impl std::fmt::Display) -> Error {
    Error::Payload {
        digest: digest.hex(),
        detail: error.to_string(),
    }
}
