//! Opening: reads every byte of the log once, checks it, and repairs what a crash may leave.
//!
//! Nothing is changed before the whole log has been judged, and nothing leaves before what was
//! found is certainly on the disk.

use super::super::{
    Error, Flaw, MAX_BATCH_BYTES, Mark, Opened, Position, Tail, Visit,
    disk::{self, Naming as _},
    scan::{MarkRead, Scan, Stop},
};
use super::{MARK, mark, segments};
use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

/// Read at once; several times the largest batch.
const CHUNK_BYTES: usize = 4 * MAX_BATCH_BYTES;

/// What the scan found, with the segments it went through.
pub(super) struct Found {
    pub(super) opened: Opened,
    pub(super) bases: Vec<u64>,
}

/// Checks everything in `folder`, changes nothing.
pub(super) fn scan(folder: &Path, from: Position, visit: &mut Visit<'_>) -> Result<Found, Error> {
    walk(folder, mark::read(&folder.join(MARK))?, u64::MAX, from, visit)
}

/// Checks what was synced up to `end`, which the log may have gone beyond since.
pub(super) fn scan_until(folder: &Path, end: Tail, visit: &mut Visit<'_>) -> Result<Found, Error> {
    walk(folder, MarkRead::At(end), end.next.0, Position(0), visit)
}

fn walk(
    folder: &Path,
    mark: MarkRead,
    until: u64,
    from: Position,
    visit: &mut Visit<'_>,
) -> Result<Found, Error> {
    let mut bases = segments::list(folder)?;
    bases.retain(|base| *base < until);
    let mut scan = Scan::new(mark, from, visit);
    let mut buffer = vec![0; CHUNK_BYTES];
    if bases.is_empty() && mark == MarkRead::Missing {
        scan.walk(&[]);
        let opened = scan.finish(&[], Flaw::Blank, false).map_err(|why| missing(folder, why))?;
        return Ok(Found { opened, bases });
    }
    if bases.first() != Some(&0) {
        return Err(missing(folder, "the first segment is missing".to_owned()));
    }
    let mut later = bases.iter().skip(1);
    let mut current = Reading::open(folder, 0, until)?;
    loop {
        let stop = current.walk(&mut scan, &mut buffer)?;
        let flaw = stop.open_flaw(&current.path, current.offset)?;
        let Some(&next) = later.next() else {
            let beyond = current.read_rest(&mut buffer)?;
            let opened = scan.finish(&buffer, flaw, beyond);
            let opened = opened.map_err(|why| current.corrupt(why))?;
            return Ok(Found { opened, bases });
        };
        let rest_is_zero = !current.read_rest(&mut buffer)? && is_zero(&buffer);
        if next != scan.tail().next.0 || !rest_is_zero {
            let why = format!("{flaw}, but the next segment begins at {next}");
            return Err(current.corrupt(why));
        }
        buffer.resize(CHUNK_BYTES, 0);
        current = Reading::open(folder, next, until)?;
    }
}

fn missing(folder: &Path, why: String) -> Error {
    Error::Corrupt { segment: segments::path(folder, 0), offset: 0, why }
}

/// One segment while it is scanned.
struct Reading {
    file: File,
    path: PathBuf,
    offset: u64,
    bytes: u64,
}

impl Reading {
    fn open(folder: &Path, base: u64, until: u64) -> Result<Reading, Error> {
        let path = segments::path(folder, base);
        let file = File::open(&path).naming("opening", &path)?;
        let bytes = file.metadata().naming("measuring", &path)?.len().min(until - base);
        Ok(Reading { file, path, offset: 0, bytes })
    }

    /// Nothing beyond what is to be read.
    fn read(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Error> {
        let left = usize::try_from(self.bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let read =
            segments::read_at(&self.file, buffer.get_mut(..most).unwrap_or_default(), offset);
        Ok(read.naming("reading", &self.path)?)
    }

    fn corrupt(&self, why: String) -> Error {
        Error::Corrupt { segment: self.path.clone(), offset: self.offset, why }
    }

    /// Walks all good batches and leaves `offset` behind the last one.
    fn walk(&mut self, scan: &mut Scan<'_>, buffer: &mut [u8]) -> Result<Stop, Error> {
        loop {
            let read = self.read(buffer, self.offset)?;
            let (good, stop) = scan.walk(buffer.get(..read).unwrap_or_default());
            self.offset += good as u64;
            // A batch that the chunk cuts through is whole in the next one.
            if stop != Stop::Open(Flaw::Short) || good == 0 {
                return Ok(stop);
            }
        }
    }

    /// Reads into `buffer` what stands behind the last good batch, as far as one batch reaches,
    /// and returns whether anything but zeros stands further on.
    fn read_rest(&self, buffer: &mut Vec<u8>) -> Result<bool, Error> {
        let mut chunk = vec![0; CHUNK_BYTES];
        buffer.resize(MAX_BATCH_BYTES, 0);
        let read = self.read(buffer, self.offset)?;
        buffer.truncate(read);
        let mut at = self.offset + buffer.len() as u64;
        while at < self.bytes {
            let read = self.read(&mut chunk, at)?;
            if read == 0 {
                break;
            }
            if !is_zero(chunk.get(..read).unwrap_or_default()) {
                return Ok(true);
            }
            at += read as u64;
        }
        Ok(false)
    }
}

/// Without a branch for each byte, since most of a preallocated segment is zeros.
fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(4096).all(|chunk| chunk.iter().fold(0, |sum, byte| sum | byte) == 0)
}

/// Makes sure of what was found: writes again what may only be in the page cache, since a failed
/// sync forgets what it could not write; zeroes a torn batch.
pub(super) fn repair(folder: &Path, found: &Found) -> Result<(), Error> {
    let end = found.opened.tail.next.0;
    let Some(&last) = found.bases.last() else { return Ok(()) };
    let sure = match found.opened.mark {
        Mark::At(position) => position.0,
        // The mark is synced with each new segment, so what came before is as good as marked.
        Mark::None | Mark::Unreadable => last,
    };
    if sure == end && found.opened.torn_bytes == 0 {
        return Ok(());
    }
    let ends = found.bases.iter().skip(1).copied().chain([end]);
    for (&base, segment_end) in found.bases.iter().zip(ends) {
        let torn_bytes = if base == last { found.opened.torn_bytes } else { 0 };
        if segment_end > sure || torn_bytes > 0 {
            let begin = sure.max(base) - base;
            rewrite(&segments::path(folder, base), begin, segment_end - base, torn_bytes)?;
        }
    }
    Ok(())
}

/// Writes `begin..end` of a segment again as it is, then zeros, and syncs.
fn rewrite(path: &Path, begin: u64, end: u64, zeros: u64) -> Result<(), Error> {
    let file = File::options().read(true).write(true).open(path).naming("opening", path)?;
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut at = begin;
    while at < end {
        let bytes = usize::try_from(end - at).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        let chunk = buffer.get_mut(..bytes).unwrap_or_default();
        file.read_exact_at(chunk, at).naming("reading", path)?;
        file.write_all_at(chunk, at).naming("writing again", path)?;
        at += bytes as u64;
    }
    buffer.clear();
    buffer.resize(usize::try_from(zeros).unwrap_or(MAX_BATCH_BYTES), 0);
    file.write_all_at(&buffer, end).naming("zeroing", path)?;
    disk::sync(&file, path)?;
    Ok(())
}
