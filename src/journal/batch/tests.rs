//! What a batch refuses, and that it reads what it writes.

use super::*;
use crate::domain::{By, CartId, CommandId, Context, EntityId, Kind, OrderId, Sku, Time};
use std::convert::Infallible;
use uuid::Uuid;

fn add(builder: &mut BatchBuilder, sequence: u64, payload: &[u8]) -> usize {
    let context = Context {
        now: Time(1),
        by: By::Shop,
        command: CommandId(Uuid::from_u128(1)),
        fingerprint: None,
    };
    let cart = EntityId::Cart(CartId(Uuid::from_u128(2)));
    let write = |out: &mut Vec<u8>| {
        out.extend_from_slice(payload);
        Ok::<(), Infallible>(())
    };
    builder.entry(&cart, sequence, 1, &context, write).unwrap()
}

fn tail() -> Tail {
    Tail { epoch: 3, next: Position(1000), hash: Hash([7; 32]) }
}

#[test]
fn a_batch_reads_what_it_writes() {
    let mut builder = BatchBuilder::default();
    let offsets = [add(&mut builder, 1, b"one"), add(&mut builder, 2, b"three")];
    let framed = builder.finish(&tail()).unwrap();
    let batch = Batch::verify(framed.bytes.to_vec(), Position(1000)).unwrap();
    let view = batch.view();
    assert_eq!((view.epoch, view.position, view.entries), (3, Position(1000), 2));
    assert_eq!(tail().follow(&view), Ok(framed.next));
    let read: Vec<_> = view.entries().map(|e| (e.position, e.sequence, e.payload)).collect();
    assert_eq!(
        read,
        [
            (Position(1000).plus(offsets[0]), 1, b"one".as_slice()),
            (Position(1000).plus(offsets[1]), 2, b"three".as_slice()),
        ]
    );
}

#[test]
fn entries_of_a_kind_are_those_of_all_that_have_it() {
    let mut builder = BatchBuilder::default();
    let context =
        Context { now: Time(1), by: By::Admin, command: CommandId(Uuid::nil()), fingerprint: None };
    let id = Uuid::from_u128(2);
    let sku = Sku::parse("A").unwrap();
    let all = [CartId(id).into(), sku.into(), OrderId(id).into(), CartId(id).into()];
    for (sequence, entity) in (1..).zip::<[EntityId; 4]>(all) {
        let write = |out: &mut Vec<u8>| {
            out.resize(out.len() + usize::try_from(sequence).unwrap(), 7);
            Ok::<(), Infallible>(())
        };
        builder.entry(&entity, sequence, 1, &context, write).unwrap();
    }
    let bytes = builder.finish(&tail()).unwrap().bytes.to_vec();
    let batch = Batch::verify(bytes, Position(1000)).unwrap();
    let view = batch.view();
    for kind in Kind::ALL {
        let of_kind: Vec<_> = view.entries_of(kind).collect();
        let all: Vec<_> = view.entries().filter(|entry| entry.kind == kind).collect();
        assert_eq!(of_kind, all, "{}", kind.name());
    }
    assert_eq!(view.entries_of(Kind::Cart).count(), 2);
}

#[test]
fn every_flipped_bit_is_refused() {
    let mut builder = BatchBuilder::default();
    add(&mut builder, 1, b"payload");
    let good = builder.finish(&tail()).unwrap().bytes.to_vec();
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(BatchRef::verify(&bytes, Position(1000)).is_err(), "bit {bit}");
    }
}

#[test]
fn every_cut_is_refused() {
    let mut builder = BatchBuilder::default();
    add(&mut builder, 1, b"payload");
    let good = builder.finish(&tail()).unwrap().bytes.to_vec();
    for length in 0..good.len() {
        let found = BatchRef::verify(&good[..length], Position(1000)).map(|_| ());
        assert_eq!(found, Err(Flaw::Short), "cut at {length}");
    }
}

#[test]
fn a_batch_elsewhere_in_the_chain_is_refused() {
    let mut builder = BatchBuilder::default();
    add(&mut builder, 1, b"payload");
    let bytes = builder.finish(&tail()).unwrap().bytes.to_vec();
    let batch = BatchRef::verify(&bytes, Position(1000)).unwrap();
    let other = Tail { hash: Hash([8; 32]), ..tail() };
    assert_eq!(other.follow(&batch), Err(Flaw::Chain));
    let older = Tail { epoch: 2, ..tail() };
    assert_eq!(older.follow(&batch), Err(Flaw::Epoch { found: 3, last: 2 }));
    assert_eq!(BatchRef::verify(&bytes, Position(1)).err(), Some(Flaw::Position(Position(1000))));
}

#[test]
fn another_format_version_is_named() {
    let (mut bytes, _) = epoch(&Tail::default());
    bytes[7] = 2;
    assert_eq!(BatchRef::verify(&bytes, Position(0)).err(), Some(Flaw::Version(2)));
}

#[test]
fn a_builder_starts_again_in_the_same_buffer() {
    let mut builder = BatchBuilder::default();
    add(&mut builder, 1, b"first");
    builder.finish(&tail()).unwrap();
    builder.clear();
    assert!(builder.is_empty());
    add(&mut builder, 1, b"second");
    let mut fresh = BatchBuilder::default();
    add(&mut fresh, 1, b"second");
    let framed = builder.finish(&tail()).unwrap();
    assert_eq!(framed.bytes, fresh.finish(&tail()).unwrap().bytes);
}

#[test]
fn a_decision_moves_whole_into_the_batch() {
    let (mut draft, mut batch) = (BatchBuilder::default(), BatchBuilder::default());
    add(&mut batch, 1, b"stands");
    let offset = add(&mut draft, 2, b"moves");
    add(&mut draft, 3, b"moves too");
    let end = batch.bytes();
    assert_eq!(offset + draft.move_to(&mut batch), end);
    assert!(draft.is_empty());
    assert_eq!(batch.entries(), 3);
    let framed = batch.finish(&tail()).unwrap();
    let batch = BatchRef::verify(framed.bytes, Position(1000)).unwrap();
    let read: Vec<_> = batch.entries().map(|e| e.payload).collect();
    assert_eq!(read, [b"stands".as_slice(), b"moves", b"moves too"]);
}

#[test]
fn a_batch_larger_than_the_limit_is_refused() {
    let mut builder = BatchBuilder::default();
    add(&mut builder, 1, &vec![0; MAX_BATCH_BYTES]);
    let bytes = builder.bytes();
    assert_eq!(builder.finish(&tail()).err(), Some(TooLarge(bytes)));
}
