//! Code on its way in: archives in the request, or objects of our own artifact store that are named as S3's are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use everstep_core::Digest;
use everstep_engine::Code;
use everstep_engine::catalogue::CODE_BUCKET;
use futures_util::TryStreamExt as _;
use serde::Deserialize;

use super::Call;
use super::errors::Error;
use crate::artifacts;

/// Where an archive comes from.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct SourceIn {
    zip_file: Option<String>,
    s3_bucket: Option<String>,
    s3_key: Option<String>,
    image_uri: Option<String>,
}

/// An archive that has been read and looks like one.
pub(super) struct Archive {
    bytes: Bytes,
    sha256: String,
}

impl Archive {
    pub(super) fn code(&self) -> Code {
        Code::Archive {
            sha256: self.sha256.clone(),
            size: self.bytes.len() as u64,
        }
    }

    /// Digest in hexadecimal, and size.
    pub(super) fn parts(&self) -> (String, u64) {
        (self.sha256.clone(), self.bytes.len() as u64)
    }
}

impl Call<'_> {
    pub(super) async fn archive(&self, source: SourceIn) -> Result<Archive, Error> {
        let bytes = match source {
            SourceIn {
                image_uri: Some(_), ..
            } => {
                return Err(Error::invalid(
                    "Container images are not run here; give a ZipFile.",
                ));
            }
            SourceIn {
                zip_file: Some(zip),
                ..
            } => STANDARD
                .decode(zip)
                .map_err(|_| Error::invalid("Code.ZipFile is not base64"))?
                .into(),
            SourceIn {
                s3_bucket: Some(bucket),
                s3_key: Some(key),
                ..
            } => self.object(&bucket, &key).await?,
            _ => {
                return Err(Error::invalid(
                    "Please provide a source for function code: a ZipFile, or S3Bucket and S3Key of an artifact of this server.",
                ));
            }
        };
        if !is_zip(&bytes) {
            return Err(Error::invalid(
                "Could not unzip uploaded file. Please check your file, then try to upload again.",
            ));
        }
        let sha256 = Digest::of(&bytes).hex();
        Ok(Archive { bytes, sha256 })
    }

    /// Keeps the archive under its digest.
    pub(super) async fn keep(&self, archive: &Archive) -> Result<(), Error> {
        let bytes = archive.bytes.clone();
        artifacts::put(&self.app.handle, CODE_BUCKET, &archive.sha256, bytes).await?;
        Ok(())
    }

    async fn object(&self, bucket: &str, key: &str) -> Result<Bytes, Error> {
        let artifacts = self.app.handle.blobs().artifacts();
        let missing = || {
            Error::invalid(format!(
                "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: this server's artifacts have no {bucket}/{key}"
            ))
        };
        let (_, body) = artifacts.get(bucket, key).await.map_err(|_| missing())?;
        let parts: Vec<Bytes> = body.try_collect().await.map_err(|_| missing())?;
        Ok(parts.concat().into())
    }
}

/// Whether the end of a zip's directory is where it has to be: at the end, before a comment of at most 64 KiB.
fn is_zip(bytes: &[u8]) -> bool {
    const END: &[u8] = b"PK\x05\x06";
    const TAIL: usize = 22 + (1 << 16);
    let tail = bytes
        .get(bytes.len().saturating_sub(TAIL)..)
        .unwrap_or_default();
    tail.windows(END.len()).any(|window| window == END)
}
