//! Signature version 4 for functions on AWS. The credentials are the function's own variables, else those of a profile, else what AWS's tools
//! would find on this machine.

use everstep_engine::catalogue::Remote;

/// The region that a call is signed for; `None` when it is not signed.
pub(super) fn region(remote: &Remote, url: &str) -> Option<String> {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or_default();
    let of_host = host
        .strip_prefix("lambda.")
        .and_then(|rest| rest.split_once('.'))
        .filter(|(_, rest)| rest.starts_with("amazonaws.com"))
        .map(|(region, _)| region.to_owned());
    let fallback = || remote.profile.as_ref().map(|_| "us-east-1".to_owned());
    remote.region.clone().or(of_host).or_else(fallback)
}

#[cfg(feature = "aws")]
pub(super) use signer::Signer;

#[cfg(feature = "aws")]
mod signer {
    use std::collections::HashMap;
    use std::time::{Duration, SystemTime};

    use aws_config::Region;
    use aws_config::default_provider::credentials::DefaultCredentialsChain;
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::ProvideCredentials as _;
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4;
    use everstep_engine::catalogue::Remote;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
    use tokio::sync::Mutex;

    use crate::host::FunctionSpec;

    /// Credentials without an end of their own are asked for again after this time: a profile may be written anew.
    const KEPT: Duration = Duration::from_secs(60);
    /// Others are not used in their last minutes.
    const EARLY: Duration = Duration::from_secs(300);

    #[derive(Default)]
    pub(crate) struct Signer {
        /// By profile; the empty one is the default.
        found: Mutex<HashMap<String, (Credentials, SystemTime)>>,
    }

    impl Signer {
        /// Adds the headers of a signature over the request.
        pub(crate) async fn sign(
            &self,
            remote: &Remote,
            spec: &FunctionSpec,
            region: &str,
            url: &str,
            headers: &mut HeaderMap,
            body: &[u8],
        ) -> Result<(), String> {
            let credentials = match own(spec) {
                Some(credentials) => credentials,
                None => self.find(remote, region).await?,
            };
            let identity = credentials.into();
            let parameters = v4::SigningParams::builder()
                .identity(&identity)
                .region(region)
                .name("lambda")
                .time(SystemTime::now())
                .settings(SigningSettings::default())
                .build()
                .map_err(|error| error.to_string())?
                .into();
            let signed = headers
                .iter()
                .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
            let request = SignableRequest::new("POST", url, signed, SignableBody::Bytes(body))
                .map_err(|error| error.to_string())?;
            let (instructions, _) = sign(request, &parameters)
                .map_err(|error| error.to_string())?
                .into_parts();
            for (name, value) in instructions.headers() {
                let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
                let value = HeaderValue::try_from(value).map_err(|error| error.to_string())?;
                headers.insert(name, value);
            }
            Ok(())
        }

        async fn find(&self, remote: &Remote, region: &str) -> Result<Credentials, String> {
            let profile = remote.profile.clone().unwrap_or_default();
            let mut found = self.found.lock().await;
            let now = SystemTime::now();
            if let Some((credentials, until)) = found.get(&profile)
                && *until > now
            {
                return Ok(credentials.clone());
            }
            let mut chain =
                DefaultCredentialsChain::builder().region(Region::new(region.to_owned()));
            if let Some(profile) = &remote.profile {
                chain = chain.profile_name(profile);
            }
            let credentials = chain
                .build()
                .await
                .provide_credentials()
                .await
                .map_err(|error| format!("no credentials: {}", crate::remote::describe(&error)))?;
            let until = credentials
                .expiry()
                .map_or(now + KEPT, |end| end.checked_sub(EARLY).unwrap_or(now));
            found.insert(profile, (credentials.clone(), until));
            Ok(credentials)
        }
    }

    /// Keys among the function's own variables.
    fn own(spec: &FunctionSpec) -> Option<Credentials> {
        let variable = |name: &str| spec.environment.get(name).cloned();
        Some(Credentials::new(
            variable("AWS_ACCESS_KEY_ID")?,
            variable("AWS_SECRET_ACCESS_KEY")?,
            variable("AWS_SESSION_TOKEN"),
            None,
            "function",
        ))
    }
}

#[cfg(not(feature = "aws"))]
#[derive(Default)]
pub(super) struct Signer;

#[cfg(not(feature = "aws"))]
impl Signer {
    pub(super) async fn sign(
        &self,
        _: &Remote,
        _: &crate::host::FunctionSpec,
        _: &str,
        _: &str,
        _: &mut reqwest::header::HeaderMap,
        _: &[u8],
    ) -> Result<(), String> {
        Err("this build cannot sign: it lacks the feature `aws`".to_owned())
    }
}
