//! The follower loses nothing, waits for nobody and stops when it is told to.

use super::*;
use crate::{
    domain::{Sku, sku::Event},
    journal::{
        MemoryLog,
        handmade::Pen,
        state::{self, MemoryStateStore, Order},
    },
    views::{self, catalogue::Index, ledger},
};
use std::{
    ops::Bound,
    sync::atomic::{AtomicBool, Ordering},
};

const LONG: Duration = Duration::from_secs(10);

fn sku(number: usize) -> Sku {
    Sku::parse(&format!("SKU-{number}")).unwrap()
}

/// So many receipts of seven SKUs in three shards.
fn written(receipts: usize) -> Pen<MemoryLog> {
    let mut pen = Pen::memory(3);
    receive(&mut pen, receipts);
    pen
}

fn receive(pen: &mut Pen<MemoryLog>, receipts: usize) {
    for number in 0..receipts {
        let event = Event::Received { units: 1, location: "main".into(), reference: None };
        pen.write(sku(number % 7), event);
        if number % 5 == 0 {
            pen.commit();
        }
    }
    pen.commit();
}

fn follow(pen: &Pen<MemoryLog>, store: &Arc<MemoryStateStore>) -> Arc<Follower> {
    Follower::open(store.clone(), pen.readers(), views::all()).unwrap()
}

fn entries(store: &MemoryStateStore) -> Vec<usize> {
    entries_with(store, &ledger::Recent::default())
}

fn entries_with(store: &MemoryStateStore, recent: &ledger::Recent) -> Vec<usize> {
    let count = |number| {
        let sku = sku(number);
        let mut entries =
            ledger::Entries::new(store, recent, sku.as_str().as_bytes(), None).unwrap();
        std::iter::from_fn(|| entries.older().unwrap()).count()
    };
    (0..7).map(count).collect()
}

#[test]
fn passes_are_bounded_and_go_on_until_nothing_is_left() {
    let (pen, store) = (written(14_000), Arc::default());
    let follower = follow(&pen, &store);
    assert!(follower.pass().unwrap(), "one pass is not enough");
    assert!(follower.lag().iter().any(|lag| lag.bytes > 0));
    while follower.pass().unwrap() {}
    assert!(follower.lag().iter().all(|lag| lag.bytes == 0 && lag.seconds == 0.0));
    assert_eq!(entries(&store), [2_000; 7]);
}

#[test]
fn a_restart_goes_on_where_the_views_stand() {
    let (mut pen, store) = (written(700), Arc::default());
    let first = follow(&pen, &store);
    while first.pass().unwrap() {}
    receive(&mut pen, 70);
    let second = follow(&pen, &store);
    assert_eq!(second.lag()[0].position, first.lag()[0].position);
    while second.pass().unwrap() {}
    assert_eq!(entries(&store), [110; 7]);
}

#[test]
fn a_lost_position_is_made_good_by_folding_again() {
    let (mut pen, store) = (written(70), Arc::<MemoryStateStore>::default());
    while follow(&pen, &store).pass().unwrap() {}
    for shard in 0..3 {
        store.delete(Tree::Positions, &position_key(ledger::NAME, shard)).unwrap();
    }
    receive(&mut pen, 7);
    while follow(&pen, &store).pass().unwrap() {}
    assert_eq!(entries(&store), [11; 7]);
}

#[test]
fn a_rebuilt_view_is_the_same_as_the_first() {
    let all = |store: &MemoryStateStore, tree| {
        store.scan(tree, (Bound::Unbounded, Bound::Unbounded), Order::Ascending, 1 << 20).unwrap()
    };
    let (pen, store) = (written(70), Arc::<MemoryStateStore>::default());
    let follower = follow(&pen, &store);
    while follower.pass().unwrap() {}
    let before = (all(&store, Tree::Ledger), all(&store, Tree::Positions));
    store.put(Tree::Ledger, b"rubbish", b"rubbish").unwrap();
    assert!(follower.rebuild(ledger::NAME));
    assert!(!follower.rebuild("unknown"));
    while follower.pass().unwrap() {}
    assert_eq!((all(&store, Tree::Ledger), all(&store, Tree::Positions)), before);
}

/// A store that clears no tree the first time it is asked to.
#[derive(Default)]
struct Stubborn {
    inner: MemoryStateStore,
    asked: AtomicBool,
}

impl StateStore for Stubborn {
    fn get(&self, tree: Tree, key: &[u8]) -> Result<Option<Vec<u8>>, state::Error> {
        self.inner.get(tree, key)
    }

    fn put(&self, tree: Tree, key: &[u8], value: &[u8]) -> Result<(), state::Error> {
        self.inner.put(tree, key, value)
    }

    fn delete(&self, tree: Tree, key: &[u8]) -> Result<(), state::Error> {
        self.inner.delete(tree, key)
    }

    fn scan(
        &self,
        tree: Tree,
        range: state::Range<'_>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<state::Pair>, state::Error> {
        self.inner.scan(tree, range, order, limit)
    }

    fn clear(&self, tree: Tree) -> Result<(), state::Error> {
        if !self.asked.swap(true, Ordering::Relaxed) {
            return Err(state::Error::Store(sled::Error::Unsupported("not now".to_owned())));
        }
        self.inner.clear(tree)
    }

    fn flush(&self) -> Result<(), state::Error> {
        self.inner.flush()
    }

    fn size_bytes(&self) -> Result<u64, state::Error> {
        self.inner.size_bytes()
    }
}

#[test]
fn a_rebuild_that_fails_is_wanted_still() {
    let (pen, store) = (written(70), Arc::<Stubborn>::default());
    let follower = Follower::open(store.clone(), pen.readers(), views::all()).unwrap();
    while follower.pass().unwrap() {}
    store.put(Tree::Ledger, b"rubbish", b"rubbish").unwrap();
    assert!(follower.rebuild(ledger::NAME));
    assert!(follower.pass().is_err());
    while follower.pass().unwrap() {}
    assert_eq!(store.get(Tree::Ledger, b"rubbish").unwrap(), None);
    assert_eq!(entries(&store.inner), [10; 7]);
}

#[test]
fn a_view_that_claims_to_be_ahead_of_its_log_is_made_again() {
    let (pen, store) = (written(70), Arc::<MemoryStateStore>::default());
    let key = position_key(ledger::NAME, 0);
    store.put(Tree::Positions, &key, &u64::MAX.to_be_bytes()).unwrap();
    while follow(&pen, &store).pass().unwrap() {}
    assert_eq!(entries(&store), [10; 7]);
}

#[test]
fn the_thread_follows_and_stops() {
    let (mut pen, store) = (written(70), Arc::<MemoryStateStore>::default());
    let recent = Arc::<ledger::Recent>::default();
    let views = views::keeping(Arc::new(Index::new([])), recent.clone());
    let follower = Follower::open(store.clone(), pen.readers(), views).unwrap();
    let thread = follower.spawn().unwrap();
    assert!(follower.catch_up(ledger::NAME, LONG));
    assert_eq!(entries_with(&store, &recent), [10; 7]);
    receive(&mut pen, 70);
    let last = Position(pen.readers()[0].end().0 - 1);
    assert!(follower.wait_for(ledger::NAME, 0, last, LONG));
    assert!(!follower.wait_for(ledger::NAME, 0, last.plus(1000), Duration::from_millis(30)));
    follower.stop();
    thread.join().unwrap();
    let stood = follower.lag();
    drop(follower);
    let next = follow(&pen, &store);
    assert!(next.lag().iter().zip(stood).all(|(next, stood)| next.position == stood.position));
    while next.pass().unwrap() {}
    assert_eq!(entries(&store), [20; 7]);
}

#[test]
fn what_was_not_written_is_folded_again_after_a_crash() {
    let (pen, store) = (written(70), Arc::<MemoryStateStore>::default());
    let crashed = follow(&pen, &store);
    while crashed.fold().unwrap() {}
    drop(crashed);
    assert_eq!(entries(&store), [0; 7], "nothing was held back");
    while follow(&pen, &store).pass().unwrap() {}
    assert_eq!(entries(&store), [10; 7]);
}

#[test]
#[ignore = "a measurement, not a test"]
fn entries_a_second() {
    let pen = written(1_000_000);
    let store: Arc<MemoryStateStore> = Arc::default();
    let follower = follow(&pen, &store);
    let begin = Instant::now();
    while follower.pass().unwrap() {}
    println!("{:.0} receipts/s in batches of 5", 1e6 / begin.elapsed().as_secs_f64());
}

#[test]
fn who_needs_only_what_is_there_waits_for_nothing_else() {
    let (mut pen, store) = (written(30), Arc::default());
    let follower = follow(&pen, &store);
    while follower.pass().unwrap() {}
    let here: Vec<Position> = pen.readers().iter().map(|log| log.end()).collect();
    receive(&mut pen, 30);
    // Nobody drives the follower, so what it has not read it will not read.
    let name = views::catalogue::NAME;
    assert!(follower.reach(name, &here, Duration::ZERO));
    assert!(!follower.catch_up(name, Duration::ZERO));
    let there: Vec<Position> = here.iter().map(|position| Position(position.0 + 1)).collect();
    assert!(!follower.reach(name, &there, Duration::ZERO));
}
