//! Snapshots: an entity's state at a known sequence, so that waking it reads only its tail.
//!
//! Written by the checkpoint from committed entries alone, never by a live actor, and kept in
//! blocks of neighbours (0019). Invariant: a snapshot's position is that of the last entry it
//! contains, and never beyond the log's end.

mod block;

use super::{
    Position,
    entity::{AnyEntity, Entity},
    state::{self, StateStore, Tree},
};
use crate::domain::{EntityId, Kind, Machine, Time};
use block::{Block, Span};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, ops::Bound};

/// Why a snapshot can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] state::Error),
    /// The bytes are no block of snapshots.
    #[error("a block of snapshots does not unpack; delete the state folder to rebuild it")]
    Block,
    /// A snapshot does not fit into a block.
    #[error("a snapshot of {0} bytes is too long to be kept")]
    TooLong(usize),
    /// The bytes are no snapshot.
    #[error("a snapshot does not decode; delete the state folder to rebuild it: {0}")]
    Decode(#[from] rmp_serde::decode::Error),
    /// The state could not be written.
    #[error("a snapshot does not encode: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
}

/// What lies before the entity's own bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The last entry the snapshot contains.
    pub position: Position,
    /// When somebody has to look after the entity; the due index has the same.
    pub due: Option<Time>,
}

/// The key of an entity in the state store: its kind, then its place among them.
fn key(id: &EntityId) -> Vec<u8> {
    let mut key = vec![kind_byte(id.kind())];
    key.extend(id.place());
    key
}

/// Whose snapshot lies under this key; `None` when it names nobody.
pub fn entity_of(key: &[u8]) -> Option<EntityId> {
    let (first, id) = key.split_first()?;
    EntityId::from_place(*Kind::ALL.get(usize::from(*first))?, id)
}

/// What every key of a kind starts with.
fn kind_byte(kind: Kind) -> u8 {
    kind as u8
}

/// The key of an entity in the due index: when, then whose.
pub fn due_key(due: Time, id: &EntityId) -> Vec<u8> {
    let mut bytes = due.0.max(0).to_be_bytes().to_vec();
    bytes.extend(key(id));
    bytes
}

/// The inverse of [`due_key`].
pub fn due_of(key: &[u8]) -> Option<(Time, EntityId)> {
    let (due, id) = key.split_at_checked(8)?;
    Some((Time(i64::from_be_bytes(due.try_into().ok()?)), entity_of(id)?))
}

/// An entity as of its snapshot, or as new.
///
/// # Errors
/// The store failed or holds something else.
pub fn load<M: Machine>(
    store: &dyn StateStore,
    id: &EntityId,
) -> Result<(Option<Stamp>, Entity<M>), Error> {
    let key = key(id);
    let found = Block::around(store, &key)?;
    let found = found.as_ref().and_then(|(_, block)| block.get(&key));
    let Some(bytes) = found else { return Ok((None, Entity::born(id))) };
    let (stamp, entity): (Stamp, Entity<M>) = rmp_serde::from_slice(bytes)?;
    Ok((Some(stamp), entity))
}

/// How many blocks a [`Loader`] holds at most.
const MOST_SPANS: usize = 1_024;

/// Loads many entities, neighbours for the price of one, while nobody writes.
#[derive(Debug, Default)]
pub struct Loader {
    /// By where they begin.
    spans: BTreeMap<Vec<u8>, Span>,
}

impl Loader {
    /// As [`load`], for whichever kind it is.
    ///
    /// # Errors
    /// As [`load`].
    pub fn load(
        &mut self,
        store: &dyn StateStore,
        id: &EntityId,
    ) -> Result<(Option<Stamp>, AnyEntity), Error> {
        let key = key(id);
        let before = (Bound::Unbounded, Bound::Included(&*key));
        let nearest = self.spans.range::<[u8], _>(before).next_back();
        let known = nearest.filter(|(_, span)| span.covers(&key)).map(|(from, _)| from.clone());
        let from = match known {
            Some(from) => from,
            None => self.read(store, &key)?,
        };
        let found = self.spans.get(&from).and_then(|span| span.block.get(&key));
        let Some(bytes) = found else { return Ok((None, AnyEntity::new(id))) };
        let (stamp, entity) = AnyEntity::decode_stamped(id.kind(), bytes)?;
        Ok((Some(stamp), entity))
    }

    fn read(&mut self, store: &dyn StateStore, key: &[u8]) -> Result<Vec<u8>, Error> {
        if self.spans.len() >= MOST_SPANS {
            self.spans.clear();
        }
        let span = Span::around(store, key)?;
        let from = span.from.clone();
        self.spans.insert(from.clone(), span);
        Ok(from)
    }
}

/// One entity whose snapshot is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Change<'e> {
    /// Whose.
    pub id: &'e EntityId,
    /// Its last entry.
    pub position: Position,
    /// Its state there.
    pub entity: &'e AnyEntity,
    /// Its last snapshot's.
    pub before: Option<Stamp>,
}

/// Writes snapshots and moves the entities' entries in the due index.
///
/// # Errors
/// The store failed.
pub fn save<'e>(
    store: &dyn StateStore,
    changes: impl IntoIterator<Item = Change<'e>>,
) -> Result<(), Error> {
    let mut changes: Vec<(Vec<u8>, Change<'_>)> =
        changes.into_iter().map(|change| (key(change.id), change)).collect();
    changes.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let snapshots = changes.into_iter().map(|(key, change)| {
        let stamp = Stamp { position: change.position, due: change.entity.due() };
        move_due(store, change.id, change.before.and_then(|before| before.due), stamp.due)?;
        Ok((key, change.entity.encode_stamped(stamp)?))
    });
    block::write(store, snapshots)
}

/// One that is missing is worse than one too many: so the new one is there before the old one goes.
fn move_due(
    store: &dyn StateStore,
    id: &EntityId,
    old: Option<Time>,
    new: Option<Time>,
) -> Result<(), Error> {
    if old == new {
        return Ok(());
    }
    if let Some(due) = new {
        store.put(Tree::Due, &due_key(due, id), &[])?;
    }
    if let Some(due) = old {
        store.delete(Tree::Due, &due_key(due, id))?;
    }
    Ok(())
}

/// Shows every snapshot of `kind`, or of all kinds, undecoded: whose it is, unless the key names
/// nobody, and its bytes.
///
/// # Errors
/// The store failed or holds something else, or `show` refuses.
pub fn each(
    store: &dyn StateStore,
    kind: Option<Kind>,
    show: impl FnMut(&[u8], &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    block::each(store, kind.map(kind_byte), show)
}

/// Puts `bytes` where the snapshot of `id` lies.
#[cfg(test)]
pub(crate) fn overwrite(store: &dyn StateStore, id: &EntityId, bytes: &[u8]) {
    block::write(store, [Ok((key(id), bytes.to_vec()))]).unwrap();
}
