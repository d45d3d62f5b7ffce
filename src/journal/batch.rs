//! One batch: what is written with one write and made durable with one sync.
//!
//! ```text
//!  0  7B   "DRBLOG" and a zero byte
//!  7  u8   format version, 1
//!  8  u64  epoch
//! 16  u64  position: the batch's own byte offset in its shard's log
//! 24  u32  entries
//! 28  u32  length of the body
//! 32  32B  BLAKE3 of the whole batch before this one, zero for the first
//! 64  u32  CRC-32C of bytes 0-63 and the body
//! 68  ..   body: the entries' frames
//! ```
//! Integers are little-endian. A batch without entries opens an epoch. Invariant: a [`BatchRef`]
//! or [`Batch`] has passed every check that needs no other batch; [`Tail::follow`] does the rest.

mod builder;

#[cfg(test)]
mod tests;

use super::{EntryRef, Hash, Position, Tail, cut, entry};
use crate::domain::Time;

pub use builder::{BatchBuilder, Framed, TooLarge, epoch};

/// The largest batch, header included.
pub const MAX_BATCH_BYTES: usize = 512 * 1024;
/// Bytes before the body.
pub const HEADER_BYTES: usize = 68;
/// What every batch begins with; the byte behind it is the version.
pub const MAGIC: [u8; 7] = *b"DRBLOG\0";
/// The format that this build writes and reads.
pub const VERSION: u8 = 1;

const CRC_AT: usize = 64;

/// Why bytes are not the batch that belongs at their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The header's first bytes are zero.
    #[error("nothing is written here")]
    Blank,
    /// The bytes end inside the batch.
    #[error("the bytes end inside a batch")]
    Short,
    /// No header.
    #[error("no batch begins here")]
    Magic,
    /// Written by another version.
    #[error("the batch has format version {0}; open the store with the version that wrote it")]
    Version(u8),
    /// A batch from somewhere else.
    #[error("the batch says it belongs at {0}")]
    Position(Position),
    /// Longer than any batch may be.
    #[error("the batch claims {0} bytes, more than a batch can have")]
    Length(u32),
    /// Damaged, or only partly written.
    #[error("the checksum does not match")]
    Crc,
    /// The number of entries is not what the header says.
    #[error("the batch holds other entries than its header counts")]
    Count,
    /// An entry does not parse.
    #[error(transparent)]
    Entry(#[from] entry::Malformed),
    /// The chain is broken.
    #[error("the batch does not continue the one before it (chain hash)")]
    Chain,
    /// Epochs grow by one, and only a batch without entries opens one.
    #[error("the batch has epoch {found} behind epoch {last}")]
    Epoch {
        /// The batch's.
        found: u64,
        /// The batch's before it.
        last: u64,
    },
}

fn crc(batch: &[u8]) -> Option<u32> {
    let head = crc32c::crc32c(batch.get(..CRC_AT)?);
    Some(crc32c::crc32c_append(head, batch.get(HEADER_BYTES..)?))
}

/// A verified batch, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct BatchRef<'a> {
    /// In which opening of the store it was written.
    pub epoch: u64,
    /// Where it begins.
    pub position: Position,
    /// How many entries it holds; none when it opens an epoch.
    pub entries: u32,
    /// The hash of the batch before it.
    pub previous: Hash,
    bytes: &'a [u8],
}

impl<'a> BatchRef<'a> {
    /// The batch that `bytes` begin with, if it belongs at `position`.
    ///
    /// # Errors
    /// The first thing that does not check.
    pub fn verify(bytes: &'a [u8], position: Position) -> Result<BatchRef<'a>, Flaw> {
        Self::verify_dated(bytes, position).map(|(batch, _)| batch)
    }

    /// As [`BatchRef::verify`], with the latest instant in an entry, which costs nothing there.
    pub(super) fn verify_dated(
        bytes: &'a [u8],
        position: Position,
    ) -> Result<(BatchRef<'a>, Option<Time>), Flaw> {
        let (batch, crc_found) = Self::header(bytes, position)?;
        if crc(batch.bytes) != Some(crc_found) {
            return Err(Flaw::Crc);
        }
        let (mut body, mut last_at) = (batch.body(), None);
        for _ in 0..batch.entries {
            let (entry, rest) = EntryRef::parse(body, position)?;
            (body, last_at) = (rest, last_at.max(Some(entry.context.now)));
        }
        if body.is_empty() { Ok((batch, last_at)) } else { Err(Flaw::Count) }
    }

    /// Only what the header says: whose place it is and how long it is.
    pub(super) fn header(bytes: &'a [u8], position: Position) -> Result<(Self, u32), Flaw> {
        let mut rest = bytes;
        let magic: [u8; 7] = cut::array(&mut rest).ok_or(Flaw::Short)?;
        let version = cut::u8(&mut rest).ok_or(Flaw::Short)?;
        match (magic == MAGIC, version) {
            (true, VERSION) => {}
            // A torn write can leave the magic without the byte behind it.
            (true, 0) => return Err(Flaw::Magic),
            (true, version) => return Err(Flaw::Version(version)),
            (false, 0) if magic == [0; 7] => return Err(Flaw::Blank),
            (false, _) => return Err(Flaw::Magic),
        }
        let (mut batch, body, crc) = Self::fields(&mut rest).ok_or(Flaw::Short)?;
        if batch.position != position {
            return Err(Flaw::Position(batch.position));
        }
        let length = HEADER_BYTES.saturating_add(body as usize);
        if length > MAX_BATCH_BYTES {
            return Err(Flaw::Length(body));
        }
        batch.bytes = bytes.get(..length).ok_or(Flaw::Short)?;
        Ok((batch, crc))
    }

    /// What stands behind the version: the batch, its body's length and its checksum.
    fn fields(rest: &mut &'a [u8]) -> Option<(Self, u32, u32)> {
        let epoch = cut::u64(rest)?;
        let position = Position(cut::u64(rest)?);
        let entries = cut::u32(rest)?;
        let body = cut::u32(rest)?;
        let previous = Hash(cut::array(rest)?);
        let crc = cut::u32(rest)?;
        Some((BatchRef { epoch, position, entries, previous, bytes: rest }, body, crc))
    }

    /// How long the batch is that `bytes` begin with, going by its header; 0 without a header.
    pub(super) fn claimed_bytes(bytes: &[u8]) -> usize {
        let mut rest = bytes.get(8..).unwrap_or_default();
        BatchRef::fields(&mut rest)
            .map_or(0, |(_, body, _)| HEADER_BYTES.saturating_add(body as usize))
    }

    /// Header and body.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    fn body(&self) -> &'a [u8] {
        self.bytes.get(HEADER_BYTES..).unwrap_or_default()
    }

    /// Where the next batch begins.
    #[must_use]
    pub fn end(&self) -> Position {
        self.position.plus(self.bytes.len())
    }

    /// What the next batch carries as `previous`. Reads the whole batch.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(self.bytes)
    }

    /// Its entries in order. All parse: that was checked when the batch was verified.
    pub fn entries(&self) -> impl Iterator<Item = EntryRef<'a>> + use<'a> {
        let mut body = self.body();
        let mut position = self.position.plus(HEADER_BYTES);
        std::iter::from_fn(move || {
            let (entry, rest) = EntryRef::parse(body, position).ok()?;
            position = position.plus(body.len() - rest.len());
            body = rest;
            Some(entry)
        })
    }
}

/// A verified batch.
#[derive(Clone, Debug)]
pub struct Batch(Vec<u8>);

impl Batch {
    /// Keeps `bytes`, cut to the one batch they begin with, if it belongs at `position`.
    ///
    /// # Errors
    /// The first thing that does not check.
    pub fn verify(mut bytes: Vec<u8>, position: Position) -> Result<Batch, Flaw> {
        let length = BatchRef::verify(&bytes, position)?.bytes.len();
        bytes.truncate(length);
        Ok(Batch(bytes))
    }

    /// The borrowed view, which has the fields and the entries.
    #[must_use]
    pub fn view(&self) -> BatchRef<'_> {
        let mut fields = self.0.get(8..).unwrap_or_default();
        match BatchRef::fields(&mut fields) {
            Some((batch, ..)) => BatchRef { bytes: &self.0, ..batch },
            None => unreachable!("a batch was verified when it was made"),
        }
    }
}

impl Tail {
    /// Where the log ends behind `batch`, if that batch continues it.
    ///
    /// # Errors
    /// Chain or epoch do not fit.
    pub fn follow(&self, batch: &BatchRef<'_>) -> Result<Tail, Flaw> {
        if batch.position != self.next {
            return Err(Flaw::Position(batch.position));
        }
        if batch.previous != self.hash {
            return Err(Flaw::Chain);
        }
        if batch.epoch != self.epoch + u64::from(batch.entries == 0) {
            return Err(Flaw::Epoch { found: batch.epoch, last: self.epoch });
        }
        Ok(Tail { epoch: batch.epoch, next: batch.end(), hash: batch.hash() })
    }
}
