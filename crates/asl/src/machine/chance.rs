//! Chance for expressions, made of a turn's seed.

/// A stream of random bits that two seeds fix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance {
    seeds: (u64, u64),
    draws: u64,
}

impl Chance {
    pub const fn new(seeds: (u64, u64)) -> Self {
        Self { seeds, draws: 0 }
    }

    /// The next 64 bits.
    pub const fn draw(&mut self) -> u64 {
        self.draws = self.draws.wrapping_add(1);
        let step = self.draws.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mix(self.seeds.0.wrapping_add(step)) ^ mix(self.seeds.1.wrapping_sub(step)).rotate_left(32)
    }
}

/// The finaliser of SplitMix64: every bit of the input changes about half of the output's.
const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
