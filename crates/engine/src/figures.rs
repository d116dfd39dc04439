//! What an engine counts of itself, for whoever watches it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use everstep_core::{Status, TargetKind};

use crate::Attempt;

/// Definitions and targets that are counted apart; all others are counted together, under [`OTHERS`].
const APART_MAX: usize = 200;

/// The name under which everything is counted that there is no room for.
pub const OTHERS: &str = "(others)";

/// The figures of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Executions by definition and by what they became, since the engine was started; `Running` is a start or a reopening.
    pub executions: BTreeMap<(String, Status), u64>,
    /// Tasks at their targets, by kind and address.
    pub targets: BTreeMap<(TargetKind, String), TargetFigures>,
    /// Executions in memory.
    pub resident: usize,
    pub commits: Latencies,
    /// Tries from outside, by way, verb and outcome.
    pub attempts: BTreeMap<Tried, u64>,
}

/// The way, the verb and the outcome of a try, each by its name.
pub type Tried = (&'static str, &'static str, &'static str);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetFigures {
    /// Tasks that wait for a place.
    pub waiting: usize,
    /// Tasks that are out.
    pub out: usize,
}

/// How often something took how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// How many took at most [`Latencies::BOUNDS`], each by itself; the last are those that took longer.
    pub counts: [u64; Self::BOUNDS.len() + 1],
    pub sum: Duration,
}

impl Latencies {
    /// From a fast disk to one that hardly answers.
    pub const BOUNDS: [Duration; 11] = [
        Duration::from_micros(250),
        Duration::from_micros(500),
        Duration::from_millis(1),
        Duration::from_micros(2_500),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(500),
        Duration::from_millis(2_500),
    ];

    pub(crate) fn note(&mut self, took: Duration) {
        let place = Self::BOUNDS.iter().position(|bound| took <= *bound);
        let place = place.unwrap_or(Self::BOUNDS.len());
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.sum += took;
    }
}

/// What became of executions since the engine was started.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: HashMap<String, BTreeMap<Status, u64>>,
    attempts: BTreeMap<Tried, u64>,
}

impl Tally {
    pub(crate) fn count(&mut self, definition: &str, status: Status) {
        let name = if self.counts.contains_key(definition) || self.counts.len() < APART_MAX {
            definition
        } else {
            OTHERS
        };
        // Most executions are of a definition that is known: those cost no text.
        let counts = match self.counts.get_mut(name) {
            Some(counts) => counts,
            None => self.counts.entry(name.to_owned()).or_default(),
        };
        *counts.entry(status).or_default() += 1;
    }

    pub(crate) fn tried(&mut self, attempt: &Attempt) {
        let tried = (
            attempt.source.via.as_str(),
            attempt.verb.as_str(),
            attempt.outcome.as_str(),
        );
        *self.attempts.entry(tried).or_default() += 1;
    }

    pub(crate) fn attempts(&self) -> BTreeMap<Tried, u64> {
        self.attempts.clone()
    }

    pub(crate) fn all(&self) -> BTreeMap<(String, Status), u64> {
        let all = self.counts.iter().flat_map(|(name, counts)| {
            let counts = counts.iter();
            counts.map(|(status, count)| ((name.clone(), *status), *count))
        });
        all.collect()
    }
}

/// Gathers targets, of which there is one for each function, service and queue that something is out at.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    all: BTreeMap<(TargetKind, String), TargetFigures>,
}

impl Targets {
    pub(crate) fn at(&mut self, kind: TargetKind, address: &str) -> &mut TargetFigures {
        let key = (kind, address.to_owned());
        let key = if self.all.contains_key(&key) || self.all.len() < APART_MAX {
            key
        } else {
            (kind, OTHERS.to_owned())
        };
        self.all.entry(key).or_default()
    }

    pub(crate) fn into_all(self) -> BTreeMap<(TargetKind, String), TargetFigures> {
        self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_once_at_the_least_bound_that_holds_it() {
        let mut latencies = Latencies::default();
        for micros in [1, 250, 251, 1_000, 60_000_000] {
            latencies.note(Duration::from_micros(micros));
        }
        assert_eq!(latencies.counts.iter().sum::<u64>(), 5);
        assert_eq!(latencies.counts[..3], [2, 1, 1]);
        assert_eq!(latencies.counts[Latencies::BOUNDS.len()], 1);
        assert!(Latencies::BOUNDS.is_sorted());
    }

    #[test]
    fn definitions_without_number_are_counted_together() {
        let mut tally = Tally::default();
        for number in 0..APART_MAX + 50 {
            tally.count(&format!("f{number}"), Status::Running);
            tally.count("f0", Status::Succeeded);
        }
        let all = tally.all();
        assert_eq!(all[&(OTHERS.to_owned(), Status::Running)], 50);
        assert_eq!(all[&("f0".to_owned(), Status::Succeeded)], 250);
        assert_eq!(all.len(), APART_MAX + 2);
    }
}
