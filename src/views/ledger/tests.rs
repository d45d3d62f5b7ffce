//! The ledger reads what the log says, whatever the passes were.

use super::*;
use crate::{
    domain::{
        CartId, OrderId, ReservationId, Time,
        sku::{Event, Sequence},
    },
    journal::{Batch, MemoryLog, handmade::Pen, state::MemoryStateStore},
};
use uuid::Uuid;

fn tee() -> Sku {
    Sku::parse("TEE").unwrap()
}

fn received(units: u64) -> Event {
    Event::Received { units, location: "main".into(), reference: None }
}

/// Ten batches of three receipts; another SKU's name begins like this one's.
fn written() -> Pen<MemoryLog> {
    let mut pen = Pen::memory(1);
    for number in 0..30 {
        pen.write(tee(), received(number)).write(Sku::parse("TEE2").unwrap(), received(1));
        if number % 3 == 2 {
            pen.commit();
        }
    }
    pen
}

fn fold(pen: &Pen<MemoryLog>, store: &MemoryStateStore, from: usize, passes: &[usize]) {
    let log = &pen.readers()[0];
    let (mut batches, mut at) = (vec![], Position(0));
    while let Some(batch) = log.batch(at).unwrap() {
        at = batch.view().end();
        batches.push(batch);
    }
    let mut rest = &batches[1 + from..];
    for length in passes {
        let (pass, next) = rest.split_at(*length);
        let pass: Vec<BatchRef<'_>> = pass.iter().map(Batch::view).collect();
        let ledger = Ledger::default();
        ledger.fold(store, &pass).unwrap();
        ledger.write(store).unwrap();
        rest = next;
    }
}

/// A page of what is written.
fn page(
    store: &MemoryStateStore,
    log: &dyn ReadLog,
    sku: &Sku,
    from: Option<&Cursor>,
    limit: usize,
) -> Result<(Vec<Movement>, Option<Cursor>), Error> {
    super::page(store, &Recent::default(), log, sku, from, limit)
}

/// The units of all receipts, read in pages of `limit`.
fn units(pen: &Pen<MemoryLog>, store: &MemoryStateStore, limit: usize) -> Vec<i64> {
    let (mut units, mut cursor) = (vec![], None);
    loop {
        let log = &*pen.readers()[0];
        let (movements, next) = page(store, log, &tee(), cursor.as_ref(), limit).unwrap();
        assert!(movements.len() == limit || next.is_none());
        units.extend(movements.iter().map(|movement| movement.units.unwrap()));
        let Some(next) = next else { return units };
        cursor = Some(Cursor::parse(&next.to_string()).unwrap());
    }
}

#[test]
fn every_entry_is_read_once_newest_first_whatever_the_page() {
    let (pen, store) = (written(), MemoryStateStore::default());
    fold(&pen, &store, 0, &[1, 4, 5]);
    let all: Vec<i64> = (0..30).rev().collect();
    for limit in [1, 2, 7, 29, 30, 200] {
        assert_eq!(units(&pen, &store, limit), all, "pages of {limit}");
    }
}

#[test]
fn a_second_fold_that_cuts_its_passes_elsewhere_changes_nothing() {
    let pen = written();
    let all: Vec<i64> = (0..30).rev().collect();
    // The second fold begins where a pass of the first one ended.
    for first in [vec![1; 10], vec![1, 3, 6], vec![1, 9], vec![1, 5]] {
        for (from, second) in [(0, vec![2, 8]), (0, vec![4, 1, 5]), (1, vec![9]), (0, vec![10])] {
            let store = MemoryStateStore::default();
            fold(&pen, &store, 0, &first);
            fold(&pen, &store, from, &second);
            for limit in [1, 4, 200] {
                assert_eq!(units(&pen, &store, limit), all, "{first:?}, then {second:?}");
            }
        }
    }
}

#[test]
fn a_cursor_goes_on_after_the_view_was_rebuilt() {
    let (pen, store) = (written(), MemoryStateStore::default());
    fold(&pen, &store, 0, &[5, 5]);
    let log = &*pen.readers()[0];
    let (_, cursor) = page(&store, log, &tee(), None, 7).unwrap();
    let fresh = MemoryStateStore::default();
    fold(&pen, &fresh, 0, &[3, 3, 4]);
    let (rest, end) = page(&fresh, log, &tee(), cursor.as_ref(), 200).unwrap();
    assert_eq!((rest.len(), rest[0].units, end), (23, Some(22), None));
}

#[test]
fn an_expiry_has_a_line_for_each_holder_even_across_pages() {
    let mut pen = Pen::memory(1);
    let carts = (1..=3).map(|n| (CartId(Uuid::from_u128(n)), 1)).collect();
    let orders = vec![(OrderId(Uuid::from_u128(9)), 2)];
    pen.write(tee(), Event::Expired { carts, orders }).commit();
    let store = MemoryStateStore::default();
    fold(&pen, &store, 0, &[1]);
    assert_eq!(units(&pen, &store, 3), [1, 1, 1, 2]);
    assert_eq!(units(&pen, &store, 1), [1, 1, 1, 2]);
}

#[test]
fn reservations_without_a_cart_have_their_lines() {
    let mut pen = Pen::memory(1);
    let id = |n| ReservationId(Uuid::from_u128(n));
    let picks = vec![("east".to_owned(), 2), ("main".to_owned(), 1)];
    let reference = "receipt 1".to_owned();
    let sold = Event::BareCommitted { reservation: id(1), units: 3, picks, reference };
    pen.write(tee(), Event::BareExpired { reservations: vec![(id(2), 4), (id(3), 5)] });
    pen.write(tee(), Event::BareReleased { reservation: id(4), units: 6 });
    pen.write(tee(), sold).commit();
    let store = MemoryStateStore::default();
    fold(&pen, &store, 0, &[1]);
    let (movements, _) = page(&store, &*pen.readers()[0], &tee(), None, 10).unwrap();
    let shown = movements.iter().map(|one| (one.kind, one.units, one.reason.as_deref()));
    let expected = [
        ("sale", Some(-2), Some("receipt 1")),
        ("sale", Some(-1), Some("receipt 1")),
        ("release", Some(0), None),
        ("expiry", Some(4), None),
        ("expiry", Some(5), None),
    ];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    assert!(movements.iter().all(|one| one.holder.as_ref().unwrap().starts_with("res_")));
}

#[test]
fn a_movement_is_shown_with_who_and_how_many() {
    let mut pen = Pen::memory(1);
    let cart = CartId(Uuid::from_u128(1));
    let sequence = Sequence::default();
    pen.now = Time(0);
    pen.write(tee(), Event::Released { cart, keep_units: 2, sequence }).commit();
    let store = MemoryStateStore::default();
    fold(&pen, &store, 0, &[1]);
    let (movements, _) = page(&store, &*pen.readers()[0], &tee(), None, 1).unwrap();
    let shown = serde_json::to_value(&movements[0]).unwrap();
    let expected = serde_json::json!({
        "position": movements[0].position.0, "at": "1970-01-01T00:00:00.000Z", "by": "shop",
        "kind": "release", "units": 2, "holder": "cart_00000000000000000000000000000001",
    });
    assert_eq!(shown, expected);
}

#[test]
fn a_sku_without_entries_has_an_empty_ledger() {
    let (pen, store) = (written(), MemoryStateStore::default());
    fold(&pen, &store, 0, &[10]);
    let unknown = Sku::parse("TE").unwrap();
    let found = page(&store, &*pen.readers()[0], &unknown, None, 5).unwrap();
    assert_eq!(found, (vec![], None));
    assert_eq!(Cursor::parse("1-2"), None);
}

#[test]
fn what_is_not_written_yet_is_read_too_and_a_write_between_two_pages_hides_nothing() {
    let pen = written();
    let log = &*pen.readers()[0];
    let (mut batches, mut at) = (vec![], Position(0));
    while let Some(batch) = log.batch(at).unwrap() {
        at = batch.view().end();
        batches.push(batch);
    }
    let all: Vec<i64> = (0..30).rev().collect();
    for (write_after, write_at_page) in (0..11).flat_map(|n| (0..31).map(move |page| (n, page))) {
        for limit in [1, 4] {
            let (store, recent) = (MemoryStateStore::default(), Arc::<Recent>::default());
            let ledger = Ledger::keeping(recent.clone());
            for (number, batch) in batches.iter().enumerate() {
                ledger.fold(&store, &[batch.view()]).unwrap();
                if number == write_after {
                    ledger.write(&store).unwrap();
                }
            }
            let (mut units, mut cursor, mut pages) = (vec![], None, 0);
            loop {
                if pages == write_at_page {
                    ledger.write(&store).unwrap();
                }
                let read = super::page(&store, &recent, log, &tee(), cursor.as_ref(), limit);
                let (movements, next) = read.unwrap();
                units.extend(movements.iter().map(|movement| movement.units.unwrap()));
                pages += 1;
                cursor = next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(units, all, "written after {write_after} and at page {write_at_page}");
        }
    }
}

#[test]
fn what_is_not_written_is_forgotten_with_the_view() {
    let (pen, store, recent) = (written(), MemoryStateStore::default(), Arc::<Recent>::default());
    let ledger = Ledger::keeping(recent.clone());
    let log = &*pen.readers()[0];
    let batch = log.batch(Position(0)).unwrap().unwrap();
    let second = log.batch(batch.view().end()).unwrap().unwrap();
    ledger.fold(&store, &[second.view()]).unwrap();
    assert_eq!(recent.of(b"TEE").len(), 3);
    ledger.forget();
    ledger.write(&store).unwrap();
    let found = super::page(&store, &recent, log, &tee(), None, 5).unwrap();
    assert_eq!(found, (vec![], None));
}
