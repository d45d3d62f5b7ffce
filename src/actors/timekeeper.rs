//! Wakes entities whose deadline or retry has come, sleeping ones too.
//!
//! One ordered queue for expiry, abandoned carts, payment deadlines and retries: no task per
//! timer. An entry may be too early, never missing: an entity that has nothing to do when woken
//! says so by noting its next deadline.

use super::System;
use crate::domain::{EntityId, Time};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// The longest sleep: the clock is checked this often, too.
const LONGEST_SLEEP_MS: u64 = 1_000;

/// Queues that entities are spread over, so that actors seldom wait for each other's note.
const QUEUES: usize = 16;

type Queue = BTreeSet<(Time, EntityId)>;

/// The deadlines in memory.
#[derive(Default)]
pub struct Timekeeper {
    queues: [Mutex<Queue>; QUEUES],
    earlier: Notify,
}

impl Timekeeper {
    /// Replaces what is noted for an entity.
    pub fn note(&self, id: &EntityId, before: Option<Time>, due: Option<Time>) {
        let mut queue = self.queue_of(id);
        if let Some(before) = before {
            queue.remove(&(before, id.clone()));
        }
        let Some(due) = due else { return };
        let first = queue.first().is_none_or(|(first, _)| due < *first);
        queue.insert((due, id.clone()));
        drop(queue);
        if first {
            self.earlier.notify_one();
        }
    }

    /// Makes the timekeeper look again at once.
    pub fn nudge(&self) {
        self.earlier.notify_one();
    }

    /// How many deadlines are noted.
    pub fn noted(&self) -> usize {
        self.queues.iter().map(|queue| lock(queue).len()).sum()
    }

    /// The earliest deadline.
    pub fn first(&self) -> Option<Time> {
        self.queues.iter().filter_map(|queue| lock(queue).first().map(|(due, _)| *due)).min()
    }

    /// Takes out all that is due.
    pub fn due(&self, now: Time) -> Vec<EntityId> {
        let mut due = vec![];
        for queue in &self.queues {
            let mut queue = lock(queue);
            while queue.first().is_some_and(|(at, _)| *at <= now) {
                due.extend(queue.pop_first().map(|(_, id)| id));
            }
        }
        due
    }

    fn queue_of(&self, id: &EntityId) -> MutexGuard<'_, Queue> {
        match self.queues.get(crate::journal::shard_of(id, QUEUES)) {
            Some(queue) => lock(queue),
            None => unreachable!("a shard is below the number of shards"),
        }
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes what is due until the system closes.
pub async fn run(system: Arc<System>) {
    while !system.is_closing() {
        for id in system.timekeeper.due(system.now()) {
            system.wake(id);
        }
        system.load_due();
        let next = system.timekeeper.first().map(|due| system.until(due));
        let sleep = next.unwrap_or(Duration::MAX).min(Duration::from_millis(LONGEST_SLEEP_MS));
        // In this order, so that a simulation repeats itself.
        tokio::select! {
            biased;
            () = crate::ports::clock::pause(sleep) => {}
            () = system.timekeeper.earlier.notified() => {}
        }
        system.check_clock();
    }
}
