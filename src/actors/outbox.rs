//! What leaves a shard once a batch is durable: the stock board and the catalogue's edition first,
//! then everything else.

use crate::{
    journal::{self, Position},
    views::board::{Count, Level, Slot},
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
    /// The catalogue's, if a product changed.
    edition: Option<Count>,
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

    /// A product changed.
    pub fn note_edition(&mut self, edition: &Count) {
        self.edition.get_or_insert_with(|| edition.clone());
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
        for (slot, level, offset) in self.board.drain(..) {
            slot.publish(level, base.plus(offset));
        }
        if let Some(edition) = self.edition.take() {
            edition.grow();
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
    use std::sync::atomic::{AtomicBool, Ordering};

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
