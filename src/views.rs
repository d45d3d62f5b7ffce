//! What anyone reads beyond one entity's own state: folds of committed events.
//!
//! The [`board`] is pushed, all others are pulled by the [`follower`]. Invariant: a view is truth
//! for nobody: deleting its trees and its position makes it again from the log.

pub mod board;
pub mod catalogue;
pub mod follower;
pub mod ledger;
pub mod orders;

mod cursor;

pub use follower::Follower;

use crate::journal::{BatchRef, StateStore, Tree, codec, entry, state};
use std::sync::Arc;

/// Why a view can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    State(#[from] state::Error),
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] crate::journal::Error),
    /// An entry is no event.
    #[error(transparent)]
    Codec(#[from] codec::Error),
    /// An entry's head names no entity.
    #[error(transparent)]
    Malformed(#[from] entry::Malformed),
    /// What the store holds is no record of this view.
    #[error("the view `{view}` does not read; rebuild it: {source}")]
    Unreadable {
        /// Which view.
        view: &'static str,
        /// What is wrong.
        source: rmp_serde::decode::Error,
    },
    /// A record could not be written.
    #[error("a record does not encode: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
}

/// A fold of committed events: all it knows stands in its trees, or will with the next write.
pub trait View: Send + Sync + 'static {
    /// What its position is kept under.
    fn name(&self) -> &'static str;

    /// The trees that are its own.
    fn trees(&self) -> &'static [Tree];

    /// Folds consecutive batches of one shard, into its trees or into memory until the next write.
    /// May see the same batches again, cut differently, when a crash lost the position: puts are
    /// keyed, so the result is the same.
    ///
    /// # Errors
    /// The store failed; the same batches come again.
    fn fold(&self, store: &dyn StateStore, batches: &[BatchRef<'_>]) -> Result<(), Error>;

    /// Puts what it has folded into memory into its trees; only then does its position move there.
    ///
    /// # Errors
    /// The store failed; it is asked again.
    fn write(&self, _: &dyn StateStore) -> Result<(), Error> {
        Ok(())
    }

    /// Its trees were cleared: what it holds of them in memory is worth nothing.
    fn forget(&self) {}
}

/// The views of a store.
#[must_use]
pub fn all() -> Vec<Box<dyn View>> {
    and(ledger::Ledger::default(), catalogue::Catalogue::default())
}

/// The views of a shop, which keep this index of the catalogue and these last entries in memory.
#[must_use]
pub fn keeping(index: Arc<catalogue::Index>, recent: Arc<ledger::Recent>) -> Vec<Box<dyn View>> {
    and(ledger::Ledger::keeping(recent), catalogue::Catalogue::keeping(index))
}

fn and(ledger: ledger::Ledger, catalogue: catalogue::Catalogue) -> Vec<Box<dyn View>> {
    vec![Box::new(ledger), Box::new(orders::Orders), Box::new(catalogue)]
}
