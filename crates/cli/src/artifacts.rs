//! Where artifacts are kept: options that every kind of server has.

use anyhow::Result;
use clap::Args;
use everstep_engine::Handle;
use everstep_engine::blobs::{ArtifactOptions, Encryption, Place};
use everstep_server::Code;

use crate::error::Failed;

#[derive(Args, Clone, Debug)]
pub struct ArtifactArguments {
    /// Where artifacts are kept: file:///FOLDER, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX; without it in the data folder
    #[arg(long, env = "EVERSTEP_ARTIFACTS", value_name = "URL", value_parser = str::parse::<Place>)]
    artifacts: Option<Place>,
    /// Address of the store of artifacts, where it is not the cloud's own
    #[arg(
        long,
        env = "EVERSTEP_ARTIFACTS_ENDPOINT",
        value_name = "URL",
        requires = "artifacts"
    )]
    artifacts_endpoint: Option<String>,
    /// Region of the bucket of artifacts
    #[arg(long, value_name = "REGION", requires = "artifacts")]
    artifacts_region: Option<String>,
    /// How S3 encrypts artifacts: AES256, kms or kms:KEY
    #[arg(long, value_name = "KIND", requires = "artifacts", value_parser = str::parse::<Encryption>)]
    artifacts_encryption: Option<Encryption>,
    /// Compress new artifacts
    #[arg(long, value_enum, value_name = "KIND")]
    artifacts_compression: Option<Compression>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Compression {
    None,
    Zstd,
}

impl ArtifactArguments {
    /// # Errors
    /// E0127 when they make no place.
    pub fn options(&self) -> Result<ArtifactOptions> {
        let options = ArtifactOptions {
            place: self.artifacts.clone(),
            endpoint: self.artifacts_endpoint.clone(),
            region: self.artifacts_region.clone(),
            encryption: self.artifacts_encryption.clone().unwrap_or_default(),
            compress: self.artifacts_compression == Some(Compression::Zstd),
        };
        options
            .check()
            .map_err(|error| unusable(error.to_string()))?;
        Ok(options)
    }
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
