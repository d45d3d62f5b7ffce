//! The stock board: every SKU's durable level, updated before the batch's answers leave.
//!
//! The one view that is pushed instead of pulled, so that a shopper who was told `sold-out` never
//! finds the board saying otherwise. It counts its changes, so that whoever keeps what he read can
//! tell whether it is still so. Invariant: it shows durable state only, and a SKU's position never
//! goes back.

use crate::{
    domain::{Sku, Time, broken::Rule, sku::Offer},
    journal::Position,
};
use std::{
    collections::HashMap,
    sync::{
        Arc, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::watch;

/// The counts of one SKU, and whether they say it all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Units anyone may reserve.
    pub free: u64,
    /// Units claimed by carts and orders.
    pub reserved: u64,
    /// Units sold, less those returned.
    pub sold: u64,
    /// Whether a product lists it: what no product lists is unknown to shoppers.
    pub known: bool,
    /// When nothing but the count of free units can refuse a newcomer.
    pub offer: Option<Offer>,
}

impl Level {
    /// Whether a cart without a line of it is told at `now` that it can't have `units`: what the
    /// SKU itself would say, and so nobody needs to ask it.
    pub fn refuses_newcomer(&self, units: u32, now: Time) -> bool {
        self.free < u64::from(units) && self.offer.is_some_and(|offer| offer.covers(now))
    }

    /// Whether the counts are those of `other`.
    #[must_use]
    pub fn counts_as(self, other: Level) -> bool {
        Level { offer: None, ..self } == Level { offer: None, ..other }
    }
}

/// A level and where the log says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Posted {
    /// The counts.
    pub level: Level,
    /// The entry that made them; comparable per SKU.
    pub position: Position,
}

/// How often something has changed. Cheap to clone; all clones count the same.
#[derive(Clone, Debug, Default)]
pub struct Count(Arc<AtomicU64>);

impl Count {
    /// As of now: who reads it before what it counts never takes an old thing for a new one.
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Counts a change that can be seen already.
    pub fn grow(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// One SKU's place on the board.
#[derive(Debug)]
pub struct Slot {
    sku: Sku,
    posted: watch::Sender<Posted>,
    /// The board's.
    changes: Count,
}

impl Slot {
    fn new(sku: Sku, changes: Count) -> Slot {
        Slot { sku, posted: watch::Sender::new(Posted::default()), changes }
    }

    /// Whose.
    pub fn sku(&self) -> &Sku {
        &self.sku
    }

    /// The latest level.
    pub fn posted(&self) -> Posted {
        *self.posted.borrow()
    }

    /// The latest level, and a way to hear of newer ones; slow listeners skip.
    pub fn watch(&self) -> watch::Receiver<Posted> {
        self.posted.subscribe()
    }

    /// How many listen.
    pub fn watchers(&self) -> usize {
        self.posted.receiver_count()
    }

    /// Shows a newer level; an older one is passed over.
    pub fn publish(&self, level: Level, position: Position) {
        let changed = self.posted.send_if_modified(|posted| {
            let newer = position >= posted.position && !level.counts_as(posted.level);
            if position >= posted.position || Rule::BoardOnlyForward.is_broken() {
                *posted = Posted { level, position };
            }
            newer
        });
        if changed {
            self.changes.grow();
        }
    }
}

/// All SKUs.
#[derive(Debug, Default)]
pub struct Board {
    slots: RwLock<HashMap<Sku, Arc<Slot>>>,
    changes: Count,
}

impl Board {
    /// Changes of any SKU's level.
    pub fn changes(&self) -> &Count {
        &self.changes
    }

    /// The latest level of a SKU that a product has claimed.
    pub fn level(&self, sku: &str) -> Option<Level> {
        let slots = self.slots.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        slots.get(sku).map(|slot| slot.posted().level).filter(|level| level.known)
    }

    /// The place of a SKU that a product has claimed.
    pub fn get(&self, sku: &str) -> Option<Arc<Slot>> {
        let slots = self.slots.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        slots.get(sku).filter(|slot| slot.posted().level.known).cloned()
    }

    /// Whether anyone may reserve a unit of a SKU.
    pub fn has_free(&self, sku: &str) -> bool {
        let slots = self.slots.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        slots.get(sku).is_some_and(|slot| {
            let level = slot.posted().level;
            level.known && level.free > 0
        })
    }

    /// The place of a SKU, made when there is none.
    pub fn slot(&self, sku: &Sku) -> Arc<Slot> {
        let known = {
            let slots = self.slots.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            slots.get(sku).cloned()
        };
        known.unwrap_or_else(|| {
            let mut slots = self.slots.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            let slot = slots.entry(sku.clone());
            slot.or_insert_with(|| Arc::new(Slot::new(sku.clone(), self.changes.clone()))).clone()
        })
    }

    /// All known SKUs.
    pub fn all(&self) -> Vec<Arc<Slot>> {
        let slots = self.slots.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        slots.values().filter(|slot| slot.posted().level.known).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_deadline_is_known_at_once_and_wakes_nobody() {
        let (board, sku) = (Board::default(), Sku::parse("TEE").unwrap());
        let slot = board.slot(&sku);
        let offer = |until| Some(Offer { from: Time(0), until: Time(until) });
        let level = Level { free: 1, known: true, offer: offer(10), ..Level::default() };
        slot.publish(level, Position(1));
        let (watching, changes) = (slot.watch(), board.changes().now());
        slot.publish(Level { offer: offer(7), ..level }, Position(2));
        assert!(!watching.has_changed().unwrap());
        assert_eq!(board.changes().now(), changes);
        let level = board.level("TEE").unwrap();
        assert_eq!([6, 7].map(|now| level.refuses_newcomer(2, Time(now))), [true, false]);
        assert!(!level.refuses_newcomer(1, Time(6)), "one is free");
        assert!(!Level { offer: None, ..level }.refuses_newcomer(2, Time(6)));
        slot.publish(Level { free: 0, ..level }, Position(3));
        assert!(watching.has_changed().unwrap());
        assert_ne!(board.changes().now(), changes);
    }
}
