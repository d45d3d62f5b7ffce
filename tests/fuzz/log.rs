//! Log segments: batches, entries, events, and whole logs with their mark; snapshots.

use crate::harness::{attack, golden};
use doorbuster::{
    domain::{Kind, cart, machine::Event, order, post, product, sku},
    journal::{
        Batch, BatchRef, EntryRef, Position, batch, codec,
        entity::AnyEntity,
        file,
        fold::Fold,
        snapshot,
        state::{MemoryStateStore, Order, StateStore as _, Tree},
    },
    verify::Store,
};
use std::{fs, path::Path};

/// Where a batch has its position, its body's length and its checksum.
const POSITION_AT: usize = 16;
const LENGTH_AT: usize = 28;
const CRC_AT: usize = batch::HEADER_BYTES - 4;

/// The batches of the golden store, each as it stands in its log.
fn batches() -> Vec<Vec<u8>> {
    let store = Store::open(&golden()).unwrap();
    let mut all = vec![];
    for shard in 0..store.shards {
        let inspected = store.inspect(shard, &mut |batch| {
            all.push(batch.bytes().to_vec());
            Ok(())
        });
        inspected.unwrap();
    }
    assert!(all.len() > 10);
    all
}

fn position(bytes: &[u8]) -> Position {
    let at = bytes.get(POSITION_AT..POSITION_AT + 8).and_then(|at| at.try_into().ok());
    Position(at.map_or(0, u64::from_le_bytes))
}

/// Reads all that an entry can be read as.
fn read(entry: &EntryRef<'_>, fold: &mut Fold) -> bool {
    fn event<E: Event>(entry: &EntryRef<'_>) -> bool {
        codec::decode::<E>(entry).is_ok()
    }
    let whole = entry.head().is_ok() && entry.entity().is_ok() && codec::name(entry).is_some();
    let json = codec::to_json(entry).is_ok();
    let known = match entry.kind {
        Kind::Sku => event::<sku::Event>(entry),
        Kind::Cart => event::<cart::Event>(entry),
        Kind::Order => event::<order::Event>(entry),
        Kind::Product => event::<product::Event>(entry),
        Kind::Post => event::<post::Event>(entry),
    };
    let applied = fold.apply(&MemoryStateStore::default(), entry).is_ok();
    whole && json && known && applied
}

/// With the length and the checksum that its writer would have given it.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.truncate(batch::MAX_BATCH_BYTES);
    if bytes.len() >= batch::HEADER_BYTES {
        let length = u32::try_from(bytes.len() - batch::HEADER_BYTES).unwrap();
        bytes[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length.to_le_bytes());
        let head = crc32c::crc32c(&bytes[..CRC_AT]);
        let crc = crc32c::crc32c_append(head, &bytes[batch::HEADER_BYTES..]);
        bytes[CRC_AT..batch::HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
    }
    bytes
}

#[test]
fn batches_and_the_entries_of_those_that_check() {
    let seeds = batches();
    for seed in &seeds {
        assert_eq!(&sealed(seed), seed, "this is where length and checksum stand");
    }
    let (mut checked, mut read_whole) = (0_u64, 0_u64);
    attack("batches", 1, &seeds, |bytes| {
        let _ = BatchRef::verify(bytes, position(bytes));
        let _ = Batch::verify(bytes.to_vec(), Position(0));
        let sealed = sealed(bytes);
        let Ok(batch) = BatchRef::verify(&sealed, position(&sealed)) else { return };
        checked += 1;
        let (mut fold, mut seen) = (Fold::default(), 0);
        for entry in batch.entries() {
            seen += 1;
            read_whole += u64::from(read(&entry, &mut fold));
        }
        assert_eq!(seen, batch.entries, "all that were verified are there");
    });
    assert!(checked > 100 && read_whole > 100, "{checked} batches checked, {read_whole} entries");
}

#[test]
fn every_event_of_the_golden_log_reads_whole() {
    for seed in batches() {
        let mut fold = Fold::default();
        for entry in BatchRef::verify(&seed, position(&seed)).unwrap().entries() {
            let whole = entry.head().is_ok() && codec::to_json(&entry).is_ok();
            assert!(whole, "{:?}", entry.kind);
            read(&entry, &mut fold);
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        fs::copy(item.path(), to.join(item.file_name())).unwrap();
    }
}

#[test]
fn segments_and_marks_are_refused_or_read_to_their_end() {
    let log = golden().join("log/0");
    let folder = tempfile::tempdir().unwrap();
    copy(&log, folder.path());
    for name in ["00000000000000000000.seg", "mark"] {
        let path = folder.path().join(name);
        let real = fs::read(&path).unwrap();
        // Segments are full of zeros behind what is written.
        let written = real.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let seeds = [real[..written].to_vec(), real[..written.div_ceil(2)].to_vec()];
        attack(name, 20, &seeds, |bytes| {
            fs::write(&path, bytes).unwrap();
            let mut entries = 0_u64;
            let read = file::inspect(folder.path(), Position(0), &mut |batch| {
                entries += batch.entries().count() as u64;
                Ok(())
            });
            assert!(read.is_ok() || entries < 1 << 20);
        });
        fs::write(&path, real).unwrap();
    }
}

/// All entities of the golden store.
fn folded() -> Fold {
    let store = Store::open(&golden()).unwrap();
    let mut fold = Fold::default();
    for shard in 0..store.shards {
        let state = MemoryStateStore::default();
        let inspected = store.inspect(shard, &mut |batch| {
            batch.entries().for_each(|entry| drop(fold.apply(&state, &entry)));
            Ok(())
        });
        inspected.unwrap();
    }
    fold
}

#[test]
fn blocks_of_snapshots_unpack_or_are_refused() {
    let (state, fold) = (MemoryStateStore::default(), folded());
    let changes = fold.entities().map(|(id, folded)| snapshot::Change {
        id,
        entity: &folded.entity,
        position: folded.position,
        before: None,
    });
    snapshot::save(&state, changes).unwrap();
    let blocks = state.scan_prefix(Tree::Snapshots, &[], Order::Ascending, usize::MAX).unwrap();
    let (keys, seeds): (Vec<_>, Vec<_>) = blocks.into_iter().unzip();
    let all = fold.entities().count();
    let mut shown = 0;
    let mut show = |key: &[u8], bytes: &[u8]| {
        shown += 1;
        if let Some(id) = snapshot::entity_of(key) {
            let _ = AnyEntity::decode_stamped(id.kind(), bytes);
        }
        Ok(())
    };
    snapshot::each(&state, None, &mut show).unwrap();
    attack("blocks", 1, &seeds, |bytes| {
        state.put(Tree::Snapshots, &keys[0], bytes).unwrap();
        let _ = snapshot::each(&state, None, &mut show);
    });
    assert!(shown > all, "{shown} of {all}");
}

#[test]
fn snapshots_read_back_as_they_were_and_nothing_else_is_taken_for_one() {
    let fold = folded();
    let mut seeds = vec![];
    for (id, folded) in fold.entities() {
        let stamp = snapshot::Stamp { position: folded.position, due: folded.entity.due() };
        let bytes = folded.entity.encode_stamped(stamp).unwrap();
        let (again, entity) = AnyEntity::decode_stamped(id.kind(), &bytes).unwrap();
        assert_eq!((again, entity.sequence()), (stamp, folded.entity.sequence()));
        assert_eq!(entity.encode_stamped(again).unwrap(), bytes, "{id}");
        seeds.push([&[id.kind() as u8][..], &bytes].concat());
    }
    attack("snapshots", 1, &seeds, |bytes| {
        let Some((kind, bytes)) = bytes.split_first() else { return };
        let Some(kind) = Kind::ALL.get(usize::from(*kind)) else { return };
        if let Ok((stamp, entity)) = AnyEntity::decode_stamped(*kind, bytes) {
            let again = entity.encode_stamped(stamp).unwrap();
            AnyEntity::decode_stamped(*kind, &again).unwrap();
        }
        let _ = (snapshot::entity_of(bytes), snapshot::due_of(bytes));
    });
}
