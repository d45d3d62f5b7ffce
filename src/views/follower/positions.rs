//! Where the views of a store stand, as the store has it.
//!
//! Invariant: what is cleared has no position, so it is folded again from the first event.

use crate::{
    journal::{Position, StateStore, Tree},
    views::{Error, View},
};

pub(super) fn position_key(view: &str, shard: usize) -> Vec<u8> {
    format!("{view}/{shard}").into_bytes()
}

/// Up to where `view` is complete in each shard.
///
/// # Errors
/// The store failed.
pub fn positions(
    store: &dyn StateStore,
    view: &dyn View,
    shards: usize,
) -> Result<Vec<Position>, Error> {
    let read = |shard| {
        let bytes = store.get(Tree::Positions, &position_key(view.name(), shard))?;
        let position = bytes.and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
        Ok(Position(position.unwrap_or(0)))
    };
    (0..shards).map(read).collect()
}

/// Deletes a view, so that the next follower folds it from the first event.
///
/// # Errors
/// The store failed.
pub fn clear(store: &dyn StateStore, view: &dyn View, shards: usize) -> Result<(), Error> {
    for shard in 0..shards {
        store.delete(Tree::Positions, &position_key(view.name(), shard))?;
    }
    for tree in view.trees() {
        store.clear(*tree)?;
    }
    view.forget();
    Ok(())
}
