//! Where artifacts lie, as it is written in a configuration, and the client of that place.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path as Location;
use object_store::{ClientConfigKey, ObjectStore, RetryConfig};

use super::{Bucket, Error};

/// How long one request is tried, with growing pauses, before its caller is told.
const TRIED_FOR: Duration = Duration::from_secs(30);
const TRIES_MAX: usize = 6;

/// A place for artifacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Folder(PathBuf),
    Bucket {
        cloud: Cloud,
        bucket: String,
        prefix: String,
    },
}

/// Whose buckets they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    S3,
    Gcs,
    Azure,
}

/// How a bucket encrypts what lies in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// As the bucket does by itself.
    #[default]
    Bucket,
    /// With keys that S3 keeps.
    Aes256,
    /// With a key of AWS KMS; without a name, the account's own for S3.
    Kms(Option<String>),
}

impl FromStr for Encryption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            _ if text.eq_ignore_ascii_case("AES256") => Ok(Self::Aes256),
            _ if text == "kms" => Ok(Self::Kms(None)),
            Some(("kms", key)) if !key.is_empty() => Ok(Self::Kms(Some(key.to_owned()))),
            _ => Err(format!("it is AES256, kms or kms:KEY, not {text}")),
        }
    }
}

/// Where artifacts lie and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArtifactOptions {
    /// Without one they lie in the folder of the blobs.
    pub place: Option<Place>,
    /// Address of the service, where it is not the cloud's own.
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub encryption: Encryption,
    /// Whether new artifacts are compressed, unless their type says that this is in vain.
    pub compress: bool,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORMS: &str =
            "file:///FOLDER, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX";
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| format!("it is one of {FORMS}"))?;
        let cloud = match scheme {
            "file" if Path::new(rest).is_absolute() => return Ok(Self::Folder(rest.into())),
            "file" => return Err("a folder is named from its root: file:///FOLDER".to_owned()),
            "s3" => Cloud::S3,
            "gs" => Cloud::Gcs,
            "az" => Cloud::Azure,
            _ => {
                return Err(format!(
                    "{scheme} is no kind of store: it is one of {FORMS}"
                ));
            }
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err("the bucket has no name".to_owned());
        }
        // Credentials come from the environment; here they would be shown in process lists and messages.
        if let Some(odd) = rest.chars().find(|letter| "@?#".contains(*letter)) {
            return Err(format!(
                "it has no {odd}: credentials come from the environment, and a bucket's name has none"
            ));
        }
        let prefix = prefix.trim_matches('/');
        Location::parse(prefix).map_err(|error| format!("its prefix can't be used: {error}"))?;
        Ok(Self::Bucket {
            cloud,
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(to, "file://{}", folder.display()),
            Self::Bucket {
                cloud,
                bucket,
                prefix,
            } => {
                let scheme = match cloud {
                    Cloud::S3 => "s3",
                    Cloud::Gcs => "gs",
                    Cloud::Azure => "az",
                };
                write!(to, "{scheme}://{bucket}")?;
                match prefix.as_str() {
                    "" => Ok(()),
                    prefix => write!(to, "/{prefix}"),
                }
            }
        }
    }
}

impl ArtifactOptions {
    /// Whether a client can be made of them. Nothing is asked of a cloud.
    ///
    /// # Errors
    /// [`Error::Place`] with what is missing or does not fit.
    pub fn check(&self) -> Result<(), Error> {
        self.bucket().map(|_| ())
    }

    /// A client of the bucket; `None` for a folder. Nothing is asked of the cloud yet.
    ///
    /// # Errors
    /// [`Error::Place`]: what was given, or what the environment says, makes no client.
    pub(super) fn bucket(&self) -> Result<Option<Bucket>, Error> {
        let Some(
            place @ Place::Bucket {
                cloud,
                bucket,
                prefix,
            },
        ) = &self.place
        else {
            return Ok(None);
        };
        let refuse = |reason: String| Error::Place {
            place: place.to_string(),
            reason,
        };
        if *cloud != Cloud::S3 && self.encryption != Encryption::Bucket {
            return Err(refuse(
                "an encryption can be chosen for s3 alone: the others encrypt by themselves, with the key that the bucket is set to"
                    .to_owned(),
            ));
        }
        if *cloud != Cloud::S3 && self.region.is_some() {
            return Err(refuse("a region is given for s3 alone".to_owned()));
        }
        let http = match self.endpoint.as_deref() {
            None => false,
            Some(endpoint) if endpoint.starts_with("https://") => false,
            Some(endpoint) if endpoint.starts_with("http://") => true,
            Some(_) => {
                return Err(refuse(
                    "its endpoint begins with http:// or https://".to_owned(),
                ));
            }
        };
        let made = match cloud {
            Cloud::S3 => self.s3(bucket, http),
            Cloud::Gcs => self.gcs(bucket, http),
            Cloud::Azure => self.azure(bucket, http),
        };
        let objects = made.map_err(|error| refuse(error.to_string()))?;
        Ok(Some(Bucket::new(objects, &Location::from(prefix.as_str()))))
    }

    fn s3(&self, bucket: &str, http: bool) -> object_store::Result<Arc<dyn ObjectStore>> {
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_retry(retry());
        for (key, value) in client(http) {
            builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
        }
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(region) = &self.region {
            builder = builder.with_region(region);
        }
        let set = |builder: AmazonS3Builder, key: &str, value: &str| {
            key.parse()
                .map(|key: AmazonS3ConfigKey| builder.with_config(key, value))
        };
        builder = match &self.encryption {
            Encryption::Bucket => builder,
            Encryption::Aes256 => set(builder, "aws_server_side_encryption", "AES256")?,
            Encryption::Kms(None) => set(builder, "aws_server_side_encryption", "aws:kms")?,
            Encryption::Kms(Some(key)) => builder.with_sse_kms_encryption(key),
        };
        Ok(Arc::new(builder.build()?))
    }

    fn gcs(&self, bucket: &str, http: bool) -> object_store::Result<Arc<dyn ObjectStore>> {
        let mut builder = GoogleCloudStorageBuilder::from_env()
            .with_bucket_name(bucket)
            .with_retry(retry());
        for (key, value) in client(http) {
            builder = builder.with_config(GoogleConfigKey::Client(key), value);
        }
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_base_url(endpoint);
        }
        Ok(Arc::new(builder.build()?))
    }

    fn azure(&self, container: &str, http: bool) -> object_store::Result<Arc<dyn ObjectStore>> {
        let mut builder = MicrosoftAzureBuilder::from_env()
            .with_container_name(container)
            .with_retry(retry());
        for (key, value) in client(http) {
            builder = builder.with_config(AzureConfigKey::Client(key), value);
        }
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.clone());
        }
        Ok(Arc::new(builder.build()?))
    }
}

fn retry() -> RetryConfig {
    RetryConfig {
        max_retries: TRIES_MAX,
        retry_timeout: TRIED_FOR,
        ..RetryConfig::default()
    }
}

/// A large artifact may take long, but bytes have to come; a store that puts one together from its parts may say nothing for a while.
fn client(http: bool) -> [(ClientConfigKey, &'static str); 3] {
    [
        (ClientConfigKey::Timeout, "1 hour"),
        (ClientConfigKey::ReadTimeout, "3 minutes"),
        (
            ClientConfigKey::AllowHttp,
            if http { "true" } else { "false" },
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for text in [
            "file:///var/lib/artifacts",
            "s3://bucket/a/b",
            "s3://bucket",
            "gs://bucket/prefix",
            "az://container",
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        assert_eq!(
            "s3://bucket/a/".parse::<Place>(),
            "s3://bucket/a".parse::<Place>()
        );
    }

    #[test]
    fn what_is_no_place_is_refused_with_what_would_be_one() {
        for (text, said) in [
            ("bucket", "s3://BUCKET/PREFIX"),
            ("ftp://host/a", "ftp is no kind of store"),
            ("s3://", "the bucket has no name"),
            ("s3:///a", "the bucket has no name"),
            ("file://a", "file:///FOLDER"),
            (
                "s3://key:secret@bucket/a",
                "credentials come from the environment",
            ),
            (
                "az://container/a?sig=x",
                "credentials come from the environment",
            ),
            ("gs://bucket/a//b", "its prefix can't be used"),
        ] {
            let refused = text.parse::<Place>().expect_err(text);
            assert!(refused.contains(said), "{text}: {refused}");
        }
        assert!("des".parse::<Encryption>().is_err());
        assert_eq!("kms:k".parse(), Ok(Encryption::Kms(Some("k".to_owned()))));
    }

    #[test]
    fn options_that_fit_no_cloud_are_refused() {
        let of = |place: &str| ArtifactOptions {
            place: Some(place.parse().unwrap()),
            ..ArtifactOptions::default()
        };
        let said = |options: ArtifactOptions| options.bucket().map(|_| ()).unwrap_err().to_string();
        let encrypted = ArtifactOptions {
            encryption: Encryption::Aes256,
            ..of("gs://b")
        };
        assert!(said(encrypted).contains("for s3 alone"));
        let elsewhere = ArtifactOptions {
            region: Some("eu-west-1".to_owned()),
            ..of("az://c")
        };
        assert!(said(elsewhere).contains("for s3 alone"));
        let odd = ArtifactOptions {
            endpoint: Some("localhost:9000".to_owned()),
            ..of("s3://b")
        };
        assert!(said(odd).contains("http://"));
        // Whose account it is, nobody said.
        assert!(said(of("az://c")).contains("ccount"));
        assert!(of("s3://b/p").bucket().unwrap().is_some());
        assert!(of("file:///tmp").bucket().unwrap().is_none());
    }
}
