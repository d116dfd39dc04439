//! Artifacts in S3, encrypted at rest with S3's own keys.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;

use super::fault::fault;
use crate::artifact::{Artifacts, Condition, Object, Page, Pending, Written};
use crate::error::{ArtifactStorageError, Kind};

/// [`Artifacts`] in S3.
#[derive(Debug, Clone)]
pub struct S3Artifacts {
    client: Client,
}

impl S3Artifacts {
    /// With the credentials and the region of `config`.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            client: Client::new(config),
        }
    }

    async fn write(
        &self,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
        content_type: &str,
        condition: Option<Condition>,
    ) -> Result<Written, ArtifactStorageError> {
        let request = self
            .client
            .put_object()
            .bucket(bucket)
            .key(key)
            .content_type(content_type)
            .server_side_encryption(ServerSideEncryption::Aes256)
            .body(ByteStream::from(body));
        let request = match condition {
            Some(Condition::Absent) => request.if_none_match("*"),
            Some(Condition::Unchanged(etag)) => request.if_match(etag),
            None => request,
        };
        match request.send().await {
            Ok(written) => Ok(Written::Stored(written.e_tag.unwrap_or_default())),
            Err(error) => match fault(&error) {
                (Kind::Conflict, _) => Ok(Written::Refused),
                (kind, message) => Err(ArtifactStorageError { kind, message }),
            },
        }
    }

    async fn read(&self, bucket: &str, key: &str) -> Result<Option<Object>, ArtifactStorageError> {
        let sent = self
            .client
            .get_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await;
        let object = match sent {
            Ok(object) => object,
            Err(error) => {
                let missing = error
                    .as_service_error()
                    .is_some_and(aws_sdk_s3::operation::get_object::GetObjectError::is_no_such_key);
                let (kind, message) = fault(&error);
                // A missing bucket is a fault of the configuration, not a missing object.
                return if missing {
                    Ok(None)
                } else {
                    Err(ArtifactStorageError { kind, message })
                };
            }
        };
        let etag = object.e_tag.unwrap_or_default();
        let body = object
            .body
            .collect()
            .await
            .map_err(|error| ArtifactStorageError {
                kind: Kind::Transient,
                message: format!("reading s3://{bucket}/{key} broke off: {error}"),
            })?;
        Ok(Some(Object {
            body: body.to_vec(),
            etag,
        }))
    }

    async fn keys(
        &self,
        bucket: &str,
        prefix: &str,
        cursor: Option<&str>,
    ) -> Result<Page, ArtifactStorageError> {
        let sent = self
            .client
            .list_objects_v2()
            .bucket(bucket)
            .prefix(prefix)
            .set_continuation_token(cursor.map(str::to_owned))
            .send()
            .await;
        let page = sent.map_err(|error| refused(fault(&error)))?;
        Ok(Page {
            keys: page
                .contents()
                .iter()
                .filter_map(|object| object.key().map(str::to_owned))
                .collect(),
            next: page.next_continuation_token,
        })
    }

    async fn sign(
        &self,
        bucket: &str,
        key: &str,
        life: Duration,
    ) -> Result<String, ArtifactStorageError> {
        let lasting = PresigningConfig::expires_in(life).map_err(|error| ArtifactStorageError {
            kind: Kind::Invalid,
            message: error.to_string(),
        })?;
        let signed = self
            .client
            .get_object()
            .bucket(bucket)
            .key(key)
            .presigned(lasting)
            .await;
        signed
            .map(|request| request.uri().to_owned())
            .map_err(|error| refused(fault(&error)))
    }
}

impl Artifacts for S3Artifacts {
    fn put<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        body: Vec<u8>,
        content_type: &'a str,
        condition: Option<Condition>,
    ) -> Pending<'a, Result<Written, ArtifactStorageError>> {
        Box::pin(self.write(bucket, key, body, content_type, condition))
    }

    fn get<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
    ) -> Pending<'a, Result<Option<Object>, ArtifactStorageError>> {
        Box::pin(self.read(bucket, key))
    }

    fn list<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
        cursor: Option<&'a str>,
    ) -> Pending<'a, Result<Page, ArtifactStorageError>> {
        Box::pin(self.keys(bucket, prefix, cursor))
    }

    fn link<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        life: Duration,
    ) -> Pending<'a, Result<String, ArtifactStorageError>> {
        Box::pin(self.sign(bucket, key, life))
    }
}

fn refused((kind, message): (Kind, String)) -> ArtifactStorageError {
    ArtifactStorageError { kind, message }
}
