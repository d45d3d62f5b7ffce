//! Snapshots of neighbours in one value: they are alike, so together they take a fraction.
//!
//! A block holds the snapshots of one kind whose keys lie between its own key, which is its first
//! one's, and the next block's. Only the checkpoint writes blocks, and splits one that has grown
//! too large. Invariant: whoever reads while a block is split finds each snapshot in one of the
//! two, since the later half is written before the first loses it.

use super::Error;
use crate::journal::{
    cut,
    state::{Order, Pair, StateStore, Tree},
};
use lz4_flex::block::{compress_prepend_size, decompress_into, uncompressed_size};
use std::{iter::Peekable, ops::Bound};

/// How long a block should be before it is compressed.
const BYTES: usize = 16 * 1024;
/// What no compression of this kind exceeds.
const MOST_RATIO: usize = 255;

/// A block, unpacked.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Key and snapshot by turns, each behind its length, in the order of the keys.
    bytes: Vec<u8>,
}

impl Block {
    /// The block in which `key` lies, if it is anywhere, and that block's own key.
    pub(super) fn around(
        store: &dyn StateStore,
        key: &[u8],
    ) -> Result<Option<(Vec<u8>, Block)>, Error> {
        let range = (Bound::Included(kind_of(key)), Bound::Included(key));
        let found = store.scan(Tree::Snapshots, range, Order::Descending, 1)?.pop();
        found.map(|(own, packed)| Ok((own, Block::unpack(&packed)?))).transpose()
    }

    /// The snapshot under `key`.
    pub(super) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.iter().find(|(own, _)| *own == key).map(|(_, snapshot)| snapshot)
    }

    /// Keys and snapshots.
    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = &*self.bytes;
        std::iter::from_fn(move || Some((field(&mut rest)?, field(&mut rest)?)))
    }

    fn unpack(packed: &[u8]) -> Result<Block, Error> {
        let (length, packed) = uncompressed_size(packed).map_err(|_| Error::Block)?;
        if length > packed.len().saturating_mul(MOST_RATIO) {
            return Err(Error::Block);
        }
        let mut bytes = vec![0; length];
        let unpacked = decompress_into(packed, &mut bytes).map_err(|_| Error::Block)?;
        let block = Block { bytes };
        let whole: usize = block.iter().map(|(key, snapshot)| room(key, snapshot)).sum();
        if whole == length && unpacked == length { Ok(block) } else { Err(Error::Block) }
    }

    fn pack(snapshots: &[Pair]) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(length(snapshots));
        for field in snapshots.iter().flat_map(|(key, snapshot)| [key, snapshot]) {
            let length = u32::try_from(field.len()).map_err(|_| Error::TooLong(field.len()))?;
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(field);
        }
        Ok(compress_prepend_size(&bytes))
    }

    /// What it holds with what has changed put in; both are sorted.
    fn merge(&self, changes: Vec<Pair>) -> Vec<Pair> {
        let mut merged = vec![];
        let mut changes = changes.into_iter().peekable();
        for (key, snapshot) in self.iter() {
            while let Some(change) = changes.next_if(|(new, _)| **new < *key) {
                merged.push(change);
            }
            if changes.peek().is_none_or(|(new, _)| **new != *key) {
                merged.push((key.to_vec(), snapshot.to_vec()));
            }
        }
        merged.extend(changes);
        merged
    }
}

/// A block and which keys lie in it.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) from: Vec<u8>,
    end: Vec<u8>,
    pub(super) block: Block,
}

impl Span {
    /// The one in which `key` lies; its block is empty while there is none.
    pub(super) fn around(store: &dyn StateStore, key: &[u8]) -> Result<Span, Error> {
        let kind = kind_of(key);
        let end_of_kind: Vec<u8> = kind.iter().map(|kind| kind.saturating_add(1)).collect();
        let later = (Bound::Excluded(key), Bound::Excluded(&*end_of_kind));
        let next = store.scan(Tree::Snapshots, later, Order::Ascending, 1)?.pop();
        let end = next.map_or(end_of_kind, |(next, _)| next);
        let found = Block::around(store, key)?;
        let (from, block) = found.unwrap_or_else(|| (kind.to_vec(), Block::default()));
        Ok(Span { from, end, block })
    }

    pub(super) fn covers(&self, key: &[u8]) -> bool {
        *self.from <= *key && *key < *self.end
    }
}

/// What the keys of one kind have in common.
fn kind_of(key: &[u8]) -> &[u8] {
    key.get(..1).unwrap_or_default()
}

/// Cuts off the next field and its length.
fn field<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = cut::u32(bytes)?;
    cut::slice(bytes, usize::try_from(length).ok()?)
}

/// What one snapshot takes.
fn room(key: &[u8], snapshot: &[u8]) -> usize {
    key.len() + snapshot.len() + 8
}

fn length(snapshots: &[Pair]) -> usize {
    snapshots.iter().map(|(key, snapshot)| room(key, snapshot)).sum()
}

/// Puts snapshots in, each under its key. They come sorted, and each once.
pub(super) fn write(
    store: &dyn StateStore,
    snapshots: impl IntoIterator<Item = Result<Pair, Error>>,
) -> Result<(), Error> {
    let mut snapshots = snapshots.into_iter().peekable();
    while let Some(Ok((first, _))) = snapshots.peek() {
        let span = Span::around(store, first)?;
        put(store, &span.block.merge(up_to(&mut snapshots, &span.end)))?;
    }
    snapshots.next().map_or(Ok(()), |failed| failed.map(drop))
}

/// The next ones before `end`, but no more than a few blocks' worth.
fn up_to(
    snapshots: &mut Peekable<impl Iterator<Item = Result<Pair, Error>>>,
    end: &[u8],
) -> Vec<Pair> {
    let (mut some, mut bytes) = (vec![], 0);
    let is_before = |next: &Result<Pair, Error>| next.as_ref().is_ok_and(|(key, _)| **key < *end);
    while bytes < 8 * BYTES
        && let Some(Ok((key, snapshot))) = snapshots.next_if(is_before)
    {
        bytes += room(&key, &snapshot);
        some.push((key, snapshot));
    }
    some
}

/// Writes one block, or as many as it takes, the last one first.
fn put(store: &dyn StateStore, snapshots: &[Pair]) -> Result<(), Error> {
    let whole = length(snapshots);
    let share = if whole > 2 * BYTES { whole.div_ceil(whole / BYTES) } else { whole };
    let (mut blocks, mut rest) = (vec![], snapshots);
    while !rest.is_empty() {
        let mut bytes = 0;
        let full = |(key, snapshot): &Pair| {
            bytes += room(key, snapshot);
            bytes >= share
        };
        let count = rest.iter().position(full).map_or(rest.len(), |last| last + 1);
        let (block, later) = rest.split_at(count);
        blocks.push(block);
        rest = later;
    }
    for block in blocks.into_iter().rev() {
        if let Some((own, _)) = block.first() {
            store.put(Tree::Snapshots, own, &Block::pack(block)?)?;
        }
    }
    Ok(())
}

/// Shows every snapshot of a kind, or of all, in the order of their keys.
pub(super) fn each(
    store: &dyn StateStore,
    kind: Option<u8>,
    mut show: impl FnMut(&[u8], &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let end = kind.map(|kind| [kind.saturating_add(1)]);
    let end = end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..]));
    let mut from = kind.map_or(Bound::Unbounded, |kind| Bound::Included(vec![kind]));
    loop {
        let range = (from.as_ref().map(Vec::as_slice), end);
        let page = store.scan(Tree::Snapshots, range, Order::Ascending, 64)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        from = Bound::Excluded(last.clone());
        for (_, packed) in &page {
            Block::unpack(packed)?.iter().try_for_each(|(key, snapshot)| show(key, snapshot))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::state::MemoryStateStore;
    use proptest::{collection::vec, prelude::*};
    use std::collections::BTreeMap;

    fn write_all(store: &MemoryStateStore, pairs: &BTreeMap<Vec<u8>, Vec<u8>>) {
        let pairs = pairs.iter().map(|(key, value)| Ok((key.clone(), value.clone())));
        write(store, pairs).unwrap();
    }

    fn read_all(store: &MemoryStateStore, kind: Option<u8>) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut all = BTreeMap::new();
        each(store, kind, |key, value| {
            assert!(all.insert(key.to_vec(), value.to_vec()).is_none(), "{key:?} twice");
            Ok(())
        })
        .unwrap();
        all
    }

    fn blocks(store: &MemoryStateStore) -> Vec<Pair> {
        let all = (Bound::Unbounded, Bound::Unbounded);
        store.scan(Tree::Snapshots, all, Order::Ascending, usize::MAX).unwrap()
    }

    fn key(kind: u8, n: u32) -> Vec<u8> {
        [&[kind][..], &n.to_be_bytes()].concat()
    }

    fn writes() -> impl Strategy<Value = Vec<BTreeMap<Vec<u8>, Vec<u8>>>> {
        let pair = (0..3u8, 0..60u32, 0..3_000usize, any::<u8>());
        let pair = pair.prop_map(|(kind, n, len, fill)| {
            (key(kind, n), (0..len).map(|at| fill ^ u8::try_from(at % 7).unwrap()).collect())
        });
        vec(vec(pair, 0..60).prop_map(|pairs| pairs.into_iter().collect()), 1..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn what_was_written_last_is_found(writes in writes()) {
            let (store, mut all) = (MemoryStateStore::default(), BTreeMap::new());
            for some in writes {
                write_all(&store, &some);
                all.extend(some);
                prop_assert_eq!(&read_all(&store, None), &all);
            }
            for kind in 0..3 {
                let of_kind = all.clone().into_iter().filter(|(key, _)| key[0] == kind).collect();
                prop_assert_eq!(read_all(&store, Some(kind)), of_kind);
            }
            for key in (0..3).flat_map(|kind| (0..60).map(move |n| key(kind, n))) {
                let span = Span::around(&store, &key).unwrap();
                prop_assert!(span.covers(&key));
                prop_assert_eq!(span.block.get(&key), all.get(&key).map(Vec::as_slice));
                let found = Block::around(&store, &key).unwrap();
                let found = found.as_ref().and_then(|(_, block)| block.get(&key));
                prop_assert_eq!(found, all.get(&key).map(Vec::as_slice));
            }
            for (_, packed) in blocks(&store) {
                let block = Block::unpack(&packed).unwrap();
                let longest = block.iter().map(|(key, value)| room(key, value)).max().unwrap();
                prop_assert!(block.bytes.len() <= 2 * BYTES + longest);
            }
        }

        #[test]
        fn damage_is_an_error_and_takes_no_memory(at in 0..200usize, flip in 1..=u8::MAX) {
            let pairs: Vec<Pair> = (0..40).map(|n| (key(1, n), vec![7; 100])).collect();
            let packed = Block::pack(&pairs).unwrap();
            let mut bad = packed.clone();
            let at = at % bad.len();
            bad[at] ^= flip;
            if let Ok(block) = Block::unpack(&bad) {
                prop_assert!(block.bytes.len() <= bad.len() * MOST_RATIO);
            }
            prop_assert!(Block::unpack(&packed[..at]).is_err());
        }
    }

    #[test]
    fn neighbours_take_a_fraction() {
        let store = MemoryStateStore::default();
        let value = |n: u32| format!("a cart of one line, number {n}, as all others").into_bytes();
        let pairs: BTreeMap<_, _> = (0..10_000).map(|n| (key(1, n), value(n))).collect();
        let bytes: usize = pairs.iter().map(|(key, value)| room(key, value)).sum();
        write_all(&store, &pairs);
        let kept: usize = blocks(&store).iter().map(|(_, packed)| packed.len()).sum();
        assert!(kept * 2 < bytes, "{kept} of {bytes}");
        assert!(blocks(&store).len() <= bytes / BYTES + 1);
    }

    #[test]
    fn a_split_hides_nothing_at_any_moment() {
        let (store, mut old) = (MemoryStateStore::default(), BTreeMap::new());
        for n in 0..60 {
            old.insert(key(1, n * 10), vec![u8::try_from(n).unwrap(); 500]);
        }
        write_all(&store, &old);
        let before = blocks(&store);
        let new: BTreeMap<_, _> = (0..60).map(|n| (key(1, n * 10 + 5), vec![9; 900])).collect();
        write_all(&store, &new);
        let after = blocks(&store);
        assert!(after.len() > before.len() + 1, "nothing was split");
        // As the writer goes, from the last to the first.
        let between = MemoryStateStore::default();
        for (own, packed) in &before {
            between.put(Tree::Snapshots, own, packed).unwrap();
        }
        for (own, packed) in after.iter().rev() {
            between.put(Tree::Snapshots, own, packed).unwrap();
            for (key, value) in &old {
                let (_, block) = Block::around(&between, key).unwrap().unwrap();
                assert_eq!(block.get(key), Some(&**value), "{key:?}");
            }
        }
    }
}
