//! A batch while it is being filled.
//!
//! Entries are encoded straight behind the room for the header, which is filled in last and in
//! place: a batch is never copied before it is written.

use super::{
    super::{Hash, Tail, cut, entry},
    CRC_AT, HEADER_BYTES, MAGIC, MAX_BATCH_BYTES, VERSION, crc,
};
use crate::domain::{Context, EntityId};

/// A batch would be larger than [`MAX_BATCH_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a batch of {0} bytes is too large; cut it between decisions at {MAX_BATCH_BYTES} bytes")]
pub struct TooLarge(pub usize);

/// A batch ready to append.
#[derive(Clone, Copy, Debug)]
pub struct Framed<'a> {
    /// Header and body.
    pub bytes: &'a [u8],
    /// Where the log ends behind it.
    pub next: Tail,
}

/// A reusable buffer that entries are encoded into and that becomes a batch in place.
#[derive(Debug)]
pub struct BatchBuilder {
    buffer: Vec<u8>,
    entries: u32,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        BatchBuilder { buffer: vec![0; HEADER_BYTES], entries: 0 }
    }
}

impl BatchBuilder {
    /// Appends one entry and returns its offset: its position is [`Tail::next`] plus that.
    ///
    /// # Errors
    /// What `payload` returned; the batch is as it was.
    pub fn entry<E>(
        &mut self,
        entity: &EntityId,
        sequence: u64,
        version: u8,
        context: &Context,
        payload: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let offset = self.buffer.len();
        entry::write(&mut self.buffer, entity, sequence, version, context, payload)?;
        self.entries += 1;
        Ok(offset)
    }

    /// Bytes so far, header included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Entries so far.
    #[must_use]
    pub fn entries(&self) -> u32 {
        self.entries
    }

    /// Whether nothing has been appended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Moves all entries to the end of `other`, and returns by how much their offsets grew.
    pub fn move_to(&mut self, other: &mut BatchBuilder) -> usize {
        let moved = other.buffer.len().saturating_sub(HEADER_BYTES);
        other.buffer.extend_from_slice(self.buffer.get(HEADER_BYTES..).unwrap_or_default());
        other.entries += self.entries;
        self.clear();
        moved
    }

    /// Makes the buffer empty again and keeps its memory.
    pub fn clear(&mut self) {
        self.buffer.truncate(HEADER_BYTES);
        self.entries = 0;
    }

    /// Fills in the header for a batch that stands at `tail`. Finishing again behind the same
    /// tail gives the same bytes.
    ///
    /// # Errors
    /// The batch is larger than a batch may be.
    pub fn finish(&mut self, tail: &Tail) -> Result<Framed<'_>, TooLarge> {
        let bytes = self.buffer.len();
        let body = bytes.saturating_sub(HEADER_BYTES);
        let body = u32::try_from(body).ok().filter(|_| bytes <= MAX_BATCH_BYTES);
        let body = body.ok_or(TooLarge(bytes))?;
        let buffer = self.buffer.as_mut_slice();
        cut::put(buffer, 0, &MAGIC);
        cut::put(buffer, 7, &[VERSION]);
        cut::put(buffer, 8, &tail.epoch.to_le_bytes());
        cut::put(buffer, 16, &tail.next.0.to_le_bytes());
        cut::put(buffer, 24, &self.entries.to_le_bytes());
        cut::put(buffer, 28, &body.to_le_bytes());
        cut::put(buffer, 32, &tail.hash.0);
        let crc = crc(buffer).unwrap_or_default();
        cut::put(buffer, CRC_AT, &crc.to_le_bytes());
        let next = Tail { hash: Hash::of(buffer), next: tail.next.plus(bytes), ..*tail };
        Ok(Framed { bytes: buffer, next })
    }
}

/// The batch without entries that opens the epoch after `tail`'s.
#[must_use]
pub fn epoch(tail: &Tail) -> (Vec<u8>, Tail) {
    let opening = Tail { epoch: tail.epoch + 1, ..*tail };
    let mut builder = BatchBuilder::default();
    let next = builder.finish(&opening).map_or(opening, |framed| framed.next);
    (builder.buffer, next)
}
