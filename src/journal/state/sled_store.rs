//! State on disk, in sled.
//!
//! sled 0.34 is used for what it does well and kept from what it does not: plain inserts only, no
//! transactions and no `flush_async`; its background flush stays on, since its garbage is
//! collected there; its cache is capped. Its own flush reaches the page cache but not the device,
//! so `flush` here syncs its file too. It may panic on a damaged folder: then the folder is
//! deleted, which loses nothing that the log does not have.

use super::{Error, Order, Pair, Range, StateStore, Tree, is_empty};
use crate::journal::disk::{self, Naming as _};
use std::{
    fmt, fs,
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

/// How often sled writes out on its own.
const FLUSH_EVERY_MS: u64 = 500;

/// An open sled.
pub struct SledStore {
    db: sled::Db,
    /// In the order of [`Tree::ALL`].
    trees: Vec<sled::Tree>,
    folder: PathBuf,
}

impl fmt::Debug for SledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SledStore({})", self.folder.display())
    }
}

impl SledStore {
    /// Opens the store in `folder`; one that can't be opened is deleted and begun anew. Returns
    /// whether that was so. The caller must be the store's only process, as the log's lock makes
    /// sure.
    ///
    /// # Errors
    /// Another process has it, the disk failed, or even an empty one can't be opened.
    pub fn open_or_reset(folder: &Path, cache_bytes: u64) -> Result<(SledStore, bool), Error> {
        let damage = match catch_unwind(AssertUnwindSafe(|| open(folder, cache_bytes))) {
            Ok(Ok(store)) => return Ok((store, false)),
            Ok(Err(error)) if is_lock(&error) => return Err(Error::Locked(folder.to_owned())),
            Ok(Err(error @ sled::Error::Io(_))) if is_system(&error) => return Err(error.into()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it panicked".to_owned(),
        };
        tracing::warn!(folder = %folder.display(), damage, "state is deleted and built anew");
        fs::remove_dir_all(folder).naming("deleting", folder)?;
        Ok((open(folder, cache_bytes)?, true))
    }

    fn tree(&self, tree: Tree) -> &sled::Tree {
        match self.trees.get(tree as usize) {
            Some(tree) => tree,
            None => unreachable!("every tree was opened with the store"),
        }
    }
}

fn open(folder: &Path, cache_bytes: u64) -> Result<SledStore, sled::Error> {
    let config = sled::Config::new().path(folder).cache_capacity(cache_bytes);
    let db = config.flush_every_ms(Some(FLUSH_EVERY_MS)).open()?;
    let trees = Tree::ALL.iter().map(|tree| db.open_tree(tree.name())).collect::<Result<_, _>>()?;
    Ok(SledStore { db, trees, folder: folder.to_owned() })
}

/// sled has no error of its own for it.
fn is_lock(error: &sled::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

impl Error {
    /// Whether the content is of no use; what the system refuses says nothing about that.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Error::Store(error) if !is_system(error))
    }
}

/// What the system refuses says nothing about the content.
fn is_system(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.raw_os_error().is_some())
}

impl StateStore for SledStore {
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.tree(tree).get(key)?.map(|value| value.to_vec()))
    }

    fn put(&self, tree: Tree, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.tree(tree).insert(key, value)?;
        Ok(())
    }

    fn delete(&self, tree: Tree, key: &[u8]) -> Result<(), Error> {
        self.tree(tree).remove(key)?;
        Ok(())
    }

    fn scan(
        &self,
        tree: Tree,
        range: Range<'_>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Pair>, Error> {
        if is_empty(&range) {
            return Ok(Vec::new());
        }
        let pairs = self.tree(tree).range::<&[u8], _>(range);
        let owned = |pair: Result<(sled::IVec, sled::IVec), sled::Error>| {
            let (key, value) = pair?;
            Ok((key.to_vec(), value.to_vec()))
        };
        match order {
            Order::Ascending => pairs.take(limit).map(owned).collect(),
            Order::Descending => pairs.rev().take(limit).map(owned).collect(),
        }
    }

    fn clear(&self, tree: Tree) -> Result<(), Error> {
        Ok(self.tree(tree).clear()?)
    }

    fn flush(&self) -> Result<(), Error> {
        self.db.flush()?;
        let path = self.folder.join("db");
        let file = File::open(&path).naming("opening", &path)?;
        disk::sync(&file, &path)?;
        disk::sync_folder(&self.folder)?;
        Ok(())
    }

    fn size_bytes(&self) -> Result<u64, Error> {
        Ok(self.db.size_on_disk()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::state::conformance;
    use tempfile::TempDir;

    const CACHE_BYTES: u64 = 16 * 1024 * 1024;

    fn fresh() -> (SledStore, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let (store, was_reset) = SledStore::open_or_reset(folder.path(), CACHE_BYTES).unwrap();
        assert!(!was_reset);
        (store, folder)
    }

    // The folder lives as long as the pair, which is to the end of the sentence.
    conformance::suite!(fresh().0);

    #[test]
    fn reopening_finds_what_was_flushed() {
        let folder = tempfile::tempdir().unwrap();
        let open = || SledStore::open_or_reset(folder.path(), CACHE_BYTES).unwrap();
        let (store, _) = open();
        store.put(Tree::Due, b"key", b"value").unwrap();
        store.flush().unwrap();
        drop(store);
        let (store, was_reset) = open();
        assert!(!was_reset);
        assert_eq!(store.get(Tree::Due, b"key").unwrap().unwrap(), b"value");
    }

    #[test]
    fn a_damaged_folder_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let open = || SledStore::open_or_reset(&path, CACHE_BYTES).unwrap();
        let (store, _) = open();
        store.put(Tree::Due, b"key", b"value").unwrap();
        store.flush().unwrap();
        drop(store);
        fs::write(path.join("conf"), b"rubbish for a store").unwrap();
        let (store, was_reset) = open();
        assert!(was_reset);
        assert_eq!(store.get(Tree::Due, b"key").unwrap(), None);
    }

    #[test]
    fn a_store_in_use_is_never_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = SledStore::open_or_reset(folder.path(), CACHE_BYTES).unwrap();
        store.put(Tree::Due, b"key", b"value").unwrap();
        let second = SledStore::open_or_reset(folder.path(), CACHE_BYTES);
        assert!(matches!(second, Err(Error::Locked(_))));
        assert!(folder.path().join("db").exists());
    }
}
