//! Snapshots and views that say something else than the log are named.

use super::*;
use crate::{
    journal::{
        Checkpoint, Position, StateStore as _, Tree,
        checkpoint::Point,
        entity::AnyEntity,
        fold::{self, Fold},
        snapshot,
        state::{Order, SledStore},
    },
    views::{self, Follower},
};
use std::{ops::Bound, sync::Arc};

/// A stopped shop with a checkpoint and views up to the end, and what is done to its state.
fn store(tamper: impl FnOnce(&SledStore)) -> tempfile::TempDir {
    let shop = Shop::with(&sale());
    let (store, _) = SledStore::open_or_reset(&shop.folder.path().join("state"), 1 << 20).unwrap();
    let store = Arc::new(store);
    let mut points = vec![];
    for log in shop.pen.readers() {
        let mut fold = Fold::default();
        points.push(fold.read(&*store, &*log, fold::START, u64::MAX).unwrap());
        fold.save(&*store).unwrap();
    }
    let follower = Follower::open(store.clone(), shop.pen.readers(), views::all()).unwrap();
    while follower.pass().unwrap() {}
    tamper(&store);
    let path = shop.folder.path().join("checkpoint");
    Checkpoint { shards: points }.write(&*store, &path).unwrap();
    shop.stop()
}

fn report(tamper: impl FnOnce(&SledStore)) -> Report {
    check(store(tamper).path(), &|_, _| ()).unwrap()
}

#[track_caller]
fn check_finds(tamper: impl FnOnce(&SledStore), words: &[&str]) {
    let found = told(&report(tamper));
    let says = |finding: &&String| words.iter().all(|word| finding.contains(word));
    assert!(found.iter().any(|finding| says(&finding)), "{words:?} is not in {found:#?}");
}

fn first_key(store: &SledStore, tree: Tree) -> Vec<u8> {
    let all = (Bound::Unbounded, Bound::Unbounded);
    store.scan(tree, all, Order::Ascending, 1).unwrap().remove(0).0
}

#[test]
fn derived_state_that_is_right_has_no_findings_and_no_notes() {
    let report = report(|_| ());
    assert_eq!((told(&report), report.notes().len()), (vec![], 0));
}

#[test]
fn verification_changes_nothing_in_the_store() {
    let folder = store(|_| ());
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    let before = (read("state/db"), read("log/0/mark"), read("checkpoint"));
    check(folder.path(), &|_, _| ()).unwrap();
    assert_eq!((read("state/db"), read("log/0/mark"), read("checkpoint")), before);
}

fn load(store: &SledStore, id: &EntityId) -> (snapshot::Stamp, AnyEntity) {
    let (stamp, entity) = snapshot::Loader::default().load(store, id).unwrap();
    (stamp.unwrap(), entity)
}

#[test]
fn a_snapshot_of_another_state_is_found() {
    let id = EntityId::from(order());
    check_finds(
        |store| {
            let empty = AnyEntity::new(&id).encode_stamped(load(store, &id).0).unwrap();
            snapshot::overwrite(store, &id, &empty);
        },
        &["snapshot: ord_", "differs from the replay of its 4 events"],
    );
    check_finds(
        |store| {
            let (stamp, entity) = load(store, &id);
            let stamp = snapshot::Stamp { position: Position(1), ..stamp };
            snapshot::overwrite(store, &id, &entity.encode_stamped(stamp).unwrap());
        },
        &["snapshot: ord_", "stands at 1, where the log has no event of it"],
    );
    check_finds(
        |store| snapshot::overwrite(store, &id, b"rubbish"),
        &["snapshot: ord_", "does not decode"],
    );
}

#[test]
fn a_block_of_snapshots_that_is_none_is_found() {
    let tamper =
        |store: &SledStore| store.put(Tree::Snapshots, &first_key(store, Tree::Snapshots), b"x");
    check_finds(|store| tamper(store).unwrap(), &["snapshot: a block", "does not unpack"]);
}

#[test]
fn a_snapshot_of_nobody_is_found() {
    let stranger = EntityId::from(OrderId(Uuid::from_u128(99)));
    let tamper = |store: &SledStore| {
        let (stamp, entity) = load(store, &order().into());
        snapshot::overwrite(store, &stranger, &entity.encode_stamped(stamp).unwrap());
    };
    check_finds(tamper, &["snapshot: ord_", "the log has no event of it"]);
}

#[test]
fn a_view_with_a_hole_is_found() {
    for tree in [Tree::Orders, Tree::OrdersByBuyer] {
        let tamper = |store: &SledStore| store.delete(tree, &first_key(store, tree)).unwrap();
        check_finds(tamper, &["view: orders, record", "is missing"]);
    }
    let tamper =
        |store: &SledStore| store.delete(Tree::Ledger, &first_key(store, Tree::Ledger)).unwrap();
    check_finds(tamper, &["view: ledger of sku:TEE", "has entry none where the log has"]);
}

#[test]
fn a_view_with_something_foreign_is_found() {
    for tree in [Tree::Orders, Tree::Catalogue] {
        let tamper = |store: &SledStore| store.put(tree, b"foreign", b"").unwrap();
        check_finds(tamper, &["view:", "record 666f726569676e: is not in the log"]);
    }
    let tamper =
        |store: &SledStore| store.put(Tree::Ledger, b"MUG\0\0\0\0\0\0\0\0\x05", b"\x05").unwrap();
    check_finds(tamper, &["view: ledger of sku:MUG", "has entry 5 where the log has none"]);
    let tamper =
        |store: &SledStore| store.put(Tree::Orders, &first_key(store, Tree::Orders), b"x").unwrap();
    check_finds(tamper, &["view: orders, record", "is not in the log"]);
}

#[test]
fn a_view_beyond_the_logs_end_is_found() {
    let tamper = |store: &SledStore| {
        store.put(Tree::Positions, b"ledger/0", &u64::MAX.to_be_bytes()).unwrap();
    };
    check_finds(tamper, &["view: ledger", "behind its end"]);
}

#[test]
fn a_due_entry_that_is_missing_is_found() {
    let shop = Shop::with(&[received(3), reserved(1)]);
    let (store, _) = SledStore::open_or_reset(&shop.folder.path().join("state"), 1 << 20).unwrap();
    let mut points = vec![];
    for log in shop.pen.readers() {
        let mut fold = Fold::default();
        points.push(fold.read(&store, &*log, fold::START, u64::MAX).unwrap());
        fold.save(&store).unwrap();
    }
    store.clear(Tree::Due).unwrap();
    let path = shop.folder.path().join("checkpoint");
    Checkpoint { shards: points }.write(&store, &path).unwrap();
    drop(store);
    let found = told(&shop.report());
    assert!(found[0].starts_with("due index: sku:TEE"), "{found:?}");
}

#[test]
fn state_that_a_start_would_throw_away_is_only_noted() {
    let folder = store(|store| store.put(Tree::Orders, b"foreign", b"").unwrap());
    fs::remove_file(folder.path().join("checkpoint")).unwrap();
    let report = check(folder.path(), &|_, _| ()).unwrap();
    assert_eq!(told(&report), [""; 0]);
    assert_eq!(report.notes(), ["the state folder is not used; a start derives it again"]);
}

#[test]
fn state_of_another_log_is_only_noted() {
    let folder = store(|store| store.put(Tree::Orders, b"foreign", b"").unwrap());
    let state = folder.path().join("state");
    let (store, _) = SledStore::open_or_reset(&state, 1 << 20).unwrap();
    let mut checkpoint = Checkpoint::in_store(&store).unwrap().unwrap();
    let point = checkpoint.shards[0];
    checkpoint.shards[0] = Point { hash: crate::journal::Hash([9; 32]), ..point };
    checkpoint.write(&store, &folder.path().join("checkpoint")).unwrap();
    drop(store);
    let report = check(folder.path(), &|_, _| ()).unwrap();
    assert_eq!(told(&report), [""; 0]);
    assert_eq!(report.notes(), ["the state belongs to another log; a start derives it again"]);
}
