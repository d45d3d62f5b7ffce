//! Folding a stretch of the log into entities, without any actor.
//!
//! A checkpoint folds to write snapshots, a start folds to learn what is due. Invariant: an
//! entity whose events do not apply is named, and nothing is ever derived from its broken state.

use super::{
    EntryRef, Hash, Position, StateStore,
    checkpoint::Point,
    committer::TailIndex,
    entity::{self, AnyEntity},
    replay::ReadLog,
    snapshot::{self, Change, Loader, Stamp},
};
use crate::domain::{EntityId, Time};
use foldhash::fast::RandomState;
use std::{
    collections::{HashMap, hash_map::Entry},
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Why a stretch can't be folded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A snapshot is unusable.
    #[error(transparent)]
    Snapshot(#[from] snapshot::Error),
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] super::Error),
    /// The entries of an entity are not contiguous.
    #[error(transparent)]
    Entity(#[from] entity::Error),
}

/// One entity of the stretch.
#[derive(Debug)]
pub struct Folded {
    before: Option<Stamp>,
    /// Its last entry.
    pub position: Position,
    /// Its state there.
    pub entity: AnyEntity,
}

/// The entities that a stretch of one shard's log touches.
#[derive(Debug, Default)]
pub struct Fold {
    entities: HashMap<EntityId, Folded, RandomState>,
    snapshots: Loader,
    /// Entities whose events do not apply, and why.
    pub broken: HashMap<EntityId, String>,
    /// Where the entries of each entity stand.
    pub index: TailIndex,
    /// How many entries were folded.
    pub entries: u64,
    /// The latest instant in an entry.
    pub last_at: Option<Time>,
}

impl Fold {
    /// A fold of a stretch behind the one in which these turned out to be broken.
    pub fn beside(broken: HashMap<EntityId, String>) -> Fold {
        Fold { broken, ..Fold::default() }
    }

    /// Applies the next entry of the stretch.
    ///
    /// # Errors
    /// The store failed, or the log is corrupt: an entity's events repeat or skip.
    pub fn apply(&mut self, store: &dyn StateStore, entry: &EntryRef<'_>) -> Result<(), Error> {
        let id = entry.entity().map_err(entity::Error::from)?;
        self.entries += 1;
        self.last_at = self.last_at.max(Some(entry.context.now));
        self.index.entry(id.clone()).or_default().push(entry.position);
        if self.broken.contains_key(&id) {
            return Ok(());
        }
        let folded = match self.entities.entry(id.clone()) {
            Entry::Occupied(occupied) => occupied.into_mut(),
            Entry::Vacant(vacant) => {
                let (before, entity) = self.snapshots.load(store, &id)?;
                let position = before.map_or(Position::default(), |stamp| stamp.position);
                vacant.insert(Folded { before, position, entity })
            }
        };
        if folded.before.is_some_and(|stamp| entry.position <= stamp.position) {
            return Ok(());
        }
        match catch_unwind(AssertUnwindSafe(|| folded.entity.apply(entry))) {
            Ok(Ok(())) => folded.position = entry.position,
            Ok(Err(error @ entity::Error::Sequence { .. })) => return Err(error.into()),
            Ok(Err(error)) => self.give_up(id, error.to_string()),
            Err(_) => self.give_up(id, "an event panicked when it was replayed".to_owned()),
        }
        Ok(())
    }

    fn give_up(&mut self, id: EntityId, why: String) {
        self.entities.remove(&id);
        self.broken.insert(id, why);
    }

    /// Applies whole batches from `from` until `until` or the durable end; returns where it
    /// stopped, at the end of a batch, and that batch's hash.
    ///
    /// # Errors
    /// As [`Fold::apply`], and when the log can't be read.
    pub fn read(
        &mut self,
        store: &dyn StateStore,
        log: &dyn ReadLog,
        from: Point,
        most_entries: u64,
    ) -> Result<Point, Error> {
        let mut point = from;
        while self.entries < most_entries {
            let Some(batch) = log.batch(point.position)? else { break };
            let view = batch.view();
            for entry in view.entries() {
                self.apply(store, &entry)?;
            }
            point = Point { position: view.end(), hash: view.hash() };
        }
        Ok(point)
    }

    /// What was folded.
    pub fn entities(&self) -> impl Iterator<Item = (&EntityId, &Folded)> {
        self.entities.iter()
    }

    /// Writes a snapshot of every entity.
    ///
    /// # Errors
    /// The store failed.
    pub fn save(&self, store: &dyn StateStore) -> Result<(), snapshot::Error> {
        let changes = self.entities.iter().map(|(id, folded)| {
            let Folded { before, position, entity } = folded;
            Change { id, position: *position, entity, before: *before }
        });
        snapshot::save(store, changes)
    }
}

/// The beginning of every log.
pub const START: Point = Point { position: Position(0), hash: Hash([0; 32]) };
