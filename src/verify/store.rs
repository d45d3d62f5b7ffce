//! What lies where in a stopped store, read and never written.
//!
//! Invariant: every error names the file, and says what to do where there is something to do.

use crate::journal::{self, BatchRef, Opened, Position, file, state};
use crate::{ports::payments::books, views};
use serde::Deserialize;
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
    /// `store.json` is not what it must be.
    #[error("{}: {why}", path.display())]
    About {
        /// Which.
        path: PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
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
    /// The copy of the state failed.
    #[error(transparent)]
    State(#[from] state::Error),
    /// A view of the copy failed.
    #[error(transparent)]
    View(#[from] views::Error),
    /// The payment simulator's books.
    #[error(transparent)]
    Books(#[from] books::Error),
}

/// A stopped store.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    /// How many logs it has.
    pub shards: usize,
}

#[derive(Deserialize)]
struct About {
    format: u32,
    shards: usize,
}

impl Store {
    /// The store in `folder`.
    ///
    /// # Errors
    /// There is none, or one of another format.
    pub fn open(folder: &Path) -> Result<Store, Error> {
        let path = folder.join("store.json");
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::Missing(folder.to_owned()));
            }
            result => result.map_err(|source| Error::Io { path: path.clone(), source })?,
        };
        let About { format, shards } = serde_json::from_slice(&bytes).map_err(|error| {
            let why = format!("not readable ({error}); restore it from a copy");
            Error::About { path: path.clone(), why }
        })?;
        if format != 1 || shards == 0 {
            let why = format!("format {format} with {shards} shards is unknown to this program");
            return Err(Error::About { path, why });
        }
        Ok(Store { folder: folder.to_owned(), shards })
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// One shard's log.
    #[must_use]
    pub fn log(&self, shard: usize) -> PathBuf {
        self.folder.join("log").join(shard.to_string())
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
        Ok(file::inspect(&self.log(shard), Position(0), &mut |batch| visit(batch))?)
    }

    /// What all segments take.
    ///
    /// # Errors
    /// A log's folder can't be read.
    pub fn log_bytes(&self) -> Result<u64, Error> {
        let mut bytes = 0;
        for shard in 0..self.shards {
            let path = self.log(shard);
            let failed = |source| Error::Io { path: path.clone(), source };
            for file in fs::read_dir(&path).map_err(failed)? {
                bytes += file.and_then(|file| file.metadata()).map_err(failed)?.len();
            }
        }
        Ok(bytes)
    }
}
