//! Rebuilding one entity: its snapshot and its entries since.

use super::{
    Batch, EntryRef, Error as LogError, LogReader, Position,
    entity::{self, Entity},
    snapshot,
    state::StateStore,
};
use crate::domain::{EntityId, Machine};
use std::sync::Arc;

/// Why an entity can't be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log can't be read there.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Its snapshot is unusable.
    #[error(transparent)]
    Snapshot(#[from] snapshot::Error),
    /// An entry does not apply.
    #[error(transparent)]
    Entity(#[from] entity::Error),
}

/// Any shard's log, as those see it who read it now and then.
pub trait ReadLog: Send + Sync {
    /// The durable end.
    fn end(&self) -> Position;
    /// See [`LogReader::batch`].
    fn batch(&self, at: Position) -> Result<Option<Batch>, LogError>;
    /// See [`LogReader::entry`].
    fn entry<'b>(&self, at: Position, buffer: &'b mut Vec<u8>) -> Result<EntryRef<'b>, LogError>;
}

impl<L: LogReader> ReadLog for L {
    fn end(&self) -> Position {
        LogReader::end(self)
    }

    fn batch(&self, at: Position) -> Result<Option<Batch>, LogError> {
        LogReader::batch(self, at)
    }

    fn entry<'b>(&self, at: Position, buffer: &'b mut Vec<u8>) -> Result<EntryRef<'b>, LogError> {
        LogReader::entry(self, at, buffer)
    }
}

/// A log that many read.
pub type SharedLog = Arc<dyn ReadLog>;

/// The entity as of its snapshot and the entries in `tail`, of which the snapshot may contain
/// some already.
///
/// # Errors
/// It can't be rebuilt: see [`Error`].
pub fn replay<M: Machine>(
    store: &dyn StateStore,
    log: &dyn ReadLog,
    id: &EntityId,
    tail: &[Position],
) -> Result<Entity<M>, Error> {
    let (stamp, mut entity) = snapshot::load::<M>(store, id)?;
    let mut buffer = vec![];
    for position in tail {
        if stamp.is_some_and(|stamp| *position <= stamp.position) {
            continue;
        }
        entity.apply(&log.entry(*position, &mut buffer)?)?;
    }
    Ok(entity)
}
