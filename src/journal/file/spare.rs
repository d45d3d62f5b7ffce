//! The next segment, made ahead on a thread of its own, so that rotation is a rename.
//!
//! A segment is written full of zeros and synced before use: its blocks are then allocated and
//! initialised, so the sync of a batch has no metadata to write. Measured on ext4: 9,300
//! appends of 4 KB a second, 6,600 on blocks that were only allocated, and a slowest sync of 2.3
//! instead of 10.5 ms.

use super::super::disk::{self, Failure, Naming as _};
use std::{
    fs::{File, OpenOptions},
    io::ErrorKind,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

const NAME: &str = "spare";
/// Written and synced at once, small enough not to hold up a batch's sync for long.
const STEP_BYTES: usize = 1024 * 1024;
/// What the kernel keeps files in.
pub(super) const PAGE_BYTES: usize = 4096;

/// At most one segment made ahead.
#[derive(Debug)]
pub(super) struct Spare {
    path: PathBuf,
    bytes: u64,
    making: Option<JoinHandle<Result<File, Failure>>>,
}

impl Spare {
    pub(super) fn new(folder: &Path, bytes: u64) -> Spare {
        Spare { path: folder.join(NAME), bytes, making: None }
    }

    /// Begins making it unless that was begun already.
    pub(super) fn prepare(&mut self) {
        if self.making.is_none() {
            let (path, bytes) = (self.path.clone(), self.bytes);
            let thread = thread::Builder::new().name("log-spare".to_owned());
            // Without a thread the segment is made when it is needed.
            self.making = thread.spawn(move || make(&path, bytes)).ok();
        }
    }

    /// The spare segment under its final name, with at least `at_least` bytes.
    pub(super) fn take(&mut self, at_least: usize, name: &Path) -> Result<File, Failure> {
        let made = self.making.take().and_then(|making| making.join().ok()).transpose()?;
        let file = match made {
            Some(file) if at_least as u64 <= self.bytes => file,
            _ => make(&self.path, self.bytes.max(at_least as u64))?,
        };
        std::fs::rename(&self.path, name).naming("naming", name)?;
        disk::sync_name(name)?;
        Ok(file)
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        if let Some(making) = self.making.take() {
            // Nobody may write into the folder once its lock is gone. A file that stays behind
            // only takes room: the next one is made over it.
            let _ = making.join();
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn make(path: &Path, bytes: u64) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true).mode(0o600);
    let file = options.open(path).naming("creating", path)?;
    let flags = rustix::fs::FallocateFlags::empty();
    match rustix::fs::fallocate(&file, flags, 0, bytes.max(1)) {
        // Some file systems have no such call; writing the zeros is enough.
        Err(rustix::io::Errno::OPNOTSUPP) => {}
        result => result.naming("allocating", path)?,
    }
    let whole = bytes.next_multiple_of(PAGE_BYTES as u64) == bytes;
    let direct = if whole { open_direct(path) } else { None };
    match direct.map(|direct| fill(&direct, path, bytes)) {
        Some(Err(failure)) if !refuses(&failure) => return Err(failure),
        Some(Ok(())) => {}
        Some(Err(_)) | None => fill(&file, path, bytes)?,
    }
    file.sync_all().naming("syncing", path)?;
    Ok(file)
}

/// Past the page cache: nobody reads these zeros, so they need not be copied into it.
fn open_direct(path: &Path) -> Option<File> {
    let flags = i32::try_from(rustix::fs::OFlags::DIRECT.bits()).ok()?;
    OpenOptions::new().write(true).custom_flags(flags).open(path).ok()
}

/// Some file systems open a file so and then refuse to write to it. Any other error is one: what
/// could not be written or synced is not tried again.
fn refuses(failure: &Failure) -> bool {
    matches!(failure.source.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported)
}

fn fill(file: &File, path: &Path, bytes: u64) -> Result<(), Failure> {
    // Direct writes have to begin at a whole page of memory.
    let zeros = vec![0; STEP_BYTES + PAGE_BYTES];
    let begin = zeros.as_ptr().align_offset(PAGE_BYTES);
    let zeros = zeros.get(begin..).unwrap_or_default();
    let mut offset = 0;
    while offset < bytes {
        let step = usize::try_from(bytes - offset).unwrap_or(STEP_BYTES).min(STEP_BYTES);
        let step = zeros.get(..step).unwrap_or_default();
        file.write_all_at(step, offset).naming("writing", path)?;
        disk::sync(file, path)?;
        offset += step.len() as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn a_disk_that_fails_is_not_asked_the_other_way() {
        let failure = |errno: Errno| Failure::new("writing", Path::new("spare"), errno.into());
        assert!(refuses(&failure(Errno::INVAL)) && refuses(&failure(Errno::OPNOTSUPP)));
        assert!(!refuses(&failure(Errno::IO)) && !refuses(&failure(Errno::NOSPC)));
    }

    #[test]
    fn a_segment_is_zeros_whether_or_not_it_is_whole_pages() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spare");
        for bytes in [1, PAGE_BYTES as u64, 3 * PAGE_BYTES as u64 + 7, STEP_BYTES as u64 * 2] {
            std::fs::write(&path, b"what an earlier one left").unwrap();
            make(&path, bytes).unwrap();
            let made = std::fs::read(&path).unwrap();
            assert!(made.len() as u64 == bytes && made.iter().all(|byte| *byte == 0));
        }
    }
}
