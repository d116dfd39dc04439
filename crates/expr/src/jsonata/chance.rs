//! Numbers from the scope's chance, as many as a program asks for.

/// The generator xoroshiro128++ of Blackman and Vigna: 128 bits of state, so that identifiers drawn from it collide as seldom as random ones.
pub(super) struct Chance {
    state: (u64, u64),
}

impl Chance {
    pub(super) fn new(first: u64, second: u64) -> Self {
        // All zeros is the one state it never leaves.
        let state = if (first, second) == (0, 0) {
            (1, 0)
        } else {
            (first, second)
        };
        Self { state }
    }

    /// The same sequence for the same seed, which may be as poor as 1, 2, 3.
    pub(super) fn seeded(seed: u64) -> Self {
        let spread = |round: u64| {
            let mut bits = seed.wrapping_add(round.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            bits ^ (bits >> 31)
        };
        Self::new(spread(1), spread(2))
    }

    pub(super) fn bits(&mut self) -> u64 {
        let (first, mut second) = self.state;
        let bits = first
            .wrapping_add(second)
            .rotate_left(17)
            .wrapping_add(first);
        second ^= first;
        self.state = (
            first.rotate_left(49) ^ second ^ (second << 21),
            second.rotate_left(28),
        );
        bits
    }

    /// At least 0 and less than 1, with all 53 bits that a float has.
    pub(super) fn fraction(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of the first `count` places.
    pub(super) fn place(&mut self, count: usize) -> usize {
        let scaled = u128::from(self.bits()) * count as u128;
        // Below `count`, so it fits.
        (scaled >> 64) as usize
    }

    /// A UUID of version 4.
    pub(super) fn uuid(&mut self) -> String {
        let bits = (u128::from(self.bits()) << 64) | u128::from(self.bits());
        let bits = (bits & !(0xF << 76) & !(0b11 << 62)) | (0x4 << 76) | (0b10 << 62);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            bits >> 96,
            (bits >> 80) & 0xFFFF,
            (bits >> 64) & 0xFFFF,
            (bits >> 48) & 0xFFFF,
            bits & 0xFFFF_FFFF_FFFF
        )
    }
}
