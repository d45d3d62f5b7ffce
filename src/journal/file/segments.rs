//! The segment files of one shard and how to find a position in them.
//!
//! A segment is named by the position of its first byte, in 20 digits. Segments are contiguous
//! and a batch never spans two, so the segment of a position is the last one that begins at or
//! before it. Only a bounded number of files is kept open.

use super::super::disk::{Failure, Naming as _};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Files kept open for readers.
const OPEN_FILES: usize = 64;

/// The path of the segment that begins at `base`.
pub(super) fn path(folder: &Path, base: u64) -> PathBuf {
    folder.join(format!("{base:020}.seg"))
}

/// The bases of all segments in `folder`, in order. Other files there are none of ours.
pub(super) fn list(folder: &Path) -> Result<Vec<u64>, Failure> {
    let mut bases = Vec::new();
    for item in fs::read_dir(folder).naming("listing", folder)? {
        let name = item.naming("listing", folder)?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(".seg"));
        let digits = digits.filter(|d| d.len() == 20 && d.bytes().all(|b| b.is_ascii_digit()));
        bases.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
    }
    bases.sort_unstable();
    Ok(bases)
}

/// Reads until `buffer` is full or the file ends; returns the bytes read.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// One segment as a reader sees it.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) base: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
}

/// All segments; shared by the writer, who adds, and the readers.
#[derive(Debug)]
pub(super) struct Segments {
    folder: PathBuf,
    /// By base; a file is opened when it is first read.
    files: Mutex<BTreeMap<u64, Option<Arc<File>>>>,
}

impl Segments {
    pub(super) fn new(folder: &Path, bases: &[u64]) -> Segments {
        let files = bases.iter().map(|base| (*base, None)).collect();
        Segments { folder: folder.to_owned(), files: Mutex::new(files) }
    }

    pub(super) fn add(&self, base: u64, file: Arc<File>) {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(base, Some(file));
    }

    /// The segment that holds `position`; `None` in a log without segments.
    pub(super) fn holding(&self, position: u64) -> Result<Option<Segment>, Failure> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((&base, slot)) = files.range_mut(..=position).next_back() else {
            return Ok(None);
        };
        let path = path(&self.folder, base);
        if let Some(file) = slot {
            return Ok(Some(Segment { base, path, file: Arc::clone(file) }));
        }
        let file = Arc::new(File::open(&path).naming("opening", &path)?);
        *slot = Some(Arc::clone(&file));
        if files.values().flatten().count() > OPEN_FILES {
            // The oldest history is read least.
            let mut open =
                files.iter_mut().filter(|(other, slot)| **other != base && slot.is_some());
            if let Some((_, slot)) = open.next() {
                *slot = None;
            }
        }
        Ok(Some(Segment { base, path, file }))
    }
}
