//! A checkpoint: up to where in each shard's log the state store is complete.
//!
//! The state store can come back from a crash with a silently shorter history. So a checkpoint
//! goes last into the store, is flushed and synced, and only then into a small file beside the
//! log. Invariant: a store that does not hold the file's checkpoint or a newer one is not used.

use super::{
    Hash, Opened, Position, cut,
    disk::{self, Failure, Naming as _},
    state::{self, StateStore, Tree},
};
use std::{fs, io, path::Path};

const MAGIC: [u8; 8] = *b"DRBCHKP\x01";

/// Its last byte is the form of all that a state store holds, views included: raise it with every
/// change of that form. A store of another form holds no checkpoint, so it is rebuilt.
const KEY: &[u8] = b"checkpoint\x03";

/// A place in one shard's log, and the history that leads there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// The end of the last batch that is in the store.
    pub position: Position,
    /// That batch's hash.
    pub hash: Hash,
}

/// One point for each shard, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// By shard number.
    pub shards: Vec<Point>,
}

impl Checkpoint {
    /// Makes everything put into `store` so far count: from now on it is complete up to here.
    ///
    /// # Errors
    /// Store or disk failed; the last checkpoint stands.
    pub fn write(&self, store: &dyn StateStore, path: &Path) -> Result<(), state::Error> {
        let bytes = self.to_bytes();
        store.flush()?;
        store.put(Tree::Checkpoint, KEY, &bytes)?;
        store.flush()?;
        disk::replace(path, &bytes)?;
        Ok(())
    }

    /// The checkpoint in the store; `None` when there is none that can be read.
    ///
    /// # Errors
    /// The store failed.
    pub fn in_store(store: &dyn StateStore) -> Result<Option<Checkpoint>, state::Error> {
        let bytes = store.get(Tree::Checkpoint, KEY)?;
        Ok(bytes.and_then(|bytes| Checkpoint::from_bytes(&bytes)))
    }

    /// The checkpoint in the file at `path`; `None` when there is none that can be read.
    ///
    /// # Errors
    /// The disk failed.
    pub fn in_file(path: &Path) -> Result<Option<Checkpoint>, Failure> {
        match fs::read(path) {
            Ok(bytes) => Ok(Checkpoint::from_bytes(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).naming("reading", path),
        }
    }

    /// The checkpoint to go on from; `None` when the store has to be deleted and rebuilt.
    #[must_use]
    pub fn usable(
        in_store: Option<Checkpoint>,
        in_file: Option<&Checkpoint>,
    ) -> Option<Checkpoint> {
        in_store.filter(|store| in_file.is_some_and(|file| store.reaches(file)))
    }

    /// Whether this is `other` or a later one.
    fn reaches(&self, other: &Checkpoint) -> bool {
        let reaches =
            |(mine, other): (&Point, &Point)| mine == other || mine.position > other.position;
        self.shards.len() == other.shards.len()
            && self.shards.iter().zip(&other.shards).all(reaches)
    }

    /// Whether a log that was opened from this checkpoint's position has this very history. When
    /// it has not, the store has to be deleted and rebuilt.
    #[must_use]
    pub fn stands_on(&self, shard: usize, opened: &Opened) -> bool {
        let point = self.shards.get(shard);
        let found = opened.from.map(|tail| Point { position: tail.next, hash: tail.hash });
        point.is_some() && point == found.as_ref()
    }

    /// Magic and version, then 40 bytes a shard, then the CRC-32C of all that.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for point in &self.shards {
            bytes.extend_from_slice(&point.position.0.to_le_bytes());
            bytes.extend_from_slice(&point.hash.0);
        }
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Checkpoint> {
        let (content, crc) = bytes.split_last_chunk::<4>()?;
        let points = content.strip_prefix(&MAGIC)?;
        if crc32c::crc32c(content).to_le_bytes() != *crc {
            return None;
        }
        let shards = points.chunks(40).map(|mut point| {
            let position = Position(cut::u64(&mut point)?);
            Some(Point { position, hash: Hash(cut::array(&mut point)?) })
        });
        Some(Checkpoint { shards: shards.collect::<Option<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{
        MemoryStore, ShardLog as _, conformance::append, state::MemoryStateStore,
    };

    fn at(positions: &[u64]) -> Checkpoint {
        let point = |&next| Point { position: Position(next), hash: Hash([5; 32]) };
        Checkpoint { shards: positions.iter().map(point).collect() }
    }

    #[test]
    fn a_store_of_another_form_holds_no_checkpoint() {
        let store = MemoryStateStore::default();
        for form in [&b"checkpoint"[..], b"checkpoint\x01", b"checkpoint\xff"] {
            store.put(Tree::Checkpoint, form, &at(&[1]).to_bytes()).unwrap();
            assert_eq!(Checkpoint::in_store(&store).unwrap(), None, "{form:?}");
        }
    }

    #[test]
    fn a_checkpoint_is_read_from_both_places() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        let store = MemoryStateStore::default();
        assert_eq!(Checkpoint::in_store(&store).unwrap(), None);
        assert_eq!(Checkpoint::in_file(&path).unwrap(), None);
        for checkpoint in [at(&[1, 2, 3]), at(&[4, 5, 6])] {
            checkpoint.write(&store, &path).unwrap();
            assert_eq!(Checkpoint::in_store(&store).unwrap(), Some(checkpoint.clone()));
            assert_eq!(Checkpoint::in_file(&path).unwrap(), Some(checkpoint));
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_no_checkpoint() {
        let bytes = at(&[1, 2]).to_bytes();
        for at in 0..bytes.len() {
            assert_eq!(Checkpoint::from_bytes(&bytes[..at]), None, "cut at {at}");
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert_eq!(Checkpoint::from_bytes(&flipped), None, "byte {at}");
        }
    }

    #[test]
    fn a_store_that_fell_behind_the_file_is_not_usable() {
        let file = at(&[10, 10]);
        let usable = |store: Option<Checkpoint>| Checkpoint::usable(store, Some(&file)).is_some();
        assert!(usable(Some(at(&[10, 10]))));
        assert!(usable(Some(at(&[10, 11]))));
        assert!(!usable(Some(at(&[9, 11]))));
        assert!(!usable(Some(at(&[10]))));
        assert!(!usable(None));
        let mut other = at(&[10, 10]);
        other.shards[0].hash = Hash([6; 32]);
        assert!(!usable(Some(other)));
        assert_eq!(Checkpoint::usable(Some(at(&[10, 10])), None), None);
    }

    #[test]
    fn a_checkpoint_stands_only_on_its_own_log() {
        let store = MemoryStore::default();
        let mut log = store.open(Position(0), &mut |_| Ok(())).unwrap().0;
        append(&mut log, &[b"one"]);
        let tail = log.tail();
        let point = Point { position: tail.next, hash: tail.hash };
        let opened = store.open(tail.next, &mut |_| Ok(())).unwrap().1;
        assert!(Checkpoint { shards: vec![point] }.stands_on(0, &opened));
        assert!(!Checkpoint { shards: vec![point] }.stands_on(1, &opened));
        assert!(!at(&[tail.next.0]).stands_on(0, &opened));
        let inside = Position(1);
        let opened = store.open(inside, &mut |_| Ok(())).unwrap().1;
        assert!(!at(&[inside.0]).stands_on(0, &opened));
    }
}
