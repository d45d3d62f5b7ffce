//! When the next turn begins: as soon as a worker is free, or by a fixed schedule.
//!
//! An open loop's schedule never looks at the answers. A server that stalls meets the arrivals of
//! its stall all the same, and their latency counts from when they should have begun.

use std::{
    num::NonZeroU32,
    sync::{Arc, Weak},
    thread,
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// The schedule is looked at this often at most; finer would take the server's processor.
const TICK: Duration = Duration::from_micros(200);

/// How turns follow one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Closed loop: a worker takes its next turn as soon as the last is answered.
    Closed,
    /// Open loop: turns arrive at this fixed rate per second.
    Open(NonZeroU32),
    /// Open loop: each turn is due so long after the start, the earliest first.
    Listed(Arc<[Duration]>),
}

impl Pace {
    /// When turn `index` is due after the start; `None` where nothing is scheduled.
    pub fn due(&self, index: u64) -> Option<Duration> {
        match self {
            Pace::Closed => None,
            // Counted from zero each time, so rounding never adds up.
            Pace::Open(rate) => {
                let nanos = u128::from(index) * 1_000_000_000 / u128::from(rate.get());
                Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
            }
            Pace::Listed(dues) => {
                let due = usize::try_from(index).ok().and_then(|index| dues.get(index));
                due.or(dues.last()).copied()
            }
        }
    }

    /// How many turns are due before `elapsed` has passed.
    pub fn arrivals(&self, elapsed: Duration) -> Option<u64> {
        match self {
            Pace::Closed => None,
            Pace::Open(rate) => {
                let count = (elapsed.as_nanos() * u128::from(rate.get())).div_ceil(1_000_000_000);
                Some(u64::try_from(count).unwrap_or(u64::MAX))
            }
            Pace::Listed(dues) => {
                let count = dues.partition_point(|due| *due < elapsed);
                Some(u64::try_from(count).unwrap_or(u64::MAX))
            }
        }
    }
}

/// When a run ends. There is always an end: the first of the two that is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most turns.
    pub turns: u64,
    /// No turn begins later than this; those under way are finished.
    pub time: Duration,
}

impl Bounds {
    /// Longest run of all, for those that are bounded by their turns.
    const TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

    /// Ends after `turns`.
    pub fn turns(turns: u64) -> Bounds {
        Bounds { turns, time: Bounds::TIME_MAX }
    }

    /// Ends after `time`.
    pub fn time(time: Duration) -> Bounds {
        Bounds { turns: u64::MAX, time: time.min(Bounds::TIME_MAX) }
    }
}

/// Lets each turn of an open loop through when it is due, in a closed loop at once.
///
/// A thread of its own: the runtime's timers count in whole milliseconds, which is as long as
/// what is measured here.
#[derive(Clone)]
pub(super) struct Gate(Option<Arc<Semaphore>>);

impl Gate {
    /// Begins to let turns through. When all are through or the time is up, `workers` more pass,
    /// so that everybody who waits comes to see the end.
    pub(super) fn open(
        pace: Pace,
        bounds: Bounds,
        workers: usize,
        begun: Instant,
    ) -> std::io::Result<Gate> {
        if pace == Pace::Closed {
            return Ok(Gate(None));
        }
        let gate = Arc::new(Semaphore::new(0));
        let passing = Arc::downgrade(&gate);
        let beat = move || {
            beat(&passing, &pace, bounds, begun);
            if let Some(gate) = passing.upgrade() {
                gate.add_permits(workers);
            }
        };
        thread::Builder::new().name("pace".to_owned()).spawn(beat)?;
        Ok(Gate(Some(gate)))
    }

    /// Waits until one more turn is due.
    pub(super) async fn pass(&self) {
        if let Some(gate) = &self.0
            && let Ok(permit) = gate.acquire().await
        {
            permit.forget();
        }
    }
}

/// Adds a permit for each turn as it comes due, until the bounds are met or nobody waits at all.
fn beat(gate: &Weak<Semaphore>, pace: &Pace, bounds: Bounds, begun: Instant) {
    let mut passed = 0;
    while let Some(gate) = gate.upgrade() {
        let elapsed = begun.elapsed();
        let due = pace.arrivals(elapsed.min(bounds.time)).unwrap_or(0).min(bounds.turns);
        gate.add_permits(usize::try_from(due - passed).unwrap_or(0));
        passed = due;
        if passed == bounds.turns || elapsed >= bounds.time {
            return;
        }
        let next = pace.due(passed).unwrap_or_default().saturating_sub(begun.elapsed());
        // Wakes often enough to notice a run that was dropped.
        thread::sleep(next.clamp(TICK, Duration::from_millis(100)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_keep_their_rate_without_drift() {
        let pace = Pace::Open(NonZeroU32::new(3).unwrap());
        assert_eq!(pace.due(0), Some(Duration::ZERO));
        assert_eq!(pace.due(1), Some(Duration::from_nanos(333_333_333)));
        assert_eq!(pace.due(3_000_000), Some(Duration::from_secs(1_000_000)));
    }

    #[test]
    fn a_list_is_kept_as_it_is() {
        let ms = Duration::from_millis;
        let pace = Pace::Listed([0, 0, 5, 9].map(ms).into());
        assert_eq!(
            [0, 1, 2, 3, 4].map(|index| pace.due(index)),
            [0, 0, 5, 9, 9].map(|n| Some(ms(n)))
        );
        assert_eq!([0, 1, 5, 6, 99].map(|n| pace.arrivals(ms(n)).unwrap()), [0, 2, 2, 3, 4]);
    }

    #[test]
    fn arrivals_before_the_end_are_those_that_are_due_before_it() {
        for rate in [1, 3, 7, 1_000] {
            let pace = Pace::Open(NonZeroU32::new(rate).unwrap());
            let end = Duration::from_millis(1_500);
            let due = (0..10_000).filter(|index| pace.due(*index).unwrap() < end).count();
            assert_eq!(pace.arrivals(end), Some(due as u64), "{rate} per second");
        }
    }
}
