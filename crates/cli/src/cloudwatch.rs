//! `[metrics.cloudwatch]` of the settings: figures of callbacks and executions as custom metrics of CloudWatch, under the names of the research
//! workflow's alarms.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use everstep_core::Status;
use everstep_dispatch::notify::Account;
use everstep_dispatch::telemetry::{CloudWatch, Datum, Measured};
use everstep_engine::{Figures, Handle};
use everstep_server::{CallbackFigures, Metrics};
use serde::Deserialize;

use crate::settings::Settings;

const SECTION: &str = "metrics";
const EVERY_S: u64 = 60;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Section {
    cloudwatch: Option<CloudWatchSettings>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudWatchSettings {
    namespace: Option<String>,
    /// Seconds between two tellings.
    every: Option<u64>,
    region: Option<String>,
    profile: Option<String>,
    endpoint: Option<String>,
    /// Told with every figure.
    #[serde(default)]
    dimensions: BTreeMap<String, String>,
}

impl CloudWatchSettings {
    /// # Errors
    /// E0190.
    pub fn read(settings: &Settings) -> Result<Option<Self>> {
        let section: Section = settings.section(SECTION)?;
        let Some(cloudwatch) = section.cloudwatch else {
            return Ok(None);
        };
        if cloudwatch.every == Some(0) {
            return Err(settings.wrong(SECTION, &"cloudwatch.every is at least one second"));
        }
        if cloudwatch.dimensions.len() > 30 {
            return Err(settings.wrong(SECTION, &"CloudWatch takes at most 30 dimensions"));
        }
        Ok(Some(cloudwatch))
    }

    /// Tells figures for as long as it is let run.
    pub async fn run(self, metrics: Metrics, handle: Handle) {
        let account = Account {
            region: self.region,
            profile: self.profile,
            endpoint: self.endpoint,
        };
        let dimensions: Vec<(String, String)> = self.dimensions.into_iter().collect();
        let namespace = self.namespace.unwrap_or_else(|| "Everstep".to_owned());
        let to = CloudWatch::open(namespace, &account, &dimensions).await;
        let mut every =
            tokio::time::interval(Duration::from_secs(self.every.unwrap_or(EVERY_S).max(1)));
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut before = Told::default();
        loop {
            every.tick().await;
            let Ok(figures) = handle.figures().await else {
                return;
            };
            let now = Told {
                callbacks: metrics.callbacks(),
                figures,
            };
            let waiting = handle.waiting();
            match to.put(&now.since(&before, waiting)).await {
                Ok(()) => before = now,
                // They are counted again with the next ones.
                Err(why) => tracing::warn!(why, "CloudWatch did not take the figures"),
            }
        }
    }
}

/// What is known at one moment.
#[derive(Clone, Debug, Default)]
struct Told {
    callbacks: CallbackFigures,
    figures: Figures,
}

impl Told {
    /// What has happened since an earlier moment.
    #[expect(clippy::cast_precision_loss, reason = "CloudWatch counts in floats")]
    fn since(&self, before: &Self, waiting: usize) -> Vec<Datum> {
        let count = |name, now: u64, before: u64| Datum {
            name,
            measured: Measured::Count(now.saturating_sub(before) as f64),
        };
        let (now, then) = (&self.callbacks, &before.callbacks);
        let executions = |status| (sum(&self.figures, status), sum(&before.figures, status));
        let (started, started_before) = executions(Status::Running);
        let (failed, failed_before) = executions(Status::Failed);
        let latency = now.latency.iter().filter_map(|(bound, count)| {
            let known = then.latency.iter();
            let mut known = known.filter(|(other, _)| other.total_cmp(bound).is_eq());
            let before = known.next().map_or(0, |(_, count)| *count);
            (*count > before).then(|| (*bound, (count - before) as f64))
        });
        vec![
            count("CallbackCount", now.requests, then.requests),
            count(
                "CallbackErrors",
                now.refused + now.failed,
                then.refused + then.failed,
            ),
            count("Callback4xx", now.refused, then.refused),
            count("Callback5xx", now.failed, then.failed),
            count(
                "StorageFailures",
                now.storage_failures,
                then.storage_failures,
            ),
            count(
                "WorkflowUpdateFailures",
                now.update_failures,
                then.update_failures,
            ),
            Datum {
                name: "CallbackLatency",
                measured: Measured::Seconds(latency.collect()),
            },
            count("ExecutionsStarted", started, started_before),
            count("ExecutionsFailed", failed, failed_before),
            Datum {
                name: "CommandsWaiting",
                measured: Measured::Level(waiting as f64),
            },
        ]
    }
}

fn sum(figures: &Figures, status: Status) -> u64 {
    let all = figures.executions.iter();
    let of_status = all.filter(|((_, other), _)| *other == status);
    of_status.map(|(_, count)| *count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(requests: u64, slow: u64) -> Told {
        let latency = vec![(0.025, requests - slow), (5.0, slow)];
        Told {
            callbacks: CallbackFigures {
                requests,
                failed: slow,
                latency,
                ..CallbackFigures::default()
            },
            figures: Figures::default(),
        }
    }

    #[test]
    fn what_happened_since_is_told_and_nothing_twice() {
        let (first, second) = (told(10, 0), told(14, 1));
        let data = second.since(&first, 3);
        let of = |name| {
            let datum = data.iter().find(|datum| datum.name == name);
            datum.expect(name).measured.clone()
        };
        assert_eq!(of("CallbackCount"), Measured::Count(4.0));
        assert_eq!(of("Callback5xx"), Measured::Count(1.0));
        assert_eq!(of("CommandsWaiting"), Measured::Level(3.0));
        assert_eq!(
            of("CallbackLatency"),
            Measured::Seconds(vec![(0.025, 3.0), (5.0, 1.0)])
        );
        let again = second.since(&second, 0);
        let latency = again.iter().find(|datum| datum.name == "CallbackLatency");
        assert_eq!(
            latency.expect("told").measured,
            Measured::Seconds(Vec::new())
        );
    }

    #[test]
    fn e0190_for_what_cloudwatch_is_not_told() {
        let read = |text: &str| {
            let settings = Settings::parse("s.toml".into(), text).expect("settings");
            CloudWatchSettings::read(&settings).map_err(|error| error.to_string())
        };
        assert!(read("").expect("nothing").is_none());
        let some = read("[metrics.cloudwatch]\nnamespace = 'A'\n").expect("read");
        assert_eq!(some.expect("some").namespace.as_deref(), Some("A"));
        let error = read("[metrics.cloudwatch]\nevery = 0\n").expect_err("never");
        assert!(
            error.contains("E0190") && error.contains("at least one second"),
            "{error}"
        );
        assert!(read("[metrics.cloudwatch]\nname = 'A'\n").is_err());
    }
}
