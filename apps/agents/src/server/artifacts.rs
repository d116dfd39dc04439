//! Results that are too large to travel inside a message: the artifact store of the caller.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::outgoing;
use crate::ArtifactKey;

/// Largest artifact that is fetched.
const FETCH_BYTES_MAX: usize = 256 * 1024 * 1024;

/// One bucket behind HTTP: `PUT` and `GET` on `{url}/{key}`.
#[derive(Debug, Clone)]
pub(super) struct Artifacts {
    url: String,
    bucket: String,
    key: Option<ArtifactKey>,
}

impl Artifacts {
    /// The bucket is the last segment of the path; nothing when `url` is no http address or has none.
    pub(super) fn new(url: &str, key: Option<ArtifactKey>) -> Option<Self> {
        let url = url.trim_end_matches('/');
        if !outgoing::is_callable(url) {
            return None;
        }
        let parsed = reqwest::Url::parse(url).ok()?;
        let bucket = parsed.path_segments()?.next_back()?.to_owned();
        (!bucket.is_empty()).then(|| Self {
            url: url.to_owned(),
            bucket,
            key,
        })
    }

    fn known(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.key {
            Some(key) => request.bearer_auth(&key.0),
            None => request,
        }
    }

    /// Stores `body` for a workflow and answers the reference that stands for it. The key depends only on the arguments, so
    /// that a repeated task overwrites its own artifact.
    pub(super) async fn store(
        &self,
        http: &reqwest::Client,
        pauses: &[Duration],
        place: Place<'_>,
        body: Vec<u8>,
    ) -> Result<Value, String> {
        let created = i64::try_from(place.created_ms).unwrap_or(i64::MAX);
        let at = Timestamp::from_millisecond(created).unwrap_or(Timestamp::UNIX_EPOCH);
        let iso = format!("{at:.3}");
        let key = format!("artifacts/{}/{}_{iso}.json", place.workflow_id, place.kind);
        let size = body.len();
        outgoing::send(pauses, || {
            self.known(http.put(format!("{}/{key}", self.url)))
                .header("content-type", "application/json")
                .body(body.clone())
        })
        .await
        .map_err(|failure| format!("cannot store the artifact: {}", failure.text))?;
        Ok(json!({
            "artifact_type": "s3_reference",
            "s3_uri": format!("s3://{}/{key}", self.bucket),
            "bucket": self.bucket,
            "key": key,
            "size_bytes": size,
            "timestamp": iso,
        }))
    }

    /// Fetches what a reference stands for.
    pub(super) async fn fetch(
        &self,
        http: &reqwest::Client,
        pauses: &[Duration],
        uri: &str,
    ) -> Result<Value, String> {
        let key = uri
            .strip_prefix("s3://")
            .and_then(|rest| rest.strip_prefix(&self.bucket))
            .and_then(|rest| rest.strip_prefix('/'))
            .filter(|key| !key.is_empty() && !key.split('/').any(|segment| segment == ".."))
            .ok_or_else(|| format!("the reference {uri} is not in the bucket {}", self.bucket))?;
        let answer = outgoing::send(pauses, || {
            self.known(http.get(format!("{}/{key}", self.url)))
        })
        .await
        .map_err(|failure| format!("cannot fetch the artifact: {}", failure.text))?;
        let too_long = || format!("the artifact has more than {FETCH_BYTES_MAX} bytes");
        let mut answer = answer;
        let mut body: Vec<u8> = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(outgoing::describe)? {
            if body.len() + chunk.len() > FETCH_BYTES_MAX {
                return Err(too_long());
            }
            body.extend_from_slice(&chunk);
        }
        let text =
            String::from_utf8(body).map_err(|_| "the artifact is no UTF-8 text".to_owned())?;
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }
}

/// What the key of an artifact is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub workflow_id: &'a str,
    pub kind: &'a str,
    pub created_ms: u64,
}

/// The URI of a reference in the shape of the artifact specification; nothing for any other value.
pub(super) fn reference(value: &Value) -> Option<&str> {
    (value.get("artifact_type")?.as_str()? == "s3_reference")
        .then(|| value.get("s3_uri")?.as_str())
        .flatten()
}
