//! Logs written by hand, for tests of those who only read: any event, decided by nobody.
//!
//! Invariant: whatever is written has a right checksum and chain, so what a reader finds wrong is
//! what the test made wrong.

use super::{BatchBuilder, FileLog, MemoryLog, MemoryStore, Position, ShardLog, codec, shard_of};
use crate::domain::{By, CommandId, Context, EntityId, Time, machine::Event};
use std::{collections::HashMap, path::Path};
use uuid::Uuid;

/// Writes events into the shards of a store.
pub(crate) struct Pen<L> {
    shards: Vec<(L, BatchBuilder)>,
    sequences: HashMap<EntityId, u64>,
    /// Of the next event.
    pub(crate) now: Time,
    commands: u128,
}

impl Pen<MemoryLog> {
    pub(crate) fn memory(shards: usize) -> Self {
        let open = || MemoryStore::default().open(Position(0), &mut |_| Ok(())).unwrap().0;
        Pen::new((0..shards).map(|_| open()))
    }
}

impl Pen<FileLog> {
    /// One folder per shard below `folder`, named by its number.
    pub(crate) fn files(folder: &Path, shards: usize) -> Self {
        let open = |shard: usize| {
            let folder = folder.join(shard.to_string());
            FileLog::open(&folder, 1 << 22, Position(0), &mut |_| Ok(())).unwrap().0
        };
        Pen::new((0..shards).map(open))
    }
}

impl<L: ShardLog> Pen<L> {
    fn new(logs: impl Iterator<Item = L>) -> Self {
        let shards = logs.map(|log| (log, BatchBuilder::default())).collect();
        Pen { shards, sequences: HashMap::new(), now: Time(1_800_000_000_000), commands: 0 }
    }

    /// Writes the entity's next event into its shard's open batch.
    pub(crate) fn write<E: Event>(&mut self, id: impl Into<EntityId>, event: E) -> &mut Self {
        let id = id.into();
        let shard = shard_of(&id, self.shards.len());
        self.write_to(shard, id, event)
    }

    /// As `write`, into a shard of the test's choice.
    #[expect(clippy::needless_pass_by_value, reason = "tests read better without a reference")]
    pub(crate) fn write_to<E: Event>(
        &mut self,
        shard: usize,
        id: impl Into<EntityId>,
        event: E,
    ) -> &mut Self {
        let id = id.into();
        let sequence = self.sequences.entry(id.clone()).or_default();
        *sequence += 1;
        self.commands += 1;
        let command = CommandId(Uuid::from_u128(self.commands));
        let context = Context { now: self.now, by: By::Shop, command, fingerprint: None };
        let builder = &mut self.shards[shard].1;
        let encode = |buffer: &mut Vec<u8>| codec::encode(&event, buffer);
        builder.entry(&id, *sequence, E::VERSION, &context, encode).unwrap();
        if builder.bytes() > 60_000 {
            self.commit();
        }
        self
    }

    /// The entity's next event takes the number after the next.
    pub(crate) fn skip_one(&mut self, id: impl Into<EntityId>) -> &mut Self {
        *self.sequences.entry(id.into()).or_default() += 1;
        self
    }

    /// Ends the open batches.
    pub(crate) fn commit(&mut self) -> &mut Self {
        for (log, builder) in &mut self.shards {
            if !builder.is_empty() {
                let framed = builder.finish(&log.tail()).unwrap();
                log.append(framed.bytes, framed.next).unwrap();
                builder.clear();
            }
        }
        self
    }

    pub(crate) fn readers(&self) -> Vec<super::replay::SharedLog> {
        let reader = |(log, _): &(L, _)| std::sync::Arc::new(log.reader()) as _;
        self.shards.iter().map(reader).collect()
    }
}
