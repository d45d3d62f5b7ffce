//! The stock of each watched SKU, encoded for many watchers at once.
//!
//! Watchers of one SKU stand in groups of [`GROUP`]. One task for the SKU goes from group to group
//! in rounds: it takes the latest value, encodes it, hands it to the group's sockets and lets the
//! machine breathe before the next group. So a crowd never fills the runtime's queue, requests
//! pass between two groups, and a frame is fresh for the last group as for the first. The task
//! ends when nobody listens. Invariants: at most one frame per watcher in [`MIN_GAP`], fewer when
//! there are many or the machine is busy; a group whose frame is not the latest gets another.

use crate::{
    domain::Sku,
    journal::Position,
    views::board::{Posted, Slot},
};
use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// Between two frames of one SKU to one watcher.
const MIN_GAP: Duration = Duration::from_millis(50);

/// The longest gap, however busy the machine is.
const MAX_GAP: Duration = Duration::from_secs(2);

/// What one frame to one listener costs, on the safe side: a round leaves half of the time to
/// others.
const PER_LISTENER: Duration = Duration::from_micros(20);

/// As late as a timer comes on an idle machine.
const TICK: Duration = Duration::from_millis(2);

/// Listeners that get a frame at once: some milliseconds of work.
const GROUP: usize = 256;

/// The stock of one SKU, ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) position: Position,
    pub(super) text: Utf8Bytes,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'static str,
    sku: &'a Sku,
    free: u64,
    reserved: u64,
    sold: u64,
    position: Position,
}

impl Frame {
    pub(super) fn of(slot: &Slot, posted: Posted) -> Frame {
        let Posted { level, position } = posted;
        let body = Body {
            r#type: "stock",
            sku: slot.sku(),
            free: level.free,
            reserved: level.reserved,
            sold: level.sold,
            position,
        };
        // Numbers and a string: this can't fail.
        let text = serde_json::to_string(&body).unwrap_or_default().into();
        Frame { position, text }
    }
}

type Group = watch::Sender<Frame>;

/// The SKUs that somebody watches, and their watchers in groups.
#[derive(Clone, Default)]
pub struct Frames(Arc<Mutex<HashMap<Sku, Vec<Group>>>>);

impl Frames {
    /// How many SKUs are watched.
    pub fn watched(&self) -> usize {
        self.lock().len()
    }

    /// The latest frame of a SKU and those to come.
    pub(super) fn watch(&self, slot: &Arc<Slot>) -> watch::Receiver<Frame> {
        let mut all = self.lock();
        let known = all.get_mut(slot.sku());
        if let Some(group) = known
            .as_ref()
            .and_then(|groups| groups.iter().find(|group| group.receiver_count() < GROUP))
        {
            return group.subscribe();
        }
        let mut posted = slot.watch();
        let (group, receiver) = watch::channel(Frame::of(slot, *posted.borrow_and_update()));
        if let Some(groups) = known {
            groups.push(group);
        } else {
            all.insert(slot.sku().clone(), vec![group]);
            tokio::spawn(self.clone().publish(slot.clone(), posted));
        }
        receiver
    }

    async fn publish(self, slot: Arc<Slot>, mut posted: watch::Receiver<Posted>) {
        let mut lateness = Duration::ZERO;
        loop {
            tokio::select! {
                changed = posted.changed() => if changed.is_err() { return },
                () = nobody_listens(self.groups(slot.sku())) => {
                    if self.forget(slot.sku()) {
                        return;
                    }
                    continue;
                }
            }
            lateness = self.round(&slot, &mut posted, lateness).await;
        }
    }

    /// Shows every group the latest value; returns how late the machine was with that on average.
    /// A value that comes in the course of it is another round's, too.
    async fn round(
        &self,
        slot: &Slot,
        posted: &mut watch::Receiver<Posted>,
        lateness: Duration,
    ) -> Duration {
        let begun = Instant::now();
        let (mut listeners, mut late, mut steps) = (0_usize, Duration::ZERO, 0_u32);
        posted.mark_unchanged();
        // A group that comes now has the latest value.
        for group in self.groups(slot.sku()) {
            let (latest, there) = (slot.posted(), group.receiver_count());
            if there == 0 || group.borrow().position == latest.position {
                continue;
            }
            group.send_replace(Frame::of(slot, latest));
            listeners = listeners.saturating_add(there);
            steps += 1;
            late += wait_until(Instant::now() + breath(there, lateness)).await;
        }
        let lateness = late.checked_div(steps).unwrap_or_default();
        let rest = begun + gap(listeners);
        if rest > Instant::now() { lateness.max(wait_until(rest).await) } else { lateness }
    }

    fn groups(&self, sku: &Sku) -> Vec<Group> {
        self.lock().get(sku).cloned().unwrap_or_default()
    }

    /// Ends a SKU's frames; `false` when somebody came meanwhile.
    fn forget(&self, sku: &Sku) -> bool {
        let mut all = self.lock();
        let groups = all.get(sku).map(Vec::as_slice).unwrap_or_default();
        let unwatched = groups.iter().all(|group| group.receiver_count() == 0);
        if unwatched {
            all.remove(sku);
        }
        unwatched
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Sku, Vec<Group>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Comes back when each group was empty once.
async fn nobody_listens(groups: Vec<Group>) {
    for group in groups {
        group.closed().await;
    }
}

/// A pace, not a deadline of the shop's; returns how late the machine was.
async fn wait_until(due: Instant) -> Duration {
    sleep_until(due).await;
    due.elapsed().saturating_sub(TICK)
}

/// How long a group's frames may take the machine before the next group gets its own: a timer
/// that comes late says that it is busy.
fn breath(listeners: usize, lateness: Duration) -> Duration {
    let listeners = u32::try_from(listeners).unwrap_or(u32::MAX);
    let own = PER_LISTENER.saturating_mul(listeners) / 2;
    own.saturating_add(lateness.saturating_mul(2)).min(MAX_GAP / 8)
}

/// From the begin of a round to the begin of the next.
fn gap(listeners: usize) -> Duration {
    let listeners = u32::try_from(listeners).unwrap_or(u32::MAX);
    PER_LISTENER.saturating_mul(listeners).clamp(MIN_GAP, MAX_GAP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::board::{Board, Level};

    fn slot() -> Arc<Slot> {
        Board::default().slot(&Sku::parse("TEE").unwrap())
    }

    fn publish(slot: &Slot, free: u64) {
        slot.publish(Level { free, known: true, ..Level::default() }, Position(free));
    }

    #[test]
    fn a_gap_stretches_with_listeners_and_with_load_but_not_for_ever() {
        let ms = Duration::from_millis;
        assert_eq!((gap(1), gap(10_000), gap(usize::MAX)), (ms(50), ms(200), MAX_GAP));
        let idle = breath(GROUP, ms(0));
        assert!(idle * 40 <= gap(40 * GROUP), "a round of all groups ends within its gap");
        assert_eq!(breath(GROUP, ms(25)), idle + ms(50));
        assert_eq!(breath(GROUP, Duration::MAX), MAX_GAP / 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_listener_finds_only_the_latest_frame() {
        let (slot, frames) = (slot(), Frames::default());
        let mut slow = frames.watch(&slot);
        for free in 1..=5 {
            publish(&slot, free);
            tokio::time::advance(MIN_GAP * 2).await;
            tokio::task::yield_now().await;
        }
        slow.changed().await.unwrap();
        let shown = slow.borrow_and_update().clone();
        assert_eq!(shown.position, Position(5));
        assert!(!slow.has_changed().unwrap(), "one frame, not five");
        drop(slow);
        while frames.watched() > 0 {
            tokio::time::advance(MIN_GAP).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn every_group_gets_the_last_value_and_fresh_ones_on_the_way() {
        let (slot, frames) = (slot(), Frames::default());
        let mut crowd: Vec<_> = (0..=GROUP * 3).map(|_| frames.watch(&slot)).collect();
        assert_eq!(frames.groups(slot.sku()).len(), 4);
        publish(&slot, 1);
        crowd[0].changed().await.unwrap();
        assert!(!crowd[GROUP].has_changed().unwrap(), "the next group waits for its turn");
        publish(&slot, 2);
        let mut last = crowd.pop().unwrap();
        last.changed().await.unwrap();
        assert_eq!(last.borrow_and_update().position, Position(2), "not what is old by then");
        for listener in &mut crowd {
            listener.wait_for(|frame| frame.position == Position(2)).await.unwrap();
        }
        drop(crowd.drain(..GROUP));
        let _again = frames.watch(&slot);
        assert_eq!(frames.groups(slot.sku()).len(), 4, "whoever comes takes a place that is free");
        drop((crowd, last));
        publish(&slot, 3);
        tokio::time::advance(MAX_GAP).await;
        assert_eq!(frames.watched(), 1, "somebody still listens");
    }
}
