//! The log in our own segment files: one write and one `fdatasync` per batch.
//!
//! ```text
//! <folder>/00000000000000000000.seg   segments, named by the position of their first byte
//! <folder>/mark                       where the last sync ended, see `mark`
//! <folder>/spare                      the next segment being made ahead
//! ```
//! Batches follow each other without gaps; one that does not fit begins the next segment, and
//! what is left of the old one stays zero. The folder is locked against a second process.
//! Invariant: `append` returns `Ok` only after the device has the batch; after any error the log
//! refuses to go on, because nobody can say what the disk holds.

mod copy;
mod mark;
mod open;
mod segments;
mod spare;

#[cfg(test)]
mod speed;
#[cfg(test)]
mod tests;

use super::{
    Batch, BatchRef, EntryRef, Error, Flaw, LogReader, MAX_BATCH_BYTES, Opened, Position, ShardLog,
    Tail, Visit, batch,
    disk::{self, Failure, Naming as _},
    entry, log,
};
pub(super) use copy::copy;

use mark::MarkFile;
use segments::{Segment, Segments};
use spare::{PAGE_BYTES, Spare};
use std::{
    fs::File,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

const MARK: &str = "mark";
/// Segments are 64 MiB unless told otherwise.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// The next segment is begun when this share of the active one is full: early, since making one
/// takes as long as a busy shard needs to fill half of another.
const SPARE_SHARE: u64 = 8;
/// Read at once for one batch, and for one entry: most fit.
const BATCH_GUESS_BYTES: usize = 16 * 1024;
const ENTRY_GUESS_BYTES: usize = 1024;

impl From<Failure> for Error {
    fn from(Failure { what, source }: Failure) -> Error {
        Error::Failed { what, source }
    }
}

/// One shard's log on disk, open for writing.
#[derive(Debug)]
pub struct FileLog {
    shared: Arc<Shared>,
    tail: Tail,
    /// The segment that is written to, and how much it can hold.
    active: Segment,
    active_bytes: u64,
    spare: Spare,
    mark: MarkFile,
    failed: bool,
    /// Locked as long as it is open.
    _folder: File,
}

/// What readers share with the writer.
#[derive(Debug)]
struct Shared {
    segments: Segments,
    /// The durable end.
    end: AtomicU64,
}

/// Checks the log in `folder` without changing anything; `visit` sees each batch from `from` on.
///
/// # Errors
/// All that [`FileLog::open`] refuses.
pub fn inspect(folder: &Path, from: Position, visit: &mut Visit<'_>) -> Result<Opened, Error> {
    let _lock = lock(folder, false)?;
    open::scan(folder, from, visit).map(|found| found.opened)
}

fn lock(folder: &Path, exclusive: bool) -> Result<File, Error> {
    let file = File::open(folder).naming("opening", folder)?;
    let locked = disk::lock(&file, folder, exclusive)?;
    locked.then_some(file).ok_or_else(|| Error::Locked(folder.to_owned()))
}

impl FileLog {
    /// Opens the log in `folder`, made if it is missing: checks all of it, shows `visit` each
    /// batch from `from` on, repairs what a crash may leave, and starts a new epoch.
    ///
    /// # Errors
    /// `Locked`, `Corrupt` or `Failed`; what is corrupt is left as it is.
    pub fn open(
        folder: &Path,
        segment_bytes: u64,
        from: Position,
        visit: &mut Visit<'_>,
    ) -> Result<(FileLog, Opened), Error> {
        disk::create_folder(folder)?;
        let lock = lock(folder, true)?;
        let found = open::scan(folder, from, visit)?;
        open::repair(folder, &found)?;

        let tail = found.opened.tail;
        let mut spare = Spare::new(folder, segment_bytes);
        let base = found.bases.last().copied().unwrap_or(0);
        let path = segments::path(folder, base);
        let file = if found.bases.is_empty() {
            spare.take(0, &path)?
        } else {
            File::options().read(true).write(true).open(&path).naming("opening", &path)?
        };
        let active_bytes = file.metadata().naming("measuring", &path)?.len();
        let active = Segment { base, path, file: Arc::new(file) };
        let segments = Segments::new(folder, &found.bases);
        segments.add(base, Arc::clone(&active.file));
        let shared = Arc::new(Shared { segments, end: AtomicU64::new(tail.next.0) });
        let mark = MarkFile::open(folder.join(MARK))?;
        let mut log = FileLog {
            shared,
            tail,
            active,
            active_bytes,
            spare,
            mark,
            failed: false,
            _folder: lock,
        };
        let (epoch, next) = batch::epoch(&tail);
        log.write(&epoch, next)?;
        log.mark.sync()?;
        disk::sync_folder(folder)?;
        Ok((log, found.opened))
    }

    fn write(&mut self, framed: &[u8], next: Tail) -> Result<(), Failure> {
        let mut offset = self.tail.next.0 - self.active.base;
        if offset + framed.len() as u64 > self.active_bytes {
            self.rotate(framed.len())?;
            offset = 0;
        }
        self.write_pages(framed, offset)?;
        disk::sync(&self.active.file, &self.active.path)?;
        self.tail = next;
        self.mark.write(&next)?;
        self.shared.end.store(next.next.0, Ordering::Release);
        if (offset + framed.len() as u64).saturating_mul(SPARE_SHARE) > self.active_bytes {
            self.spare.prepare();
        }
        Ok(())
    }

    /// Writes the batch, and up to its last page's end the zeros that stand there anyway: for a
    /// part of a page that it does not hold the kernel would read the rest from the disk.
    fn write_pages(&self, framed: &[u8], offset: u64) -> Result<(), Failure> {
        let end = offset + framed.len() as u64;
        let page_end = end.next_multiple_of(PAGE_BYTES as u64).min(self.active_bytes);
        let zeros = usize::try_from(page_end - end).unwrap_or(0);
        let zeros = [0; PAGE_BYTES].get(..zeros).unwrap_or_default();
        disk::write_both(&self.active.file, &self.active.path, [framed, zeros], offset)
    }

    fn rotate(&mut self, at_least: usize) -> Result<(), Failure> {
        let base = self.tail.next.0;
        let path = self.active.path.with_file_name(format!("{base:020}.seg"));
        self.mark.sync()?;
        let file = Arc::new(self.spare.take(at_least, &path)?);
        self.active_bytes = file.metadata().naming("measuring", &path)?.len();
        self.shared.segments.add(base, Arc::clone(&file));
        self.active = Segment { base, path, file };
        Ok(())
    }
}

impl ShardLog for FileLog {
    type Reader = FileReader;

    fn append(&mut self, framed: &[u8], next: Tail) -> Result<(), Error> {
        if self.failed {
            let source = io::Error::other("an earlier write failed, so this log is closed");
            return Err(Error::Failed { what: "appending".to_owned(), source });
        }
        if next == self.tail {
            return Ok(());
        }
        log::check_place(framed, &self.tail, &next)?;
        self.write(framed, next).map_err(|failure| {
            self.failed = true;
            failure.into()
        })
    }

    fn tail(&self) -> Tail {
        self.tail
    }

    fn reader(&self) -> FileReader {
        FileReader(Arc::clone(&self.shared))
    }
}

/// Reads the log beside its writer.
#[derive(Clone, Debug)]
pub struct FileReader(Arc<Shared>);

impl FileReader {
    /// Fills `buffer` with up to `guess` bytes from `at` on, and with as many as `length` then
    /// asks for; nothing beyond the durable end.
    fn read(
        &self,
        at: Position,
        guess: usize,
        buffer: &mut Vec<u8>,
        length: impl FnOnce(&[u8]) -> usize,
    ) -> Result<Segment, Error> {
        let end = self.end();
        let segment = self.0.segments.holding(at.0)?;
        let segment = segment.filter(|_| at < end);
        let segment = segment.ok_or(Error::Misplaced { found: at, tail: end })?;
        let left = usize::try_from(end.bytes_since(at)).unwrap_or(usize::MAX);
        let offset = at.0 - segment.base;
        buffer.resize(guess.min(left), 0);
        let read = segments::read_at(&segment.file, buffer, offset);
        let read = read.naming("reading", &segment.path)?;
        buffer.truncate(read);
        let wanted = length(buffer).min(left).min(MAX_BATCH_BYTES);
        if wanted > read && read == guess {
            buffer.resize(wanted, 0);
            let rest = buffer.get_mut(read..).unwrap_or_default();
            let more = segments::read_at(&segment.file, rest, offset + read as u64);
            buffer.truncate(read + more.naming("reading", &segment.path)?);
        }
        Ok(segment)
    }
}

impl LogReader for FileReader {
    fn end(&self) -> Position {
        Position(self.0.end.load(Ordering::Acquire))
    }

    fn batch(&self, at: Position) -> Result<Option<Batch>, Error> {
        if at == self.end() {
            return Ok(None);
        }
        let mut buffer = Vec::new();
        let segment = self.read(at, BATCH_GUESS_BYTES, &mut buffer, BatchRef::claimed_bytes)?;
        let batch = Batch::verify(buffer, at);
        batch.map(Some).map_err(|flaw: Flaw| flaw.at(segment.path, at.0 - segment.base))
    }

    fn entry<'b>(&self, at: Position, buffer: &'b mut Vec<u8>) -> Result<EntryRef<'b>, Error> {
        let segment = self
            .read(at, ENTRY_GUESS_BYTES, buffer, |bytes| entry::frame_bytes(bytes).unwrap_or(0))?;
        let entry = EntryRef::parse(buffer, at).map(|(entry, _)| entry);
        entry.map_err(|why| Flaw::Entry(why).at(segment.path, at.0 - segment.base))
    }
}
