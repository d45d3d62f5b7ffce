//! The stock ledger: where in the log each SKU's entries stand. Positions, not copies: whoever
//! reads a page decodes its entries from the log.
//!
//! ```text
//! ledger  sku  0x00  last position (8 bytes, big-endian)  -> positions, the first, then steps
//! ```
//! One chunk per SKU and second, so a hot SKU costs one put however much it sells; what was folded
//! since is in [`Recent`]. Invariant: a chunk holds every entry of its SKU between its first and its
//! last. Chunks overlap when a crash
//! lost the view's position and a second fold cut its passes elsewhere; going down by last
//! position and passing over what is not below the last one given then reads each entry once.

mod movement;
mod recent;

pub use movement::{Movement, movements};
pub use recent::Recent;

use super::{Error, View};
use crate::{
    domain::{Kind, Sku},
    journal::{
        BatchRef, Position, StateStore, Tree,
        replay::ReadLog,
        state::{Order, Pair},
    },
};
use std::{fmt, ops::Bound, sync::Arc};

/// The view's name.
pub const NAME: &str = "ledger";
/// Chunks read at once.
const CHUNKS: usize = 16;

/// Entries by SKU.
#[derive(Debug, Default)]
pub struct Ledger {
    recent: Arc<Recent>,
}

impl Ledger {
    /// The fold that keeps its last entries here, where whoever reads can see them.
    pub fn keeping(recent: Arc<Recent>) -> Ledger {
        Ledger { recent }
    }
}

/// Consecutive positions of one SKU.
#[derive(Debug, Default)]
struct Chunk {
    last: u64,
    bytes: Vec<u8>,
}

impl Chunk {
    fn push(&mut self, position: Position) {
        put_varint(&mut self.bytes, position.0.saturating_sub(self.last));
        self.last = position.0;
    }
}

impl View for Ledger {
    fn name(&self) -> &'static str {
        NAME
    }

    fn trees(&self) -> &'static [Tree] {
        &[Tree::Ledger]
    }

    fn fold(&self, _: &dyn StateStore, batches: &[BatchRef<'_>]) -> Result<(), Error> {
        let entries = batches.iter().flat_map(BatchRef::entries);
        let of_skus = entries.filter(|entry| entry.kind == Kind::Sku);
        self.recent.add(of_skus.map(|entry| (entry.id, entry.position)));
        Ok(())
    }

    fn write(&self, store: &dyn StateStore) -> Result<(), Error> {
        self.recent.write(store)
    }

    fn forget(&self) {
        self.recent.forget();
    }
}

/// No SKU contains a zero byte, so no SKU's keys lie between another's.
fn key(sku: &[u8], last: Position) -> Vec<u8> {
    [sku, &[0], &last.0.to_be_bytes()].concat()
}

fn last_of(key: &[u8]) -> Position {
    key.last_chunk::<8>().map_or(Position(0), |last| Position(u64::from_be_bytes(*last)))
}

fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while let Some(low) = u8::try_from(number & 0x7f).ok().filter(|_| number > 0x7f) {
        bytes.push(low | 0x80);
        number >>= 7;
    }
    bytes.extend(u8::try_from(number));
}

/// The positions in a chunk, oldest first.
fn unpack(bytes: &[u8]) -> Vec<Position> {
    let (mut positions, mut position, mut step, mut shift) = (vec![], 0_u64, 0_u64, 0_u32);
    for byte in bytes {
        step |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift += 7;
        if byte & 0x80 == 0 {
            position = position.saturating_add(step);
            positions.push(Position(position));
            (step, shift) = (0, 0);
        }
    }
    positions
}

/// Where a list of movements goes on. As text it means nothing to whoever carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The chunk it stands in.
    chunk: Position,
    /// The entry it stands at.
    entry: Position,
    /// How many of that entry's movements have been given.
    given: usize,
}

impl Cursor {
    /// `None` when no list made this text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Cursor> {
        let mut numbers = text.splitn(3, '-').map(|part| u64::from_str_radix(part, 16).ok());
        let (chunk, entry) = (Position(numbers.next()??), Position(numbers.next()??));
        Some(Cursor { chunk, entry, given: usize::try_from(numbers.next()??).ok()? })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}-{:x}", self.chunk.0, self.entry.0, self.given)
    }
}

/// The entries of one SKU, newest first.
pub struct Entries<'s> {
    store: &'s dyn StateStore,
    sku: &'s [u8],
    /// Keys before it are still to be read.
    end: Vec<u8>,
    pairs: std::vec::IntoIter<Pair>,
    chunk: Position,
    /// Of the chunk that is being given, oldest first.
    positions: Vec<Position>,
    /// The one given last.
    last: Option<Position>,
}

impl<'s> Entries<'s> {
    /// All entries of `sku`, or those from a cursor on.
    ///
    /// # Errors
    /// The store failed.
    pub fn new(
        store: &'s dyn StateStore,
        recent: &Recent,
        sku: &'s [u8],
        from: Option<&Cursor>,
    ) -> Result<Entries<'s>, Error> {
        // Before the store is asked: what leaves here meanwhile is there by then.
        let positions = recent.of(sku);
        let pairs = vec![].into_iter();
        let chunk = positions.last().copied().unwrap_or_default();
        let end = [sku, &[1]].concat();
        let all = Entries { store, sku, end, pairs, chunk, positions, last: None };
        let Some(cursor) = from else { return Ok(all) };
        let last = Some(Position(cursor.entry.0.saturating_add(1)));
        let chunk = match store.get(Tree::Ledger, &key(sku, cursor.chunk))? {
            Some(_) => cursor.chunk,
            None if all.positions.first().is_some_and(|first| *first <= cursor.entry) => {
                return Ok(Entries { last, ..all });
            }
            None => chunk_holding(store, sku, cursor.entry)?,
        };
        let end = key(sku, Position(chunk.0.saturating_add(1)));
        Ok(Entries { end, chunk: Position(0), positions: vec![], last, ..all })
    }

    /// The next older entry.
    ///
    /// # Errors
    /// The store failed.
    pub fn older(&mut self) -> Result<Option<Position>, Error> {
        loop {
            while let Some(position) = self.positions.pop() {
                if self.last.is_none_or(|last| position < last) {
                    self.last = Some(position);
                    return Ok(Some(position));
                }
            }
            let Some((key, bytes)) = self.next_chunk()? else { return Ok(None) };
            self.chunk = last_of(&key);
            self.positions = unpack(&bytes);
            self.end = key;
        }
    }

    fn next_chunk(&mut self) -> Result<Option<Pair>, Error> {
        if let Some(pair) = self.pairs.next() {
            return Ok(Some(pair));
        }
        let begin = key(self.sku, Position(0));
        let range = (Bound::Included(begin.as_slice()), Bound::Excluded(self.end.as_slice()));
        let pairs = self.store.scan(Tree::Ledger, range, Order::Descending, CHUNKS)?;
        self.pairs = pairs.into_iter();
        Ok(self.pairs.next())
    }
}

/// The view was made again since the cursor was given: the chunk that now holds its entry.
fn chunk_holding(store: &dyn StateStore, sku: &[u8], entry: Position) -> Result<Position, Error> {
    let (from, end) = (key(sku, entry), [sku, &[1]].concat());
    let range = (Bound::Included(from.as_slice()), Bound::Excluded(end.as_slice()));
    let found = store.scan(Tree::Ledger, range, Order::Ascending, 1)?;
    Ok(found.first().map_or(entry, |(key, _)| last_of(key)))
}

/// Up to `limit` movements of `sku`, newest first, and the cursor of the next page. `log` is that
/// of the SKU's shard.
///
/// # Errors
/// The store failed, or the log can't be read where the view points.
pub fn page(
    store: &dyn StateStore,
    recent: &Recent,
    log: &dyn ReadLog,
    sku: &Sku,
    from: Option<&Cursor>,
    limit: usize,
) -> Result<(Vec<Movement>, Option<Cursor>), Error> {
    let mut entries = Entries::new(store, recent, sku.as_str().as_bytes(), from)?;
    let (mut page, mut buffer) = (vec![], vec![]);
    while let Some(position) = entries.older()? {
        let given = from.filter(|from| from.entry == position).map_or(0, |from| from.given);
        let all = movements(&log.entry(position, &mut buffer)?)?;
        let room = limit.saturating_sub(page.len());
        let more = all.len().saturating_sub(given);
        if more > room {
            let cursor = Cursor { chunk: entries.chunk, entry: position, given: given + room };
            page.extend(all.into_iter().skip(given).take(room));
            return Ok((page, Some(cursor)));
        }
        page.extend(all.into_iter().skip(given));
    }
    Ok((page, None))
}

#[cfg(test)]
mod tests;
