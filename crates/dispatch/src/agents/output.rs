//! Results: JSON as it came, files and what is long as artifacts, named by a reference.

use bytes::Bytes;
use everstep_agent::{Agent, Body, Error, Output};
use everstep_engine::blobs::{Error as StoreError, PutCondition};
use everstep_engine::{Handle, Reference};
use futures_util::stream::try_unfold;
use serde_json::json;

use super::{Agents, Seat};

/// Why a result is not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoOutput {
    #[error("the result can't be read: {0}")]
    Read(#[from] Error),
    /// It stopped on its way into the store.
    #[error("the result can't be read: {0}")]
    Broken(String),
    #[error("the result can't be kept: {0}")]
    Keep(String),
}

impl NoOutput {
    /// Whether another try may have it.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Read(error) => error.kind().is_transient(),
            Self::Broken(_) => true,
            Self::Keep(_) => false,
        }
    }
}

impl Agents {
    /// The value of a result. What is in it that is too long, or no JSON, lies among the artifacts then.
    pub(super) async fn value(
        &self,
        handle: &Handle,
        agent: &Agent,
        seat: &Seat,
        output: Output,
    ) -> Result<Bytes, NoOutput> {
        let few = handle.claims().bytes_min;
        let is_short = |bytes: &Bytes| bytes.len() as u64 <= few;
        match output {
            Output::Json(bytes) if is_short(&bytes) => return Ok(bytes),
            Output::File(file) if file.media_type.starts_with("text/") && is_short(&file.bytes) => {
                if let Ok(text) = std::str::from_utf8(&file.bytes) {
                    return Ok(json!(text).to_string().into());
                }
                let body = self.client.open(agent, Output::File(file)).await?;
                return self.keep(handle, seat, body).await;
            }
            _ => {}
        }
        let mut body = self.client.open(agent, output).await?;
        let is_json = body.media_type().is_some_and(is_json);
        if !is_json || body.length().is_some_and(|length| length > few) {
            return self.keep(handle, seat, body).await;
        }
        // It does not say how long it is: what is short is held, the rest follows it into the store.
        let mut held = Vec::new();
        while let Some(piece) = body.chunk().await? {
            held.push(piece);
            if held.iter().map(Bytes::len).sum::<usize>() as u64 > few {
                return self.keep_from(handle, seat, held, body).await;
            }
        }
        let held = held.concat();
        match serde_json::from_slice::<serde::de::IgnoredAny>(&held) {
            Ok(_) => Ok(held.into()),
            Err(error) => Err(NoOutput::Keep(format!("it is no JSON: {error}"))),
        }
    }

    async fn keep(&self, handle: &Handle, seat: &Seat, body: Body) -> Result<Bytes, NoOutput> {
        self.keep_from(handle, seat, Vec::new(), body).await
    }

    /// Stores what was read already and what follows; a repetition takes its own place.
    async fn keep_from(
        &self,
        handle: &Handle,
        seat: &Seat,
        first: Vec<Bytes>,
        body: Body,
    ) -> Result<Bytes, NoOutput> {
        let bucket = &handle.claims().bucket;
        let ending = body
            .media_type()
            .map_or("bin", |kind| if is_json(kind) { "json" } else { "bin" });
        let key = format!(
            "agents/{}/{}-{}.{ending}",
            seat.execution, seat.operation, seat.generation
        );
        let with = handle.claim_with(body.media_type(), PutCondition::None);
        let first = first.into_iter();
        let pieces = try_unfold((first, body), async |(mut first, mut body)| {
            let next = match first.next() {
                Some(piece) => Some(piece),
                None => body.chunk().await.map_err(broken)?,
            };
            Ok::<_, std::io::Error>(next.map(|piece| (piece, (first, body))))
        });
        let artifacts = handle.blobs().artifacts();
        let meta = artifacts
            .put_with(bucket, &key, pieces, with)
            .await
            .map_err(|error| match error {
                StoreError::Source { source } => NoOutput::Broken(source.to_string()),
                error => NoOutput::Keep(error.to_string()),
            })?;
        Ok(Reference::new(bucket, &key, &meta).json())
    }
}

fn broken(error: Error) -> std::io::Error {
    std::io::Error::other(error.to_string())
}

fn is_json(media_type: &str) -> bool {
    let kind = media_type.split(';').next().unwrap_or_default().trim();
    kind == "application/json" || kind.ends_with("+json")
}
