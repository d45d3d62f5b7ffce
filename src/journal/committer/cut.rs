//! Where several shards' logs end at one instant, taken while all of them are written to.
//!
//! A batch counts from when its end is noted: after its sync, before anything that it causes
//! leaves the shard. Invariant: the ends are read while no shard can note another, so whatever a
//! log before its end was caused by, in whichever shard, stands before that one's end. The logs up
//! to there are what a power cut at that instant would have left.

use super::{Committer, Outbox};
use crate::journal::Tail;
use std::sync::Arc;

/// The ends of all logs in the order given, which must be the same in every call; `look` looks at
/// what others keep beside the logs, at the same instant. A shard that has just synced a batch
/// waits for the moment that `look` takes; a write or sync under way waits for nothing.
pub fn cut<'c, O: Outbox, T>(
    committers: impl IntoIterator<Item = &'c Arc<Committer<O>>>,
    look: impl FnOnce() -> T,
) -> (Vec<Tail>, T) {
    let held: Vec<_> = committers.into_iter().map(|committer| committer.lock_end()).collect();
    let seen = look();
    (held.iter().map(|end| **end).collect(), seen)
}

#[cfg(test)]
mod tests {
    use crate::{
        domain::{By, CommandId, Context, EntityId, Sku, Time, sku},
        journal::{
            Committer, Driver, MemoryLog, MemoryStore, Position, Tail,
            committer::{Outbox, Step, TailIndex, cut},
        },
    };
    use std::{
        sync::{Arc, mpsc},
        thread,
        time::Duration,
    };
    use uuid::Uuid;

    /// What a batch tells the other shard.
    #[derive(Default)]
    struct Letters(Vec<Box<dyn FnOnce() + Send>>);

    impl Outbox for Letters {
        fn release(&mut self, _: Position) {
            self.0.drain(..).for_each(|letter| letter());
        }
    }

    type Shard = (Arc<Committer<Letters>>, Driver<MemoryLog, Letters>);

    fn shard() -> Shard {
        let log = MemoryStore::default().open(Position(0), &mut |_| Ok(())).unwrap().0;
        let committer = Committer::new(TailIndex::default());
        let driver = Driver::new(log, committer.clone());
        (committer, driver)
    }

    fn append(committer: &Committer<Letters>, letter: impl FnOnce() + Send + 'static) {
        let command = CommandId(Uuid::from_u128(1));
        let context = Context { now: Time(0), by: By::Shop, command, fingerprint: None };
        let event = (context, sku::Event::SoldOut {});
        let tee = EntityId::Sku(Sku::parse("TEE").unwrap());
        let ride = |letters: &mut Letters, _| letters.0.push(Box::new(letter));
        committer.append(&tee, 1, [&event], ride).unwrap();
    }

    #[test]
    fn the_ends_are_those_of_the_logs() {
        let ((one, mut driver), (other, _driver)) = (shard(), shard());
        let (before, seen) = cut([&one, &other], || 7);
        assert_eq!((before[0], seen), (driver.tail(), 7));
        append(&one, || ());
        assert_eq!(cut([&one, &other], || ()).0, before, "it is not durable");
        assert_eq!(driver.step().unwrap(), Step::Committed);
        let after = cut([&one, &other], || ()).0;
        assert_eq!(after, [driver.tail(), before[1]]);
        assert!(after[0].next > before[0].next);
    }

    #[test]
    fn whoever_a_batch_tells_something_finds_its_end_noted() {
        let (one, mut driver) = shard();
        let (noted, (say, heard)) = (one.clone(), mpsc::channel());
        append(&one, move || say.send(cut([&noted], || ()).0).unwrap());
        assert_eq!(driver.step().unwrap(), Step::Committed);
        assert_eq!(heard.recv().unwrap(), [driver.tail()]);
    }

    /// The first shard's batch causes one in the second, just while the cut is between the two.
    #[test]
    fn an_effect_is_in_no_cut_without_its_cause() {
        let ((one, mut first), (other, mut second)) = (shard(), shard());
        let told = other.clone();
        append(&one, move || append(&told, || ()));
        let before: [Tail; 2] = [first.tail(), second.tail()];
        let (done, both) = mpsc::channel();
        let mut tempt = Some(move || {
            assert_eq!(first.step().unwrap(), Step::Committed);
            assert_eq!(second.step().unwrap(), Step::Committed);
            done.send(()).unwrap();
        });
        let shards = [&one, &other].into_iter().inspect(|shard| {
            if Arc::ptr_eq(shard, &other) {
                thread::spawn(tempt.take().unwrap());
                // Were the first not held, both would be done long before.
                let _ = both.recv_timeout(Duration::from_millis(200));
            }
        });
        let (ends, ()) = cut(shards, || ());
        assert_eq!(ends, before, "neither cause nor effect");
        both.recv().unwrap();
        assert!(one.lock_end().next > before[0].next && other.lock_end().next > before[1].next);
    }
}
