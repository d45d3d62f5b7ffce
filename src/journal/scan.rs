//! The walk over a log that every open makes: checks all, shows each batch once, and judges what
//! stands behind the last good one.
//!
//! Pure: it sees bytes, so file and memory are judged by the same rules. The torn rule: one batch
//! is in flight at a time, so what a crash leaves is one partly written batch at the very end and
//! beyond the mark. Everything else that does not check is corruption.

use super::{
    BatchRef, Error, Flaw, MAX_BATCH_BYTES, Mark, Opened, Position, Tail, Visit,
    batch::{HEADER_BYTES, MAGIC},
};
use crate::domain::Time;
use std::path::Path;

/// What a mark's bytes said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MarkRead {
    /// There is none.
    Missing,
    /// There is one, but no slot can be read.
    Unreadable,
    /// The newest slot.
    At(Tail),
}

/// Why walking stopped, behind the last good batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes do not go on with a whole batch; perhaps a torn one, perhaps the end.
    Open(Flaw),
    /// Corrupt, wherever it stands.
    Corrupt(String),
    /// Written by another build.
    Version(u8),
}

impl Stop {
    /// What may be the end, or the error that names the place.
    pub(super) fn open_flaw(self, segment: &Path, offset: u64) -> Result<Flaw, Error> {
        let segment = segment.to_owned();
        match self {
            Stop::Open(flaw) => Ok(flaw),
            Stop::Corrupt(why) => Err(Error::Corrupt { segment, offset, why }),
            Stop::Version(found) => Err(Error::Version { segment, offset, found }),
        }
    }
}

/// One walk from the log's beginning to its end.
pub(super) struct Scan<'s> {
    tail: Tail,
    last_at: Option<Time>,
    mark: MarkRead,
    mark_passed: bool,
    from: Position,
    found: Option<Tail>,
    visit: &'s mut Visit<'s>,
}

impl<'s> Scan<'s> {
    pub(super) fn new(mark: MarkRead, from: Position, visit: &'s mut Visit<'s>) -> Scan<'s> {
        let tail = Tail::default();
        Scan { tail, last_at: None, mark, mark_passed: false, from, found: None, visit }
    }

    /// Where the good part ends.
    pub(super) fn tail(&self) -> Tail {
        self.tail
    }

    /// Walks the batches that `bytes` begin with; `bytes` begin at the tail. Returns how many
    /// bytes were good and what came behind them.
    pub(super) fn walk(&mut self, bytes: &[u8]) -> (usize, Stop) {
        let mut good = 0;
        loop {
            let rest = bytes.get(good..).unwrap_or_default();
            match self.step(rest) {
                Ok(length) => good += length,
                Err(stop) => return (good, stop),
            }
        }
    }

    fn step(&mut self, rest: &[u8]) -> Result<usize, Stop> {
        self.boundary()?;
        let verified = BatchRef::verify_dated(rest, self.tail.next);
        let (batch, last_at) = verified.map_err(|flaw| match flaw {
            // Its checksum is right: no crash wrote this.
            Flaw::Count | Flaw::Entry(_) => Stop::Corrupt(flaw.to_string()),
            Flaw::Version(found) => Stop::Version(found),
            Flaw::Blank
            | Flaw::Short
            | Flaw::Magic
            | Flaw::Position(_)
            | Flaw::Length(_)
            | Flaw::Crc
            | Flaw::Chain
            | Flaw::Epoch { .. } => Stop::Open(flaw),
        })?;
        let next = self.tail.follow(&batch).map_err(|flaw| Stop::Corrupt(flaw.to_string()))?;
        if batch.position >= self.from {
            (self.visit)(&batch).map_err(Stop::Corrupt)?;
        }
        self.tail = next;
        self.last_at = self.last_at.max(last_at);
        Ok(batch.bytes().len())
    }

    /// At the end of a good batch: is this the position asked for, or the mark?
    fn boundary(&mut self) -> Result<(), Stop> {
        if self.tail.next == self.from {
            self.found = Some(self.tail);
        }
        if let MarkRead::At(mark) = self.mark {
            let inside = mark.next < self.tail.next && !self.mark_passed;
            if inside || (mark.next == self.tail.next && mark != self.tail) {
                let why = format!("the mark at {} belongs to another history", mark.next);
                return Err(Stop::Corrupt(why));
            }
            self.mark_passed |= mark.next == self.tail.next;
        }
        Ok(())
    }

    /// Judges the end: `rest` is what stands behind the last good batch, up to the end of the
    /// last segment or to the first `MAX_BATCH_BYTES` of it, where `flaw` was found;
    /// `nonzero_beyond` says whether anything but zeros follows behind `rest`.
    pub(super) fn finish(
        &self,
        rest: &[u8],
        flaw: Flaw,
        nonzero_beyond: bool,
    ) -> Result<Opened, String> {
        let mark = match self.mark {
            MarkRead::At(mark) if mark.next > self.tail.next => {
                return Err(format!("{flaw}, but the log was synced up to {}", mark.next));
            }
            // It was noted after this log's sync, so no crash takes the log back behind it.
            _ if self.from > self.tail.next => {
                return Err(format!("{flaw}, but a checkpoint was taken at {}", self.from));
            }
            MarkRead::At(mark) => Mark::At(mark.next),
            MarkRead::Missing if self.tail == Tail::default() => Mark::None,
            MarkRead::Missing | MarkRead::Unreadable => Mark::Unreadable,
        };
        let unmarked_bytes = match mark {
            Mark::At(position) => self.tail.next.bytes_since(position),
            Mark::None | Mark::Unreadable => 0,
        };
        let torn_bytes = self.torn_bytes(rest, flaw, nonzero_beyond)?;
        let Scan { tail, last_at, found: from, .. } = *self;
        Ok(Opened { tail, from, last_at, mark, unmarked_bytes, torn_bytes })
    }

    /// Up to the last byte of a torn batch, 0 for a clean end.
    fn torn_bytes(&self, rest: &[u8], flaw: Flaw, nonzero_beyond: bool) -> Result<u64, String> {
        let torn = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if nonzero_beyond || torn > MAX_BATCH_BYTES {
            return Err(format!("{flaw}, but more than one batch stands behind"));
        }
        let header = BatchRef::header(rest, self.tail.next).ok();
        let header = header.filter(|(batch, _)| batch.previous == self.tail.hash);
        if header.is_some_and(|(batch, _)| torn > batch.bytes().len()) {
            return Err(format!("{flaw}, but bytes stand behind it"));
        }
        // Searching from the second byte on: what begins at the first has been judged.
        let torn_part = rest.get(..torn).unwrap_or_default();
        let mut starts = torn_part.windows(HEADER_BYTES).enumerate().skip(1);
        let whole = starts.find(|(at, window)| {
            window.starts_with(&MAGIC)
                && rest
                    .get(*at..)
                    .is_some_and(|bytes| BatchRef::verify(bytes, self.tail.next.plus(*at)).is_ok())
        });
        match whole {
            Some((at, _)) => Err(format!("{flaw}, but a whole batch stands {at} bytes on")),
            None => Ok(torn as u64),
        }
    }
}
