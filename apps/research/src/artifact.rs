//! Artifacts: the store's trait, keys, references, and the seed's utilities on top of it.

use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{ArtifactStorageError, Kind, WorkflowError};
use crate::log::Log;

/// A boxed future: the traits of this crate are used as objects, chosen by configuration.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Above this many bytes of serialised text a value travels by reference.
pub const LARGE_PAYLOAD_BYTES: usize = 200_000;

/// Life of a link to the analysis under review.
pub const REVIEW_LINK: Duration = Duration::from_secs(86_400);

/// Life of a link to the final report.
pub const REPORT_LINK: Duration = Duration::from_secs(604_800);

/// What must hold for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Nothing lies under the key.
    Absent,
    /// The object still has this ETag.
    Unchanged(String),
}

/// Outcome of a conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Stored under this ETag.
    Stored(String),
    /// The condition did not hold; nothing was written.
    Refused,
}

/// A stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The bytes as written.
    pub body: Vec<u8>,
    /// For [`Condition::Unchanged`].
    pub etag: String,
}

/// A page of keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// In the store's order.
    pub keys: Vec<String>,
    /// Opaque; nothing means the last page.
    pub next: Option<String>,
}

/// Where artifacts lie. Local: Everstep's artifact service; on AWS: S3, behind the same trait.
pub trait Artifacts: Send + Sync {
    /// Writes an object, under a condition when one is given.
    fn put<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        body: Vec<u8>,
        content_type: &'a str,
        condition: Option<Condition>,
    ) -> Pending<'a, Result<Written, ArtifactStorageError>>;

    /// Reads an object; nothing when there is none.
    fn get<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
    ) -> Pending<'a, Result<Option<Object>, ArtifactStorageError>>;

    /// One page of the keys under a prefix.
    fn list<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        cursor: Option<&'a str>,
    ) -> Pending<'a, Result<Page, ArtifactStorageError>>;

    /// A link that anybody may read until it expires.
    fn link<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        life: Duration,
    ) -> Pending<'a, Result<String, ArtifactStorageError>>;
}

/// Address of a stored artifact, as the seed's `store_artifact` returns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// `s3://bucket/key`.
    pub s3_uri: String,
    /// Bucket.
    pub bucket: String,
    /// Key.
    pub key: String,
}

/// Length in bytes of the value's JSON text.
#[must_use]
pub fn payload_bytes(payload: &Value) -> usize {
    payload.to_string().len()
}

/// The seed's `is_large_payload`, in bytes and strictly greater.
#[must_use]
pub fn is_large_payload(payload: &Value, threshold: usize) -> bool {
    payload_bytes(payload) > threshold
}

/// The address inside a reference, when the value is one.
#[must_use]
pub fn reference_uri(value: &Value) -> Option<&str> {
    if value.get("artifact_type").and_then(Value::as_str) == Some("s3_reference") {
        value.get("s3_uri").and_then(Value::as_str)
    } else {
        None
    }
}

/// A reference to a stored artifact; `url` lets an agent without credentials read it.
#[must_use]
pub fn reference(stored: &Stored, size_bytes: usize, timestamp: &str, url: Option<&str>) -> Value {
    let mut value = json!({
        "artifact_type": "s3_reference", "s3_uri": stored.s3_uri, "bucket": stored.bucket, "key": stored.key,
        "size_bytes": size_bytes, "timestamp": timestamp,
    });
    if let (Some(url), Some(fields)) = (url, value.as_object_mut()) {
        fields.insert("url".to_owned(), url.into());
    }
    value
}

/// Splits `s3://bucket/key`.
///
/// # Errors
/// `Invalid S3 URI: …` for another scheme, `Invalid S3 URI format: …` without a key.
pub fn parse_s3_uri(uri: &str) -> Result<(String, String), WorkflowError> {
    let Some(rest) = uri.strip_prefix("s3://") else {
        return Err(WorkflowError::Invalid(format!("Invalid S3 URI: {uri}")));
    };
    match rest.split_once('/') {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
            Ok((bucket.to_owned(), key.to_owned()))
        }
        _ => Err(WorkflowError::Invalid(format!(
            "Invalid S3 URI format: {uri}"
        ))),
    }
}

/// The seed's serialisation: dictionaries and lists as JSON with indent 2, text as it is, anything else as text.
#[must_use]
pub fn content_bytes(content: &Value) -> Vec<u8> {
    match content {
        Value::Object(_) | Value::Array(_) => format!("{content:#}").into_bytes(),
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    }
}

/// Stores an artifact, overwriting what lies there.
///
/// # Errors
/// `Failed to store artifact: …`.
pub async fn store_artifact(
    store: &dyn Artifacts,
    address: (&str, &str),
    content: &Value,
    content_type: &str,
    logged: (&Log, &str),
) -> Result<Stored, ArtifactStorageError> {
    let (bucket, key) = address;
    let (log, workflow_id) = logged;
    let body = content_bytes(content);
    let size = body.len();
    match store.put(bucket, key, body, content_type, None).await {
        Ok(_) => {
            log.info(
                "artifact_stored",
                workflow_id,
                json!({ "key": key, "size_bytes": size }),
            );
            Ok(Stored {
                s3_uri: format!("s3://{bucket}/{key}"),
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            })
        }
        Err(error) => {
            log.error(
                "artifact_storage_failed",
                workflow_id,
                json!({ "key": key, "error": error.message }),
            );
            Err(named("Failed to store artifact", error))
        }
    }
}

/// Reads an artifact: JSON if it parses, else text.
///
/// # Errors
/// `Failed to fetch artifact: …`; an address that is none; text that is not UTF-8.
pub async fn fetch_artifact(
    store: &dyn Artifacts,
    s3_uri: &str,
    log: &Log,
    workflow_id: &str,
) -> Result<Value, WorkflowError> {
    let (bucket, key) = parse_s3_uri(s3_uri)?;
    let fetched = async {
        let object = store
            .get(&bucket, &key)
            .await?
            .ok_or_else(|| fault(Kind::NotFound, format!("{s3_uri} does not exist")))?;
        String::from_utf8(object.body)
            .map_err(|_| fault(Kind::Corrupt, format!("{s3_uri} is not UTF-8")))
    }
    .await;
    match fetched {
        Ok(text) => {
            let parsed = serde_json::from_str::<Value>(&text);
            log.info(
                "artifact_fetched",
                workflow_id,
                json!({ "key": key, "parsed": parsed.is_ok() }),
            );
            Ok(parsed.unwrap_or(Value::String(text)))
        }
        Err(error) => {
            log.error(
                "artifact_fetch_failed",
                workflow_id,
                json!({ "key": key, "error": error.message }),
            );
            Err(named("Failed to fetch artifact", error).into())
        }
    }
}

/// A link that expires.
///
/// # Errors
/// `Failed to generate presigned URL: …`.
pub async fn generate_presigned_url(
    store: &dyn Artifacts,
    address: (&str, &str),
    life: Duration,
    logged: (&Log, &str),
) -> Result<String, ArtifactStorageError> {
    let (bucket, key) = address;
    let (log, workflow_id) = logged;
    match store.link(bucket, key, life).await {
        Ok(url) => {
            log.info(
                "presigned_url_generated",
                workflow_id,
                json!({ "key": key, "expiration_seconds": life.as_secs() }),
            );
            Ok(url)
        }
        Err(error) => {
            log.error(
                "presigned_url_generation_failed",
                workflow_id,
                json!({ "key": key, "error": error.message }),
            );
            Err(named("Failed to generate presigned URL", error))
        }
    }
}

fn named(sentence: &str, error: ArtifactStorageError) -> ArtifactStorageError {
    ArtifactStorageError {
        kind: error.kind,
        message: format!("{sentence}: {}", error.message),
    }
}

fn fault(kind: Kind, message: String) -> ArtifactStorageError {
    ArtifactStorageError { kind, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defect_13_the_threshold_counts_bytes_and_is_strict() {
        // Two quotes and 99,999 two-byte letters are exactly the threshold; the original counted 100,001 characters.
        let at_limit = Value::String("é".repeat(99_999));
        assert_eq!(payload_bytes(&at_limit), LARGE_PAYLOAD_BYTES);
        assert!(!is_large_payload(&at_limit, LARGE_PAYLOAD_BYTES));
        let above = Value::String(format!("{}a", "é".repeat(99_999)));
        assert!(is_large_payload(&above, LARGE_PAYLOAD_BYTES));
    }

    #[test]
    fn addresses_are_split_or_refused_with_the_seeds_texts() {
        assert_eq!(
            parse_s3_uri("s3://b/k/x.json").expect("valid"),
            ("b".to_owned(), "k/x.json".to_owned())
        );
        let text = |uri: &str| parse_s3_uri(uri).expect_err(uri).to_string();
        assert_eq!(text("http://b/k"), "Invalid S3 URI: http://b/k");
        for uri in ["s3://b", "s3://b/", "s3:///k"] {
            assert_eq!(text(uri), format!("Invalid S3 URI format: {uri}"));
        }
    }

    #[test]
    fn contents_are_written_as_the_seed_writes_them() {
        assert_eq!(content_bytes(&json!({ "a": 1 })), b"{\n  \"a\": 1\n}");
        assert_eq!(content_bytes(&json!("# Title")), b"# Title");
        assert_eq!(content_bytes(&json!(7)), b"7");
    }

    #[test]
    fn a_reference_needs_only_type_and_address() {
        assert_eq!(
            reference_uri(&json!({ "artifact_type": "s3_reference", "s3_uri": "s3://b/k" })),
            Some("s3://b/k")
        );
        assert_eq!(
            reference_uri(&json!({ "artifact_type": "inline", "s3_uri": "s3://b/k" })),
            None
        );
        assert_eq!(reference_uri(&json!("s3://b/k")), None);
    }
}
