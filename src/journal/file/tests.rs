//! The file log: the conformance suite, and what only files can suffer.

use super::*;
use crate::journal::{
    Mark,
    conformance::{self, Bench, append, fill, read_all},
};
use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering as Atomic},
};
use tempfile::TempDir;

/// Small, so that every test rotates.
const SMALL_BYTES: u64 = 2048;

struct Files(TempDir);

impl Default for Files {
    fn default() -> Self {
        Files(tempfile::tempdir().unwrap())
    }
}

impl Files {
    fn folder(&self) -> PathBuf {
        self.0.path().join("log")
    }

    /// The segment that holds `at`, and the offset there.
    fn place(&self, at: u64) -> (PathBuf, u64) {
        let bases = segments::list(&self.folder()).unwrap();
        let base = *bases.iter().rfind(|base| **base <= at).unwrap();
        (segments::path(&self.folder(), base), at - base)
    }

    fn change(&self, at: u64, change: impl FnOnce(&mut Vec<u8>, usize)) {
        let (path, offset) = self.place(at);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes, usize::try_from(offset).unwrap());
        fs::write(&path, bytes).unwrap();
    }

    /// A log of several segments; returns where each batch begins.
    fn filled(&mut self) -> Vec<Position> {
        let mut log = self.open();
        (0..20).map(|_| append(&mut log, &[&[7; 300]])).collect()
    }

    fn inspect(&self) -> Result<Opened, Error> {
        inspect(&self.folder(), Position(0), &mut |_| Ok(()))
    }
}

impl Bench for Files {
    type Log = FileLog;

    fn open_from(
        &mut self,
        from: Position,
        visit: &mut Visit<'_>,
    ) -> Result<(FileLog, Opened), Error> {
        FileLog::open(&self.folder(), SMALL_BYTES, from, visit)
    }

    fn leave(&mut self, at: Position, left: &[u8]) {
        self.change(at.0, |bytes, offset| {
            bytes.resize(bytes.len().max(offset + left.len()), 0);
            bytes[offset..offset + left.len()].copy_from_slice(left);
        });
    }

    fn rot(&mut self, at: Position) {
        self.change(at.0, |bytes, offset| bytes[offset] ^= 1);
    }

    fn lose_mark(&mut self) {
        fs::write(self.folder().join(MARK), [1; 8192]).unwrap();
    }
}

conformance::suite!(Files::default());

#[test]
fn a_second_opener_is_refused_until_the_first_is_gone() {
    let mut files = Files::default();
    let log = files.open();
    let second = files.open_from(Position(0), &mut |_| Ok(()));
    assert!(matches!(second, Err(Error::Locked(_))));
    assert!(matches!(files.inspect(), Err(Error::Locked(_))));
    drop(log);
    files.open();
}

#[test]
fn rotation_keeps_positions_contiguous_and_readers_reading() {
    let mut files = Files::default();
    let mut log = files.open();
    let reader = log.reader();
    for _ in 0..100 {
        append(&mut log, &[&[7; 300]]);
    }
    let bases = segments::list(&files.folder()).unwrap();
    assert!(bases.len() > 10, "{} segments", bases.len());
    for base in bases {
        assert!(reader.batch(Position(base)).unwrap().is_some(), "a batch begins each segment");
    }
    assert_eq!(read_all(&reader).len(), 100);
    drop(log);
    assert_eq!(read_all(&files.open().reader()).len(), 100);
}

#[test]
fn a_batch_larger_than_a_segment_gets_one_of_its_own() {
    let mut files = Files::default();
    let mut log = files.open();
    append(&mut log, &[&[7; 10_000]]);
    append(&mut log, &[b"next"]);
    drop(log);
    assert_eq!(read_all(&files.open().reader()).len(), 2);
}

#[test]
fn a_flipped_bit_is_refused_and_its_segment_and_batch_are_named() {
    let mut files = Files::default();
    let batches = files.filled();
    for batch in [&batches[0], &batches[9], &batches[19]] {
        // One of every header field and of the body.
        for field in [0, 7, 8, 16, 24, 28, 32, 64, 68, 72, 76, 84, 130, 400] {
            files.rot(batch.plus(field));
            let (path, offset) = files.place(batch.0);
            let why = files.refusal();
            let named = format!("{} is corrupt at byte {offset}:", path.display());
            assert!(why.starts_with(&named), "field {field}: {why}, not {named}");
            files.rot(batch.plus(field));
        }
    }
    files.open();
}

#[test]
fn a_missing_segment_is_refused() {
    let mut files = Files::default();
    files.filled();
    let bases = segments::list(&files.folder()).unwrap();
    for base in &bases {
        let path = segments::path(&files.folder(), *base);
        let away = path.with_extension("away");
        fs::rename(&path, &away).unwrap();
        assert!(matches!(files.inspect(), Err(Error::Corrupt { .. })), "without {base}");
        assert!(files.refusal().contains("is corrupt at byte"), "without {base}");
        fs::rename(&away, &path).unwrap();
    }
    files.open();
}

#[test]
fn a_log_cut_below_its_mark_is_refused() {
    let mut files = Files::default();
    let batches = files.filled();
    let last = *batches.last().unwrap();
    let (path, offset) = files.place(last.0);
    let whole = fs::read(&path).unwrap();
    for cut in [offset, offset + 10, offset + 100] {
        let mut bytes = whole.clone();
        bytes.truncate(usize::try_from(cut).unwrap());
        fs::write(&path, &bytes).unwrap();
        assert!(files.refusal().contains("the log was synced up to"), "{}", files.refusal());
        bytes.resize(whole.len(), 0);
        fs::write(&path, &bytes).unwrap();
        assert!(files.refusal().contains("the log was synced up to"), "{}", files.refusal());
    }
    fs::write(&path, &whole).unwrap();
    files.open();
}

#[test]
fn bytes_far_behind_the_end_are_refused() {
    let mut files = Files::default();
    let end = files.open().tail().next;
    files.leave(end.plus(MAX_BATCH_BYTES + 1), &[1]);
    assert!(files.refusal().contains("more than one batch"), "{}", files.refusal());
}

#[test]
fn the_mark_of_another_log_is_refused() {
    let (mut files, mut other) = (Files::default(), Files::default());
    append(&mut files.open(), &[b"mine"]);
    append(&mut other.open(), &[b"hers"]);
    fs::copy(other.folder().join(MARK), files.folder().join(MARK)).unwrap();
    assert!(files.refusal().contains("another history"), "{}", files.refusal());
}

#[test]
fn an_inspection_changes_nothing() {
    let mut files = Files::default();
    files.filled();
    let end = files.open().tail();
    let (torn, _) = fill(&end, &[&[9; 200]]);
    files.leave(end.next, &torn[..150]);
    let before: Vec<_> = snapshot(&files);
    let opened = files.inspect().unwrap();
    assert_eq!((opened.torn_bytes, opened.mark), (150, Mark::At(end.next)));
    assert_eq!(snapshot(&files), before);
}

fn snapshot(files: &Files) -> Vec<(PathBuf, Vec<u8>)> {
    let items = fs::read_dir(files.folder()).unwrap().map(|item| item.unwrap().path());
    let mut items: Vec<_> = items.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    items.sort();
    items
}

#[test]
fn foreign_files_and_a_half_made_spare_are_left_out() {
    let mut files = Files::default();
    files.filled();
    for name in ["spare", "notes.txt", "5.seg", "00000000000000000005.seg.bak"] {
        fs::write(files.folder().join(name), b"whatever").unwrap();
    }
    let mut log = files.open();
    for _ in 0..20 {
        append(&mut log, &[&[7; 300]]);
    }
    drop(log);
    assert_eq!(read_all(&files.open().reader()).len(), 40);
}

#[test]
fn a_crash_between_rotation_and_its_first_batch_is_no_damage() {
    let mut files = Files::default();
    files.filled();
    let end = files.open().tail().next;
    let path = segments::path(&files.folder(), end.0);
    fs::write(path, [0; 2048]).unwrap();
    let mut log = files.open();
    append(&mut log, &[b"goes on"]);
    drop(log);
    assert_eq!(read_all(&files.open().reader()).len(), 21);
}

#[test]
fn a_reader_beside_the_writer_never_sees_half_a_batch() {
    let mut files = Files::default();
    let mut log = files.open();
    let reader = log.reader();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut at = Position(0);
            loop {
                let last = done.load(Atomic::Acquire);
                while let Some(batch) = reader.batch(at).unwrap() {
                    at = batch.view().end();
                }
                if last {
                    return at;
                }
            }
        });
        for _ in 0..300 {
            append(&mut log, &[&[7; 300], &[8; 30]]);
        }
        done.store(true, Atomic::Release);
        assert_eq!(reading.join().unwrap(), log.tail().next);
    });
}

#[test]
fn after_a_failed_write_the_log_stays_closed() {
    let mut files = Files::default();
    let mut log = files.open();
    let path = log.active.path.clone();
    // A file that can't be written stands in for a broken disk.
    log.active.file = Arc::new(File::open(&path).unwrap());
    let (bytes, next) = fill(&log.tail(), &[b"lost"]);
    assert!(matches!(log.append(&bytes, next), Err(Error::Failed { .. })));
    log.active.file = Arc::new(File::options().write(true).open(&path).unwrap());
    assert!(matches!(log.append(&bytes, next), Err(Error::Failed { .. })));
}
