//! What executions are started with by our own routes: as it is where its kind of execution takes so much, else a reference.

use axum::body::Body;
use bytes::Bytes;
use everstep_core::Digest;
use everstep_engine::Reference;
use everstep_engine::blobs::{Error, PutCondition};

use super::{Parted, Refused, Shape, Staged, read};
use crate::http::App;
use crate::lambda::arn::is_word;

/// Beside the input: name, attributes and white space.
const BESIDE_BYTES: usize = 256 << 10;

/// An input as it came.
pub(crate) enum Input {
    Held(Bytes),
    Staged(Staged),
}

impl Default for Input {
    fn default() -> Self {
        Self::Held(Bytes::new())
    }
}

impl From<Bytes> for Input {
    fn from(bytes: Bytes) -> Self {
        Self::Held(bytes)
    }
}

impl Input {
    fn len(&self) -> u64 {
        match self {
            Self::Held(bytes) => bytes.len() as u64,
            Self::Staged(staged) => staged.meta.size,
        }
    }

    /// What goes into the execution. What is longer than `limit` is durable among the artifacts when this returns; the same input of the same
    /// name is the same artifact, so that a repeated start is known.
    ///
    /// # Errors
    /// [`Refused::Store`].
    pub(crate) async fn travels(
        &self,
        app: &App,
        limit: usize,
        (definition, name): (&str, Option<&str>),
    ) -> Result<Bytes, Refused> {
        let digest = match self {
            Self::Held(bytes) if bytes.len() <= limit => return Ok(bytes.clone()),
            Self::Staged(staged) if self.len() <= limit as u64 => return staged.whole(app).await,
            Self::Held(bytes) => Digest::of(bytes).hex(),
            Self::Staged(staged) => staged.meta.etag.clone(),
        };
        let name = name.map_or_else(|| uuid::Uuid::new_v4().to_string(), part);
        let key = format!("inputs/{}/{name}/{digest}.json", part(definition));
        let claims = app.handle.claims();
        let with = app
            .handle
            .claim_with(Some("application/json"), PutCondition::IfAbsent);
        let content = match self {
            Self::Held(bytes) => {
                let bytes = std::future::ready(Ok(bytes.clone()));
                Box::pin(futures_util::stream::once(bytes))
            }
            Self::Staged(staged) => staged.content(app).await?,
        };
        let artifacts = app.handle.blobs().artifacts();
        let meta = match artifacts
            .put_with(&claims.bucket, &key, content, with)
            .await
        {
            Err(Error::Precondition { .. }) => artifacts.head(&claims.bucket, &key).await?,
            stored => stored?,
        };
        Ok(Reference::new(&claims.bucket, &key, &meta).json())
    }

    /// Lets go of what was only on its way.
    pub(crate) async fn release(self, app: &App) {
        if let Self::Staged(staged) = self {
            staged.discard(app).await;
        }
    }
}

/// A name as part of a key: names of state machines may hold what a key can't.
fn part(name: &str) -> String {
    if is_word(name, 80) {
        return name.to_owned();
    }
    Digest::of(name.as_bytes()).hex()
}

/// A request that has an `input` among its members: the text of the members, where a large input is a zero, and the large input.
///
/// # Errors
/// [`Refused`].
pub(crate) async fn request(app: &App, body: Body) -> Result<(Bytes, Option<Staged>), Refused> {
    let shape = Shape {
        large: b"input",
        is_wanted: |_| true,
        held_max: app.options.limits.invoke_bytes_max + BESIDE_BYTES,
    };
    match read(app, body, shape).await? {
        Parted::Whole(bytes) => Ok((bytes, None)),
        Parted::Parts { members, large } => Ok((members, large)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_part_of_a_key() {
        assert_eq!(part("orders-1_b"), "orders-1_b");
        for name in ["..", ".", "a b", "über", "a.b"] {
            assert_eq!(part(name).len(), 64, "{name}");
        }
        assert_ne!(part("a.b"), part("a.c"));
    }
}
