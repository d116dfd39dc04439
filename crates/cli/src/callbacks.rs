//! `[callbacks]` of the settings.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use everstep_engine::ClaimOptions;
use everstep_engine::blobs::bucket_fault;
use everstep_server::{Callbacks, Policy, Rate, Rates, WebhookKey};
use serde::Deserialize;

use crate::settings::Settings;

const SECTION: &str = "callbacks";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Section {
    cors_origin: Option<String>,
    artifact_bucket: Option<String>,
    artifact_threshold_bytes: Option<usize>,
    result_bytes_max: Option<u64>,
    orphan_bytes_max: Option<u64>,
    incoming_bytes_max: Option<u64>,
    json_depth_max: Option<usize>,
    webhook_tolerance_seconds: Option<u64>,
    accept: Option<Vec<Proof>>,
    webhook_keys: Option<Vec<WebhookKeyAt>>,
    limits: Limits,
    definitions: BTreeMap<String, Definition>,
}

/// What differs for one function or state machine.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Definition {
    accept: Option<Vec<Proof>>,
    webhook_keys: Option<Vec<WebhookKeyAt>>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Proof {
    Bearer,
    A2a,
    Webhook,
}

/// Where a key stands: it is named, not written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookKeyAt {
    env: Option<String>,
    file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    callback: Option<RateAt>,
    source: Option<RateAt>,
    all: Option<RateAt>,
    failures: Option<RateAt>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RateAt {
    per_second: u32,
    burst: u32,
}

/// How callbacks are taken.
///
/// # Errors
/// E0190.
pub fn read(settings: &Settings, claims: &ClaimOptions) -> Result<Callbacks> {
    let section: Section = settings.section(SECTION)?;
    section
        .callbacks(claims)
        .map_err(|why| settings.wrong(SECTION, &why))
}

impl Section {
    /// What is not said here of artifacts is as it is for all of them.
    fn callbacks(self, claims: &ClaimOptions) -> Result<Callbacks, String> {
        let of = Callbacks::default();
        let bytes_min = usize::try_from(claims.bytes_min).unwrap_or(usize::MAX);
        let policy = policy(Policy::default(), self.accept, self.webhook_keys)?;
        let definitions = self.definitions.into_iter().map(|(name, definition)| {
            let own = self::policy(policy.clone(), definition.accept, definition.webhook_keys);
            own.map_err(|why| format!("definitions.{name}: {why}"))
                .map(|own| (name, own))
        });
        let callbacks = Callbacks {
            cors_origin: self.cors_origin.unwrap_or(of.cors_origin),
            artifact_bucket: self
                .artifact_bucket
                .unwrap_or_else(|| claims.bucket.clone()),
            artifact_threshold_bytes: self.artifact_threshold_bytes.unwrap_or(bytes_min),
            orphan_bytes_max: self.orphan_bytes_max.unwrap_or(of.orphan_bytes_max),
            incoming_bytes_max: self.incoming_bytes_max.unwrap_or(of.incoming_bytes_max),
            result_bytes_max: self.result_bytes_max.unwrap_or(of.result_bytes_max),
            json_depth_max: self.json_depth_max.unwrap_or(of.json_depth_max),
            webhook_tolerance: self
                .webhook_tolerance_seconds
                .map_or(of.webhook_tolerance, Duration::from_secs),
            definitions: definitions.collect::<Result<_, _>>()?,
            policy,
            rates: self.limits.rates()?,
        };
        let origin = &callbacks.cors_origin;
        // It becomes a header.
        if origin.is_empty() || !origin.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("cors_origin is * or an origin such as https://app.example.org".to_owned());
        }
        if let Some(fault) = bucket_fault(&callbacks.artifact_bucket) {
            let bucket = &callbacks.artifact_bucket;
            return Err(format!("artifact_bucket can't be {bucket:?}: {fault}"));
        }
        if callbacks.artifact_threshold_bytes > 16 << 20 {
            return Err(
                "artifact_threshold_bytes is 16 MiB at most: so much is held in memory".to_owned(),
            );
        }
        if !(1..=10_000).contains(&callbacks.json_depth_max) {
            return Err("json_depth_max lies between 1 and 10,000".to_owned());
        }
        Ok(callbacks)
    }
}

fn policy(
    base: Policy,
    accept: Option<Vec<Proof>>,
    keys: Option<Vec<WebhookKeyAt>>,
) -> Result<Policy, String> {
    let keys = keys.map(|keys| keys.iter().map(key).collect::<Result<_, _>>());
    let keys = keys.transpose()?.unwrap_or(base.webhook_keys);
    let Some(accept) = accept else {
        return Ok(Policy {
            webhook_keys: keys,
            ..base
        });
    };
    let takes = |proof| accept.contains(&proof);
    if takes(Proof::Webhook) && keys.is_empty() {
        return Err("it accepts webhooks and has no webhook_keys".to_owned());
    }
    Ok(Policy {
        bearer: takes(Proof::Bearer),
        a2a: takes(Proof::A2a),
        webhook_keys: if takes(Proof::Webhook) {
            keys
        } else {
            Vec::new()
        },
    })
}

/// The key that stands there. No text of an error holds it.
fn key(at: &WebhookKeyAt) -> Result<WebhookKey, String> {
    let (text, place) = match (&at.env, &at.file) {
        (Some(name), None) => (
            std::env::var(name).map_err(|_| format!("the variable {name} is not set"))?,
            name.clone(),
        ),
        (None, Some(file)) => (
            std::fs::read_to_string(file)
                .map_err(|error| format!("{} can't be read: {error}", file.display()))?,
            file.display().to_string(),
        ),
        _ => {
            return Err(
                "a key of webhook_keys is { env = \"NAME\" } or { file = \"PATH\" }".to_owned(),
            );
        }
    };
    let parsed = text.trim().parse::<WebhookKey>();
    parsed.map_err(|error| format!("{place}: {error}"))
}

impl Limits {
    fn rates(&self) -> Result<Rates, String> {
        let of = Rates::default();
        let rate = |at: Option<RateAt>, of: Rate, name: &str| match at {
            None => Ok(of),
            Some(RateAt { per_second: 0, .. }) => {
                Err(format!("limits.{name}: per_second is 1 at least"))
            }
            Some(RateAt { burst: 0, .. }) => Err(format!("limits.{name}: burst is 1 at least")),
            Some(RateAt { per_second, burst }) => Ok(Rate { per_second, burst }),
        };
        Ok(Rates {
            callback: rate(self.callback, of.callback, "callback")?,
            source: rate(self.source, of.source, "source")?,
            all: rate(self.all, of.all, "all")?,
            failures: rate(self.failures, of.failures, "failures")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Callbacks, String> {
        let section: Section = toml::from_str(text).map_err(|error| error.to_string())?;
        section.callbacks(&ClaimOptions::default())
    }

    #[test]
    fn a_definition_has_its_own_policy_and_the_rest_of_the_common_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\n").unwrap();
        let text = format!(
            "artifact_threshold_bytes = 10\nwebhook_keys = [{{ file = '{}' }}]\n[limits.callback]\nper_second = 1\nburst = 2\n\
             [definitions.Paid]\naccept = ['webhook']\n[definitions.Closed]\naccept = ['a2a']\n",
            file.display()
        );
        let callbacks = read(&text).unwrap();
        assert_eq!(callbacks.artifact_threshold_bytes, 10);
        assert_eq!(callbacks.rates.callback.burst, 2);
        assert!(callbacks.policy.bearer && callbacks.policy.webhook_keys.len() == 1);
        let paid = &callbacks.definitions["Paid"];
        assert!(!paid.bearer && !paid.a2a && paid.webhook_keys.len() == 1);
        let closed = &callbacks.definitions["Closed"];
        assert!(!closed.bearer && closed.a2a && closed.webhook_keys.is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_and_no_key_is_shown() {
        for (text, part) in [
            ("cors_origin = 'a\\nb'\n".replace('\'', "\""), "cors_origin"),
            ("accept = ['webhook']".to_owned(), "no webhook_keys"),
            ("accept = ['password']".to_owned(), "unknown variant"),
            (
                "webhook_keys = [{ env = 'NOT_SET_HERE' }]".to_owned(),
                "NOT_SET_HERE is not set",
            ),
            ("webhook_keys = [{}]".to_owned(), "{ env = \"NAME\" }"),
            (
                "[limits.source]\nper_second = 0\nburst = 1".to_owned(),
                "limits.source",
            ),
            ("json_depth_max = 0".to_owned(), "json_depth_max"),
            (
                "artifact_bucket = 'a/b'".to_owned(),
                "artifact_bucket can't be \"a/b\"",
            ),
        ] {
            let error = read(&text).expect_err(&text);
            assert!(error.contains(part), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "whsec_planted").unwrap();
        let error = read(&format!(
            "webhook_keys = [{{ file = '{}' }}]",
            file.display()
        ));
        let error = error.expect_err("too short");
        assert!(
            error.contains("24 to 64 bytes") && !error.contains("planted"),
            "{error}"
        );
    }
}
