//! Large payloads: out to the blob store before a command names them, back in when a reply shows them.

use bytes::Bytes;
use everstep_core::{Digest, ExecutionId, Payload};

use super::{Handle, is_large};
use crate::Error;
use crate::pressure::Urgency;
use crate::registry::reads_payloads;

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

    /// As [`Handle::put_payload`], for an execution of this machine: one that looks into its payloads has them in its journal.
    pub(super) async fn own_payload(
        &self,
        machine: u8,
        execution: ExecutionId,
        bytes: Bytes,
    ) -> Result<Payload, Error> {
        if reads_payloads(machine) {
            return Ok(Payload::Inline(bytes));
        }
        self.put_payload(execution, bytes).await
    }

    /// As [`Handle::own_payload`], where the machine has to be looked up.
    pub(super) async fn result_payload(
        &self,
        execution: ExecutionId,
        bytes: Bytes,
    ) -> Result<Payload, Error> {
        if !is_large(bytes.len()) {
            return Ok(Payload::Inline(bytes));
        }
        let machine = self.gated_row(Urgency::Never, execution).await?.machine;
        self.own_payload(machine, execution, bytes).await
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
