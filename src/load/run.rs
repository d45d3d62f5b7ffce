//! The generator: a bounded number of workers that take turns at a script.
//!
//! A worker waits until a turn is due, claims it and performs it alone. So the number of workers
//! bounds what is in flight, and an open loop queues nothing: when all are busy, the next turn
//! starts late and its latency counts the delay. Invariant: a run ends within its
//! bounds plus one turn, and every turn that was due is counted, performed or not.

use super::{
    pace::{Bounds, Gate, Pace},
    progress::Progress,
    report::{Outcome, Report, Tally},
};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinSet, time::Instant};

/// A turn that starts this long after it was due counts as late.
const LATE_AFTER: Duration = Duration::from_millis(5);

/// One turn of a script.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Counts from 0 over all workers.
    pub index: u64,
    /// When it should begin: what its latency counts from.
    pub intended: Instant,
}

/// What workers perform.
pub trait Script: Send + Sync + 'static {
    /// What one worker keeps between its turns: a connection, what it bought.
    type Worker: Send + 'static;

    /// A fresh worker, ready to begin: connected, where it has a connection.
    fn worker(&self) -> impl Future<Output = Self::Worker> + Send;

    /// One turn. Its steps are noted by the script, the whole by the generator.
    fn perform(
        &self,
        worker: &mut Self::Worker,
        turn: Turn,
        tally: &mut Tally,
    ) -> impl Future<Output = Outcome> + Send;
}

/// How a script is run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Workers, each with its own connection: the most turns in flight.
    pub workers: usize,
    /// Closed or open loop.
    pub pace: Pace,
    /// When it ends.
    pub bounds: Bounds,
}

/// Runs the script to its bounds and hands the workers back with what they keep. The clock starts
/// when all workers are ready.
///
/// # Panics
/// When the script panics, or the system has no thread left for the pace.
pub async fn run<S: Script>(
    script: &Arc<S>,
    plan: &Plan,
    progress: &Arc<Progress>,
) -> (Report, Vec<S::Worker>) {
    let mut ready = Vec::with_capacity(plan.workers);
    for _ in 0..plan.workers {
        // One after the other: a storm of connections would overflow the server's backlog.
        ready.push(script.worker().await);
    }
    let next = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let gate = Gate::open(plan.pace.clone(), plan.bounds, plan.workers, begun.into_std());
    let gate = gate.unwrap_or_else(|error| panic!("no thread to pace by: {error}"));
    let mut tasks = JoinSet::new();
    for worker in ready {
        let shift =
            Shift { plan: plan.clone(), begun, next: Arc::clone(&next), gate: gate.clone() };
        tasks.spawn(work(Arc::clone(script), worker, shift, Arc::clone(progress)));
    }
    let mut report = Report::default();
    let mut workers = Vec::with_capacity(plan.workers);
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok((part, worker)) => {
                report.merge(&part);
                workers.push(worker);
            }
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    report.elapsed = begun.elapsed();
    let arrivals = plan.pace.arrivals(plan.bounds.time.min(report.elapsed));
    let due = arrivals.unwrap_or(0).min(plan.bounds.turns);
    report.unstarted = due.saturating_sub(report.turns);
    (report, workers)
}

/// What the workers of a run share.
struct Shift {
    plan: Plan,
    begun: Instant,
    next: Arc<AtomicU64>,
    gate: Gate,
}

/// One worker's turns until a bound is met.
async fn work<S: Script>(
    script: Arc<S>,
    mut worker: S::Worker,
    shift: Shift,
    progress: Arc<Progress>,
) -> (Report, S::Worker) {
    let Shift { plan: Plan { pace, bounds, .. }, begun, next, gate } = shift;
    let mut report = Report::default();
    loop {
        gate.pass().await;
        let index = next.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let intended = pace.due(index).map_or(now, |due| begun + due);
        let end = begun + bounds.time;
        if index >= bounds.turns || intended >= end || now >= end + LATE_AFTER {
            return (report, worker);
        }
        report.late += u64::from(intended.elapsed() > LATE_AFTER);
        let turn = Turn { index, intended };
        let outcome = script.perform(&mut worker, turn, &mut report.tally).await;
        report.turns += 1;
        report.tally.note(Report::WHOLE, intended.elapsed(), &outcome);
        progress.count(&outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;
    use tokio::time::sleep_until;

    /// Takes `takes` for a turn; the tenth is stuck for `stall`.
    struct Nap {
        takes: Duration,
        stall: Duration,
    }

    impl Script for Nap {
        type Worker = u64;

        async fn worker(&self) -> u64 {
            0
        }

        async fn perform(&self, worker: &mut u64, turn: Turn, _: &mut Tally) -> Outcome {
            *worker += 1;
            let takes = if turn.index == 9 { self.stall } else { self.takes };
            sleep_until(Instant::now() + takes).await;
            Outcome::Ok
        }
    }

    async fn nap(nap: Nap, workers: usize, pace: Pace, bounds: Bounds) -> (Report, u64) {
        let plan = Plan { workers, pace, bounds };
        let (report, workers) = run(&Arc::new(nap), &plan, &Arc::default()).await;
        (report, workers.iter().sum())
    }

    const SHORT: Duration = Duration::from_millis(2);

    fn rate(per_second: u32) -> Pace {
        Pace::Open(NonZeroU32::new(per_second).unwrap())
    }

    #[tokio::test]
    async fn a_closed_loop_performs_every_turn_once() {
        let (report, performed) =
            nap(Nap { takes: SHORT, stall: SHORT }, 4, Pace::Closed, Bounds::turns(50)).await;
        assert_eq!((report.turns, performed), (50, 50));
        assert_eq!(report.count(Report::WHOLE, "ok"), 50);
        assert_eq!((report.late, report.unstarted), (0, 0));
    }

    #[tokio::test]
    async fn a_closed_loop_ends_in_time() {
        let time = Duration::from_millis(60);
        let (report, _) =
            nap(Nap { takes: SHORT, stall: SHORT }, 2, Pace::Closed, Bounds::time(time)).await;
        assert!(report.turns > 2);
        assert!(report.elapsed >= time && report.elapsed < time * 10, "{:?}", report.elapsed);
    }

    #[tokio::test]
    async fn a_stall_is_measured_from_when_the_turns_behind_it_were_due() {
        let stall = Duration::from_millis(200);
        let (report, _) =
            nap(Nap { takes: Duration::ZERO, stall }, 1, rate(500), Bounds::turns(100)).await;
        let whole = report.step(Report::WHOLE).unwrap();
        // A closed loop would see one slow turn of a hundred; about 90 arrive during the stall.
        assert!(whole.ok_latency_us(0.5) > 50_000, "{}", whole.ok_latency_us(0.5));
        assert!(report.late > 50, "{}", report.late);
        assert_eq!(report.unstarted, 0);
    }

    #[tokio::test]
    async fn arrivals_that_never_began_are_counted() {
        let stall = Duration::from_millis(150);
        let bounds = Bounds::time(Duration::from_millis(100));
        let (report, performed) =
            nap(Nap { takes: Duration::ZERO, stall }, 1, rate(1000), bounds).await;
        assert_eq!(report.turns, performed);
        assert_eq!(report.turns + report.unstarted, 100);
        assert!(report.unstarted >= 50, "{}", report.unstarted);
    }
}
