//! Where derived state is kept: snapshots, the due index, views. None of it is truth.
//!
//! Sorted bytes in named trees, behind a trait so that sled can be swapped and has a twin in
//! memory. Invariant: all in here can be rebuilt from the log, so the answer to damage is to
//! delete it, and nobody is told anything because of a write here.

pub mod memory_store;
pub mod sled_store;

#[cfg(test)]
mod conformance;

use super::disk::Failure;
use std::{ops::Bound, path::PathBuf};

pub use memory_store::MemoryStateStore;
pub use sled_store::SledStore;

/// The trees; each has one owner, who lays out its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tree {
    /// State of entities.
    Snapshots,
    /// What is due when.
    Due,
    /// Orders by id.
    Orders,
    /// Orders by buyer and time.
    OrdersByBuyer,
    /// Money by order.
    Ledger,
    /// Products and what they are found by.
    Catalogue,
    /// How far each view has come.
    Positions,
    /// The last checkpoint.
    Checkpoint,
}

impl Tree {
    /// All of them.
    pub const ALL: [Tree; 8] = [
        Tree::Snapshots,
        Tree::Due,
        Tree::Orders,
        Tree::OrdersByBuyer,
        Tree::Ledger,
        Tree::Catalogue,
        Tree::Positions,
        Tree::Checkpoint,
    ];

    /// The name on disk.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Tree::Snapshots => "snapshots",
            Tree::Due => "due",
            Tree::Orders => "orders",
            Tree::OrdersByBuyer => "orders_by_buyer",
            Tree::Ledger => "ledger",
            Tree::Catalogue => "catalogue",
            Tree::Positions => "positions",
            Tree::Checkpoint => "checkpoint",
        }
    }
}

/// Why state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the store.
    #[error("{} is in use by another process; stop it first", .0.display())]
    Locked(PathBuf),
    /// What the store underneath says.
    #[error(
        "the state store failed; it is derived, so stop, delete the folder `state` of the store, \
         and start again: {0}"
    )]
    Store(#[from] sled::Error),
    /// A file can't be read or written.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// In which direction a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the smallest key.
    Ascending,
    /// From the largest key.
    Descending,
}

/// From where to where a scan goes, whatever its direction.
pub type Range<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Sorted bytes in named trees. A write is visible at once and durable with the next `flush`.
pub trait StateStore: Send + Sync + 'static {
    /// The value under `key`.
    ///
    /// # Errors
    /// The store failed; so for all methods.
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// Sets the value under `key`.
    ///
    /// # Errors
    /// The store failed.
    fn put(&self, tree: Tree, key: &[u8], value: &[u8]) -> Result<(), Error>;

    /// Removes `key`, if it is there.
    ///
    /// # Errors
    /// The store failed.
    fn delete(&self, tree: Tree, key: &[u8]) -> Result<(), Error>;

    /// The first `limit` pairs of `range` in `order`; none when the range ends before it begins.
    ///
    /// # Errors
    /// The store failed.
    fn scan(
        &self,
        tree: Tree,
        range: Range<'_>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Pair>, Error>;

    /// Removes all keys of `tree`.
    ///
    /// # Errors
    /// The store failed.
    fn clear(&self, tree: Tree) -> Result<(), Error>;

    /// Returns when everything written so far is on the device.
    ///
    /// # Errors
    /// The store failed.
    fn flush(&self) -> Result<(), Error>;

    /// What it takes, in bytes.
    ///
    /// # Errors
    /// The store failed.
    fn size_bytes(&self) -> Result<u64, Error>;

    /// The first `limit` pairs whose key begins with `prefix`, in `order`.
    ///
    /// # Errors
    /// The store failed.
    fn scan_prefix(
        &self,
        tree: Tree,
        prefix: &[u8],
        order: Order,
        limit: usize,
    ) -> Result<Vec<Pair>, Error> {
        let end = prefix_end(prefix);
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        self.scan(tree, (Bound::Included(prefix), end), order, limit)
    }
}

/// The first key behind all that begin with `prefix`; `None` when there is none.
fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}

/// Whether no key can lie in `range`.
fn is_empty(range: &Range<'_>) -> bool {
    match range {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (
            Bound::Included(from) | Bound::Excluded(from),
            Bound::Included(to) | Bound::Excluded(to),
        ) => from >= to,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}
