//! What a cut and a finished backup say about themselves, as JSON.
//!
//! Invariant: a manifest is read only as the very bytes that were written: it carries the hash of
//! all its other fields, and is compared with what it would be written as.

use super::{Error, Sum};
use crate::{
    domain::Time,
    journal::{
        Hash, Position, Tail,
        disk::{self, Naming as _},
    },
};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

/// Its name in a backup's folder.
pub const MANIFEST: &str = "backup.json";

/// The manifest's version today.
const FORMAT: u32 = 1;

/// One instant at which all logs of a store were cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// No other cut has it.
    pub id: String,
    /// When, in the shop's time.
    pub at: Time,
    /// By shard number.
    pub shards: Vec<End>,
    /// What outside parties keep in the store.
    pub books: Vec<Book>,
}

/// Where one shard's log ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Bytes of log.
    pub position: Position,
    /// How often the store had been opened.
    pub epoch: u64,
    /// Of the last batch, 64 hexadecimal digits: it stands for all history up to there.
    #[serde(with = "digits")]
    pub hash: Hash,
}

impl End {
    /// The end of a log.
    #[must_use]
    pub fn of(tail: &Tail) -> End {
        End { position: tail.next, epoch: tail.epoch, hash: tail.hash }
    }

    pub(super) fn tail(&self) -> Tail {
        Tail { epoch: self.epoch, next: self.position, hash: self.hash }
    }
}

/// A file of whole lines beside the logs, and how long it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// In the store's folder.
    pub name: String,
    /// Its last line may have been under way.
    pub bytes: u64,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    /// Below the backup's folder, with `/` between its parts.
    pub(super) path: String,
    pub(super) bytes: u64,
    /// BLAKE3 of the file, 64 hexadecimal digits.
    #[serde(with = "digits")]
    pub(super) hash: Hash,
}

impl Kept {
    pub(super) fn new(path: String, Sum { bytes, hash }: Sum) -> Kept {
        Kept { path, bytes, hash }
    }

    /// Where it is below `folder`.
    ///
    /// # Errors
    /// Its path leads elsewhere.
    pub(super) fn below(&self, folder: &Path) -> Result<PathBuf, Error> {
        let path = Path::new(&self.path);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        if plain && path.file_name().is_some() {
            return Ok(folder.join(path));
        }
        let why = format!("it names {:?}, which is no place in a store", self.path);
        Err(Error::Damaged { path: folder.join(MANIFEST), why })
    }
}

/// What a finished backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// The cut's.
    pub id: String,
    /// When the cut was made.
    pub at: Time,
    /// Where each shard's log ends.
    pub shards: Vec<End>,
    pub(super) files: Vec<Kept>,
    /// BLAKE3 of this manifest with zeros here.
    #[serde(with = "digits")]
    sum: Hash,
}

impl Manifest {
    pub(super) fn begin(id: &str, at: Time) -> Manifest {
        let (shards, files, sum) = (vec![], vec![], Hash::default());
        Manifest { format: FORMAT, id: id.to_owned(), at, shards, files, sum }
    }

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|kept| kept.bytes).sum()
    }

    /// As it stands in its file.
    ///
    /// # Errors
    /// None that is known of.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let bare = Manifest { sum: Hash::default(), ..self.clone() };
        let sum = Hash::of(&serde_json::to_vec(&bare)?);
        let mut text = serde_json::to_vec_pretty(&Manifest { sum, ..bare })?;
        text.push(b'\n');
        Ok(text)
    }

    /// Makes the backup in `folder` a finished one.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(MANIFEST);
        let text = self.to_json();
        let text =
            text.map_err(|error| Error::Damaged { path: path.clone(), why: error.to_string() })?;
        Ok(disk::replace(&path, &text)?)
    }

    pub(super) fn read(folder: &Path) -> Result<Manifest, Error> {
        let path = folder.join(MANIFEST);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::Unfinished(folder.to_owned()));
            }
            text => text.naming("reading", &path)?,
        };
        let damaged = |why: String| Error::Damaged { path: path.clone(), why };
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if manifest.to_json().is_ok_and(|written| written != text) {
            return Err(damaged("it is not what was written".to_owned()));
        }
        if manifest.format != FORMAT {
            let why = format!("format {} is unknown to this program", manifest.format);
            return Err(damaged(why));
        }
        Ok(manifest)
    }
}

/// A hash as its digits.
mod digits {
    use crate::journal::Hash;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(hash)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
        let text = String::deserialize(from)?;
        Hash::parse(&text).ok_or_else(|| D::Error::custom("expected 64 hexadecimal digits"))
    }
}
