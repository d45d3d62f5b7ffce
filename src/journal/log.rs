//! What a shard's log promises, whatever keeps it.
//!
//! One batch in flight per shard: an append names the exact place it goes to and returns when it
//! is durable there. Dispatch is static: the methods run once per batch.

use super::{Batch, BatchRef, EntryRef, Flaw, Position, Tail, batch::TooLarge};
use crate::domain::Time;
use std::{io, path::PathBuf};

/// One shard's log, held by its only writer.
pub trait ShardLog: Send + 'static {
    /// What everybody else reads with.
    type Reader: LogReader;

    /// Appends one framed batch at exactly `tail().next` and returns once it is durable; `next`
    /// is the tail that [`BatchBuilder::finish`](super::BatchBuilder::finish) returned with it.
    /// A batch that is there already is not written again.
    ///
    /// # Errors
    /// See [`Error`]: all but `Unavailable` end this log.
    fn append(&mut self, framed: &[u8], next: Tail) -> Result<(), Error>;

    /// Where the durable log ends.
    fn tail(&self) -> Tail;

    /// A reader of what is durable.
    fn reader(&self) -> Self::Reader;
}

/// Reads what is durable while the writer goes on.
pub trait LogReader: Clone + Send + Sync + 'static {
    /// The durable end.
    fn end(&self) -> Position;

    /// The batch that starts at `at`, its checksum verified; `None` at the end.
    ///
    /// # Errors
    /// No batch starts there, or it can't be read.
    fn batch(&self, at: Position) -> Result<Option<Batch>, Error>;

    /// The entry at `at`, read into `buffer`: one read where it fits the first guess. Its batch
    /// was verified at open or written since; the frame alone carries no checksum.
    ///
    /// # Errors
    /// No entry is there, or it can't be read.
    fn entry<'b>(&self, at: Position, buffer: &'b mut Vec<u8>) -> Result<EntryRef<'b>, Error>;
}

/// Sees each verified batch during an open; what it saw counts only when the open succeeds. What it returns as an error is why the batch can't
/// be right, and the open fails as [`Error::Corrupt`] naming it.
pub type Visit<'v> = dyn FnMut(&BatchRef<'_>) -> Result<(), String> + 'v;

/// What the mark, the note of the last synced position, said at open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The log is new.
    None,
    /// The log reaches it, and on this history.
    At(Position),
    /// No slot could be read: rot in the last acknowledged batch would pass as a torn one, so
    /// `serve` warns and `verify` fails.
    Unreadable,
}

/// What an open or an inspection found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Where the log ended, before an open appended its epoch batch.
    pub tail: Tail,
    /// The log's state at the position the visits began from; `None` when no batch begins or
    /// ends there, so that what was derived up to there belongs to another history. A log that
    /// ends before it is refused.
    pub from: Option<Tail>,
    /// The latest instant in any entry, those that are not visited included.
    pub last_at: Option<Time>,
    /// What the mark said.
    pub mark: Mark,
    /// Bytes of valid batches beyond the mark; an open writes and syncs them again.
    pub unmarked_bytes: u64,
    /// Bytes up to the last one of a torn batch beyond the end; an open zeroes them.
    pub torn_bytes: u64,
}

/// Why the work could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another writer has opened a newer epoch.
    #[error("another writer has taken over this shard; stop this process")]
    Fenced,
    /// Nobody knows whether the batch is there.
    #[error("the log did not answer ({0}); send the identical batch again")]
    Unavailable(String),
    /// Fatal: after a failed sync nobody can say what the disk holds, so it is never retried.
    #[error("{what} failed; check the disk, then start again: {source}")]
    Failed {
        /// Which operation on which file.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// The log is not what was written.
    #[error("{} is corrupt at byte {offset}: {why}; restore it from a copy", segment.display())]
    Corrupt {
        /// The segment file.
        segment: PathBuf,
        /// The offset in that file.
        offset: u64,
        /// What does not check.
        why: String,
    },
    /// The log was written by another build, or the byte that says so is damaged.
    #[error(
        "{} has format version {found} at byte {offset}, not {}; open the store with the build \
         that wrote it, or restore it from a copy", segment.display(), super::batch::VERSION
    )]
    Version {
        /// The segment file.
        segment: PathBuf,
        /// The offset in that file.
        offset: u64,
        /// What it says.
        found: u8,
    },
    /// The batch is beyond the limit.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// Another process has the store.
    #[error("{} is in use by another process; stop it first", .0.display())]
    Locked(PathBuf),
    /// The caller appends elsewhere than at the tail or reads beyond it: a bug of the caller.
    #[error("{found} is no place to append or read, the log ends at {tail}; report this bug")]
    Misplaced {
        /// What the caller asked for.
        found: Position,
        /// Where the log ends.
        tail: Position,
    },
}

/// Refuses a batch that was not framed for exactly this tail. Cheap: reads the header only.
pub(super) fn check_place(framed: &[u8], tail: &Tail, next: &Tail) -> Result<(), Error> {
    if framed.len() > super::MAX_BATCH_BYTES {
        return Err(TooLarge(framed.len()).into());
    }
    let fits = BatchRef::header(framed, tail.next).is_ok_and(|(batch, _)| {
        // Only an open begins an epoch, so here every batch has entries.
        let whole = batch.bytes().len() == framed.len() && batch.entries > 0;
        let leads_there = batch.end() == next.next && next.epoch == tail.epoch;
        whole && leads_there && batch.previous == tail.hash && batch.epoch == tail.epoch
    });
    let found = Position(next.next.0.saturating_sub(framed.len() as u64));
    if fits { Ok(()) } else { Err(Error::Misplaced { found, tail: tail.next }) }
}

impl Flaw {
    /// As an error that names the place.
    pub(super) fn at(self, segment: PathBuf, offset: u64) -> Error {
        Error::Corrupt { segment, offset, why: self.to_string() }
    }
}
