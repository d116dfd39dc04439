//! Where artifacts are kept: options that every kind of server has, and `[artifacts]` of the settings. What an option says goes before.

use std::str::FromStr;

use anyhow::Result;
use clap::Args;
use everstep_engine::blobs::{ArtifactOptions, Encryption, Place, bucket_fault};
use everstep_engine::catalogue::CODE_BUCKET;
use everstep_engine::{ClaimOptions, Handle};
use everstep_server::Code;
use serde::Deserialize;

use crate::error::Failed;
use crate::settings::Settings;

const SECTION: &str = "artifacts";
/// So much of a value may be held in memory.
const BYTES_MIN_MAX: u64 = 16 << 20;
const DAYS_MAX: u64 = 3_650;
const DAY_SECONDS: u64 = 24 * 3_600;
/// What the server itself keeps among the artifacts.
const TAKEN: [&str; 2] = [CODE_BUCKET, "everstep-incoming"];

#[derive(Args, Clone, Debug, Default)]
pub struct ArtifactArguments {
    /// Where artifacts are kept: file:///FOLDER, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX; without it in the data folder
    #[arg(long, env = "EVERSTEP_ARTIFACTS", value_name = "URL", value_parser = str::parse::<Place>)]
    artifacts: Option<Place>,
    /// Address of the store of artifacts, where it is not the cloud's own
    #[arg(long, env = "EVERSTEP_ARTIFACTS_ENDPOINT", value_name = "URL")]
    artifacts_endpoint: Option<String>,
    /// Region of the bucket of artifacts
    #[arg(long, value_name = "REGION")]
    artifacts_region: Option<String>,
    /// How S3 encrypts artifacts: AES256, kms or kms:KEY
    #[arg(long, value_name = "KIND", value_parser = str::parse::<Encryption>)]
    artifacts_encryption: Option<Encryption>,
    /// Compress new artifacts
    #[arg(long, value_enum, value_name = "KIND")]
    artifacts_compression: Option<Compression>,
    /// A result with more bytes becomes an artifact, and a reference travels in its place [default: 200000]
    #[arg(long, env = "EVERSTEP_ARTIFACT_BYTES_MIN", value_name = "N")]
    artifact_bytes_min: Option<u64>,
    /// Bucket of what becomes an artifact because it is large [default: everstep-artifacts]
    #[arg(long, env = "ARTIFACT_BUCKET", value_name = "NAME")]
    artifact_bucket: Option<String>,
    /// Days that such artifacts are kept; for good unless told
    #[arg(long, env = "EVERSTEP_ARTIFACT_DAYS", value_name = "N")]
    artifact_days: Option<u64>,
    /// Make artifacts, too, of what the tasks of state machines give, where AWS lets them fail because it is too large
    #[arg(long)]
    artifacts_beyond_limits: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Compression {
    None,
    Zstd,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Section {
    url: Option<String>,
    endpoint: Option<String>,
    region: Option<String>,
    encryption: Option<String>,
    compression: Option<Compression>,
    bytes_min: Option<u64>,
    bucket: Option<String>,
    days: Option<u64>,
    beyond_limits: bool,
}

/// What an option says, else the file, and the name under which it was said.
fn said<T>(
    option: Option<T>,
    (name, key): (&'static str, &'static str),
    file: Option<T>,
) -> Option<(T, &'static str)> {
    let option = option.map(|value| (value, name));
    option.or_else(|| file.map(|value| (value, key)))
}

/// A number that is said, or what is wrong with it.
fn within(said: Option<(u64, &str)>, max: u64) -> Result<Option<u64>, String> {
    match said {
        Some((value, name)) if !(1..=max).contains(&value) => Err(format!(
            "{name} can't be {value}: it lies between 1 and {max}"
        )),
        said => Ok(said.map(|(value, _)| value)),
    }
}

impl Section {
    fn claims(self, given: &ArtifactArguments) -> Result<ClaimOptions, String> {
        let of = ClaimOptions::default();
        let name = ("--artifact-bytes-min", "[artifacts] bytes_min");
        let bytes_min = said(given.artifact_bytes_min, name, self.bytes_min);
        let name = ("--artifact-days", "[artifacts] days");
        let days = said(given.artifact_days, name, self.days);
        let name = (
            "--artifact-bucket (or ARTIFACT_BUCKET)",
            "[artifacts] bucket",
        );
        let bucket = said(given.artifact_bucket.clone(), name, self.bucket);
        if let Some((bucket, name)) = &bucket {
            let taken = TAKEN.contains(&bucket.as_str());
            let taken = taken.then_some("the server keeps things of its own there");
            if let Some(fault) = bucket_fault(bucket).or(taken) {
                return Err(format!("{name} can't be {bucket:?}: {fault}"));
            }
        }
        Ok(ClaimOptions {
            bytes_min: within(bytes_min, BYTES_MIN_MAX)?.unwrap_or(of.bytes_min),
            bucket: bucket.map_or(of.bucket, |(bucket, _)| bucket),
            expires_seconds: within(days, DAYS_MAX)?.map(|days| days * DAY_SECONDS),
            beyond_limits: given.artifacts_beyond_limits || self.beyond_limits,
        })
    }
}

impl ArtifactArguments {
    /// What becomes an artifact because it is large.
    ///
    /// # Errors
    /// E0190 with what can't be.
    pub fn claims(&self, settings: &Settings) -> Result<ClaimOptions> {
        let section: Section = settings.section(SECTION)?;
        section.claims(self).map_err(|why| settings.unusable(&why))
    }

    /// # Errors
    /// E0190 for a section that can't be read, E0127 when the place can't be used.
    pub fn options(&self, settings: &Settings) -> Result<ArtifactOptions> {
        let section: Section = settings.section(SECTION)?;
        let place = match (&self.artifacts, &section.url) {
            (Some(place), _) => Some(place.clone()),
            (None, Some(url)) => Some(parsed(settings, "url", url)?),
            (None, None) => None,
        };
        let encryption = match (&self.artifacts_encryption, &section.encryption) {
            (Some(encryption), _) => encryption.clone(),
            (None, Some(text)) => parsed(settings, "encryption", text)?,
            (None, None) => Encryption::default(),
        };
        let compression = self.artifacts_compression.or(section.compression);
        let options = ArtifactOptions {
            place,
            endpoint: self.artifacts_endpoint.clone().or(section.endpoint),
            region: self.artifacts_region.clone().or(section.region),
            encryption,
            compress: compression == Some(Compression::Zstd),
        };
        let of_a_bucket = [
            (options.endpoint.is_some(), "endpoint"),
            (options.region.is_some(), "region"),
            (options.encryption != Encryption::default(), "encryption"),
        ];
        let in_a_bucket = matches!(options.place, Some(Place::Bucket { .. }));
        if let Some((_, what)) = of_a_bucket.iter().find(|(given, _)| *given && !in_a_bucket) {
            return Err(unusable(format!(
                "--artifacts-{what} is for artifacts in a bucket, which --artifacts names"
            )));
        }
        options
            .check()
            .map_err(|error| unusable(error.to_string()))?;
        Ok(options)
    }
}

fn parsed<T: FromStr<Err = String>>(settings: &Settings, key: &str, text: &str) -> Result<T> {
    let parsed = text.parse::<T>();
    parsed.map_err(|why| settings.wrong(SECTION, &format!("{key} can't be {text}: {why}")))
}

/// Asks the place of artifacts whether it is there and lets us in.
///
/// # Errors
/// E0127 with what it says.
pub async fn probe(handle: &Handle, options: &ArtifactOptions) -> Result<()> {
    let Some(place) = &options.place else {
        return Ok(());
    };
    let probed = handle.blobs().artifacts().probe().await;
    probed.map_err(|error| unusable(format!("{place} can't be used for artifacts: {error}")))
}

/// A place for artifacts that can't be used, with its code.
fn unusable(message: String) -> anyhow::Error {
    Failed::Refused {
        status: 400,
        code: Some(Code::UnusableArtifacts.to_string()),
        message,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(file: &str, given: &ArtifactArguments) -> Result<ClaimOptions, String> {
        let settings = Settings::parse("s.toml".into(), file).expect("TOML");
        given.claims(&settings).map_err(|error| error.to_string())
    }

    #[test]
    fn an_option_goes_before_the_file_and_both_before_what_is_usual() {
        let none = ArtifactArguments::default();
        assert_eq!(claims("", &none), Ok(ClaimOptions::default()));
        let file =
            "[artifacts]\nbytes_min = 1000\nbucket = 'kept'\ndays = 30\nbeyond_limits = true\n";
        let of_file = ClaimOptions {
            bytes_min: 1_000,
            bucket: "kept".to_owned(),
            expires_seconds: Some(30 * 86_400),
            beyond_limits: true,
        };
        assert_eq!(claims(file, &none), Ok(of_file.clone()));
        let given = ArtifactArguments {
            artifact_bytes_min: Some(5),
            artifact_bucket: Some("other".to_owned()),
            ..none
        };
        let wanted = ClaimOptions {
            bytes_min: 5,
            bucket: "other".to_owned(),
            ..of_file
        };
        assert_eq!(claims(file, &given), Ok(wanted));
    }

    #[test]
    fn e0190_says_which_option_or_member_cant_be() {
        let none = ArtifactArguments::default;
        let option = |bucket: &str| ArtifactArguments {
            artifact_bucket: Some(bucket.to_owned()),
            ..none()
        };
        let few = ArtifactArguments {
            artifact_bytes_min: Some(0),
            ..none()
        };
        for (file, given, part) in [
            ("bytes_min = 0", none(), "[artifacts] bytes_min can't be 0"),
            ("days = 4000", none(), "[artifacts] days can't be 4000"),
            (
                "bucket = '-a'",
                none(),
                "[artifacts] bucket can't be \"-a\"",
            ),
            ("", option("a/b"), "ARTIFACT_BUCKET) can't be \"a/b\""),
            ("", option("everstep-code"), "things of its own"),
            ("", few, "--artifact-bytes-min can't be 0"),
        ] {
            let error = claims(&format!("[artifacts]\n{file}\n"), &given).expect_err(part);
            assert!(error.contains(part) && error.contains("E0190"), "{error}");
        }
    }
}
