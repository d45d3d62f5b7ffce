//! What the ledger has folded and not yet put into its tree.
//!
//! A put costs as much for one entry as for many, and ten thousand SKUs that sell at once are ten
//! thousand chunks a pass: so those of a whole second are put together. Invariant: an entry leaves
//! here only after it lies in the tree; whoever looks here first and there second misses none.

use super::{Chunk, key, unpack};
use crate::{
    journal::{Position, StateStore, Tree},
    views::Error,
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The last entries of every SKU that had any.
#[derive(Debug, Default)]
pub struct Recent(Mutex<BTreeMap<Vec<u8>, Chunk>>);

impl Recent {
    /// Takes note of entries, oldest first: whose each is, and where it stands.
    pub(super) fn add<'e>(&self, entries: impl Iterator<Item = (&'e [u8], Position)>) {
        let mut chunks = self.lock();
        for (sku, position) in entries {
            if !chunks.contains_key(sku) {
                chunks.insert(sku.to_vec(), Chunk::default());
            }
            if let Some(chunk) = chunks.get_mut(sku) {
                chunk.push(position);
            }
        }
    }

    /// The positions of one SKU, oldest first.
    pub(super) fn of(&self, sku: &[u8]) -> Vec<Position> {
        self.lock().get(sku).map_or_else(Vec::new, |chunk| unpack(&chunk.bytes))
    }

    /// Puts all into the tree. Nothing may be added meanwhile.
    pub(super) fn write(&self, store: &dyn StateStore) -> Result<(), Error> {
        let chunks: Vec<(Vec<u8>, Vec<u8>)> = {
            let chunks = self.lock();
            let chunk = |(sku, chunk): (&Vec<u8>, &Chunk)| {
                (key(sku, Position(chunk.last)), chunk.bytes.clone())
            };
            chunks.iter().map(chunk).collect()
        };
        for (key, bytes) in chunks {
            store.put(Tree::Ledger, &key, &bytes)?;
        }
        self.forget();
        Ok(())
    }

    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Chunk>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
