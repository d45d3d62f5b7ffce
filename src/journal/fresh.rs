//! A file that is made for a copy: hashed while it is written, synced before it counts.
//!
//! Invariants: only its owner reads it, nothing is ever written over, and what
//! [`Fresh::finish`] returns is true of what the device has.

use super::{
    Hash,
    disk::{self, Failure, Naming as _},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Written and synced at once: the disk has others to serve meanwhile.
const STEP_BYTES: usize = 1024 * 1024;

/// Bytes and what they hash to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) bytes: u64,
    pub(super) hash: Hash,
}

/// A new file.
pub(super) struct Fresh {
    path: PathBuf,
    file: File,
    /// Not written yet.
    buffer: Vec<u8>,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Fresh {
    /// Makes the file; refuses one that is there.
    pub(super) fn create(path: &Path) -> Result<Fresh, Failure> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        Ok(Fresh {
            path: path.to_owned(),
            file: file.naming("creating", path)?,
            buffer: Vec::with_capacity(STEP_BYTES),
            hasher: blake3::Hasher::new(),
            bytes: 0,
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() < STEP_BYTES { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.file.write_all(&self.buffer).naming("writing", &self.path)?;
        self.buffer.clear();
        disk::sync(&self.file, &self.path)
    }

    /// Everything written is durable once the folder is synced.
    pub(super) fn finish(mut self) -> Result<Sum, Failure> {
        self.flush()?;
        let hash = Hash(*self.hasher.finalize().as_bytes());
        Ok(Sum { bytes: self.bytes, hash })
    }
}

/// Copies a file whole; `progress` hears of bytes just written.
pub(super) fn copy(from: &Path, to: &Path, progress: &dyn Fn(u64)) -> Result<Sum, Failure> {
    let mut source = File::open(from).naming("opening", from)?;
    let mut fresh = Fresh::create(to)?;
    let mut buffer = vec![0; STEP_BYTES];
    loop {
        let read = match io::Read::read(&mut source, &mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.naming("reading", from)?,
        };
        if read == 0 {
            return fresh.finish();
        }
        fresh.write(buffer.get(..read).unwrap_or_default())?;
        progress(read as u64);
    }
}

/// Copies the whole lines of a file's first bytes.
pub(super) fn copy_lines(from: &Path, most_bytes: u64, to: &Path) -> Result<Sum, Failure> {
    let source = File::open(from).naming("opening", from)?;
    let mut source = io::BufReader::with_capacity(STEP_BYTES, io::Read::take(source, most_bytes));
    let (mut fresh, mut line) = (Fresh::create(to)?, vec![]);
    loop {
        line.clear();
        io::BufRead::read_until(&mut source, b'\n', &mut line).naming("reading", from)?;
        if !line.ends_with(b"\n") {
            return fresh.finish();
        }
        fresh.write(&line)?;
    }
}

/// What a file that is there sums up to.
pub(super) fn sum(path: &Path) -> Result<Sum, Failure> {
    let bytes = fs::read(path).naming("reading", path)?;
    Ok(Sum { bytes: bytes.len() as u64, hash: Hash::of(&bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_copy_is_its_source_and_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
        for length in [0, 1, STEP_BYTES, STEP_BYTES * 2 + 7] {
            let bytes: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect();
            fs::write(&from, &bytes).unwrap();
            let made = copy(&from, &to, &|_| ()).unwrap();
            assert_eq!(made, Sum { bytes: length as u64, hash: Hash::of(&bytes) });
            assert_eq!(sum(&to).unwrap(), made);
            assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
            let why = copy(&from, &to, &|_| ()).unwrap_err().to_string();
            assert!(why.starts_with("creating ") && why.contains("exists"), "{why}");
            fs::remove_file(&to).unwrap();
        }
    }

    #[test]
    fn lines_are_cut_where_one_ends() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        fs::write(&from, "one\ntwo\nthr").unwrap();
        for (most, kept) in [(0, ""), (3, ""), (4, "one\n"), (7, "one\n"), (8, "one\ntwo\n")] {
            let to = folder.path().join(most.to_string());
            copy_lines(&from, most, &to).unwrap();
            assert_eq!(fs::read_to_string(to).unwrap(), kept, "{most}");
        }
        let to = folder.path().join("all");
        assert_eq!(copy_lines(&from, 1_000, &to).unwrap().bytes, 8);
    }
}
