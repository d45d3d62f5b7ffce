//! A stopped store, read and never written.
//!
//! Invariant: every error names the file, and says what to do where there is something to do.

use crate::journal::{self, BatchRef, Checkpoint, Layout, Opened, Position, file, layout, state};
use crate::{ports::payments::books, views};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Why a store can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no store.
    #[error("{} holds no store: store.json is missing; name another folder with --store", .0.display())]
    Missing(PathBuf),
    /// What the store says about itself.
    #[error(transparent)]
    Layout(#[from] layout::Error),
    /// A file can't be read or copied.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A log is in use, damaged, or can't be read.
    #[error(transparent)]
    Log(#[from] journal::Error),
    /// A log ends before what a start has derived from it.
    #[error(
        "{} ends at {end}, but a checkpoint was taken at {checkpoint}: it was rolled back; restore \
         it from a copy", log.display()
    )]
    RolledBack {
        /// Which log.
        log: PathBuf,
        /// Where it ends.
        end: Position,
        /// Up to where there was more.
        checkpoint: Position,
    },
    /// The checkpoint file.
    #[error(transparent)]
    Checkpoint(#[from] journal::Failure),
    /// The copy of the state failed.
    #[error(transparent)]
    State(#[from] state::Error),
    /// A view of the copy failed.
    #[error(transparent)]
    View(#[from] views::Error),
    /// The key file.
    #[error(transparent)]
    Keys(#[from] journal::keyring::Error),
    /// The payment simulator's books.
    #[error(transparent)]
    Books(#[from] books::Error),
}

/// A stopped store.
#[derive(Clone, Debug)]
pub struct Store {
    layout: Layout,
    checkpoint: Option<Checkpoint>,
    /// How many logs it has.
    pub shards: usize,
}

impl Store {
    /// The store in `folder`.
    ///
    /// # Errors
    /// There is none, one of another format, or one that has lost a log.
    pub fn open(folder: &Path) -> Result<Store, Error> {
        let layout = Layout(folder.to_owned());
        let about = layout.read()?.ok_or_else(|| Error::Missing(folder.to_owned()))?;
        layout.check_logs(about)?;
        layout.check_keys(about)?;
        let checkpoint = Checkpoint::in_file(&layout.checkpoint())?;
        Ok(Store { layout, checkpoint, shards: about.shards })
    }

    /// What lies where in it.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Checks a shard's log and shows every batch.
    ///
    /// # Errors
    /// In use, damaged, or not readable; an error of `visit` passes as damage.
    pub fn inspect(
        &self,
        shard: usize,
        visit: &mut dyn FnMut(&BatchRef<'_>) -> Result<(), String>,
    ) -> Result<Opened, Error> {
        let log = self.layout.log(shard);
        let opened = file::inspect(&log, Position(0), &mut |batch| visit(batch))?;
        let point = self.checkpoint.as_ref().and_then(|checkpoint| checkpoint.shards.get(shard));
        let end = opened.tail.next;
        match point.map(|point| point.position).filter(|checkpoint| *checkpoint > end) {
            Some(checkpoint) => Err(Error::RolledBack { log, end, checkpoint }),
            None => Ok(opened),
        }
    }

    /// What all segments take.
    ///
    /// # Errors
    /// A log's folder can't be read.
    pub fn log_bytes(&self) -> Result<u64, Error> {
        let mut bytes = 0;
        for shard in 0..self.shards {
            let path = self.layout.log(shard);
            let failed = |source| Error::Io { path: path.clone(), source };
            for file in fs::read_dir(&path).map_err(failed)? {
                bytes += file.and_then(|file| file.metadata()).map_err(failed)?.len();
            }
        }
        Ok(bytes)
    }
}
