//! The other half of group commit: moves batches into the log, one at a time.

use super::{Committer, Open, Outbox, Phase};
use crate::{
    domain::broken::Rule,
    journal::{Error, Position, ShardLog, Tail},
};
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// What one step of the driver did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There was nothing to do.
    Idle,
    /// A batch is durable and its outbox released.
    Committed,
    /// Nobody knows whether the batch is there; the same step has to be taken again.
    Unsure,
    /// Everything is durable and nothing more will come.
    Closed,
}

/// Moves batches into the log, one at a time. A step function: a thread is only its driver, so a
/// simulation can drive it too.
pub struct Driver<L, O> {
    pub(super) log: L,
    committer: Arc<Committer<O>>,
    /// A batch that may have got there, and the log's end that it was made for: whatever the log
    /// says by now, the very same bytes have to be sent again.
    current: Option<(Open<O>, Tail)>,
    release: Release<O>,
}

/// Who lets a durable batch's outbox go, given the batch's position. Called in the order of the
/// batches; it may hand the work to another thread, so that the next write need not wait, and
/// drops the third when the outbox is empty.
pub type Release<O> = Box<dyn FnMut(O, Position, Released) + Send>;

/// Held while an outbox is on its way, so that nothing overtakes it.
#[derive(Debug)]
pub struct Released(Arc<AtomicU64>);

impl Released {
    fn begin(unreleased: &Arc<AtomicU64>) -> Released {
        unreleased.fetch_add(1, Ordering::AcqRel);
        Released(unreleased.clone())
    }
}

impl Drop for Released {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl<L: ShardLog, O: Outbox> Driver<L, O> {
    /// A driver for the committer's log; there must be only one.
    pub fn new(log: L, committer: Arc<Committer<O>>) -> Driver<L, O> {
        let release = |mut outbox: O, base, _| outbox.release(base);
        *committer.lock_end() = log.tail();
        Driver { log, committer, current: None, release: Box::new(release) }
    }

    /// The same, with somebody else to let outboxes go.
    #[must_use]
    pub fn releasing_by(self, release: Release<O>) -> Driver<L, O> {
        Driver { release, ..self }
    }

    /// Commits the oldest waiting batch, if there is one.
    ///
    /// # Errors
    /// Fatal to the shard: nothing that waits was released, nor ever will be.
    pub fn step(&mut self) -> Result<Step, Error> {
        let (mut open, tail) = match self.current.take() {
            Some(current) => current,
            None => match self.next() {
                Ok(open) => (open, self.log.tail()),
                Err(step) => return Ok(step),
            },
        };
        if Rule::SyncBeforeOutbox.is_broken() {
            std::mem::take(&mut open.outbox).release(tail.next);
        }
        if !open.builder.is_empty() {
            match self.write(&mut open, &tail) {
                Ok(()) => {}
                Err(Error::Unavailable(_)) => {
                    self.current = Some((open, tail));
                    return Ok(Step::Unsure);
                }
                Err(error) => {
                    self.committer.fail();
                    return Err(error);
                }
            }
        }
        // First the end, then the outbox: what a batch causes elsewhere is in no cut without it.
        *self.committer.lock_end() = self.log.tail();
        let released = Released::begin(&self.committer.unreleased);
        (self.release)(std::mem::take(&mut open.outbox), tail.next, released);
        self.recycle(open);
        Ok(Step::Committed)
    }

    fn next(&mut self) -> Result<Open<O>, Step> {
        let mut queue = self.committer.lock();
        match queue.open.pop_front() {
            Some(open) if open.used => {
                queue.in_flight = true;
                Ok(open)
            }
            _ if queue.phase != Phase::Open => {
                queue.phase = Phase::Over;
                Err(Step::Closed)
            }
            _ => Err(Step::Idle),
        }
    }

    fn write(&mut self, open: &mut Open<O>, tail: &Tail) -> Result<(), Error> {
        let entries = open.builder.entries();
        let framed = open.builder.finish(tail)?;
        let started = Instant::now();
        let waited = open.since.map_or(Duration::ZERO, |since| started - since);
        self.log.append(framed.bytes, framed.next)?;
        metrics::histogram!("doorbuster_sync_seconds").record(started.elapsed());
        metrics::histogram!("doorbuster_queue_wait_seconds").record(waited);
        metrics::histogram!("doorbuster_batch_entries").record(f64::from(entries));
        metrics::counter!("doorbuster_events_total").increment(u64::from(entries));
        let mut index = self.committer.lock_index();
        for (entity, offset) in open.entries.drain(..) {
            index.entry(entity).or_default().push(tail.next.plus(offset));
        }
        self.committer.tail_entries.fetch_add(u64::from(entries), Ordering::Relaxed);
        Ok(())
    }

    fn recycle(&mut self, mut open: Open<O>) {
        open.builder.clear();
        (open.used, open.since) = (false, None);
        let mut queue = self.committer.lock();
        queue.in_flight = false;
        if queue.spare.len() < 2 {
            queue.spare.push(open);
        }
    }

    /// Steps until the committer is closed and everything is durable.
    ///
    /// # Errors
    /// Fatal to the shard. A panic is one, too: nobody knows what it left undone.
    pub fn run(self) -> Result<L, Error> {
        let committer = self.committer.clone();
        catch_unwind(AssertUnwindSafe(|| self.run_out())).unwrap_or_else(|_| {
            committer.fail();
            let source = io::Error::other("the committer panicked");
            Err(Error::Failed { what: "committing".to_owned(), source })
        })
    }

    fn run_out(mut self) -> Result<L, Error> {
        loop {
            match self.step()? {
                Step::Committed => {}
                Step::Closed => return Ok(self.log),
                Step::Unsure => std::thread::sleep(Duration::from_millis(5)),
                Step::Idle => self.wait(),
            }
        }
    }

    /// Sleeps until something waits to be committed, or the committer is closed.
    pub fn wait(&self) {
        let mut queue = self.committer.lock();
        while queue.open.iter().all(|open| !open.used) && queue.phase == Phase::Open {
            queue.waiting = true;
            let woken = self.committer.wake.wait(queue);
            queue = woken.unwrap_or_else(PoisonError::into_inner);
            queue.waiting = false;
        }
    }

    /// As [`Driver::wait`], for a driver that is a task among others.
    pub async fn roused(&mut self) {
        loop {
            {
                let mut queue = self.committer.lock();
                if queue.open.iter().any(|open| open.used) || queue.phase != Phase::Open {
                    queue.waiting = false;
                    return;
                }
                queue.waiting = true;
            }
            self.committer.roused.notified().await;
        }
    }

    /// Where the log ends.
    pub fn tail(&self) -> Tail {
        self.log.tail()
    }
}
