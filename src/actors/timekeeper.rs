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

/// The queue of deadlines.
#[derive(Default)]
pub struct Timekeeper {
    queue: Mutex<BTreeSet<(Time, EntityId)>>,
    earlier: Notify,
}

impl Timekeeper {
    /// Replaces what is noted for an entity.
    pub fn note(&self, id: &EntityId, before: Option<Time>, due: Option<Time>) {
        let mut queue = self.lock();
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
        self.lock().len()
    }

    /// The earliest deadline.
    pub fn first(&self) -> Option<Time> {
        self.lock().first().map(|(due, _)| *due)
    }

    /// Takes out all that is due.
    pub fn due(&self, now: Time) -> Vec<EntityId> {
        let mut queue = self.lock();
        let mut due = vec![];
        while queue.first().is_some_and(|(at, _)| *at <= now) {
            due.extend(queue.pop_first().map(|(_, id)| id));
        }
        due
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<(Time, EntityId)>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        tokio::select! {
            () = crate::ports::clock::pause(sleep) => {}
            () = system.timekeeper.earlier.notified() => {}
        }
        system.check_clock();
    }
}
