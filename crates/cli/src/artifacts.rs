//! Where artifacts are kept: options that every kind of server has, and `[artifacts]` of the settings. What an option says goes before.

use std::str::FromStr;

use anyhow::Result;
use clap::Args;
use everstep_engine::Handle;
use everstep_engine::blobs::{ArtifactOptions, Encryption, Place};
use everstep_server::Code;
use serde::Deserialize;

use crate::error::Failed;
use crate::settings::Settings;

const SECTION: &str = "artifacts";

#[derive(Args, Clone, Debug)]
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
}

impl ArtifactArguments {
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
