//! Every entity folded from its first event, as a restart without any snapshot would.
//!
//! Finds gaps, strangers in a shard, events that do not apply, and snapshots that say something
//! else than the log. Invariant: of an entity whose events do not apply only the first is named.

use super::report::Findings;
use crate::{
    domain::{EntityId, Machine as _, OrderId, Sku, order},
    journal::{
        self, BatchRef, EntryRef, Position, StateStore, Tree,
        entity::AnyEntity,
        snapshot::{self, Loader},
        state,
    },
};
use std::{
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
};

/// What the machines say, to be held against the books.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) entities: u64,
    pub(super) skus: HashMap<Sku, Counts>,
    /// Only of orders that owe something.
    owed: HashMap<OrderId, Vec<order::Obligation>>,
}

impl Facts {
    /// Whether `order` still owes one of these.
    pub(super) fn owes(&self, order: OrderId, any: &[order::Obligation]) -> bool {
        self.owed(order).iter().any(|one| any.contains(one))
    }

    /// What `order` still owes.
    pub(super) fn owed(&self, order: OrderId) -> &[order::Obligation] {
        self.owed.get(&order).map_or(&[], Vec::as_slice)
    }
}

/// The counts of a SKU.
pub(super) struct Counts {
    pub(super) on_hand: u64,
    pub(super) reserved: u64,
    pub(super) sold: u64,
    pub(super) locations: BTreeMap<String, u64>,
}

/// One entity while it is replayed.
struct Replayed {
    /// `None` once an event did not apply.
    entity: Option<AnyEntity>,
    /// Where its snapshot stands, until that has been compared.
    snapshot: Option<Position>,
}

/// One round: all entities of one part.
pub(super) struct Replay<'s> {
    store: Option<&'s dyn StateStore>,
    shards: usize,
    part: (u64, u64),
    snapshots: Loader,
    entities: HashMap<EntityId, Replayed>,
}

impl<'s> Replay<'s> {
    /// `part` is (which, of how many).
    pub(super) fn new(
        store: Option<&'s dyn StateStore>,
        shards: usize,
        part: (u64, u64),
    ) -> Replay<'s> {
        Replay { store, shards, part, snapshots: Loader::default(), entities: HashMap::new() }
    }

    fn is_mine(&self, id: &[u8]) -> bool {
        let (part, parts) = self.part;
        u64::from(crc32c::crc32c(id)) % parts.max(1) == part
    }

    pub(super) fn batch(
        &mut self,
        shard: usize,
        batch: &BatchRef<'_>,
        findings: &mut Findings,
        derived: &mut Findings,
    ) {
        for entry in batch.entries() {
            if self.is_mine(entry.id) {
                self.entry(shard, &entry, findings, derived);
            }
        }
    }

    fn entry(
        &mut self,
        shard: usize,
        entry: &EntryRef<'_>,
        findings: &mut Findings,
        derived: &mut Findings,
    ) {
        let place = || format!("position {} of shard {shard}", entry.position);
        let id = match entry.entity() {
            Ok(id) => id,
            Err(error) => return findings.add("entry", place(), error),
        };
        let (store, shards, snapshots) = (self.store, self.shards, &mut self.snapshots);
        let replayed = self.entities.entry(id.clone()).or_insert_with(|| {
            let right = journal::shard_of(&id, shards);
            if right != shard {
                findings.add("shard", place(), format!("{id} belongs to shard {right}"));
            }
            let stamp = store.and_then(|store| match snapshots.load(store, &id) {
                Ok((stamp, _)) => stamp,
                Err(error) => {
                    derived.add("snapshot", &id, error);
                    None
                }
            });
            let entity = Some(AnyEntity::new(&id));
            Replayed { entity, snapshot: stamp.map(|stamp| stamp.position) }
        });
        let Some(entity) = &mut replayed.entity else { return };
        let problem = match catch_unwind(AssertUnwindSafe(|| entity.apply(entry))) {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("event {} of {id} panics when it is applied", entry.sequence)),
        };
        if let Some(what) = problem {
            findings.add("replay", place(), what);
            *replayed = Replayed { entity: None, snapshot: None };
            return;
        }
        if let Some(store) = store.filter(|_| replayed.snapshot == Some(entry.position)) {
            replayed.snapshot = None;
            compare(store, &mut self.snapshots, &id, entity, derived);
        }
    }

    /// Looks for snapshots that stand nowhere and gathers what the books are held against.
    pub(super) fn finish(
        self,
        facts: &mut Facts,
        derived: &mut Findings,
    ) -> Result<(), state::Error> {
        if let Some(store) = self.store {
            self.stray_snapshots(store, derived)?;
        }
        for (id, Replayed { entity, snapshot }) in self.entities {
            facts.entities += 1;
            if let Some(position) = snapshot {
                let what = format!("stands at {position}, where the log has no event of it");
                derived.add("snapshot", &id, what);
            }
            match (id, entity) {
                (EntityId::Sku(sku), Some(AnyEntity::Sku(entity))) => {
                    let state = entity.state;
                    let (on_hand, reserved) = (state.on_hand(), state.reserved());
                    let (sold, locations) = (state.sold(), state.locations().clone());
                    facts.skus.insert(sku, Counts { on_hand, reserved, sold, locations });
                }
                (EntityId::Order(order), Some(AnyEntity::Order(entity))) => {
                    let owed = entity.state.obligations();
                    if !owed.is_empty() {
                        facts.owed.insert(order, owed);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn stray_snapshots(
        &self,
        store: &dyn StateStore,
        derived: &mut Findings,
    ) -> Result<(), state::Error> {
        let all = snapshot::each(store, None, |key, _| {
            match snapshot::entity_of(key) {
                None => derived.add("snapshot", format!("{key:02x?}"), "the key names no entity"),
                Some(id) if self.is_mine(id.bytes()) && !self.entities.contains_key(&id) => {
                    derived.add("snapshot", &id, "the log has no event of it");
                }
                Some(_) => {}
            }
            Ok(())
        });
        match all {
            Err(snapshot::Error::Store(error)) => return Err(error),
            Err(error) => derived.add("snapshot", "a block", error),
            Ok(()) => {}
        }
        Ok(())
    }
}

/// Holds a snapshot against the entity at the very entry the snapshot ends with.
fn compare(
    store: &dyn StateStore,
    snapshots: &mut Loader,
    id: &EntityId,
    entity: &AnyEntity,
    derived: &mut Findings,
) {
    let loaded = snapshots.load(store, id);
    let (stamp, kept) = match loaded {
        Ok((Some(stamp), kept)) => (stamp, kept),
        Ok((None, _)) => return,
        Err(error) => return derived.add("snapshot", id, error),
    };
    if kept != *entity {
        let what = format!("differs from the replay of its {} events", entity.sequence());
        derived.add("snapshot", id, what);
    }
    if stamp.due != entity.due() {
        derived.add("snapshot", id, "is due at another time than its replay");
    }
    if let Some(due) = stamp.due {
        let key = snapshot::due_key(due, id);
        if !matches!(store.get(Tree::Due, &key), Ok(Some(_))) {
            derived.add("due index", id, format!("{due} is missing"));
        }
    }
}
