//! Which signed requests have come: one that comes again, within the time that its signature is good for, is known.
//!
//! A signature is over id, time and body, not over the address. So what an id was first used for is all that it can be used for: a recorded
//! request is good for nothing else. A restart forgets the ids, so what was signed before it is not taken.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use everstep_core::{Digest, Timestamp};

use super::address::Address;
use super::scoped::Verb;

/// So many are remembered; the oldest go first.
const IDS_MAX: usize = 100_000;

/// What an id was used for.
#[derive(Clone, Copy, Debug)]
struct Used {
    what: Digest,
    until: Timestamp,
    /// It has been acted on.
    done: bool,
}

#[derive(Debug, Default)]
struct Inner {
    known: HashMap<Digest, Used>,
    order: VecDeque<(Timestamp, Digest)>,
}

/// How a request stands to the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    /// The first of its id, or one whose first has come to nothing.
    First,
    /// The same was acted on.
    Again,
    /// The id belongs to something else.
    Elsewhere,
}

/// The ids of signed requests, each for twice the tolerance of its time.
#[derive(Debug)]
pub(crate) struct Seen {
    /// In seconds since 1970.
    since: u64,
    inner: Mutex<Inner>,
}

impl Seen {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            since: now.0 / 1_000,
            inner: Mutex::default(),
        }
    }

    /// Whether a request was signed while ids were remembered.
    pub(super) fn covers(&self, seconds: i64) -> bool {
        u64::try_from(seconds).is_ok_and(|seconds| seconds >= self.since)
    }

    /// Takes an id for doing this to that callback, unless it is taken for something else.
    pub(super) fn take(
        &self,
        id: &str,
        (address, verb): (&Address, Verb),
        now: Timestamp,
        tolerance: Duration,
    ) -> Stands {
        let key = Digest::of(id.as_bytes());
        let what = Digest::of(format!("{} {address}", verb.as_str()).as_bytes());
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = inner.known.get(&key).filter(|used| used.until >= now) {
            return match (used.what == what, used.done) {
                (true, true) => Stands::Again,
                (true, false) => Stands::First,
                (false, _) => Stands::Elsewhere,
            };
        }
        while let Some((until, key)) = inner.order.front().copied() {
            if until >= now && inner.order.len() < IDS_MAX {
                break;
            }
            inner.order.pop_front();
            if inner
                .known
                .get(&key)
                .is_some_and(|used| used.until == until)
            {
                inner.known.remove(&key);
            }
        }
        let lifetime = tolerance.saturating_mul(2).as_millis();
        let lifetime = u64::try_from(lifetime).unwrap_or(u64::MAX);
        let until = Timestamp(now.0.saturating_add(lifetime));
        let used = Used {
            what,
            until,
            done: false,
        };
        inner.known.insert(key, used);
        inner.order.push_back((until, key));
        Stands::First
    }

    /// Remembers that a request was acted on.
    pub(super) fn done(&self, id: &str) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = inner.known.get_mut(&Digest::of(id.as_bytes())) {
            used.done = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: Duration = Duration::from_secs(300);

    fn address(operation: u32) -> Address {
        let text = format!("0194f0c2-1111-7222-8333-444444440012.{operation}.0");
        text.parse().expect("an id")
    }

    #[test]
    fn an_id_is_known_for_twice_the_tolerance_and_good_for_one_thing_alone() {
        let seen = Seen::new(Timestamp(0));
        let take = |id: &str, operation: u32, verb: Verb, at: u64| {
            seen.take(id, (&address(operation), verb), Timestamp(at), TOLERANCE)
        };
        assert_eq!(take("msg_1", 1, Verb::Heartbeat, 1_000), Stands::First);
        assert_eq!(
            take("msg_1", 1, Verb::Heartbeat, 1_000),
            Stands::First,
            "what came to nothing is tried again"
        );
        seen.done("msg_1");
        assert_eq!(take("msg_1", 1, Verb::Heartbeat, 601_000), Stands::Again);
        assert_eq!(take("msg_1", 1, Verb::Succeed, 601_000), Stands::Elsewhere);
        assert_eq!(
            take("msg_1", 2, Verb::Heartbeat, 601_000),
            Stands::Elsewhere
        );
        assert_eq!(take("msg_2", 2, Verb::Succeed, 601_001), Stands::First);
        assert_eq!(take("msg_1", 2, Verb::Succeed, 601_001), Stands::First);
        let inner = seen.inner.lock().expect("no panic");
        assert_eq!(
            (inner.known.len(), inner.order.len()),
            (2, 2),
            "the old one is gone"
        );
    }

    #[test]
    fn what_was_signed_before_ids_were_remembered_is_not_covered() {
        let seen = Seen::new(Timestamp(10_500));
        for (seconds, covered) in [(-1, false), (9, false), (10, true), (11, true)] {
            assert_eq!(seen.covers(seconds), covered, "{seconds}");
        }
    }
}
