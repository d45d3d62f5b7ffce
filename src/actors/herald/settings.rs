//! How patiently letters are tried, and how much of that is remembered.

use std::time::Duration;

/// What an operator may set about letters.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Letters under way at once.
    pub at_once: usize,
    /// The pause after a first failure; it doubles with each.
    pub first_pause_ms: u64,
    /// The longest pause.
    pub longest_pause_ms: u64,
    /// After so many failures that were the letter's own, it is dead.
    pub most_attempts: u32,
    /// An attempt that takes longer has failed.
    pub deadline_ms: u64,
    /// Events that may be read beyond the cursor.
    pub window: usize,
    /// The cursor is recorded at most so often.
    pub record_every_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            at_once: 8,
            first_pause_ms: 1_000,
            longest_pause_ms: 300_000,
            most_attempts: 30,
            deadline_ms: 120_000,
            window: 1_000,
            record_every_ms: 500,
        }
    }
}

impl Settings {
    /// The pause after so many failures in a row.
    pub(super) fn pause(&self, tries: u32) -> Duration {
        let Some(doublings) = tries.checked_sub(1) else { return Duration::ZERO };
        let pause_ms = self.first_pause_ms.saturating_mul(1 << doublings.min(30));
        Duration::from_millis(pause_ms.min(self.longest_pause_ms))
    }
}
