//! Checkpoints: what was committed goes into snapshots, and restarts begin there.
//!
//! An entity whose events do not apply has no snapshot, so a restart has to begin before them: its
//! shard's restart point stays there, while the snapshots of all others go on and what they cover
//! is not folded again. Invariant: an entity is its snapshot and its entries since, all of which
//! are in the tail index now and behind the restart point after a restart.

use super::{System, open};
use crate::{
    domain::EntityId,
    journal::{Checkpoint, StateStore, checkpoint::Point, fold::Fold, replay::ReadLog},
};
use std::{collections::HashMap, sync::PoisonError};

/// Entries that a checkpoint folds before it writes snapshots: bounds its memory.
const FOLD_ENTRIES: u64 = 200_000;

/// How far one shard's log has gone into snapshots.
#[derive(Clone)]
pub(super) struct Progress {
    /// Up to here, of every entity that can be folded.
    folded: Point,
    /// Where a restart begins: not behind any entry of an entity that can't.
    restart: Point,
    /// Entities whose events do not apply, and why.
    broken: HashMap<EntityId, String>,
}

impl From<Point> for Progress {
    fn from(point: Point) -> Progress {
        Progress { folded: point, restart: point, broken: HashMap::new() }
    }
}

impl Progress {
    /// Folds what is durable by now; returns how many entries.
    fn go_on(&mut self, store: &dyn StateStore, log: &dyn ReadLog) -> Result<u64, open::Error> {
        // What is appended meanwhile is the next checkpoint's.
        let (end, mut covered) = (log.end(), 0);
        while self.folded.position < end {
            let known = self.broken.len();
            let mut fold = Fold::beside(std::mem::take(&mut self.broken));
            let read = fold.read(store, log, self.folded, FOLD_ENTRIES);
            self.broken.clone_from(&fold.broken);
            self.folded = read?;
            fold.save(store)?;
            covered += fold.entries;
            if self.broken.is_empty() {
                self.restart = self.folded;
            } else if self.broken.len() > known {
                tracing::error!(broken = ?self.broken, "restarts read the log from here on again");
            }
        }
        Ok(covered)
    }
}

impl System {
    /// Folds what was committed since the last checkpoint into snapshots and lets restarts begin
    /// there. Returns how many entries it covered.
    ///
    /// # Errors
    /// The store or the log failed: the old checkpoint stands.
    pub fn take_checkpoint(&self) -> Result<u64, open::Error> {
        let mut shards = self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reached = shards.clone();
        let mut covered = 0;
        for (shard, progress) in self.shards.iter().zip(&mut reached) {
            covered += progress.go_on(&*self.store, &*shard.log)?;
        }
        if covered == 0 {
            return Ok(0);
        }
        if let Some(file) = &self.checkpoint_file {
            let shards = reached.iter().map(|progress| progress.restart).collect();
            Checkpoint { shards }.write(&*self.store, file)?;
        }
        for (shard, progress) in self.shards.iter().zip(&reached) {
            let keep = |id: &EntityId| progress.broken.contains_key(id);
            shard.committer.forget_before(progress.folded.position, keep);
        }
        *shards = reached;
        Ok(covered)
    }

    /// Whether so much was appended since the last checkpoint that a restart would feel it.
    pub fn wants_checkpoint(&self) -> bool {
        self.tail_entries() >= self.settings.checkpoint_entries
    }

    /// How many entries came since the last checkpoint.
    pub fn tail_entries(&self) -> u64 {
        self.shards.iter().map(|shard| shard.committer.tail_entries()).sum()
    }
}
