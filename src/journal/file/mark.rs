//! The mark: up to where the log was synced, so that a torn tail is told from rot.
//!
//! Two slots written in turn, so that a torn write loses one of them at most:
//! ```text
//!  0  8B   "DRBMARK" and version 1
//!  8  u64  next position    16  u64  epoch    24  32B  hash    56  u32  CRC-32C of the rest
//! ```
//! Written after each sync and synced only with a new segment and at open: it may lie behind the
//! log, never ahead of it.

use super::super::{
    Hash, Position, Tail, cut,
    disk::{self, Failure, Naming as _},
    scan::MarkRead,
};
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

const MAGIC: [u8; 8] = *b"DRBMARK\x01";
const SLOT_BYTES: usize = 60;
/// Slots lie in pages of their own.
const SLOT_OFFSETS: [u64; 2] = [0, 4096];

/// Reads the newest slot of the mark file at `path`.
pub(super) fn read(path: &Path) -> Result<MarkRead, Failure> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(MarkRead::Missing),
        result => result.naming("opening", path)?,
    };
    let slots = SLOT_OFFSETS.map(|offset| {
        let mut slot = [0; SLOT_BYTES];
        file.read_exact_at(&mut slot, offset).ok().and_then(|()| parse(&slot))
    });
    let newest = slots.into_iter().flatten().max_by_key(|tail| tail.next);
    Ok(newest.map_or(MarkRead::Unreadable, MarkRead::At))
}

fn parse(slot: &[u8; SLOT_BYTES]) -> Option<Tail> {
    let (content, crc) = slot.split_last_chunk::<4>()?;
    let mut rest = content;
    let fits = crc32c::crc32c(content).to_le_bytes() == *crc;
    (fits && cut::array(&mut rest)? == MAGIC).then_some(())?;
    let next = Position(cut::u64(&mut rest)?);
    let epoch = cut::u64(&mut rest)?;
    Some(Tail { epoch, next, hash: Hash(cut::array(&mut rest)?) })
}

fn format(tail: &Tail) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    cut::put(&mut slot, 0, &MAGIC);
    cut::put(&mut slot, 8, &tail.next.0.to_le_bytes());
    cut::put(&mut slot, 16, &tail.epoch.to_le_bytes());
    cut::put(&mut slot, 24, &tail.hash.0);
    let crc = crc32c::crc32c(slot.get(..56).unwrap_or_default());
    cut::put(&mut slot, 56, &crc.to_le_bytes());
    slot
}

/// The mark file, open for writing.
#[derive(Debug)]
pub(super) struct MarkFile {
    file: File,
    path: PathBuf,
    turn: bool,
}

impl MarkFile {
    /// Opens the file and leaves its content until the first write.
    pub(super) fn open(path: PathBuf) -> Result<MarkFile, Failure> {
        let file = disk::open_private(&path)?;
        Ok(MarkFile { file, path, turn: false })
    }

    /// Notes `tail` in the slot whose turn it is.
    pub(super) fn write(&mut self, tail: &Tail) -> Result<(), Failure> {
        let [first, second] = SLOT_OFFSETS;
        let offset = if self.turn { second } else { first };
        self.turn = !self.turn;
        self.file.write_all_at(&format(tail), offset).naming("writing", &self.path)
    }

    pub(super) fn sync(&self) -> Result<(), Failure> {
        disk::sync(&self.file, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_whole_slot_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mark");
        assert_eq!(read(&path).unwrap(), MarkRead::Missing);
        let mut mark = MarkFile::open(path.clone()).unwrap();
        assert_eq!(read(&path).unwrap(), MarkRead::Unreadable);
        let tail = |next| Tail { epoch: 1, next: Position(next), hash: Hash([3; 32]) };
        for next in [100, 200, 300] {
            mark.write(&tail(next)).unwrap();
            assert_eq!(read(&path).unwrap(), MarkRead::At(tail(next)));
        }
        mark.file.write_all_at(b"x", 20).unwrap();
        assert_eq!(read(&path).unwrap(), MarkRead::At(tail(200)));
        mark.file.write_all_at(b"x", 4096 + 20).unwrap();
        assert_eq!(read(&path).unwrap(), MarkRead::Unreadable);
    }
}
