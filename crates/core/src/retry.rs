//! Backoff: computed here, while the machine decides whether there is another try.

/// Exponential backoff with full jitter on the upper part of each delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub first_ms: u64,
    /// Growth of each delay in hundredths: 200 doubles.
    pub factor_percent: u32,
    pub max_ms: u64,
    /// The part of each delay that chance may take away, in hundredths: 0 none, 100 all of it.
    pub jitter_percent: u32,
}

impl Backoff {
    /// The delay before try number `retry` + 1, where the first retry is 1. `chance` is any 64 random bits.
    #[must_use]
    pub fn delay_ms(&self, retry: u32, chance: u64) -> u64 {
        let mut delay = self.first_ms.min(self.max_ms);
        for _ in 1..retry {
            if delay >= self.max_ms {
                break;
            }
            delay = (delay.saturating_mul(u64::from(self.factor_percent)) / 100).min(self.max_ms);
        }
        let spread = delay.saturating_mul(u64::from(self.jitter_percent.min(100))) / 100;
        if spread == 0 {
            delay
        } else {
            delay - chance % (spread + 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_delay_stays_within_its_bounds(retry in 1u32..200, chance: u64, jitter in 0u32..=100) {
            let backoff = Backoff { first_ms: 500, factor_percent: 200, max_ms: 60_000, jitter_percent: jitter };
            let plain = Backoff { jitter_percent: 0, ..backoff };
            let delay = backoff.delay_ms(retry, chance);
            let full = plain.delay_ms(retry, 0);
            prop_assert!(delay <= full && full <= 60_000);
            prop_assert!(delay >= full - full * u64::from(jitter) / 100);
        }
    }

    #[test]
    fn delays_double_up_to_the_cap() {
        let backoff = Backoff {
            first_ms: 1_000,
            factor_percent: 200,
            max_ms: 5_000,
            jitter_percent: 0,
        };
        let delays: Vec<u64> = (1..6).map(|retry| backoff.delay_ms(retry, 7)).collect();
        assert_eq!(delays, [1_000, 2_000, 4_000, 5_000, 5_000]);
    }
}
