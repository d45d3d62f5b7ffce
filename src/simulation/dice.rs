//! Chance out of a seed: the only source of it in a simulation, so that a seed repeats a run.
//!
//! Invariant: a step's dice depend on the seed and its own number alone, so other steps can be left
//! out without changing what this one throws.

/// A sequence of numbers that a seed and a salt name (`SplitMix64`).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The dice of one use: each has a salt of its own.
    pub(crate) fn new(seed: u64, salt: u64) -> Dice {
        let mut dice = Dice(seed ^ salt.wrapping_mul(0xd1b5_4a32_d192_ed03));
        dice.next();
        dice
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `most`, 0 for none.
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.next().checked_rem(most).unwrap_or(0)
    }

    /// True so many times in a thousand.
    pub(crate) fn chance(&mut self, in_1000: u64) -> bool {
        self.below(1_000) < in_1000
    }

    /// A place below `length`.
    pub(crate) fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// One of these; `None` when there are none.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.place(from.len()))
    }

    /// Units that a request names: mostly few.
    pub(crate) fn units(&mut self, most: u64) -> u32 {
        let most = if self.chance(800) { 3 } else { most };
        u32::try_from(1 + self.below(most)).unwrap_or(1)
    }
}
