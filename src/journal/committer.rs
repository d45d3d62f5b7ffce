//! Group commit: one batch is all that queued while the last one was written and synced.
//!
//! Actors append from any thread and go on at once; what may leave the shard only when the events
//! are durable rides behind them in the batch's outbox. Invariants: one batch in flight; the
//! outbox of a batch is released after its sync and before any later batch's; a decision is never
//! cut; nothing is released once a write has failed.

mod cut;
mod driver;

pub use cut::cut;
pub use driver::{Driver, Release, Released, Step};

use super::{BatchBuilder, MAX_BATCH_BYTES, Position, Tail, codec};
use crate::domain::{Context, EntityId, machine::Event};
use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use tokio::sync::Notify;

/// What waits for a batch to be durable.
pub trait Outbox: Default + Send + 'static {
    /// Lets it all go. `base` is the batch's position: an entry's is `base` plus its offset.
    fn release(&mut self, base: Position);
}

/// Why a decision is not in the log.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// An event could not be written.
    #[error(transparent)]
    Codec(#[from] codec::Error),
    /// The decision alone is larger than a batch may be.
    #[error("a decision of {0} bytes does not fit into one batch")]
    TooLarge(usize),
    /// The shard was closed, or a write has failed before.
    #[error("the log of this shard is closed or has failed; restart the process")]
    Over,
}

/// Where the entries of an entity since its snapshot stand, oldest first.
pub type TailIndex = HashMap<EntityId, Vec<Position>, foldhash::fast::RandomState>;

/// A batch that still takes decisions.
struct Open<O> {
    builder: BatchBuilder,
    outbox: O,
    /// Whose entry stands at which offset.
    entries: Vec<(EntityId, usize)>,
    /// Something waits here, with or without entries.
    used: bool,
    since: Option<Instant>,
}

impl<O: Outbox> Default for Open<O> {
    fn default() -> Self {
        let (builder, outbox) = (BatchBuilder::default(), O::default());
        Open { builder, outbox, entries: vec![], used: false, since: None }
    }
}

struct Queue<O> {
    open: VecDeque<Open<O>>,
    /// Buffers of released batches, to be filled again.
    spare: Vec<Open<O>>,
    in_flight: bool,
    /// The driver sleeps.
    waiting: bool,
    phase: Phase,
}

/// How far the shard's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It takes decisions.
    Open,
    /// What is queued becomes durable, then it ends.
    Closing,
    /// All that was queued is durable and the driver gone, or a write has failed: nothing is taken
    /// or let go any more.
    Over,
}

/// The handle that actors append through; cheap to share.
pub struct Committer<O> {
    queue: Mutex<Queue<O>>,
    wake: Condvar,
    /// The same for a driver that is a task.
    roused: Notify,
    index: Mutex<TailIndex>,
    /// Entries in the index.
    tail_entries: AtomicU64,
    /// Durable batches whose outboxes are not empty yet.
    unreleased: Arc<AtomicU64>,
    /// The durable end, noted before the outbox of its batch goes.
    end: Mutex<Tail>,
}

impl<O: Outbox> Committer<O> {
    /// A committer over a log whose entries since the checkpoint are in `index`.
    pub fn new(index: TailIndex) -> Arc<Committer<O>> {
        let queue = Queue {
            open: VecDeque::new(),
            spare: vec![],
            in_flight: false,
            waiting: false,
            phase: Phase::Open,
        };
        Arc::new(Committer {
            queue: Mutex::new(queue),
            wake: Condvar::new(),
            roused: Notify::new(),
            tail_entries: AtomicU64::new(count(&index)),
            index: Mutex::new(index),
            unreleased: Arc::default(),
            end: Mutex::default(),
        })
    }

    /// Appends one decision, whole; `ride` puts what waits for it into the outbox and is given
    /// the offset of the decision's last entry.
    ///
    /// # Errors
    /// The decision is not in the log and `ride` was not called.
    pub fn append<'e, E: Event>(
        &self,
        entity: &EntityId,
        first_sequence: u64,
        events: impl IntoIterator<Item = &'e (Context, E)>,
        ride: impl FnOnce(&mut O, usize),
    ) -> Result<(), Refused> {
        DRAFT.with_borrow_mut(|draft| {
            let events = (first_sequence..).zip(events);
            draft.write(
                entity,
                events.map(|(sequence, (context, event))| (sequence, context, event)),
            )?;
            let mut queue = self.lock();
            if queue.phase == Phase::Over {
                return Err(Refused::Over);
            }
            let open = queue.room_for(draft.builder.bytes());
            let last = draft.join(entity, open);
            open.used = true;
            open.since.get_or_insert_with(Instant::now);
            ride(&mut open.outbox, last);
            self.rouse(queue);
            Ok(())
        })
    }

    /// Lets `ride` go behind everything appended so far; at once when all of it is durable.
    pub fn after(&self, ride: impl FnOnce(&mut O)) {
        let mut queue = self.lock();
        if queue.phase == Phase::Over {
            return;
        }
        // What is durable but not let go yet must not be overtaken either.
        let released = self.unreleased.load(Ordering::Acquire) == 0;
        let idle = !queue.in_flight && released && queue.open.iter().all(|open| !open.used);
        if idle {
            drop(queue);
            let mut outbox = O::default();
            ride(&mut outbox);
            outbox.release(Position::default());
            return;
        }
        let open = queue.last();
        open.used = true;
        ride(&mut open.outbox);
        self.rouse(queue);
    }

    /// Where `entity`'s entries since its snapshot stand. Complete only for what is durable: ask
    /// from behind [`Committer::after`].
    pub fn tail_of(&self, entity: &EntityId) -> Vec<Position> {
        self.lock_index().get(entity).cloned().unwrap_or_default()
    }

    /// Forgets entries before `position`: snapshots cover them, but for those of entities that are
    /// to be kept.
    pub fn forget_before(&self, position: Position, keep: impl Fn(&EntityId) -> bool) {
        let mut index = self.lock_index();
        index.retain(|id, entries| {
            if keep(id) {
                return true;
            }
            entries.retain(|at| *at >= position);
            !entries.is_empty()
        });
        index.shrink_to_fit();
        self.tail_entries.store(count(&index), Ordering::Relaxed);
    }

    /// How many entries came since the last checkpoint.
    pub fn tail_entries(&self) -> u64 {
        self.tail_entries.load(Ordering::Relaxed)
    }

    /// Takes no more; the driver ends once everything queued is durable.
    pub fn close(&self) {
        let mut queue = self.lock();
        if queue.phase == Phase::Open {
            queue.phase = Phase::Closing;
        }
        drop(queue);
        self.wake.notify_all();
        self.roused.notify_one();
    }

    /// Lets nothing go any more: what the log holds is in doubt. Who waits hears that there is no
    /// answer.
    pub fn fail(&self) {
        let mut queue = self.lock();
        queue.phase = Phase::Over;
        let stranded = std::mem::take(&mut queue.open);
        drop(queue);
        drop(stranded);
    }

    fn rouse(&self, queue: MutexGuard<'_, Queue<O>>) {
        let waiting = queue.waiting;
        drop(queue);
        if waiting {
            self.wake.notify_one();
            self.roused.notify_one();
        }
    }

    /// A panic while the lock is held leaves at worst a decision unfinished in memory, which the
    /// panicking actor never announced: going on is safe.
    fn lock(&self) -> MutexGuard<'_, Queue<O>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_end(&self) -> MutexGuard<'_, Tail> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_index(&self) -> MutexGuard<'_, TailIndex> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(index: &TailIndex) -> u64 {
    index.values().map(|entries| entries.len() as u64).sum()
}

impl<O: Outbox> Queue<O> {
    fn last(&mut self) -> &mut Open<O> {
        if self.open.is_empty() {
            let next = self.spare.pop().unwrap_or_default();
            self.open.push_back(next);
        }
        match self.open.back_mut() {
            Some(open) => open,
            None => unreachable!("a batch was pushed when there was none"),
        }
    }

    /// A batch that can take so many more bytes, header included.
    fn room_for(&mut self, bytes: usize) -> &mut Open<O> {
        let full = self.open.back().is_some_and(|open| {
            !open.builder.is_empty() && open.builder.bytes().saturating_add(bytes) > MAX_BATCH_BYTES
        });
        if full {
            let next = self.spare.pop().unwrap_or_default();
            self.open.push_back(next);
        }
        self.last()
    }
}

thread_local! {
    /// Where a decision is encoded, so that the lock is held for a copy only.
    static DRAFT: RefCell<Draft> = RefCell::default();
}

/// One decision as bytes.
#[derive(Default)]
struct Draft {
    builder: BatchBuilder,
    offsets: Vec<usize>,
}

impl Draft {
    fn write<'e, E: Event>(
        &mut self,
        entity: &EntityId,
        events: impl Iterator<Item = (u64, &'e Context, &'e E)>,
    ) -> Result<(), Refused> {
        self.builder.clear();
        self.offsets.clear();
        for (sequence, context, event) in events {
            let offset = self.builder.entry(entity, sequence, E::VERSION, context, |buffer| {
                codec::encode(event, buffer)
            })?;
            self.offsets.push(offset);
        }
        let bytes = self.builder.bytes();
        if bytes > MAX_BATCH_BYTES { Err(Refused::TooLarge(bytes)) } else { Ok(()) }
    }

    /// Moves the decision to the end of `open`; returns the offset of its last entry there.
    fn join<O: Outbox>(&mut self, entity: &EntityId, open: &mut Open<O>) -> usize {
        let moved = self.builder.move_to(&mut open.builder);
        let offsets = self.offsets.iter().map(|offset| offset.saturating_add(moved));
        open.entries.extend(offsets.map(|offset| (entity.clone(), offset)));
        open.entries.last().map_or(0, |(_, offset)| *offset)
    }
}

#[cfg(test)]
mod tests;
