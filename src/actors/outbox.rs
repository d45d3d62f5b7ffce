//! What leaves a shard once a batch is durable: the stock board first, then everything else.
//!
//! Invariant: what an answer rests on is known to the board, and to lists of products, before the
//! answer leaves.

use crate::{
    domain::broken::Rule,
    journal::{self, Position},
    views::{
        board::{Level, Slot},
        catalogue::Index,
    },
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// Something that waits for a sync: an answer, a message to another shard, a call to a provider.
pub type Parcel = Box<dyn FnOnce() + Send>;

/// One batch's outbox.
#[derive(Default)]
pub struct Outbox {
    /// Changed SKUs in order, each with the offset of the entry that changed it.
    board: Vec<(Arc<Slot>, Level, usize)>,
    /// The catalogue's index, the shard, and the offset of the last entry of a product.
    product: Option<(Arc<Index>, usize, usize)>,
    parcels: Vec<Parcel>,
}

impl Outbox {
    /// The level of a SKU as of the entry at `offset`.
    pub fn post(&mut self, slot: Arc<Slot>, level: Level, offset: usize) {
        match self.board.last_mut() {
            Some((last, known, at)) if Arc::ptr_eq(last, &slot) => {
                (*known, *at) = (level, offset);
            }
            _ => self.board.push((slot, level, offset)),
        }
    }

    /// A product has changed with the entry at `offset`.
    pub fn note(&mut self, index: &Arc<Index>, shard: usize, offset: usize) {
        self.product = Some((index.clone(), shard, offset));
    }

    /// Something to do after the sync, in the order in which it was put here.
    pub fn put(&mut self, parcel: Parcel) {
        self.parcels.push(parcel);
    }

    /// Several of them.
    pub fn put_all(&mut self, parcels: impl IntoIterator<Item = Parcel>) {
        self.parcels.extend(parcels);
    }
}

impl journal::Outbox for Outbox {
    fn release(&mut self, base: Position) {
        if Rule::BoardOnlyForward.is_broken() {
            self.board.reverse();
        }
        for (slot, level, offset) in self.board.drain(..) {
            slot.publish(level, base.plus(offset));
        }
        if let Some((index, shard, offset)) = self.product.take() {
            index.let_go(shard, base.plus(offset));
        }
        for parcel in self.parcels.drain(..) {
            // One that panics must not keep the others of the shard from ever leaving.
            if catch_unwind(AssertUnwindSafe(parcel)).is_err() {
                tracing::error!("a parcel panicked on its way out");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Outbox as _;
    use std::sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    };

    #[test]
    fn lists_know_of_a_product_before_whoever_changed_it_does() {
        let index = Arc::new(Index::new([Position(7), Position(7)]));
        let mut outbox = Outbox::default();
        let (seen, known) = (Arc::new(Mutex::new(vec![])), index.clone());
        let sees = seen.clone();
        outbox.put(Box::new(move || *sees.lock().unwrap() = known.needed()));
        outbox.note(&index, 1, 30);
        outbox.note(&index, 1, 60);
        assert_eq!(index.needed(), [Position(7), Position(7)], "it is not durable yet");
        outbox.release(Position(100));
        assert_eq!(*seen.lock().unwrap(), [Position(7), Position(161)]);
        let mut older = Outbox::default();
        older.note(&index, 1, 0);
        older.release(Position(50));
        assert_eq!(index.needed(), [Position(7), Position(161)], "it never goes back");
    }

    #[test]
    fn a_parcel_that_panics_keeps_no_other_back() {
        let arrived = Arc::new(AtomicBool::new(false));
        let mut outbox = Outbox::default();
        outbox.put(Box::new(|| panic!("broken by a test")));
        let seen = arrived.clone();
        outbox.put(Box::new(move || seen.store(true, Ordering::Relaxed)));
        outbox.release(Position(0));
        assert!(arrived.load(Ordering::Relaxed));
    }
}
