//! The log in memory: the file log's twin for tests and the simulator.
//!
//! It keeps the same bytes and judges them with the same scan, and it can be told to fail: an
//! append that fails, is fenced off, or gets no answer before or after it took effect; a crash
//! that loses what was not synced or tears it. Invariant: a [`MemoryStore`] outlives its logs, as
//! a disk does, and opening it fences the log that was open before.

use super::{
    Batch, BatchRef, EntryRef, Error, Flaw, LogReader, Opened, Position, ShardLog, Tail, Visit,
    batch, entry, log,
    scan::{MarkRead, Scan},
};
use crate::domain::broken::Rule;
use std::{
    collections::VecDeque,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// What the next append does instead of working.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It works, but only after this long.
    Delay(Duration),
    /// The write or its sync fails; a crash decides what is left of the batch.
    Failed,
    /// Another writer took over.
    Fenced,
    /// No answer, and the batch did not get there.
    UnavailableBefore,
    /// No answer, but the batch is durable.
    UnavailableAfter,
    /// The log has a bug.
    Panic,
}

/// The "disk" of one shard.
#[derive(Clone, Debug)]
pub struct MemoryStore(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    durable: Vec<u8>,
    /// Written but never synced.
    unsynced: Vec<u8>,
    mark: MarkRead,
    /// A crash leaves at least so much; all that is durable, unless a test has broken that.
    safe_bytes: usize,
    /// Counts openings and crashes: a log of an older one is fenced.
    incarnation: u64,
    faults: VecDeque<Fault>,
    appends: u64,
    #[cfg(test)]
    watch: Watch,
}

/// Whoever hears how long the log is, right after each durable append.
#[cfg(test)]
#[derive(Clone, Default)]
pub(crate) struct Watch(pub(crate) Option<Arc<dyn Fn(u64) + Send + Sync>>);

#[cfg(test)]
impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        MemoryStore(Arc::new(Mutex::new(State {
            durable: Vec::new(),
            unsynced: Vec::new(),
            mark: MarkRead::Missing,
            safe_bytes: 0,
            incarnation: 0,
            faults: VecDeque::new(),
            appends: 0,
            #[cfg(test)]
            watch: Watch::default(),
        })))
    }
}

#[cfg(test)]
impl MemoryStore {
    /// Names who hears of appends.
    pub(crate) fn watch(&self, watch: Watch) {
        self.state().watch = watch;
    }

    /// How much is durable.
    pub(crate) fn durable_bytes(&self) -> u64 {
        self.state().durable.len() as u64
    }

    /// A disk as this one was when it held so many bytes, all of them synced.
    pub(crate) fn as_of(&self, bytes: u64) -> MemoryStore {
        let (then, bytes) = (MemoryStore::default(), usize::try_from(bytes).unwrap());
        then.state().durable = self.state().durable.get(..bytes).unwrap().to_vec();
        then
    }
}

impl MemoryStore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the log as [`FileLog::open`](super::FileLog::open) does.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn open(
        &self,
        from: Position,
        visit: &mut Visit<'_>,
    ) -> Result<(MemoryLog, Opened), Error> {
        let mut state = self.state();
        let unsynced = std::mem::take(&mut state.unsynced);
        state.durable.extend_from_slice(&unsynced);
        let opened = inspect(&state, from, visit)?;
        let (epoch, tail) = batch::epoch(&opened.tail);
        let end = usize::try_from(opened.tail.next.0).unwrap_or(usize::MAX);
        state.durable.truncate(end);
        state.durable.extend_from_slice(&epoch);
        state.safe_bytes = state.durable.len();
        state.mark = MarkRead::At(tail);
        state.incarnation += 1;
        let log = MemoryLog { store: self.clone(), tail, incarnation: state.incarnation };
        Ok((log, opened))
    }

    /// The coming appends meet these, one each, in turn.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.extend(faults);
    }

    /// The machine dies: of what was not synced the first `kept_bytes` survive. Logs that are
    /// open are fenced; open again to go on.
    pub fn crash(&self, kept_bytes: usize) {
        let mut state = self.state();
        state.unsynced.truncate(kept_bytes);
        if Rule::OneBatchInFlight.is_broken() {
            let safe_bytes = state.safe_bytes;
            state.durable.truncate(safe_bytes);
            state.mark = MarkRead::Unreadable;
        }
        state.incarnation += 1;
        state.faults.clear();
    }

    /// Flips the lowest bit of one durable byte; `false` when there is no such byte.
    pub fn rot(&self, at: Position) -> bool {
        let mut state = self.state();
        let byte = usize::try_from(at.0).ok().and_then(|at| state.durable.get_mut(at));
        byte.map(|byte| *byte ^= 1).is_some()
    }

    /// Makes the mark unreadable.
    pub fn lose_mark(&self) {
        self.state().mark = MarkRead::Unreadable;
    }

    /// How many appends have been asked for.
    pub fn appends(&self) -> u64 {
        self.state().appends
    }
}

fn inspect(state: &State, from: Position, visit: &mut Visit<'_>) -> Result<Opened, Error> {
    let mut scan = Scan::new(state.mark, from, visit);
    let (good, stop) = scan.walk(&state.durable);
    let rest = state.durable.get(good..).unwrap_or_default();
    let flaw = stop.open_flaw(&memory(), good as u64)?;
    let opened = scan.finish(rest, flaw, false);
    opened.map_err(|why| Error::Corrupt { segment: memory(), offset: good as u64, why })
}

/// Named where a file log names a segment.
fn memory() -> PathBuf {
    PathBuf::from("memory")
}

/// The log, open for writing.
#[derive(Debug)]
pub struct MemoryLog {
    store: MemoryStore,
    tail: Tail,
    incarnation: u64,
}

impl ShardLog for MemoryLog {
    type Reader = MemoryReader;

    fn append(&mut self, framed: &[u8], next: Tail) -> Result<(), Error> {
        let fault = {
            let mut state = self.store.state();
            state.appends += 1;
            state.faults.pop_front()
        };
        if let Some(Fault::Delay(time)) = fault {
            thread::sleep(time);
        }
        assert!(fault != Some(Fault::Panic), "broken by a test");
        let mut state = self.store.state();
        if state.incarnation != self.incarnation || fault == Some(Fault::Fenced) {
            self.incarnation = 0;
            return Err(Error::Fenced);
        }
        if !state.unsynced.is_empty() {
            return Err(failed("an earlier write failed, so this log is closed"));
        }
        if next == self.tail {
            return Ok(());
        }
        log::check_place(framed, &self.tail, &next)?;
        match fault {
            Some(Fault::Failed) => {
                state.unsynced.extend_from_slice(framed);
                return Err(failed("as a test asked"));
            }
            Some(Fault::UnavailableBefore) => {
                return Err(Error::Unavailable("the request was lost".to_owned()));
            }
            None
            | Some(Fault::Delay(_) | Fault::Fenced | Fault::UnavailableAfter | Fault::Panic) => {}
        }
        state.safe_bytes = state.durable.len();
        state.durable.extend_from_slice(framed);
        state.mark = MarkRead::At(next);
        self.tail = next;
        #[cfg(test)]
        if let Watch(Some(watch)) = &state.watch {
            watch(state.durable.len() as u64);
        }
        match fault {
            Some(Fault::UnavailableAfter) => {
                Err(Error::Unavailable("the answer was lost".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn tail(&self) -> Tail {
        self.tail
    }

    fn reader(&self) -> MemoryReader {
        MemoryReader(self.store.clone())
    }
}

fn failed(why: &str) -> Error {
    Error::Failed { what: "appending".to_owned(), source: io::Error::other(why) }
}

/// Reads the log beside its writer.
#[derive(Clone, Debug)]
pub struct MemoryReader(MemoryStore);

impl MemoryReader {
    fn copy<T>(&self, at: Position, copy: impl FnOnce(&[u8]) -> T) -> Result<T, Error> {
        let state = self.0.state();
        let bytes = usize::try_from(at.0).ok().and_then(|at| state.durable.get(at..));
        let bytes = bytes.filter(|bytes| !bytes.is_empty());
        let tail = Position(state.durable.len() as u64);
        bytes.map(copy).ok_or(Error::Misplaced { found: at, tail })
    }
}

impl LogReader for MemoryReader {
    fn end(&self) -> Position {
        Position(self.0.state().durable.len() as u64)
    }

    fn batch(&self, at: Position) -> Result<Option<Batch>, Error> {
        if at == self.end() {
            return Ok(None);
        }
        let batch = self.copy(at, |bytes| {
            let claimed = BatchRef::claimed_bytes(bytes).min(bytes.len());
            Batch::verify(bytes.get(..claimed).unwrap_or_default().to_vec(), at)
        })?;
        batch.map(Some).map_err(|flaw: Flaw| flaw.at(memory(), at.0))
    }

    fn entry<'b>(&self, at: Position, buffer: &'b mut Vec<u8>) -> Result<EntryRef<'b>, Error> {
        buffer.clear();
        self.copy(at, |bytes| {
            let claimed = entry::frame_bytes(bytes).unwrap_or(0).min(bytes.len());
            buffer.extend_from_slice(bytes.get(..claimed).unwrap_or_default());
        })?;
        let entry = EntryRef::parse(buffer, at).map(|(entry, _)| entry);
        entry.map_err(|why| Flaw::Entry(why).at(memory(), at.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::conformance::{self, Bench, fill, read_all};

    /// Memory as a bench for the conformance suite.
    #[derive(Default)]
    struct Memory(MemoryStore);

    impl Bench for Memory {
        type Log = MemoryLog;

        fn open_from(
            &mut self,
            from: Position,
            visit: &mut Visit<'_>,
        ) -> Result<(MemoryLog, Opened), Error> {
            self.0.open(from, visit)
        }

        fn leave(&mut self, at: Position, bytes: &[u8]) {
            let mut state = self.0.state();
            state.durable.truncate(usize::try_from(at.0).unwrap());
            state.unsynced = bytes.to_vec();
        }

        fn rot(&mut self, at: Position) {
            assert!(self.0.rot(at));
        }

        fn lose_mark(&mut self) {
            self.0.lose_mark();
        }
    }

    conformance::suite!(Memory::default());

    fn open(store: &MemoryStore) -> MemoryLog {
        store.open(Position(0), &mut |_| Ok(())).unwrap().0
    }

    #[test]
    fn a_batch_without_an_answer_can_be_sent_again_whether_or_not_it_got_there() {
        for fault in [Fault::UnavailableBefore, Fault::UnavailableAfter] {
            let store = MemoryStore::default();
            let mut log = open(&store);
            store.fail_next([fault]);
            let (bytes, next) = fill(&log.tail(), &[b"once"]);
            assert!(matches!(log.append(&bytes, next), Err(Error::Unavailable(_))));
            log.append(&bytes, next).unwrap();
            assert_eq!(log.tail(), next);
            assert_eq!(read_all(&log.reader()), [b"once"]);
        }
    }

    #[test]
    fn a_failed_append_is_lost_torn_or_kept_by_the_crash_but_never_acknowledged() {
        let (whole, _) = fill(&Tail::default(), &[b"in doubt"]);
        for kept_bytes in [0, 1, 70, whole.len()] {
            let store = MemoryStore::default();
            let mut log = open(&store);
            store.fail_next([Fault::Failed]);
            let (bytes, next) = fill(&log.tail(), &[b"in doubt"]);
            assert!(matches!(log.append(&bytes, next), Err(Error::Failed { .. })));
            assert!(matches!(log.append(&bytes, next), Err(Error::Failed { .. })));
            store.crash(kept_bytes);
            let kept = read_all(&open(&store).reader());
            assert_eq!(kept.len(), usize::from(kept_bytes == whole.len()), "{kept_bytes} kept");
        }
    }

    #[test]
    fn whoever_opens_later_fences_the_log_that_was_open() {
        let store = MemoryStore::default();
        let mut old = open(&store);
        let mut new = open(&store);
        let (bytes, next) = fill(&old.tail(), &[b"stale"]);
        assert!(matches!(old.append(&bytes, next), Err(Error::Fenced)));
        let (bytes, next) = fill(&new.tail(), &[b"fresh"]);
        new.append(&bytes, next).unwrap();
        assert_eq!(read_all(&new.reader()), [b"fresh"]);
    }
}
