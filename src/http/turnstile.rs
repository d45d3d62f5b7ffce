//! The pace at which callers are turned away: no faster than the shop can spare.
//!
//! A caller who is told at once to come again later is often back at once, and reading and answering
//! him costs about a fifth of serving him. So there is one refusal for every two answers: a few leave
//! at once, and a crowd waits its turn with nothing but its connection, which slows it down while
//! those who were let in are served. Invariant: nobody waits here longer than [`LONGEST`], so the most
//! that a crowd can make it hold is what may be open.

use crate::ports::clock::pause;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Answers for each refusal: so refusals take about a tenth of the time.
const ANSWERS_FOR_EACH: u64 = 2;

/// Refusals a second however few are answered.
const LEAST: u64 = 1_000;

/// A crowd so large that it would wait longer is refused faster than it should be.
const LONGEST: Duration = Duration::from_secs(1);

/// Where refusals wait for their turn to leave.
#[derive(Debug)]
pub(super) struct Turnstile {
    /// When the next one may leave.
    next: Mutex<Instant>,
}

impl Default for Turnstile {
    fn default() -> Turnstile {
        Turnstile { next: Mutex::new(Instant::now()) }
    }
}

impl Turnstile {
    /// Comes back when it is this one's turn, while so many a second are answered.
    pub(super) async fn pass(&self, answered_per_second: u64) {
        let now = Instant::now();
        let rate = (answered_per_second / ANSWERS_FOR_EACH).max(LEAST);
        let turn = self.turn(now, Duration::from_nanos(1_000_000_000 / rate));
        if turn > now {
            pause(turn - now).await;
        }
    }

    fn turn(&self, now: Instant, every: Duration) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*next).clamp(now, now + LONGEST);
        *next = turn + every;
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn few_leave_at_once_and_many_one_by_one() {
        let (begun, turnstile) = (Instant::now(), Turnstile::default());
        *turnstile.next.lock().unwrap() = begun;
        let waits = |at: u64| turnstile.turn(begun + MS(at), MS(10)) - (begun + MS(at));
        assert_eq!([0, 0, 0, 15, 40].map(waits), [0, 10, 20, 15, 0].map(MS));
        // A tenth of a second later it has forgotten all of it.
        assert_eq!([140, 140].map(waits), [0, 10].map(MS));
    }

    #[test]
    fn nobody_waits_for_ever() {
        let (begun, turnstile) = (Instant::now(), Turnstile::default());
        *turnstile.next.lock().unwrap() = begun;
        let turns = (0..9).map(|_| turnstile.turn(begun, MS(300)) - begun).max();
        assert_eq!(turns, Some(LONGEST));
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_one_refusal_for_every_two_answers() {
        for (answered, took) in [(0, 1_000), (100, 1_000), (20_000, 100)] {
            let (begun, turnstile) = (Instant::now(), Turnstile::default());
            join_all((0..=1_000).map(|_| turnstile.pass(answered))).await;
            let passed = begun.elapsed();
            // Timers count in whole milliseconds.
            assert!((MS(took)..MS(took + 10)).contains(&passed), "{answered}: {passed:?}");
        }
    }
}
