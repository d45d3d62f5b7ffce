//! Writes a store's history by asking the machines, without actors: whatever they decide goes into
//! the log as it would in a shop.
//!
//! Invariant: a command that is refused, or changes nothing, fails; so a history is what its script
//! says.

use doorbuster::{
    domain::{
        By, CommandId, Context, EntityId, Fingerprint, Machine, Money, OrderId, Time,
        machine::Event as _,
    },
    journal::{
        BatchBuilder, FileLog, Keyring, Layout, Position, Secret, ShardLog as _, codec,
        entity::Entity, shard_of,
    },
    ports::payments::{Books, Outcome, Request, Step, books::Record},
};
use std::{fs, os::unix::fs::FileExt as _, path::Path};
use uuid::Uuid;

pub(crate) const SHARDS: usize = 2;

/// Every store's usual size would be zeros, mostly.
const SEGMENT_BYTES: u64 = 1 << 16;

/// One entity and who it is.
pub(crate) struct Actor<M> {
    pub(crate) id: EntityId,
    entity: Entity<M>,
}

impl<M: Machine> Actor<M> {
    pub(crate) fn new(id: impl Into<EntityId>) -> Actor<M> {
        let id = id.into();
        Actor { entity: Entity::born(&id), id }
    }

    pub(crate) fn state(&self) -> &M {
        &self.entity.state
    }
}

pub(crate) struct Scribe {
    layout: Layout,
    shards: Vec<(FileLog, BatchBuilder)>,
    books: Books,
    pub(crate) keyring: Keyring,
    pub(crate) secret: Secret,
    pub(crate) now: Time,
    commands: u128,
}

fn open_logs(layout: &Layout) -> Vec<(FileLog, BatchBuilder)> {
    let open = |shard| {
        let folder = layout.log(shard);
        let (log, _) = FileLog::open(&folder, SEGMENT_BYTES, Position(0), &mut |_| Ok(())).unwrap();
        (log, BatchBuilder::default())
    };
    (0..SHARDS).map(open).collect()
}

impl Scribe {
    /// A new store in `folder`.
    pub(crate) fn new(folder: &Path, now: Time) -> Scribe {
        let layout = Layout(folder.to_owned());
        layout.make(SHARDS).unwrap();
        Scribe {
            shards: open_logs(&layout),
            books: Books::open(&layout.payments(), |_| ()).unwrap(),
            keyring: Keyring::open_seeded(&layout.keys(), 1).unwrap(),
            secret: Secret::open(&layout.secret()).unwrap(),
            layout,
            now,
            commands: 0,
        }
    }

    /// A second passes, and `actor` does as it is told.
    pub(crate) fn tell<M: Machine>(&mut self, actor: &mut Actor<M>, by: By, command: M::Command) {
        self.tell_keyed(actor, by, command, None);
    }

    /// As [`Scribe::tell`], with what came under an Idempotency-Key.
    #[expect(clippy::needless_pass_by_value, reason = "a script reads better without references")]
    pub(crate) fn tell_keyed<M: Machine>(
        &mut self,
        actor: &mut Actor<M>,
        by: By,
        command: M::Command,
        fingerprint: Option<Fingerprint>,
    ) {
        self.pass_ms(1_000);
        let context = self.context(by, fingerprint);
        let events = actor.state().decide(&command, &context).unwrap();
        self.write(actor, &context, &events);
    }

    /// What the time that has passed does to `actor`.
    pub(crate) fn lapse<M: Machine>(&mut self, actor: &mut Actor<M>) {
        let context = self.context(By::Shop, None);
        let events = actor.state().lapse(self.now);
        self.write(actor, &context, &events);
    }

    pub(crate) fn pass_ms(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
    }

    fn context(&mut self, by: By, fingerprint: Option<Fingerprint>) -> Context {
        self.commands += 1;
        let command = CommandId(Uuid::from_u128(self.commands));
        Context { now: self.now, by, command, fingerprint }
    }

    fn write<M: Machine>(&mut self, actor: &mut Actor<M>, context: &Context, events: &[M::Event]) {
        assert!(!events.is_empty(), "{} has nothing to say at {}", actor.id, self.now);
        let (_, batch) = &mut self.shards[shard_of(&actor.id, SHARDS)];
        for event in events {
            let (sequence, version) = (actor.entity.sequence + 1, M::Event::VERSION);
            let encode = |bytes: &mut Vec<u8>| codec::encode(event, bytes);
            batch.entry(&actor.id, sequence, version, context, encode).unwrap();
            actor.entity.evolve(event, context);
        }
    }

    /// The provider does a step and says so in its books.
    pub(crate) fn pay(&mut self, order: OrderId, step: Step, amount: Money, outcome: Outcome) {
        let token = if step == Step::Authorise { "tok_approve".into() } else { String::new() };
        let request = Request { order, step, amount, token };
        self.books.append(&Record::new(self.now, &request, outcome)).unwrap();
    }

    /// Ends the batches.
    pub(crate) fn commit(&mut self) {
        for (log, batch) in self.shards.iter_mut().filter(|(_, batch)| !batch.is_empty()) {
            let framed = batch.finish(&log.tail()).unwrap();
            log.append(framed.bytes, framed.next).unwrap();
            batch.clear();
        }
    }

    /// Where the next batch of each shard begins; nothing may be waiting for it.
    pub(crate) fn ends(&self) -> Vec<u64> {
        assert!(self.shards.iter().all(|(_, batch)| batch.is_empty()), "commit first");
        self.shards.iter().map(|(log, _)| log.tail().next.0).collect()
    }

    /// The process ends and another one begins: a new epoch.
    pub(crate) fn restart(&mut self) {
        self.commit();
        self.shards.clear();
        self.shards = open_logs(&self.layout);
    }

    /// Ends the store and cuts off what is not used yet: zeros, and keys that nobody has.
    pub(crate) fn finish(mut self) {
        self.commit();
        let used_keys = self.keyring.next_key().unwrap();
        let ends: Vec<u64> = self.shards.iter().map(|(log, _)| log.tail().next.0).collect();
        let Scribe { layout, shards, keyring, .. } = self;
        drop((shards, keyring));
        for (shard, end) in ends.into_iter().enumerate() {
            let segments =
                fs::read_dir(layout.log(shard)).unwrap().map(|item| item.unwrap().path());
            let segments = segments.filter(|path| path.extension().is_some_and(|e| e == "seg"));
            assert_eq!(segments.count(), 1, "a golden log is small");
            cut(&layout.log(shard).join(format!("{:020}.seg", 0)), end);
        }
        cut(&layout.keys(), used_keys * 32);
    }
}

/// Cuts a file to its first `bytes`, of which the last are in use.
fn cut(path: &Path, bytes: u64) {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut last = [0; 32];
    file.read_exact_at(&mut last, bytes - 32).unwrap();
    assert_ne!(last, [0; 32]);
    file.set_len(bytes).unwrap();
}
