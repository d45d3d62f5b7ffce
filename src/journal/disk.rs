//! The few file operations that durability rests on, each naming its file when it fails.

use rustix::fs::FlockOperation;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, IoSlice, Write as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

/// An I/O error that says what was being done to which file.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct Failure {
    /// Which operation on which file.
    pub what: String,
    /// What the system said.
    pub source: io::Error,
}

impl Failure {
    pub(super) fn new(verb: &str, path: &Path, source: io::Error) -> Failure {
        Failure { what: format!("{verb} {}", path.display()), source }
    }
}

/// Names the operation and the file.
pub(super) trait Naming<T> {
    fn naming(self, verb: &str, path: &Path) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Naming<T> for Result<T, E> {
    fn naming(self, verb: &str, path: &Path) -> Result<T, Failure> {
        self.map_err(|source| Failure::new(verb, path, source.into()))
    }
}

/// Writes one after the other at `offset`, by one call unless the system takes less at once.
pub(super) fn write_both(
    file: &File,
    path: &Path,
    [first, second]: [&[u8]; 2],
    offset: u64,
) -> Result<(), Failure> {
    let both = [IoSlice::new(first), IoSlice::new(second)];
    let written = match rustix::io::pwritev(file, &both, offset) {
        Err(rustix::io::Errno::INTR) => 0,
        written => written.naming("writing", path)?,
    };
    let mut at = 0;
    for part in [first, second] {
        let rest = part.get(written.saturating_sub(at)..).unwrap_or_default();
        let done = part.len() - rest.len();
        file.write_all_at(rest, offset + (at + done) as u64).naming("writing", path)?;
        at += part.len();
    }
    Ok(())
}

/// Makes the file's content durable.
pub(super) fn sync(file: &File, path: &Path) -> Result<(), Failure> {
    rustix::fs::fdatasync(file).naming("syncing", path)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), Failure> {
    let file = File::open(folder).naming("opening", folder)?;
    file.sync_all().naming("syncing", folder)
}

/// Makes the name of `path` durable.
pub(super) fn sync_name(path: &Path) -> Result<(), Failure> {
    path.parent().filter(|p| !p.as_os_str().is_empty()).map_or(Ok(()), sync_folder)
}

/// Creates `folder` and every missing one above it, durably.
pub(super) fn create_folder(folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|p| !p.as_os_str().is_empty()) {
        create_folder(parent)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        result => result.naming("creating", folder)?,
    }
    sync_name(folder)
}

/// As [`create_folder`], and only its owner may look into it.
pub(super) fn create_private_folder(folder: &Path) -> Result<(), Failure> {
    create_folder(folder)?;
    let owner_only = fs::Permissions::from_mode(0o700);
    fs::set_permissions(folder, owner_only).naming("closing to others", folder)
}

/// Opens for reading and writing, creating it readable by its owner only.
pub(super) fn open_private(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).naming("opening", path)
}

/// Replaces a small file: whoever reads it finds the old content or the new, never a part.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let fresh = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&fresh).naming("creating", &fresh)?;
    file.write_all(content).naming("writing", &fresh)?;
    sync(&file, &fresh)?;
    fs::rename(&fresh, path).naming("replacing", path)?;
    sync_name(path)
}

/// Takes the advisory lock, exclusive for a writer; `false` when somebody else has it.
pub(super) fn lock(file: &File, path: &Path, exclusive: bool) -> Result<bool, Failure> {
    let operation = if exclusive {
        FlockOperation::NonBlockingLockExclusive
    } else {
        FlockOperation::NonBlockingLockShared
    };
    match rustix::fs::flock(file, operation) {
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        result => result.naming("locking", path).map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_parts_stand_one_behind_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let file = open_private(&path).unwrap();
        file.write_all_at(b"........", 0).unwrap();
        write_both(&file, &path, [b"abc", b"de"], 2).unwrap();
        write_both(&file, &path, [b"", b""], 3).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"..abcde.");
    }
}
