//! Time in a simulation: tokio's paused clock, carried on from one process to the next.
//!
//! Invariant: it runs only when every task waits, and the wall can be set apart from it.

use crate::{domain::Time, ports::Clock};
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicI64, AtomicU64, Ordering},
};
use tokio::time::Instant;

/// When the world begins, in milliseconds since 1970.
const BEGIN_MS: i64 = 1_900_000_000_000;

/// The world's clock; it outlives every process.
#[derive(Default)]
pub(super) struct WorldClock {
    /// What passed before the process that runs now.
    before_us: AtomicU64,
    /// When it began.
    since: Mutex<Option<Instant>>,
    /// How far somebody has set the wall.
    wall_ms: AtomicI64,
}

impl WorldClock {
    /// A process begins; called from within its runtime.
    pub(super) fn begin(&self) {
        *self.lock() = Some(Instant::now());
    }

    /// The process is about to end; called from within its runtime.
    pub(super) fn end(&self) {
        let now_us = self.monotonic_us();
        *self.lock() = None;
        self.before_us.store(now_us, Ordering::Relaxed);
    }

    /// Somebody sets the wall clock.
    pub(super) fn set_wall_by(&self, ms: i64) {
        self.wall_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Milliseconds since the world began.
    pub(super) fn ms(&self) -> u64 {
        self.monotonic_us() / 1_000
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for WorldClock {
    fn wall(&self) -> Time {
        let passed = i64::try_from(self.ms()).unwrap_or(i64::MAX);
        Time(BEGIN_MS + passed + self.wall_ms.load(Ordering::Relaxed))
    }

    fn monotonic_us(&self) -> u64 {
        let running = self.lock().map_or(0, |since| since.elapsed().as_micros());
        let running = u64::try_from(running).unwrap_or(u64::MAX);
        self.before_us.load(Ordering::Relaxed).saturating_add(running)
    }
}
