//! A log's copy up to a given end, made while its server appends behind that, or has stopped.
//!
//! The scan that every open makes reads the source, so only batches that check, in their chain,
//! get into the copy. Invariant: when this returns the copy is synced and has a mark at its end,
//! so that whatever is missing from it later is refused.

use super::{Error, MARK, MarkFile, open, segments};
use crate::journal::{
    BatchRef, Mark, Position, Tail,
    disk::{self, Failure},
    fresh::{self, Fresh, Sum},
    log::Visit,
};
use std::path::{Path, PathBuf};

/// What was copied.
pub(in crate::journal) struct Copied {
    /// Where the copy ends.
    pub(in crate::journal) tail: Tail,
    /// What the source's mark said; the end that was asked for, if one was.
    pub(in crate::journal) mark: Mark,
    /// Its files by name, in order.
    pub(in crate::journal) files: Vec<(String, Sum)>,
}

/// Copies the log in `from` to `to`, a new folder: up to `end`, which was durable once, or all of
/// a log that nobody writes to. `progress` hears of bytes just copied.
///
/// # Errors
/// The source does not check or never was at `end`, or the copy can't be written.
pub(in crate::journal) fn copy(
    from: &Path,
    end: Option<Tail>,
    to: &Path,
    progress: &dyn Fn(u64),
) -> Result<Copied, Error> {
    disk::create_private_folder(to)?;
    let mut pages = Pages { folder: to, bases: segments::list(from)?, open: None, files: vec![] };
    let mut failed = None;
    let visit: &mut Visit<'_> = &mut |batch| {
        progress(batch.bytes().len() as u64);
        pages.add(batch).map_err(|failure| {
            let why = failure.to_string();
            failed = Some(failure);
            why
        })
    };
    let found = match end {
        Some(end) => open::scan_until(from, end, visit),
        None => open::scan(from, Position(0), visit),
    };
    // Our own error comes back as the log's.
    if let Some(failure) = failed {
        return Err(failure.into());
    }
    let opened = found?.opened;
    let mut files = pages.finish()?;
    let path = to.join(MARK);
    let mut mark = MarkFile::open(path.clone())?;
    mark.write(&opened.tail)?;
    mark.sync()?;
    files.push((MARK.to_owned(), fresh::sum(&path)?));
    disk::sync_folder(to)?;
    Ok(Copied { tail: opened.tail, mark: opened.mark, files })
}

/// The copy's segments: those of the source, without the zeros at their ends.
struct Pages<'p> {
    folder: &'p Path,
    /// Where the source's segments begin, in order.
    bases: Vec<u64>,
    open: Option<(PathBuf, Fresh)>,
    files: Vec<(String, Sum)>,
}

impl Pages<'_> {
    fn add(&mut self, batch: &BatchRef<'_>) -> Result<(), Failure> {
        let base = batch.position.0;
        if self.bases.binary_search(&base).is_ok() {
            self.close()?;
            let path = segments::path(self.folder, base);
            self.open = Some((path.clone(), Fresh::create(&path)?));
        }
        match &mut self.open {
            Some((_, file)) => file.write(batch.bytes()),
            None => unreachable!("the first segment begins with the first batch"),
        }
    }

    fn close(&mut self) -> Result<(), Failure> {
        let Some((path, file)) = self.open.take() else { return Ok(()) };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.files.push((name, file.finish()?));
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<(String, Sum)>, Failure> {
        self.close()?;
        Ok(self.files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{
        FileLog, ShardLog as _,
        conformance::{append, read_all},
        file::inspect,
    };
    use std::fs;

    /// A log of several segments that is written to, and where it ended after each batch.
    fn log(folder: &Path) -> (FileLog, Vec<Tail>) {
        let mut log = FileLog::open(folder, 2048, Position(0), &mut |_| Ok(())).unwrap().0;
        let mut tails = vec![log.tail()];
        for _ in 0..20 {
            append(&mut log, &[&[7; 300]]);
            tails.push(log.tail());
        }
        (log, tails)
    }

    fn reopened(folder: &Path) -> usize {
        let log = FileLog::open(folder, 2048, Position(0), &mut |_| Ok(())).unwrap().0;
        read_all(&log.reader()).len()
    }

    #[test]
    fn a_copy_ends_at_the_cut_however_far_the_log_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("log");
        let (_open, tails) = log(&from);
        for (batches, end) in tails.iter().enumerate() {
            let to = folder.path().join(batches.to_string());
            let copied = copy(&from, Some(*end), &to, &|_| ()).unwrap();
            assert_eq!(copied.tail, *end);
            let opened = inspect(&to, Position(0), &mut |_| Ok(())).unwrap();
            assert_eq!((opened.tail, opened.mark), (*end, Mark::At(end.next)));
            let bytes = |(name, sum): &(String, Sum)| (name != MARK).then_some(sum.bytes);
            assert_eq!(copied.files.iter().filter_map(bytes).sum::<u64>(), end.next.0);
            assert_eq!(reopened(&to), batches);
        }
    }

    #[test]
    fn a_stopped_log_is_copied_without_what_a_crash_has_torn() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["log", "copy"].map(|name| folder.path().join(name));
        let (open, tails) = log(&from);
        let end = *tails.last().unwrap();
        drop(open);
        let last = segments::path(&from, *segments::list(&from).unwrap().last().unwrap());
        let mut bytes = fs::read(&last).unwrap();
        let at = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        bytes.splice(at..at + 9, *b"DRBLOG\0\x01x");
        fs::write(&last, bytes).unwrap();
        assert_eq!(inspect(&from, Position(0), &mut |_| Ok(())).unwrap().torn_bytes, 9);
        assert_eq!(copy(&from, None, &to, &|_| ()).unwrap().tail, end);
        assert_eq!(inspect(&to, Position(0), &mut |_| Ok(())).unwrap().torn_bytes, 0);
        assert_eq!(reopened(&to), 20);
    }

    #[test]
    fn an_end_of_another_history_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("log");
        let (_open, tails) = log(&from);
        let end = tails[9];
        let inside = Position(end.next.0 - 1);
        let beyond = tails[20].next.plus(1);
        for (number, wrong) in [
            Tail { hash: tails[8].hash, ..end },
            Tail { epoch: 2, ..end },
            Tail { next: inside, ..end },
            Tail { next: beyond, ..end },
        ]
        .into_iter()
        .enumerate()
        {
            let to = folder.path().join(number.to_string());
            let refused = copy(&from, Some(wrong), &to, &|_| ());
            assert!(matches!(refused, Err(Error::Corrupt { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn what_does_not_check_is_not_copied() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["log", "copy"].map(|name| folder.path().join(name));
        let (_open, tails) = log(&from);
        let first = segments::path(&from, 0);
        let mut bytes = fs::read(&first).unwrap();
        bytes[200] ^= 1;
        fs::write(&first, bytes).unwrap();
        let refused = copy(&from, tails.last().copied(), &to, &|_| ());
        let named = refused.err().unwrap().to_string();
        assert!(named.starts_with(&format!("{} is corrupt at byte", first.display())), "{named}");
    }
}
