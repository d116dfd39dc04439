//! The parts of a machine's configuration that several operations take and show.

use std::collections::BTreeMap;

use everstep_engine::catalogue::{Encryption, LogLevel, MachineLogging};
use serde::{Deserialize, Serialize};

use super::constraints::Constraints;
use super::errors::Error;

/// AWS's loggingConfiguration.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LoggingWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    destinations: Option<Vec<DestinationWire>>,
    include_execution_data: Option<bool>,
    level: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct DestinationWire {
    cloud_watch_logs_log_group: GroupWire,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct GroupWire {
    log_group_arn: Option<String>,
}

impl LoggingWire {
    pub(super) fn check(&self, constraints: &mut Constraints) {
        let levels = ["ALL", "ERROR", "FATAL", "OFF"];
        constraints.word("loggingConfiguration.level", self.level.as_ref(), &levels);
        for (at, destination) in self.destinations.iter().flatten().enumerate() {
            let member = at + 1;
            let name = format!(
                "loggingConfiguration.destinations.{member}.member.cloudWatchLogsLogGroup.logGroupArn"
            );
            let arn = destination
                .cloud_watch_logs_log_group
                .log_group_arn
                .as_ref();
            constraints.text(&name, arn, 1, 256);
        }
    }

    /// # Errors
    /// [`Error::InvalidLogging`].
    pub(super) fn read(&self) -> Result<MachineLogging, Error> {
        let level = match self.level.as_deref() {
            Some("ALL") => LogLevel::All,
            Some("ERROR") => LogLevel::Error,
            Some("FATAL") => LogLevel::Fatal,
            _ => LogLevel::Off,
        };
        let destinations = self.destinations.as_ref().map(|destinations| {
            let arn = |one: &DestinationWire| {
                let arn = one.cloud_watch_logs_log_group.log_group_arn.clone();
                arn.unwrap_or_default()
            };
            destinations.iter().map(arn).collect::<Vec<_>>()
        });
        let given = destinations.as_deref().unwrap_or_default();
        if given.len() > 1 || (level != LogLevel::Off && given.is_empty()) {
            return Err(Error::InvalidLogging(
                "Must specify exactly one Log Destination.",
            ));
        }
        if given.iter().any(|arn| !arn.contains(":log-group:")) {
            return Err(Error::InvalidLogging("Log Destination not found."));
        }
        Ok(MachineLogging {
            level,
            include_execution_data: self.include_execution_data.unwrap_or(false),
            destinations,
        })
    }

    pub(super) fn of(logging: &MachineLogging) -> Self {
        let level = match logging.level {
            LogLevel::All => "ALL",
            LogLevel::Error => "ERROR",
            LogLevel::Fatal => "FATAL",
            LogLevel::Off => "OFF",
        };
        let destination = |arn: &String| DestinationWire {
            cloud_watch_logs_log_group: GroupWire {
                log_group_arn: Some(arn.clone()),
            },
        };
        let destinations = logging.destinations.as_ref();
        Self {
            destinations: destinations.map(|arns| arns.iter().map(destination).collect()),
            include_execution_data: Some(logging.include_execution_data),
            level: Some(level.to_owned()),
        }
    }
}

/// AWS's tracingConfiguration.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct TracingWire {
    pub enabled: bool,
}

/// AWS's encryptionConfiguration.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct EncryptionWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_data_key_reuse_period_seconds: Option<i64>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

const OWNED: &str = "AWS_OWNED_KEY";
const CUSTOMER: &str = "CUSTOMER_MANAGED_KMS_KEY";

impl EncryptionWire {
    pub(super) fn check(&self, constraints: &mut Constraints) {
        let period = self.kms_data_key_reuse_period_seconds;
        constraints
            .required("encryptionConfiguration.type", self.kind.as_ref())
            .word(
                "encryptionConfiguration.type",
                self.kind.as_ref(),
                &[OWNED, CUSTOMER],
            )
            .text(
                "encryptionConfiguration.kmsKeyId",
                self.kms_key_id.as_ref(),
                1,
                2048,
            )
            .number(
                "encryptionConfiguration.kmsDataKeyReusePeriodSeconds",
                period,
                60,
                900,
            );
    }

    /// # Errors
    /// [`Error::InvalidEncryption`].
    pub(super) fn read(&self) -> Result<Encryption, Error> {
        let kind = self.kind.clone().unwrap_or_default();
        let period = self.kms_data_key_reuse_period_seconds;
        if kind == CUSTOMER && self.kms_key_id.is_none() {
            return Err(Error::InvalidEncryption(
                "A customer managed key needs its kmsKeyId",
            ));
        }
        if kind == OWNED && (self.kms_key_id.is_some() || period.is_some()) {
            return Err(Error::InvalidEncryption(
                "A key owned by AWS has no kmsKeyId and no kmsDataKeyReusePeriodSeconds",
            ));
        }
        Ok(Encryption {
            kind,
            key: self.kms_key_id.clone(),
            reuse_s: period.and_then(|period| u32::try_from(period).ok()),
        })
    }

    pub(super) fn of(encryption: &Encryption) -> Self {
        Self {
            kms_key_id: encryption.key.clone(),
            kms_data_key_reuse_period_seconds: encryption.reuse_s.map(i64::from),
            kind: Some(encryption.kind.clone()),
        }
    }

    /// What holds where nothing was said.
    pub(super) fn owned() -> Self {
        Self {
            kind: Some(OWNED.to_owned()),
            ..Self::default()
        }
    }
}

/// A tag.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct TagWire {
    key: Option<String>,
    value: Option<String>,
}

impl TagWire {
    pub(super) fn check(tags: &[Self], constraints: &mut Constraints) {
        for (at, tag) in tags.iter().enumerate() {
            let member = at + 1;
            constraints
                .text(
                    &format!("tags.{member}.member.key"),
                    tag.key.as_ref(),
                    1,
                    128,
                )
                .text(
                    &format!("tags.{member}.member.value"),
                    tag.value.as_ref(),
                    0,
                    256,
                );
        }
    }

    pub(super) fn read(tags: &[Self]) -> BTreeMap<String, String> {
        let pair = |tag: &Self| Some((tag.key.clone()?, tag.value.clone().unwrap_or_default()));
        tags.iter().filter_map(pair).collect()
    }

    pub(super) fn of(tags: &BTreeMap<String, String>) -> Vec<Self> {
        let tag = |(key, value): (&String, &String)| Self {
            key: Some(key.clone()),
            value: Some(value.clone()),
        };
        tags.iter().map(tag).collect()
    }
}
