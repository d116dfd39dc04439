//! How often something may happen: per credential of a callback, per source address, and in all. What is above is told when to come again.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{DefaultDirectRateLimiter, NotUntil, Quota, RateLimiter};

use super::address::Address;
use super::policy::{Rate, Rates};

/// So many keys are remembered before those are forgotten that have been quiet.
const KEYS_MAX: usize = 20_000;

/// Too much: come again after so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests; come again in {retry_after_s} s")]
pub(crate) struct TooMany {
    pub retry_after_s: u32,
}

type Keyed<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock>;

/// The limits of one server.
#[derive(Debug)]
pub(crate) struct Limiter {
    callback: Keyed<(Address, Option<String>)>,
    source: Keyed<IpAddr>,
    all: DefaultDirectRateLimiter,
    failures: Keyed<IpAddr>,
    clock: DefaultClock,
}

impl Limiter {
    pub(crate) fn new(rates: &Rates) -> Self {
        Self {
            callback: RateLimiter::hashmap(quota(rates.callback)),
            source: RateLimiter::hashmap(quota(rates.source)),
            all: RateLimiter::direct(quota(rates.all)),
            failures: RateLimiter::hashmap(quota(rates.failures)),
            clock: DefaultClock::default(),
        }
    }

    /// A request from an address.
    ///
    /// # Errors
    /// [`TooMany`].
    pub(super) fn request(&self, peer: Option<SocketAddr>) -> Result<(), TooMany> {
        if let Some(source) = peer.map(source) {
            self.keyed(&self.source, &source)?;
        }
        self.all.check().map_err(|not_until| self.later(&not_until))
    }

    /// A request that is good for this callback, by this credential: the beginning of a token's hash.
    ///
    /// # Errors
    /// [`TooMany`].
    pub(super) fn callback(
        &self,
        address: &Address,
        credential: Option<&str>,
    ) -> Result<(), TooMany> {
        let key = (*address, credential.map(str::to_owned));
        self.keyed(&self.callback, &key)
    }

    /// Counts wrong credentials.
    ///
    /// # Errors
    /// [`TooMany`] once an address has shown too many.
    pub(crate) fn failure(&self, peer: Option<SocketAddr>) -> Result<(), TooMany> {
        match peer.map(source) {
            Some(source) => self.keyed(&self.failures, &source),
            None => Ok(()),
        }
    }

    fn keyed<K: Hash + Eq + Clone>(&self, limiter: &Keyed<K>, key: &K) -> Result<(), TooMany> {
        if limiter.len() > KEYS_MAX {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        limiter
            .check_key(key)
            .map_err(|not_until| self.later(&not_until))
    }

    fn later(
        &self,
        not_until: &NotUntil<<DefaultClock as governor::clock::Clock>::Instant>,
    ) -> TooMany {
        let wait = not_until.wait_time_from(self.clock.now());
        let seconds = wait.saturating_add(Duration::from_millis(999)).as_secs();
        TooMany {
            retry_after_s: u32::try_from(seconds.max(1)).unwrap_or(u32::MAX),
        }
    }
}

fn quota(rate: Rate) -> Quota {
    let at_least_one = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(at_least_one(rate.per_second)).allow_burst(at_least_one(rate.burst))
}

/// One sender has a whole /64 of IPv6 to choose addresses from.
fn source(peer: SocketAddr) -> IpAddr {
    match peer.ip().to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(burst: u32) -> Limiter {
        // One a second: a test is over before another one is allowed.
        let rate = Rate {
            per_second: 1,
            burst,
        };
        Limiter::new(&Rates {
            callback: rate,
            source: rate,
            all: Rate {
                per_second: 1,
                burst: burst * 3,
            },
            failures: rate,
        })
    }

    fn peer(text: &str) -> Option<SocketAddr> {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn a_burst_is_taken_and_what_is_above_is_told_when_to_come_again() {
        let limiter = limiter(50);
        let mut taken = 0;
        let refused = loop {
            match limiter.request(peer("192.0.2.1:1")) {
                Ok(()) => taken += 1,
                Err(refused) => break refused,
            }
        };
        assert!(taken >= 50, "{taken}");
        assert_eq!(refused.retry_after_s, 1);
        assert_eq!(limiter.request(peer("192.0.2.2:1")), Ok(()), "another one");
        assert!(
            limiter.failure(peer("192.0.2.1:1")).is_ok(),
            "another limit"
        );
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let same = |a: &str, b: &str| source(peer(a).expect("a")) == source(peer(b).expect("b"));
        assert!(same("[2001:db8::1]:1", "[2001:db8::ffff:2]:9"));
        assert!(!same("[2001:db8::1]:1", "[2001:db8:0:1::1]:1"));
        assert!(same("[::ffff:192.0.2.1]:1", "192.0.2.1:2"));
    }
}
