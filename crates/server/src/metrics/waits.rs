//! Executions that have not ended, by their age: what has waited for longer than anybody meant it to is seen here.

use everstep_core::Status;
use everstep_engine::{Handle, ListFilter};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

/// So many of the oldest ones are looked at.
const WALKED_MAX: usize = 10_000;
const PAGE: usize = 1_000;

/// Up to so many seconds; the research workflow's phases end after 1, 2 and 4 hours, its approval after 24.
const AGES: [(&str, u64); 7] = [
    ("1m", 60),
    ("10m", 600),
    ("1h", 3_600),
    ("4h", 14_400),
    ("24h", 86_400),
    ("7d", 604_800),
    ("older", u64::MAX),
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfAge {
    age: &'static str,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Waits {
    counts: [i64; AGES.len()],
    oldest_s: u64,
}

impl Waits {
    /// A store that can't be read shows as nothing open; what reads it says why in the log.
    pub(super) async fn walk(handle: &Handle) -> Self {
        let filter = ListFilter {
            statuses: vec![Status::Running, Status::Pausing, Status::Paused],
            oldest_first: true,
            ..ListFilter::default()
        };
        let now = handle.clock().now();
        let (mut waits, mut cursor, mut walked) = (Self::default(), None, 0);
        while walked < WALKED_MAX {
            let page = match handle.list(filter.clone(), cursor, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "open executions can't be counted");
                    break;
                }
            };
            walked += page.rows.len();
            for row in &page.rows {
                waits.count(now.since_ms(row.started) / 1_000);
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        waits
    }

    fn count(&mut self, seconds: u64) {
        self.oldest_s = self.oldest_s.max(seconds);
        let ages = AGES.iter().zip(&mut self.counts);
        let mut fitting = ages.filter(|((_, most), _)| seconds <= *most);
        if let Some((_, count)) = fitting.next() {
            *count += 1;
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let open = Family::<OfAge, Gauge>::default();
        for ((age, _), count) in AGES.iter().zip(self.counts) {
            open.get_or_create(&OfAge { age }).set(count);
        }
        registry.register(
            "executions_open",
            format!("Executions that have not ended, by age, each in the least that holds it; the oldest {WALKED_MAX} are counted"),
            open,
        );
        registry.register(
            "execution_oldest_seconds",
            "Age of the oldest execution that has not ended",
            ConstGauge::new(i64::try_from(self.oldest_s).unwrap_or(i64::MAX)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_counted_once() {
        let mut waits = Waits::default();
        for seconds in [0, 60, 61, 14_400, 10_000_000] {
            waits.count(seconds);
        }
        assert_eq!(waits.counts, [2, 1, 0, 1, 0, 0, 1]);
        assert_eq!(waits.oldest_s, 10_000_000);
    }
}
