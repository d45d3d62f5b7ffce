//! Who may come in: as many commands at once as are answered in good time.
//!
//! A fixed number is wrong on every machine but one: too many wait too long, too few leave it idle.
//! So commands are timed from their permit to their answer. While they take longer than
//! [`ANSWERED_WITHIN`] on average, only so many are let in as were answered in that time just now;
//! while they don't and somebody was turned away, more are. Invariant: there are never more permits
//! out than the most that the shop was opened with, and each is given back exactly once.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// What a command may take on average, queues included, before fewer are let in.
pub const ANSWERED_WITHIN: Duration = Duration::from_millis(50);

/// How often the number is thought over.
const EVERY: Duration = Duration::from_millis(100);

/// So many are let in however slow they are: a slow disk needs full batches.
const LEAST: usize = 256;

/// One stuck command must not look like thousands of slow ones.
const SLOWEST: Duration = Duration::from_secs(1);

/// Lets commands in. Cheap to clone; all clones count the same.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    limit: AtomicUsize,
    under_way: AtomicUsize,
    /// Of late.
    answered_per_second: AtomicU64,
    /// Whether somebody was turned away since `seen` began.
    full: AtomicBool,
    seen: Mutex<Seen>,
}

/// What was answered since the limit was last thought over.
#[derive(Debug)]
struct Seen {
    since: Instant,
    answered: u32,
    waited: Duration,
}

impl Seen {
    fn none(since: Instant) -> Seen {
        Seen { since, answered: 0, waited: Duration::ZERO }
    }
}

/// The right of one command to be under way, until it is dropped.
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Inner>,
    since: Instant,
}

impl Admission {
    /// At most so many at once.
    pub fn of(most: usize) -> Admission {
        Admission(Arc::new(Inner {
            most,
            limit: AtomicUsize::new(most),
            under_way: AtomicUsize::new(0),
            answered_per_second: AtomicU64::new(0),
            full: AtomicBool::new(false),
            seen: Mutex::new(Seen::none(Instant::now())),
        }))
    }

    /// A permit for one more command, unless there are enough.
    pub fn permit(&self) -> Option<Permit> {
        let inner = &self.0;
        let limit = inner.limit.load(Ordering::Relaxed);
        if inner.under_way.fetch_add(1, Ordering::AcqRel) >= limit {
            inner.under_way.fetch_sub(1, Ordering::AcqRel);
            inner.full.store(true, Ordering::Relaxed);
            return None;
        }
        Some(Permit { admission: inner.clone(), since: Instant::now() })
    }

    /// Commands that are not answered yet.
    pub fn under_way(&self) -> usize {
        self.0.under_way.load(Ordering::Acquire)
    }

    /// How many commands a second were answered of late; as it was last, while there are none.
    pub fn answered_per_second(&self) -> u64 {
        self.0.answered_per_second.load(Ordering::Relaxed)
    }

    /// How many more would be let in just now.
    pub fn free(&self) -> usize {
        self.0.limit.load(Ordering::Relaxed).saturating_sub(self.under_way())
    }
}

impl Inner {
    fn note(&self, waited: Duration, now: Instant) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.answered = seen.answered.saturating_add(1);
        seen.waited = seen.waited.saturating_add(waited.min(SLOWEST));
        let took = now.saturating_duration_since(seen.since);
        if took < EVERY {
            return;
        }
        let full = self.full.swap(false, Ordering::Relaxed);
        let limit = self.limit.load(Ordering::Relaxed);
        let better = thought_over(limit, self.most, &seen, took, full);
        let rate = u128::from(seen.answered).saturating_mul(1_000_000) / took.as_micros().max(1);
        let rate = u64::try_from(rate).unwrap_or(u64::MAX);
        self.answered_per_second.store(rate, Ordering::Relaxed);
        *seen = Seen::none(now);
        self.limit.store(better, Ordering::Relaxed);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = Instant::now();
        self.admission.under_way.fetch_sub(1, Ordering::AcqRel);
        self.admission.note(now.saturating_duration_since(self.since), now);
    }
}

/// How many may come in from now on, after `took` in which those of `seen` were answered.
fn thought_over(limit: usize, most: usize, seen: &Seen, took: Duration, full: bool) -> usize {
    let least = LEAST.min(most);
    if seen.waited > ANSWERED_WITHIN.saturating_mul(seen.answered) {
        let share = ANSWERED_WITHIN.as_micros().saturating_mul(u128::from(seen.answered));
        let in_time = share.checked_div(took.as_micros()).unwrap_or_default();
        return usize::try_from(in_time).unwrap_or(most).clamp(least, limit.max(least));
    }
    let more = limit.saturating_add(limit / 8).saturating_add(1);
    if full { more.min(most) } else { limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn seen(answered: u32, each_ms: u64) -> Seen {
        Seen { since: Instant::now(), answered, waited: MS(each_ms) * answered }
    }

    #[test]
    fn as_many_are_let_in_as_were_answered_in_good_time() {
        // 20,000 a second are 1,000 in 50 ms.
        assert_eq!(thought_over(4_096, 4_096, &seen(2_000, 200), MS(100), true), 1_000);
        assert_eq!(thought_over(4_096, 4_096, &seen(2_000, 51), MS(100), false), 1_000);
        assert_eq!(thought_over(900, 4_096, &seen(2_000, 60), MS(100), true), 900, "never more");
        assert_eq!(thought_over(4_096, 4_096, &seen(2_000, 49), MS(100), false), 4_096);
        assert_eq!(thought_over(1_000, 4_096, &seen(2_000, 40), MS(100), true), 1_126);
        assert_eq!(thought_over(1_000, 4_096, &seen(2_000, 40), MS(100), false), 1_000);
        assert_eq!(thought_over(4_090, 4_096, &seen(2_000, 40), MS(100), true), 4_096);
    }

    #[test]
    fn there_is_a_least_and_a_most() {
        assert_eq!(thought_over(4_096, 4_096, &seen(1, 900), MS(30_000), true), LEAST);
        assert_eq!(thought_over(2, 2, &seen(1, 900), MS(30_000), true), 2);
        assert_eq!(thought_over(2, 2, &seen(9, 1), MS(100), true), 2);
        assert_eq!(thought_over(0, 0, &seen(9, 900), MS(100), true), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_answers_let_fewer_in_until_they_are_fast_again() {
        let admission = Admission::of(2_000);
        let answer = async |took: Duration, wanted: usize| {
            let permits: Vec<_> = (0..wanted).filter_map(|_| admission.permit()).collect();
            assert_eq!(admission.under_way(), permits.len());
            tokio::time::advance(took).await;
            drop(permits);
            assert_eq!(admission.under_way(), 0);
        };
        answer(MS(500), 3_000).await;
        answer(MS(500), 3_000).await;
        let slow = admission.free();
        assert!((LEAST..500).contains(&slow), "{slow}");
        for _ in 0..150 {
            answer(MS(20), 3_000).await;
        }
        assert_eq!(admission.free(), 2_000);
        let rate = admission.answered_per_second();
        assert!((50_000..=120_000).contains(&rate), "2,000 in 20 ms, not {rate} a second");
    }

    #[test]
    fn permits_come_back_once_from_any_thread() {
        let admission = Admission::of(100);
        let taken: usize = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| (0..50).filter_map(|_| admission.permit()).collect::<Vec<_>>())
                })
                .collect();
            let held: Vec<_> = takers.into_iter().map(|taker| taker.join().unwrap()).collect();
            assert_eq!(admission.free(), 0);
            held.iter().map(Vec::len).sum()
        });
        assert_eq!((taken, admission.under_way(), admission.free()), (100, 0, 100));
    }
}
