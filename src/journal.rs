//! The log and everything that lies beside it: what happened is an entry here, and nothing else
//! is truth.
//!
//! Reading order: [`position`], [`entry`] and [`batch`] are the bytes; [`log`] is what a shard's
//! log promises, [`file`](mod@file) and [`memory`] keep the promise; [`keyring`] and [`secret`]
//! hide personal data; [`layout`] says what lies where, [`backup`] copies it; [`state`] and [`checkpoint`] hold what can be rebuilt. Invariant of this
//! folder: it imports `domain` and crates, and what it calls durable has been synced.

pub mod backup;
pub mod batch;
pub mod checkpoint;
pub mod codec;
pub mod committer;
pub mod entity;
pub mod entry;
pub mod file;
pub mod fold;
pub mod keyring;
pub mod layout;
pub mod log;
pub mod memory;
pub mod position;
pub mod replay;
pub mod secret;
pub mod snapshot;
pub mod state;

#[cfg(test)]
mod conformance;
mod cut;
mod disk;
mod fresh;
#[cfg(test)]
pub(crate) mod handmade;
mod scan;

pub use batch::{Batch, BatchBuilder, BatchRef, Flaw, Framed, MAX_BATCH_BYTES};
pub use checkpoint::Checkpoint;
pub use committer::{Committer, Driver, Outbox};
pub use disk::Failure;
pub use entry::{EntryRef, Head};
pub use file::FileLog;
pub use keyring::Keyring;
pub use layout::Layout;
pub use log::{Error, LogReader, Mark, Opened, ShardLog, Visit};
pub use memory::{MemoryLog, MemoryStore};
pub use position::{Hash, Position, Tail};
pub use secret::Secret;
pub use state::{StateStore, Tree};

use crate::domain::EntityId;

/// Which of `shards` logs keeps an entity: the same for ever, so the hash is part of the format.
#[must_use]
pub fn shard_of(id: &EntityId, shards: usize) -> usize {
    let hash = crc32c::crc32c(id.routing_key());
    usize::try_from(hash).unwrap_or(0).checked_rem(shards).unwrap_or(0)
}
