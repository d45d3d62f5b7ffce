//! A copy of a store that can be brought back: taken up to a cut, finished by its manifest.
//!
//! What is derived is left out. In which order things are copied matters while the store is in
//! use: keys are made ahead, so a key file read after the logs were cut holds every key that they
//! name. Invariant: the manifest is written last, when everything else is synced; a folder
//! without one is no backup.

mod manifest;

#[cfg(test)]
mod tests;

pub use manifest::{Book, Cut, End, MANIFEST, Manifest};

use super::{
    Checkpoint, Layout, Mark, Position,
    disk::{self, Failure, Naming as _},
    file,
    fresh::{self, Sum},
    layout::{self, About},
};
use crate::domain::Time;
use manifest::Kept;
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// Why a store can't be copied or brought back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no store.
    #[error("{} holds no store: store.json is missing; name another folder with --store", .0.display())]
    NoStore(PathBuf),
    /// What the store says about itself.
    #[error(transparent)]
    Layout(#[from] layout::Error),
    /// A log does not check, or could not be read or copied.
    #[error(transparent)]
    Log(#[from] super::Error),
    /// A file or folder can't be read or written.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The folder to write to is in use.
    #[error("{} is not empty; name a new folder, nothing is written over", .0.display())]
    NotEmpty(PathBuf),
    /// A copy inside the store would go with it, and into the next copy.
    #[error("{} lies inside the store; name a folder elsewhere, best on another disk", .0.display())]
    Inside(PathBuf),
    /// The server has another number of shards.
    #[error("the server cut {found} logs, the store has {expected}; it serves another store")]
    Shards {
        /// What it cut.
        found: usize,
        /// What is here.
        expected: usize,
    },
    /// Rot at the log's end would pass as a torn write, and be vouched for by the copy's mark.
    #[error(
        "no slot of {} can be read, so nothing vouches for the log's end; start the server once, \
         which says so and writes a new mark, then back up", .0.display()
    )]
    Unmarked(PathBuf),
    /// The log ends before what a start has derived from it.
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
    /// There is no manifest.
    #[error(
        "{} holds no finished backup: backup.json, which is written last, is missing; use another \
         backup", .0.display()
    )]
    Unfinished(PathBuf),
    /// A file of the backup is not what was written.
    #[error("{} is damaged: {why}; use another backup", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What does not check.
        why: String,
    },
    /// It went wrong on the way.
    #[error("{why}\n{} is unfinished and of no use: delete it before the next attempt", folder.display())]
    Left {
        /// What was begun and is left behind.
        folder: PathBuf,
        /// What went wrong.
        why: Box<Error>,
    },
}

/// Says what an error leaves behind.
fn leaving(folder: &Path) -> impl FnOnce(Error) -> Error {
    |why| Error::Left { folder: folder.to_owned(), why: Box::new(why) }
}

/// Keeps a stopped store from being started; as long as it lives nobody writes to the store.
#[derive(Debug)]
pub struct Still(#[expect(dead_code, reason = "held for its lock")] File);

impl Still {
    /// `None` when a server has the store.
    ///
    /// # Errors
    /// The key file, which the lock is on, is missing or out of reach.
    pub fn hold(layout: &Layout) -> Result<Option<Still>, Error> {
        let path = layout.keys();
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(layout::Error::Missing(path).into());
            }
            file => file.naming("opening", &path)?,
        };
        Ok(disk::lock(&file, &path, false)?.then_some(Still(file)))
    }
}

/// How long the books beside the logs are just now.
pub fn measure_books(layout: &Layout) -> Vec<Book> {
    let books = Layout::BOOKS.into_iter().filter_map(|name| {
        let bytes = fs::metadata(layout.folder().join(name)).ok()?.len();
        Some(Book { name: name.to_owned(), bytes })
    });
    books.collect()
}

/// Copies the store into `to`, a new or empty folder. Up to `cut`, which its server has made; or,
/// of a store that is held [`Still`], all of it as `id` at `at`. `progress` hears of bytes just
/// copied.
///
/// # Errors
/// What was copied stays there, without a manifest.
pub fn take(
    layout: &Layout,
    cut: Source<'_>,
    to: &Path,
    progress: &dyn Fn(u64),
) -> Result<Manifest, Error> {
    let about = layout.read()?.ok_or_else(|| Error::NoStore(layout.folder().to_owned()))?;
    layout.check_logs(about)?;
    if let Source::Cut(Cut { shards, .. }) = cut
        && shards.len() != about.shards
    {
        return Err(Error::Shards { found: shards.len(), expected: about.shards });
    }
    claim(to, Some(layout))?;
    fill(layout, about, cut, to, progress).map_err(leaving(to))
}

fn fill(
    layout: &Layout,
    about: About,
    cut: Source<'_>,
    to: &Path,
    progress: &dyn Fn(u64),
) -> Result<Manifest, Error> {
    let copy = Layout(to.to_owned());
    let (id, at) = cut.named();
    let mut manifest = Manifest::begin(id, at);
    disk::create_private_folder(&to.join("log"))?;
    for shard in 0..about.shards {
        take_log(layout, cut, &copy, shard, &mut manifest, progress)?;
    }
    // As of the cut: what others have done since was for orders that are in no log here.
    let books = cut.books(layout);
    // Behind the logs, so that every key in use is there.
    for from in [layout.keys(), layout.secret(), layout.admin_token()] {
        if from.exists() {
            let name = name_of(&from);
            let sum = fresh::copy(&from, &to.join(&name), progress)?;
            manifest.files.push(Kept::new(name, sum));
        }
    }
    for Book { name, bytes } in books {
        let sum = fresh::copy_lines(&layout.folder().join(&name), bytes, &to.join(&name))?;
        manifest.files.push(Kept::new(name, sum));
    }
    let about = layout.about();
    let sum = fresh::copy(&about, &copy.about(), progress)?;
    manifest.files.push(Kept::new(name_of(&about), sum));
    disk::sync_folder(to)?;
    manifest.write(to)?;
    Ok(manifest)
}

/// What is copied.
#[derive(Clone, Copy, Debug)]
pub enum Source<'c> {
    /// A store in use, up to here.
    Cut(&'c Cut),
    /// A store that nobody writes to.
    Stopped {
        /// Held as long as it is copied.
        still: &'c Still,
        /// What to call the copy.
        id: &'c str,
        /// When it is made.
        at: Time,
    },
}

impl Source<'_> {
    fn named(&self) -> (&str, Time) {
        match self {
            Source::Cut(Cut { id, at, .. }) => (id, *at),
            Source::Stopped { id, at, .. } => (id, *at),
        }
    }

    /// Its checkpoints go on behind the cut.
    fn is_of_a_server(&self) -> bool {
        matches!(self, Source::Cut(_))
    }

    fn books(&self, layout: &Layout) -> Vec<Book> {
        match self {
            // A name of the server's that is none of a store's files is none of ours to open.
            Source::Cut(Cut { books, .. }) => {
                let known = |book: &&Book| Layout::BOOKS.contains(&book.name.as_str());
                books.iter().filter(known).cloned().collect()
            }
            Source::Stopped { .. } => measure_books(layout),
        }
    }
}

fn take_log(
    layout: &Layout,
    cut: Source<'_>,
    copy: &Layout,
    shard: usize,
    manifest: &mut Manifest,
    progress: &dyn Fn(u64),
) -> Result<(), Error> {
    let log = layout.log(shard);
    let end = match cut {
        Source::Cut(Cut { shards, .. }) => shards.get(shard).map(End::tail),
        Source::Stopped { .. } => None,
    };
    let copied = file::copy(&log, end, &copy.log(shard), progress)?;
    if copied.mark == Mark::Unreadable {
        return Err(Error::Unmarked(log.join("mark")));
    }
    let checkpoint = Checkpoint::in_file(&layout.checkpoint())?;
    let point = checkpoint.and_then(|all| all.shards.get(shard).map(|point| point.position));
    let end = copied.tail.next;
    let point = point.filter(|point| *point > end && !cut.is_of_a_server());
    if let Some(checkpoint) = point {
        return Err(Error::RolledBack { log, end, checkpoint });
    }
    manifest.shards.push(End::of(&copied.tail));
    let folder = format!("log/{shard}");
    let kept = copied.files.into_iter();
    manifest.files.extend(kept.map(|(name, sum)| Kept::new(format!("{folder}/{name}"), sum)));
    Ok(disk::sync_name(&copy.log(shard))?)
}

/// The manifest of the backup in `folder`, once every file that it names is there and as long.
///
/// # Errors
/// It is no finished backup, or a damaged one.
pub fn look(folder: &Path) -> Result<Manifest, Error> {
    let manifest = Manifest::read(folder)?;
    for kept in &manifest.files {
        let path = kept.below(folder)?;
        let found = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::Damaged { path, why: "it is missing".to_owned() });
            }
            found => found.naming("measuring", &path)?.len(),
        };
        if found != kept.bytes {
            let why = format!("it has {found} bytes instead of {}", kept.bytes);
            return Err(Error::Damaged { path, why });
        }
    }
    Ok(manifest)
}

/// Copies the backup in `from` into `to`, a new or empty folder, and checks all of it on the way.
/// `progress` hears of bytes just copied.
///
/// # Errors
/// Without its `store.json`, which is copied last, what is in `to` is no store.
pub fn bring_back(
    from: &Path,
    manifest: &Manifest,
    to: &Layout,
    progress: &dyn Fn(u64),
) -> Result<(), Error> {
    claim(to.folder(), None)?;
    copy_back(from, manifest, to, progress).map_err(leaving(to.folder()))
}

fn copy_back(
    from: &Path,
    manifest: &Manifest,
    to: &Layout,
    progress: &dyn Fn(u64),
) -> Result<(), Error> {
    for kept in &manifest.files {
        let (path, target) = (kept.below(from)?, kept.below(to.folder())?);
        if let Some(folder) = target.parent().filter(|folder| !folder.is_dir()) {
            disk::create_private_folder(folder)?;
        }
        let Sum { bytes, hash } = fresh::copy(&path, &target, progress)?;
        if (bytes, hash) != (kept.bytes, kept.hash) {
            // A store.json of other bytes would make a store of all this.
            fs::remove_file(&target).naming("deleting", &target)?;
            let why = "its bytes are not those that were backed up".to_owned();
            return Err(Error::Damaged { path, why });
        }
        disk::sync_name(&target)?;
    }
    Ok(())
}

/// Makes the folder, for its owner only, unless there is something in it.
fn claim(to: &Path, store: Option<&Layout>) -> Result<(), Error> {
    let used = match fs::read_dir(to) {
        Ok(mut items) => items.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(source) => return Err(Failure::new("reading", to, source).into()),
    };
    if used {
        return Err(Error::NotEmpty(to.to_owned()));
    }
    if let Some(store) = store
        && real(to)?.starts_with(real(store.folder())?)
    {
        return Err(Error::Inside(to.to_owned()));
    }
    Ok(disk::create_private_folder(to)?)
}

/// Where a path leads once every link on its way is followed; its end need not be there yet.
fn real(path: &Path) -> Result<PathBuf, Error> {
    let mut missing = vec![];
    let mut known = std::path::absolute(path).naming("finding", path)?;
    loop {
        match fs::canonicalize(&known) {
            Ok(found) => return Ok(missing.iter().rev().fold(found, |at, name| at.join(name))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // What is missing has no links; `..` behind it goes nowhere.
                missing.extend(known.file_name().map(ToOwned::to_owned));
                if !known.pop() {
                    return Err(Failure::new("finding", path, error).into());
                }
            }
            Err(source) => return Err(Failure::new("finding", path, source).into()),
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
