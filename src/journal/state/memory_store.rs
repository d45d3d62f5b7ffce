//! State in memory: the twin of the store on disk, for tests and the simulator.

use super::{Error, Order, Pair, Range, StateStore, Tree, is_empty};
use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

type Keys = BTreeMap<Vec<u8>, Vec<u8>>;

/// Trees of sorted keys; lost with the value.
#[derive(Debug, Default)]
pub struct MemoryStateStore(Mutex<BTreeMap<Tree, Keys>>);

impl MemoryStateStore {
    fn trees(&self) -> MutexGuard<'_, BTreeMap<Tree, Keys>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for MemoryStateStore {
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.trees().get(&tree).and_then(|keys| keys.get(key)).cloned())
    }

    fn put(&self, tree: Tree, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.trees().entry(tree).or_default().insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn delete(&self, tree: Tree, key: &[u8]) -> Result<(), Error> {
        self.trees().entry(tree).or_default().remove(key);
        Ok(())
    }

    fn scan(
        &self,
        tree: Tree,
        range: Range<'_>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Pair>, Error> {
        let trees = self.trees();
        let Some(keys) = trees.get(&tree).filter(|_| !is_empty(&range)) else {
            return Ok(Vec::new());
        };
        let pairs = keys.range::<[u8], (Bound<&[u8]>, Bound<&[u8]>)>(range);
        let pairs = pairs.map(|(key, value)| (key.clone(), value.clone()));
        Ok(match order {
            Order::Ascending => pairs.take(limit).collect(),
            Order::Descending => pairs.rev().take(limit).collect(),
        })
    }

    fn clear(&self, tree: Tree) -> Result<(), Error> {
        self.trees().remove(&tree);
        Ok(())
    }

    fn flush(&self) -> Result<(), Error> {
        Ok(())
    }

    fn size_bytes(&self) -> Result<u64, Error> {
        let trees = self.trees();
        let pairs = trees.values().flatten();
        Ok(pairs.map(|(key, value)| (key.len() + value.len()) as u64).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::state::conformance;

    conformance::suite!(MemoryStateStore::default());
}
