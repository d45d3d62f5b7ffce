//! What lies where in a store's folder, and what the store says about itself.
//!
//! The server opens by it, the auditor and the exporter read by it. Invariants: the number of
//! shards is written before the first log and never changes; a store that has had its logs is
//! never opened without one of them.

use super::disk::{self, Failure};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The layout's version today.
const FORMAT: u32 = 1;

const PAYMENTS: &str = "payments.jsonl";

/// Most shards of one store.
pub const MAX_SHARDS: usize = 64;

/// A store's folder.
#[derive(Clone, Debug)]
pub struct Layout(pub PathBuf);

/// What a store says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The layout's version.
    pub format: u32,
    /// Fixed when the store is made.
    pub shards: usize,
    /// All of its logs have been made: one that is missing has been lost.
    #[serde(default)]
    pub opened: bool,
}

/// Why a store's own description is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not what it must be.
    #[error("{}: {why}", path.display())]
    About {
        /// Which file.
        path: PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
    /// A file is gone while a log is there.
    #[error("{} is missing although the store has a log; restore it from a copy", .0.display())]
    Missing(PathBuf),
    /// A log is gone, or its folder is an empty place.
    #[error(
        "{} holds no log although this store has been opened before; mount or restore it, since a \
         new log in its place would lose what was sold", .0.display()
    )]
    LogMissing(PathBuf),
    /// It can't be read or written.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Layout {
    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Format and number of shards.
    #[must_use]
    pub fn about(&self) -> PathBuf {
        self.0.join("store.json")
    }

    /// One shard's log.
    #[must_use]
    pub fn log(&self, shard: usize) -> PathBuf {
        self.0.join("log").join(shard.to_string())
    }

    /// Logs that are there already; 0 where nobody can tell. Opens no file, so it never waits.
    #[must_use]
    pub fn logs_made(&self) -> usize {
        fs::read_dir(self.0.join("log")).map_or(0, |logs| logs.flatten().count())
    }

    /// Snapshots, the due index and views: can be deleted.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    /// Up to where the state is complete.
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint")
    }

    /// Keys of personal data.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// What tokens are made with.
    #[must_use]
    pub fn secret(&self) -> PathBuf {
        self.0.join("secret")
    }

    /// The admin token, when none was given.
    #[must_use]
    pub fn admin_token(&self) -> PathBuf {
        self.0.join("admin_token")
    }

    /// The admin token that a server has made for this store.
    ///
    /// # Errors
    /// It can't be read.
    pub fn read_admin_token(&self) -> io::Result<String> {
        fs::read_to_string(self.admin_token()).map(|token| token.trim().to_owned())
    }

    /// The payment simulator's books.
    #[must_use]
    pub fn payments(&self) -> PathBuf {
        self.0.join(PAYMENTS)
    }

    /// Append-only files of whole lines that outside parties keep here, and a backup has to cut at
    /// the same instant as the logs: names in the folder.
    pub const BOOKS: [&str; 1] = [PAYMENTS];

    /// Letters, where no mail server is set. They have left the shop, like those that a mail
    /// server took, so no backup has them.
    #[must_use]
    pub fn mail(&self) -> PathBuf {
        self.0.join("mail")
    }

    /// Reads what the store says about itself; `None` when there is no store.
    ///
    /// # Errors
    /// It can't be read, or another program wrote it.
    pub fn read(&self) -> Result<Option<About>, Error> {
        let path = self.about();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Failure::new("reading", &path, source).into()),
        };
        let about: About = serde_json::from_slice(&bytes).map_err(|error| Error::About {
            path: path.clone(),
            why: format!("is not readable ({error}); restore it from a copy"),
        })?;
        let About { format, shards, .. } = about;
        if format != FORMAT || !(1..=MAX_SHARDS).contains(&shards) {
            let why = format!("format {format} with {shards} shards is unknown to this program");
            return Err(Error::About { path, why });
        }
        Ok(Some(about))
    }

    /// Makes a store of so many shards, durably.
    ///
    /// # Errors
    /// It can't be written, or there is a log that has lost its description.
    pub fn make(&self, shards: usize) -> Result<About, Error> {
        let path = self.about();
        if self.log(0).exists() {
            return Err(Error::Missing(path));
        }
        let about = About { format: FORMAT, shards: shards.clamp(1, MAX_SHARDS), opened: false };
        disk::create_folder(&self.0)?;
        self.write(&about)?;
        Ok(about)
    }

    /// Notes that all logs are there; whoever opens the store does so before anything is sold.
    ///
    /// # Errors
    /// It can't be written.
    pub fn note_opened(&self, about: About) -> Result<(), Error> {
        if about.opened { Ok(()) } else { self.write(&About { opened: true, ..about }) }
    }

    /// Refuses a store that has lost a log: an empty one in its place would pass as new.
    ///
    /// # Errors
    /// A log is missing, or its folder can't be read.
    pub fn check_logs(&self, about: About) -> Result<(), Error> {
        // A start that was cut short before has made some of them at most.
        if !about.opened && !self.checkpoint().exists() {
            return Ok(());
        }
        for shard in 0..about.shards {
            let log = self.log(shard);
            let empty = match fs::read_dir(&log) {
                Ok(mut files) => files.next().is_none(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => true,
                Err(source) => return Err(Failure::new("reading", &log, source).into()),
            };
            if empty {
                return Err(Error::LogMissing(log));
            }
        }
        Ok(())
    }

    fn write(&self, about: &About) -> Result<(), Error> {
        let path = self.about();
        let text = serde_json::to_vec(about)
            .map_err(|error| Error::About { path: path.clone(), why: error.to_string() })?;
        Ok(disk::replace(&path, &text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_says_the_same_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout(folder.path().join("a/store"));
        assert_eq!(layout.read().unwrap(), None);
        let made = layout.make(3).unwrap();
        assert_eq!(made, About { format: FORMAT, shards: 3, opened: false });
        assert_eq!(layout.read().unwrap(), Some(made));
        layout.note_opened(made).unwrap();
        assert_eq!(layout.read().unwrap(), Some(About { opened: true, ..made }));
    }

    #[test]
    fn what_another_program_wrote_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout(folder.path().to_owned());
        for about in [
            r#"{"format":2,"shards":1}"#,
            r#"{"format":1,"shards":0}"#,
            r#"{"format":1,"shards":65}"#,
            "rubbish",
        ] {
            fs::write(layout.about(), about).unwrap();
            let why = layout.read().unwrap_err().to_string();
            assert!(why.contains("store.json: "), "{why}");
        }
    }

    #[test]
    fn a_log_without_its_description_is_no_new_store() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout(folder.path().to_owned());
        fs::create_dir_all(layout.log(0)).unwrap();
        let why = layout.make(1).unwrap_err().to_string();
        assert!(why.contains("store.json is missing although the store has a log"), "{why}");
    }
}
