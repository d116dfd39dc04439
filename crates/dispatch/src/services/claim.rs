//! What a task gives and is too large for a state: an artifact, where the operator has asked for that, and a reference in its place.

use std::io;

use bytes::Bytes;
use everstep_engine::Reference;
use everstep_engine::blobs::{Error as StoreError, PutCondition};
use futures_util::Stream;
use futures_util::stream::once;

use super::{Errand, Fault};

impl Errand<'_> {
    /// Whether somebody can get a reference here: an execution waits, and what is large may become an artifact.
    pub(super) fn may_claim(&self) -> bool {
        self.waiting.is_some() && self.handle.claims().beyond_limits
    }

    /// A result as it travels: what is above the threshold as a reference, if that is asked for.
    pub(super) async fn travels(&self, result: Bytes) -> Result<Bytes, Fault> {
        let is_large = result.len() as u64 > self.handle.claims().bytes_min;
        if !is_large || !self.may_claim() {
            return Ok(result);
        }
        self.keep(once(std::future::ready(Ok(result))), "application/json")
            .await
    }

    /// Stores a content below its task; a repetition takes its own place.
    pub(super) async fn keep(
        &self,
        content: impl Stream<Item = io::Result<Bytes>> + Send,
        content_type: &str,
    ) -> Result<Bytes, Fault> {
        let Some(waiting) = &self.waiting else {
            return Err(Fault::too_large(&self.call.resource));
        };
        let key = format!(
            "tasks/{}/{}-{}",
            waiting.execution, waiting.operation, waiting.generation
        );
        let bucket = &self.handle.claims().bucket;
        let with = self
            .handle
            .claim_with(Some(content_type), PutCondition::None);
        let artifacts = self.handle.blobs().artifacts();
        let kept = artifacts.put_with(bucket, &key, content, with).await;
        let meta = kept.map_err(|error| match error {
            StoreError::Source { source } => Fault::runtime(source.to_string()),
            error => Fault::runtime(format!("The result can't be kept: {error}")),
        })?;
        Ok(Reference::new(bucket, &key, &meta).json())
    }
}
