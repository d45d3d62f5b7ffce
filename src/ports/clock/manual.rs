//! A clock that stands still until a test moves it.
//!
//! The wall can be set apart from monotonic time, which only ever advances.

use super::Clock;
use crate::domain::Time;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Shared between threads behind an `Arc`.
#[derive(Debug)]
pub struct Manual {
    wall_ms: AtomicI64,
    monotonic_us: AtomicU64,
}

impl Manual {
    /// A clock whose wall shows `wall`.
    #[must_use]
    pub fn at(wall: Time) -> Manual {
        Manual { wall_ms: AtomicI64::new(wall.0), monotonic_us: AtomicU64::new(0) }
    }

    /// Lets time pass, on the wall and on the monotonic clock.
    pub fn advance_ms(&self, ms: u32) {
        self.wall_ms.fetch_add(i64::from(ms), Ordering::Relaxed);
        self.monotonic_us.fetch_add(u64::from(ms) * 1000, Ordering::Relaxed);
    }

    /// Somebody sets the wall clock; no time passes.
    pub fn set_wall(&self, wall: Time) {
        self.wall_ms.store(wall.0, Ordering::Relaxed);
    }
}

impl Clock for Manual {
    fn wall(&self) -> Time {
        Time(self.wall_ms.load(Ordering::Relaxed))
    }

    fn monotonic_us(&self) -> u64 {
        self.monotonic_us.load(Ordering::Relaxed)
    }
}
