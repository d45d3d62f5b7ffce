//! Snapshots: an entity's state at a known sequence, so that waking it reads only its tail.
//!
//! Written by the checkpoint from committed entries alone, never by a live actor. Invariant: a
//! snapshot's position is that of the last entry it contains, and never beyond the log's end.

use super::{
    Position,
    entity::{AnyEntity, Entity},
    state::{self, StateStore, Tree},
};
use crate::domain::{EntityId, Kind, Machine, Time};
use serde::{Deserialize, Serialize};

/// Why a snapshot can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] state::Error),
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
pub fn key(id: &EntityId) -> Vec<u8> {
    let mut key = vec![kind_byte(id.kind())];
    key.extend(id.place());
    key
}

/// The inverse of [`key`].
pub fn entity_of(key: &[u8]) -> Option<EntityId> {
    let (first, id) = key.split_first()?;
    EntityId::from_place(*Kind::ALL.get(usize::from(*first))?, id)
}

/// What every key of a kind starts with.
pub fn kind_byte(kind: Kind) -> u8 {
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
    let Some(bytes) = store.get(Tree::Snapshots, &key(id))? else {
        return Ok((None, Entity::born(id)));
    };
    let (stamp, entity): (Stamp, Entity<M>) = rmp_serde::from_slice(&bytes)?;
    Ok((Some(stamp), entity))
}

/// As [`load`], for whichever kind it is.
///
/// # Errors
/// As [`load`].
pub fn load_any(
    store: &dyn StateStore,
    id: &EntityId,
) -> Result<(Option<Stamp>, AnyEntity), Error> {
    let Some(bytes) = store.get(Tree::Snapshots, &key(id))? else {
        return Ok((None, AnyEntity::new(id)));
    };
    let (stamp, entity) = AnyEntity::decode_stamped(id.kind(), &bytes)?;
    Ok((Some(stamp), entity))
}

/// Writes the snapshot and moves the entity's entry in the due index.
///
/// # Errors
/// The store failed.
pub fn save(
    store: &dyn StateStore,
    id: &EntityId,
    position: Position,
    before: Option<Stamp>,
    entity: &AnyEntity,
) -> Result<(), Error> {
    let stamp = Stamp { position, due: entity.due() };
    let old_due = before.and_then(|stamp| stamp.due);
    if let Some(due) = stamp.due {
        store.put(Tree::Due, &due_key(due, id), &[])?;
    }
    if let Some(due) = old_due.filter(|due| Some(*due) != stamp.due) {
        store.delete(Tree::Due, &due_key(due, id))?;
    }
    store.put(Tree::Snapshots, &key(id), &entity.encode_stamped(stamp)?)?;
    Ok(())
}
