//! The shop's time: starts at the wall's, runs on the monotonic clock, never goes back.
//!
//! Deadlines and the log's `at` must not depend on somebody setting the machine's clock. So a
//! reading is monotonic time plus an offset, and only [`ShopClock::check`] moves the offset
//! towards the wall, by at most a tenth of the time that passed: a jump is reported at once and
//! made up slowly. Invariant: a reading that happens after another is never earlier, in any
//! thread, nor before the log's last entry.

use super::Clock;
use crate::domain::Time;
use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// How far the log may be ahead of the wall: more than this is a wrong clock, not a slow one.
const MOST_AHEAD_MS: u64 = 60_000;
/// The wall moved this much more or less than the monotonic clock between two checks: a jump.
const JUMP_US: i64 = 1_000_000;
/// The offset gives way by one part in this many of the time that passed, so ten minutes of a
/// reservation are never less than nine, nor more than about eleven.
const SLEW_PART: i64 = 10;
/// Time that passed unchecked counts for no more than this, so one step is a second at most.
const MOST_UNCHECKED_US: i64 = 10_000_000;

/// Why a shop must not start with this clock.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The log's last entry is later than the wall by more than a minute.
    #[error(
        "the log ends at {last_at} but the wall clock shows {wall}: set the clock right, \
         or allow a log from the future"
    )]
    LogAhead {
        /// When the last entry was written, by the clock of then.
        last_at: Time,
        /// What the wall shows.
        wall: Time,
    },
}

/// Somebody set the wall clock. An alert: the shop's time has not jumped and makes it up slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// How far the wall moved; negative is back.
    pub by_ms: i64,
    /// How far the shop's time is ahead of the wall now; negative is behind.
    pub lead_ms: i64,
}

impl fmt::Display for Jump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Jump { by_ms, lead_ms } = self;
        write!(
            f,
            "the wall clock jumped by {by_ms} ms; the shop's time is {lead_ms} ms ahead of it"
        )
    }
}

/// One shard's time.
pub struct ShopClock {
    clock: Arc<dyn Clock>,
    /// Shop time minus monotonic time.
    offset_us: AtomicI64,
    /// The latest reading given out.
    last_ms: AtomicI64,
    /// Both clocks at the last check.
    seen: Mutex<Sighting>,
}

#[derive(Clone, Copy)]
struct Sighting {
    wall_us: i64,
    monotonic_us: i64,
}

impl Sighting {
    fn of(clock: &dyn Clock) -> Sighting {
        Sighting { wall_us: clock.wall().0.saturating_mul(1000), monotonic_us: monotonic_us(clock) }
    }
}

fn monotonic_us(clock: &dyn Clock) -> i64 {
    i64::try_from(clock.monotonic_us()).unwrap_or(i64::MAX)
}

impl ShopClock {
    /// Starts at the wall's time, or at `last_at` when that is later. `allow_future` opens a log
    /// that is more than a minute ahead: the shop's time then runs a tenth slower until the wall
    /// has caught up.
    pub fn start(
        clock: Arc<dyn Clock>,
        last_at: Option<Time>,
        allow_future: bool,
    ) -> Result<ShopClock, Error> {
        let wall = clock.wall();
        let last_at = last_at.unwrap_or(wall);
        if !allow_future && last_at.ms_since(wall) > MOST_AHEAD_MS {
            return Err(Error::LogAhead { last_at, wall });
        }
        let start = wall.max(last_at);
        let seen = Sighting::of(&*clock);
        let offset_us = start.0.saturating_mul(1000).saturating_sub(seen.monotonic_us);
        Ok(ShopClock {
            clock,
            offset_us: AtomicI64::new(offset_us),
            last_ms: AtomicI64::new(start.0),
            seen: Mutex::new(seen),
        })
    }

    /// The shop's time.
    pub fn now(&self) -> Time {
        let shop_ms = self.shop_us(monotonic_us(&*self.clock)) / 1000;
        // Relaxed is enough: one variable's modifications have one order that all threads share.
        let last_ms = self.last_ms.load(Ordering::Relaxed);
        if shop_ms <= last_ms {
            return Time(last_ms); // most calls: the millisecond is known, no shared write
        }
        Time(self.last_ms.fetch_max(shop_ms, Ordering::Relaxed).max(shop_ms))
    }

    /// How long until `at`; zero when it has come. Whoever waits looks at [`ShopClock::now`]
    /// again, since a slew may have put `at` off.
    pub fn until(&self, at: Time) -> Duration {
        Duration::from_millis(at.ms_since(self.now()))
    }

    /// Compares with the wall and gives way a little; reports a jump once. To be called about
    /// once a second: without it the shop's time is the monotonic clock's alone.
    pub fn check(&self) -> Option<Jump> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let current = Sighting::of(&*self.clock);
        let passed_us = current.monotonic_us.saturating_sub(seen.monotonic_us);
        let by_us = current.wall_us.saturating_sub(seen.wall_us).saturating_sub(passed_us);
        let lead_us = self.shop_us(current.monotonic_us).saturating_sub(current.wall_us);
        let most_us = passed_us.clamp(0, MOST_UNCHECKED_US) / SLEW_PART;
        self.offset_us.fetch_sub(lead_us.clamp(-most_us, most_us), Ordering::Relaxed);
        *seen = current;
        let jumped = by_us.saturating_abs() > JUMP_US;
        jumped.then_some(Jump { by_ms: by_us / 1000, lead_ms: lead_us / 1000 })
    }

    fn shop_us(&self, monotonic_us: i64) -> i64 {
        monotonic_us.saturating_add(self.offset_us.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::*, *};
    use std::{sync::atomic::AtomicBool, thread};

    const NOON: Time = Time(1_800_000_000_000);

    fn started(last_at: Option<Time>) -> (Arc<Manual>, ShopClock) {
        let manual = Arc::new(Manual::at(NOON));
        let clock = ShopClock::start(manual.clone(), last_at, true).unwrap();
        (manual, clock)
    }

    /// Lets `seconds` pass with a check after each; how often a jump was reported.
    fn run(manual: &Manual, clock: &ShopClock, seconds: u32) -> usize {
        let second = |_| {
            manual.advance_ms(1000);
            clock.check()
        };
        (0..seconds).filter_map(second).count()
    }

    #[test]
    fn time_starts_at_the_wall_and_runs_with_it() {
        let (manual, clock) = started(Some(NOON.plus_ms(0)));
        assert_eq!(clock.now(), NOON);
        manual.advance_ms(1234);
        assert_eq!(clock.now(), NOON.plus_ms(1234));
    }

    #[test]
    fn time_starts_at_the_logs_end_when_that_is_later_and_lets_the_wall_catch_up() {
        let (manual, clock) = started(Some(NOON.plus_ms(5000)));
        assert_eq!(clock.now(), NOON.plus_ms(5000));
        run(&manual, &clock, 10);
        assert_eq!(clock.now(), NOON.plus_ms(5000 + 9000));
        run(&manual, &clock, 90);
        assert_eq!(clock.now(), manual.wall());
    }

    #[test]
    fn a_log_over_a_minute_ahead_needs_the_flag() {
        let start = |ahead_ms, allow_future| {
            let clock = Arc::new(Manual::at(NOON));
            ShopClock::start(clock, Some(NOON.plus_ms(ahead_ms)), allow_future).map(|c| c.now())
        };
        assert_eq!(start(60_000, false), Ok(NOON.plus_ms(60_000)));
        let last_at = NOON.plus_ms(60_001);
        assert_eq!(start(60_001, false), Err(Error::LogAhead { last_at, wall: NOON }));
        assert_eq!(start(60_001, true), Ok(last_at));
    }

    #[test]
    fn a_wall_set_back_is_reported_once_and_made_up_slowly() {
        let (manual, clock) = started(None);
        let before = clock.now();
        manual.set_wall(Time(NOON.0 - 10_000));
        assert_eq!(clock.check(), Some(Jump { by_ms: -10_000, lead_ms: 10_000 }));
        assert_eq!(clock.now(), before);
        assert_eq!(run(&manual, &clock, 50), 0);
        assert_eq!(clock.now(), NOON.plus_ms(45_000), "a tenth slower, never back");
        run(&manual, &clock, 50);
        assert_eq!(clock.now(), manual.wall());
    }

    #[test]
    fn a_reading_never_goes_back_while_the_offset_does() {
        let (manual, clock) = started(None);
        manual.set_wall(Time(NOON.0 - 10_000));
        manual.advance_ms(1000);
        let before = clock.now();
        clock.check(); // takes 100 ms back
        assert_eq!(clock.now(), before);
        manual.advance_ms(99);
        assert_eq!(clock.now(), before, "time stands still until it is true again");
        manual.advance_ms(2);
        assert_eq!(clock.now(), before.plus_ms(1));
    }

    #[test]
    fn a_wall_set_forward_is_reported_once_and_made_up_slowly() {
        let (manual, clock) = started(None);
        manual.set_wall(NOON.plus_ms(3_600_000));
        assert_eq!(clock.check(), Some(Jump { by_ms: 3_600_000, lead_ms: -3_600_000 }));
        assert_eq!(clock.now(), NOON);
        assert_eq!(run(&manual, &clock, 10), 0);
        assert_eq!(clock.now(), NOON.plus_ms(11_000));
    }

    #[test]
    fn a_long_gap_between_checks_moves_time_by_a_second_at_most() {
        let (manual, clock) = started(None);
        manual.set_wall(NOON.plus_ms(3_600_000));
        manual.advance_ms(600_000);
        assert!(clock.check().is_some());
        assert_eq!(clock.now(), NOON.plus_ms(601_000));
    }

    #[test]
    fn a_wall_that_drifts_is_followed_without_an_alert() {
        let (manual, clock) = started(None);
        for second in 1..=100 {
            manual.advance_ms(1000);
            manual.set_wall(NOON.plus_ms(second * 1001));
            assert_eq!(clock.check(), None);
        }
        assert_eq!(clock.now(), manual.wall());
    }

    #[test]
    fn the_time_until_an_instant_is_zero_once_it_has_come() {
        let (manual, clock) = started(None);
        assert_eq!(clock.until(NOON.plus_ms(250)), Duration::from_millis(250));
        manual.advance_ms(300);
        assert_eq!(clock.until(NOON.plus_ms(250)), Duration::ZERO);
    }

    #[test]
    fn no_thread_sees_time_go_back_while_the_wall_is_set() {
        let (manual, clock) = started(None);
        let latest = AtomicI64::new(0);
        let (readers, back) = (AtomicI64::new(3), AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..50_000 {
                        let before = latest.load(Ordering::SeqCst);
                        let now = clock.now().0;
                        back.fetch_or(now < before, Ordering::SeqCst);
                        latest.fetch_max(now, Ordering::SeqCst);
                    }
                    readers.fetch_sub(1, Ordering::SeqCst);
                });
            }
            while readers.load(Ordering::SeqCst) > 0 {
                manual.advance_ms(1000);
                manual.set_wall(NOON);
                clock.check(); // takes 100 ms back
            }
        });
        assert!(!back.into_inner());
    }

    #[test]
    fn the_systems_clock_runs() {
        let clock = System::new();
        let before = clock.monotonic_us();
        assert!(clock.wall() > Time::parse("2025-01-01T00:00:00Z").unwrap());
        thread::sleep(Duration::from_millis(2));
        assert!(clock.monotonic_us() >= before + 2000);
    }
}
