//! Claim checks: what is too large to travel lies among the artifacts, and a reference travels in its place.

use bytes::Bytes;
use everstep_core::Timestamp;
use everstep_store::blobs::{Meta, PutCondition, PutOptions};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Handle;

/// A reference has a few hundred bytes: what is longer is none.
const REFERENCE_BYTES_MAX: usize = 8 * 1024;
/// Of the store.
const CONTENT_TYPE_BYTES_MAX: usize = 255;
const ARTIFACT_TYPE: &str = "s3_reference";

/// What becomes an artifact, and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimOptions {
    /// A value with more bytes becomes an artifact.
    pub bytes_min: u64,
    pub bucket: String,
    /// How long such an artifact is kept; for good unless told.
    pub expires_seconds: Option<u64>,
    /// Whether outputs of tasks become artifacts, too, where AWS would let them fail because they are too large.
    pub beyond_limits: bool,
}

impl Default for ClaimOptions {
    fn default() -> Self {
        Self {
            bytes_min: 200_000,
            bucket: "everstep-artifacts".to_owned(),
            expires_seconds: None,
            beyond_limits: false,
        }
    }
}

/// What travels in the place of an artifact, in the research workflow's shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reference {
    artifact_type: &'static str,
    s3_uri: String,
    pub bucket: String,
    pub key: String,
    pub size_bytes: u64,
    /// When the artifact was written, so that the same artifact has the same reference.
    timestamp: String,
}

/// As others write it: the address is what counts.
#[derive(Deserialize)]
struct Shown {
    artifact_type: String,
    s3_uri: String,
}

impl Reference {
    #[must_use]
    pub fn new(bucket: &str, key: &str, meta: &Meta) -> Self {
        Self {
            artifact_type: ARTIFACT_TYPE,
            s3_uri: format!("s3://{bucket}/{key}"),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            size_bytes: meta.size,
            timestamp: rfc3339(meta.modified),
        }
    }

    #[must_use]
    pub fn json(&self) -> Bytes {
        Bytes::from(serde_json::to_vec(self).unwrap_or_default())
    }
}

/// Bucket and key of the artifact that a value stands for, if it is a reference.
#[must_use]
pub fn place(value: &Value) -> Option<(String, String)> {
    // Most values are none, and may be large: only what may be one is read.
    let kind = value.as_object()?.get("artifact_type")?;
    if kind != ARTIFACT_TYPE {
        return None;
    }
    address(&Shown::deserialize(value).ok()?)
}

/// As [`place`], of JSON text.
#[must_use]
pub fn place_in(text: &[u8]) -> Option<(String, String)> {
    if text.len() > REFERENCE_BYTES_MAX {
        return None;
    }
    address(&serde_json::from_slice(text).ok()?)
}

fn address(shown: &Shown) -> Option<(String, String)> {
    let (bucket, key) = shown.s3_uri.strip_prefix("s3://")?.split_once('/')?;
    let is_reference = shown.artifact_type == ARTIFACT_TYPE && !key.is_empty();
    is_reference.then(|| (bucket.to_owned(), key.to_owned()))
}

fn rfc3339(moment: Timestamp) -> String {
    let moment = i64::try_from(moment.0).unwrap_or_default();
    let moment = jiff::Timestamp::from_millisecond(moment).unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

impl Handle {
    #[must_use]
    pub fn claims(&self) -> &ClaimOptions {
        &self.options().claims
    }

    /// How an artifact is written that a reference is to stand for.
    #[must_use]
    pub fn claim_with(&self, content_type: Option<&str>, condition: PutCondition) -> PutOptions {
        let now = self.clock().now();
        // What somebody else says of a content must not keep it from being stored.
        let content_type = content_type.filter(|kind| {
            kind.len() <= CONTENT_TYPE_BYTES_MAX && !kind.chars().any(char::is_control)
        });
        let expires = self.claims().expires_seconds;
        PutOptions {
            condition,
            content_type: content_type.map(str::to_owned),
            expires: expires.map(|seconds| now.after_seconds(seconds)),
            now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_reference_leads_back_to_its_artifact() {
        let meta = Meta {
            size: 250_000,
            stored: 9,
            etag: "a".repeat(64),
            modified: Timestamp(1_780_000_000_123),
            content_type: None,
            expires: None,
        };
        let reference = Reference::new("b", "callbacks/1/result.json", &meta);
        let text = reference.json();
        let value: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(
            value,
            json!({
                "artifact_type": "s3_reference", "s3_uri": "s3://b/callbacks/1/result.json", "bucket": "b",
                "key": "callbacks/1/result.json", "size_bytes": 250_000, "timestamp": "2026-05-28T20:26:40.123Z"
            })
        );
        let wanted = Some(("b".to_owned(), "callbacks/1/result.json".to_owned()));
        assert_eq!(place(&value), wanted);
        assert_eq!(place_in(&text), wanted);
        // An agent may say no more than this.
        let short = json!({ "artifact_type": "s3_reference", "s3_uri": "s3://b/k" });
        assert_eq!(place(&short), Some(("b".to_owned(), "k".to_owned())));
    }

    #[test]
    fn what_is_no_reference_leads_nowhere() {
        for value in [
            json!({ "artifact_type": "file", "s3_uri": "s3://b/k" }),
            json!({ "artifact_type": "s3_reference" }),
            json!({ "artifact_type": "s3_reference", "s3_uri": "https://b/k" }),
            json!({ "artifact_type": "s3_reference", "s3_uri": "s3://b" }),
            json!({ "artifact_type": "s3_reference", "s3_uri": "s3://b/" }),
            json!("s3_reference"),
            json!([]),
        ] {
            assert_eq!(place(&value), None, "{value}");
            assert_eq!(place_in(value.to_string().as_bytes()), None, "{value}");
        }
        assert_eq!(place_in(b"{"), None);
        let long = json!({ "artifact_type": "s3_reference", "s3_uri": "s3://b/k", "more": "x".repeat(9_000) });
        assert_eq!(place_in(long.to_string().as_bytes()), None);
    }
}
