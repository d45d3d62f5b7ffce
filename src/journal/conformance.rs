//! What every log keeps, as sentences: one suite, run over the file log and its memory twin.

use super::{BatchBuilder, Error, Hash, LogReader, Mark, Opened, Position, ShardLog, Tail, Visit};
use crate::domain::{By, CartId, CommandId, Context, EntityId, Time};
use std::convert::Infallible;
use uuid::Uuid;

/// A place that a log can be opened in again and again.
pub(super) trait Bench {
    type Log: ShardLog;

    fn open_from(
        &mut self,
        from: Position,
        visit: &mut Visit<'_>,
    ) -> Result<(Self::Log, Opened), Error>;

    /// Leaves `bytes` at `at` as a process does that dies before its sync.
    fn leave(&mut self, at: Position, bytes: &[u8]);

    /// Flips a bit of the byte at `at`.
    fn rot(&mut self, at: Position);

    fn lose_mark(&mut self);

    fn open(&mut self) -> Self::Log {
        self.open_from(Position(0), &mut |_| Ok(())).unwrap().0
    }

    fn refusal(&mut self) -> String {
        self.open_from(Position(0), &mut |_| Ok(())).err().expect("a refusal").to_string()
    }
}

/// A batch of these payloads for the place `tail`.
pub(super) fn fill(tail: &Tail, payloads: &[&[u8]]) -> (Vec<u8>, Tail) {
    let mut builder = BatchBuilder::default();
    let command = CommandId(Uuid::from_u128(1));
    let context = Context { now: Time(1), by: By::Shop, command, fingerprint: None };
    let cart = EntityId::Cart(CartId(Uuid::from_u128(2)));
    for (sequence, payload) in (1..).zip(payloads) {
        let write = |out: &mut Vec<u8>| {
            out.extend_from_slice(payload);
            Ok::<(), Infallible>(())
        };
        builder.entry(&cart, sequence, 1, &context, write).unwrap();
    }
    let framed = builder.finish(tail).unwrap();
    (framed.bytes.to_vec(), framed.next)
}

/// Appends one batch and returns where it begins.
pub(super) fn append(log: &mut impl ShardLog, payloads: &[&[u8]]) -> Position {
    let at = log.tail().next;
    let (bytes, next) = fill(&log.tail(), payloads);
    log.append(&bytes, next).unwrap();
    at
}

/// All payloads, batch by batch from the first.
pub(super) fn read_all(reader: &impl LogReader) -> Vec<Vec<u8>> {
    let (mut at, mut payloads) = (Position(0), Vec::new());
    while let Some(batch) = reader.batch(at).unwrap() {
        payloads.extend(batch.view().entries().map(|entry| entry.payload.to_vec()));
        at = batch.view().end();
    }
    payloads
}

pub(super) fn what_is_appended_is_read(bench: &mut impl Bench) {
    let mut log = bench.open();
    append(&mut log, &[b"one", b"two"]);
    append(&mut log, &[&[7; 3000]]);
    let reader = log.reader();
    assert_eq!(read_all(&reader), [b"one".to_vec(), b"two".to_vec(), vec![7; 3000]]);
    assert_eq!(reader.end(), log.tail().next);
}

pub(super) fn an_entry_is_found_by_its_position(bench: &mut impl Bench) {
    let mut log = bench.open();
    let at = append(&mut log, &[b"one", &[7; 3000], b"three"]);
    let reader = log.reader();
    let batch = reader.batch(at).unwrap().unwrap();
    let mut buffer = Vec::new();
    for entry in batch.view().entries() {
        assert_eq!(reader.entry(entry.position, &mut buffer).unwrap(), entry);
    }
    assert!(reader.entry(reader.end(), &mut buffer).is_err());
    assert!(reader.batch(reader.end().plus(1)).is_err());
}

pub(super) fn positions_are_contiguous_over_many_batches(bench: &mut impl Bench) {
    let mut log = bench.open();
    let mut next = log.tail().next;
    for _ in 0..50 {
        assert_eq!(append(&mut log, &[&[1; 300]]), next);
        next = log.tail().next;
    }
    assert_eq!(read_all(&log.reader()).len(), 50);
}

pub(super) fn reopening_sees_all_and_starts_an_epoch(bench: &mut impl Bench) {
    let mut log = bench.open();
    assert_eq!(log.tail().epoch, 1);
    for payload in [b"one", b"two"] {
        append(&mut log, &[payload]);
    }
    let before = log.tail();
    drop(log);
    let mut seen = Vec::new();
    let (log, opened) = bench
        .open_from(Position(0), &mut |batch| {
            seen.extend(batch.entries().map(|entry| entry.payload.to_vec()));
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, [b"one", b"two"]);
    assert_eq!((opened.tail, opened.mark), (before, Mark::At(before.next)));
    assert_eq!((opened.unmarked_bytes, opened.torn_bytes), (0, 0));
    assert_eq!(log.tail().epoch, 2);
    assert_eq!(read_all(&log.reader()), [b"one", b"two"]);
}

pub(super) fn a_scan_can_begin_at_any_boundary(bench: &mut impl Bench) {
    let mut log = bench.open();
    append(&mut log, &[b"old"]);
    let middle = log.tail();
    append(&mut log, &[b"new"]);
    let end = log.tail();
    drop(log);
    let mut seen = Vec::new();
    let (log, opened) = bench
        .open_from(middle.next, &mut |batch| {
            seen.push(batch.position);
            Ok(())
        })
        .unwrap();
    assert_eq!((seen, opened.from), (vec![middle.next], Some(middle)));
    drop(log);
    let opened = bench.open_from(Position(middle.next.0 + 1), &mut |_| Ok(())).unwrap().1;
    assert_eq!(opened.from, None);
    let opened = bench.open_from(end.next, &mut |_| Ok(())).unwrap().1;
    assert_eq!(opened.from, Some(end));
    assert_eq!(opened.last_at, Some(Time(1)), "also of entries that nobody was shown");
}

pub(super) fn a_visitor_can_refuse_a_batch(bench: &mut impl Bench) {
    drop(bench.open());
    let refused = bench.open_from(Position(0), &mut |_| Err("a repeated sequence".to_owned()));
    assert!(refused.err().unwrap().to_string().contains("a repeated sequence"));
}

pub(super) fn a_torn_last_batch_is_dropped(bench: &mut impl Bench) {
    for torn in [1, 7, 8, 20, 67, 68, 100, 200] {
        let mut log = bench.open();
        append(&mut log, &[b"acknowledged"]);
        let end = log.tail();
        let (bytes, _) = fill(&end, &[&[9; 200]]);
        let before = read_all(&log.reader());
        drop(log);
        bench.leave(end.next, &bytes[..torn]);
        let (mut log, opened) = bench.open_from(Position(0), &mut |_| Ok(())).unwrap();
        assert_eq!((opened.tail, opened.unmarked_bytes), (end, 0));
        assert!(opened.torn_bytes > 0 && opened.torn_bytes <= torn as u64, "torn at {torn}");
        assert_eq!(read_all(&log.reader()), before);
        append(&mut log, &[b"goes on"]);
        drop(log);
        assert_eq!(bench.open_from(Position(0), &mut |_| Ok(())).unwrap().1.torn_bytes, 0);
    }
}

pub(super) fn a_last_batch_whose_first_bytes_are_missing_is_torn(bench: &mut impl Bench) {
    let log = bench.open();
    let end = log.tail();
    let (mut bytes, _) = fill(&end, &[&[9; 2000]]);
    bytes[..512].fill(0);
    drop(log);
    bench.leave(end.next, &bytes);
    let opened = bench.open_from(Position(0), &mut |_| Ok(())).unwrap().1;
    assert_eq!(opened.torn_bytes, bytes.len() as u64);
}

pub(super) fn whichever_sectors_of_the_last_batch_survive_it_is_whole_or_gone(
    bench: &mut impl Bench,
) {
    for subset in 0..64_u32 {
        let mut log = bench.open();
        // Another alignment each time, so that sectors cut the header at all its fields.
        append(&mut log, &[&vec![3; 13 * subset as usize % 97]]);
        let end = log.tail();
        drop(log);
        let (whole, next) = fill(&end, &[&[9; 2000]]);
        let mut left = whole.clone();
        for (at, byte) in left.iter_mut().enumerate() {
            let sector = end.next.plus(at).0 / 512 - end.next.0 / 512;
            *byte *= u8::from(subset & (1 << sector) != 0);
        }
        bench.leave(end.next, &left);
        let opened = bench.open_from(Position(0), &mut |_| Ok(())).unwrap().1;
        let expected = if left == whole { next } else { end };
        assert_eq!(opened.tail, expected, "sectors {subset:b} at {}", end.next);
    }
}

pub(super) fn a_batch_without_entries_is_refused(bench: &mut impl Bench) {
    let mut log = bench.open();
    let (bytes, next) = fill(&log.tail(), &[]);
    assert!(matches!(log.append(&bytes, next), Err(Error::Misplaced { .. })));
}

pub(super) fn another_format_version_is_refused_by_name(bench: &mut impl Bench) {
    let log = bench.open();
    let end = log.tail();
    drop(log);
    let (mut bytes, _) = fill(&end, &[b"from the future"]);
    bytes[7] = 2;
    bench.leave(end.next, &bytes);
    assert!(bench.refusal().contains("has format version 2 at byte"), "{}", bench.refusal());
}

pub(super) fn a_whole_batch_beyond_the_mark_is_kept(bench: &mut impl Bench) {
    let log = bench.open();
    let end = log.tail();
    let (bytes, next) = fill(&end, &[b"written, not marked"]);
    drop(log);
    bench.leave(end.next, &bytes);
    let (log, opened) = bench.open_from(Position(0), &mut |_| Ok(())).unwrap();
    assert_eq!((opened.tail, opened.unmarked_bytes), (next, bytes.len() as u64));
    assert_eq!(read_all(&log.reader()), [b"written, not marked"]);
}

pub(super) fn a_log_that_ends_before_where_the_visits_begin_is_refused(bench: &mut impl Bench) {
    let log = bench.open();
    let end = log.tail().next;
    drop(log);
    for beyond in [end.plus(1), end.plus(1_000_000)] {
        let refused = bench.open_from(beyond, &mut |_| Ok(())).map(|(log, _)| log.tail());
        let why = refused.unwrap_err().to_string();
        assert!(why.contains(&format!("a checkpoint was taken at {beyond}")), "{why}");
    }
    // Nothing was changed: not even an epoch was opened.
    let opened = bench.open_from(end, &mut |_| Ok(())).unwrap().1;
    assert_eq!(opened.tail.next, end);
}

pub(super) fn more_than_one_torn_batch_is_corruption(bench: &mut impl Bench) {
    let log = bench.open();
    let end = log.tail();
    let (mut bytes, next) = fill(&end, &[b"rotten"]);
    bytes[80] ^= 1;
    bytes.extend(fill(&next, &[b"behind it"]).0);
    drop(log);
    bench.leave(end.next, &bytes);
    assert!(bench.refusal().contains("stand"), "{}", bench.refusal());
    // Even when the rot hides where the first one ends.
    bytes[28..32].fill(0xff);
    bench.leave(end.next, &bytes);
    assert!(bench.refusal().contains("a whole batch stands"), "{}", bench.refusal());
}

pub(super) fn rot_below_the_mark_is_refused_at_every_byte(bench: &mut impl Bench) {
    let mut log = bench.open();
    for _ in 0..3 {
        append(&mut log, &[b"acknowledged"]);
    }
    let end = log.tail().next;
    drop(log);
    for at in (0..end.0).map(Position) {
        bench.rot(at);
        let why = bench.refusal();
        assert!(why.contains("is corrupt at byte"), "{at}: {why}");
        bench.rot(at);
    }
    bench.open();
}

pub(super) fn without_a_mark_the_log_opens_and_says_so(bench: &mut impl Bench) {
    let mut log = bench.open();
    append(&mut log, &[b"one"]);
    drop(log);
    bench.lose_mark();
    let (log, opened) = bench.open_from(Position(0), &mut |_| Ok(())).unwrap();
    assert_eq!(opened.mark, Mark::Unreadable);
    assert_eq!(read_all(&log.reader()), [b"one"]);
    drop(log);
    let opened = bench.open_from(Position(0), &mut |_| Ok(())).unwrap().1;
    assert!(matches!(opened.mark, Mark::At(_)), "an open writes it anew");
}

pub(super) fn a_batch_for_another_place_is_refused(bench: &mut impl Bench) {
    let mut log = bench.open();
    let tail = log.tail();
    let elsewhere = [
        Tail { next: tail.next.plus(1), ..tail },
        Tail { hash: Hash([1; 32]), ..tail },
        Tail::default(),
    ];
    for place in elsewhere {
        let (bytes, next) = fill(&place, &[b"lost"]);
        assert!(matches!(log.append(&bytes, next), Err(Error::Misplaced { .. })), "{place:?}");
    }
    assert_eq!(log.tail(), tail);
}

pub(super) fn a_batch_larger_than_the_limit_is_refused(bench: &mut impl Bench) {
    let mut log = bench.open();
    let tail = log.tail();
    let bytes = vec![0; super::MAX_BATCH_BYTES + 1];
    let next = Tail { next: tail.next.plus(bytes.len()), ..tail };
    assert!(matches!(log.append(&bytes, next), Err(Error::TooLarge(_))));
    append(&mut log, &[&vec![0; super::MAX_BATCH_BYTES - 68 - 40 - 16]]);
}

/// Makes one test of each sentence above, over `$bench`.
macro_rules! suite {
    ($bench:expr; $($sentence:ident)+) => {
        $(
            #[test]
            fn $sentence() {
                crate::journal::conformance::$sentence(&mut $bench);
            }
        )+
    };
    ($bench:expr) => {
        crate::journal::conformance::suite! { $bench;
            what_is_appended_is_read
            an_entry_is_found_by_its_position
            positions_are_contiguous_over_many_batches
            reopening_sees_all_and_starts_an_epoch
            a_scan_can_begin_at_any_boundary
            a_visitor_can_refuse_a_batch
            a_torn_last_batch_is_dropped
            a_last_batch_whose_first_bytes_are_missing_is_torn
            whichever_sectors_of_the_last_batch_survive_it_is_whole_or_gone
            a_batch_without_entries_is_refused
            another_format_version_is_refused_by_name
            a_whole_batch_beyond_the_mark_is_kept
            a_log_that_ends_before_where_the_visits_begin_is_refused
            more_than_one_torn_batch_is_corruption
            rot_below_the_mark_is_refused_at_every_byte
            without_a_mark_the_log_opens_and_says_so
            a_batch_for_another_place_is_refused
            a_batch_larger_than_the_limit_is_refused
        }
    };
}
pub(super) use suite;
