//! What the committer promises when answers come late or not at all.

use super::*;
use crate::{
    domain::{By, CommandId, EntityId, Sku, Time, sku},
    journal::{LogReader as _, MemoryLog, MemoryStore, ShardLog as _, memory::Fault},
};
use uuid::Uuid;

/// Says in which order things were let go.
#[derive(Default)]
struct Notes(Vec<(Arc<Mutex<Vec<u32>>>, u32)>);

impl Outbox for Notes {
    fn release(&mut self, _: Position) {
        for (said, what) in self.0.drain(..) {
            said.lock().unwrap().push(what);
        }
    }
}

struct Bench {
    store: MemoryStore,
    committer: Arc<Committer<Notes>>,
    driver: Driver<MemoryLog, Notes>,
    said: Arc<Mutex<Vec<u32>>>,
}

impl Bench {
    fn new() -> Bench {
        let store = MemoryStore::default();
        let log = store.open(Position(0), &mut |_| Ok(())).unwrap().0;
        let committer = Committer::new(TailIndex::default());
        let driver = Driver::new(log, committer.clone());
        Bench { store, committer, driver, said: Arc::default() }
    }

    fn append(&self, sequence: u64) {
        let command = CommandId(Uuid::from_u128(sequence.into()));
        let context = Context { now: Time(0), by: By::Shop, command, fingerprint: None };
        let event = (context, sku::Event::SoldOut {});
        let note = (self.said.clone(), u32::try_from(sequence).unwrap());
        let ride = |notes: &mut Notes, _| notes.0.push(note);
        let tee = EntityId::Sku(Sku::parse("TEE").unwrap());
        self.committer.append(&tee, sequence, [&event], ride).unwrap();
    }

    fn after(&self, what: u32) {
        let note = (self.said.clone(), what);
        self.committer.after(|notes| notes.0.push(note));
    }

    fn said(&self) -> Vec<u32> {
        self.said.lock().unwrap().clone()
    }

    fn sequences(&self) -> Vec<u64> {
        let reader = self.driver.log.reader();
        let (mut at, mut sequences) = (Position(0), vec![]);
        while let Some(batch) = reader.batch(at).unwrap() {
            sequences.extend(batch.view().entries().map(|entry| entry.sequence));
            at = batch.view().end();
        }
        sequences
    }
}

#[test]
fn a_batch_without_an_answer_is_in_the_log_once_and_let_go_once() {
    for faults in [
        vec![Fault::UnavailableBefore, Fault::UnavailableBefore],
        vec![Fault::UnavailableAfter],
        vec![Fault::UnavailableBefore, Fault::UnavailableAfter],
    ] {
        let mut bench = Bench::new();
        let times = faults.len();
        bench.store.fail_next(faults);
        bench.append(1);
        for _ in 0..times {
            assert_eq!(bench.driver.step().unwrap(), Step::Unsure);
            bench.append(2); // waits its turn
            assert!(bench.said().is_empty());
        }
        assert_eq!(bench.driver.step().unwrap(), Step::Committed);
        assert_eq!((bench.said(), bench.sequences()), (vec![1], vec![1]));
    }
}

#[test]
fn nothing_overtakes_what_is_durable_but_not_let_go() {
    let Bench { store, committer, driver, said } = Bench::new();
    let slow: Arc<Mutex<Vec<(Notes, Position, Released)>>> = Arc::default();
    let later = slow.clone();
    let driver = driver.releasing_by(Box::new(move |notes, base, released| {
        later.lock().unwrap().push((notes, base, released));
    }));
    let mut bench = Bench { store, committer, driver, said };
    bench.append(1);
    assert_eq!(bench.driver.step().unwrap(), Step::Committed);
    bench.after(2);
    assert!(bench.said().is_empty(), "the second came before the first");
    assert_eq!(bench.driver.step().unwrap(), Step::Committed);
    for (mut notes, base, _released) in slow.lock().unwrap().drain(..) {
        notes.release(base);
    }
    assert_eq!(bench.said(), vec![1, 2]);
    bench.after(3);
    assert_eq!(bench.said(), vec![1, 2, 3]);
}

#[test]
fn a_failed_log_lets_nothing_go() {
    let mut bench = Bench::new();
    bench.store.fail_next([Fault::Failed]);
    bench.append(1);
    bench.after(2);
    assert!(bench.driver.step().is_err());
    bench.after(3);
    assert!(bench.said().is_empty());
}
