//! Which webhooks have been taken: one that comes again within the time that its signature is good for is known.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use everstep_core::{Digest, Timestamp};

use super::address::Address;

/// So many are remembered; the oldest go first.
const IDS_MAX: usize = 100_000;

#[derive(Debug, Default)]
struct Inner {
    known: HashMap<Digest, Timestamp>,
    order: VecDeque<(Timestamp, Digest)>,
}

/// The ids of webhooks, each for twice the tolerance of its time.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Inner>);

impl Seen {
    pub(super) fn key(address: &Address, id: &str) -> Digest {
        Digest::of(format!("{address} {id}").as_bytes())
    }

    pub(super) fn knows(&self, key: &Digest, now: Timestamp) -> bool {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.known.get(key).is_some_and(|until| *until >= now)
    }

    pub(super) fn remember(&self, key: Digest, now: Timestamp, tolerance: Duration) {
        let lifetime = tolerance.saturating_mul(2).as_millis();
        let until = Timestamp(
            now.0
                .saturating_add(u64::try_from(lifetime).unwrap_or(u64::MAX)),
        );
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((until, key)) = inner.order.front().copied() {
            if until >= now && inner.order.len() < IDS_MAX {
                break;
            }
            inner.order.pop_front();
            if inner.known.get(&key) == Some(&until) {
                inner.known.remove(&key);
            }
        }
        inner.known.insert(key, until);
        inner.order.push_back((until, key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_for_twice_the_tolerance_and_for_its_callback_alone() {
        let address = |operation: u32| {
            format!("0194f0c2-1111-7222-8333-444444440012.{operation}.0")
                .parse::<Address>()
                .expect("an id")
        };
        let seen = Seen::default();
        let key = Seen::key(&address(1), "msg_1");
        assert!(!seen.knows(&key, Timestamp(0)));
        seen.remember(key, Timestamp(1_000), Duration::from_secs(300));
        assert!(seen.knows(&key, Timestamp(601_000)));
        assert!(!seen.knows(&key, Timestamp(601_001)));
        assert!(!seen.knows(&Seen::key(&address(2), "msg_1"), Timestamp(1_000)));
        seen.remember(
            Seen::key(&address(1), "msg_2"),
            Timestamp(700_000),
            Duration::from_secs(300),
        );
        let inner = seen.0.lock().expect("no panic");
        assert_eq!(
            (inner.known.len(), inner.order.len()),
            (1, 1),
            "the old one is gone"
        );
    }
}
