//! The world that outlives a process: disks, time, the provider's books, and what everybody knows.

use super::{
    clock::WorldClock,
    dice::Dice,
    history::History,
    model::{Invariant, Model},
    plan::Plan,
    trace::Trace,
};
use crate::{
    journal::{MemoryStore, memory::Fault, state::MemoryStateStore},
    ports::{entropy::Seeded, payments::Request},
};
use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;

/// What is known of a run so far.
pub(super) struct Record {
    pub(super) model: Model,
    pub(super) history: History,
    pub(super) trace: Trace,
}

/// The world of one run.
pub(super) struct Stage {
    pub(super) seed: u64,
    pub(super) plan: Plan,
    pub(super) disks: Vec<MemoryStore>,
    pub(super) clock: Arc<WorldClock>,
    pub(super) entropy: Arc<Seeded>,
    folder: TempDir,
    record: Mutex<Record>,
    state: Mutex<Arc<MemoryStateStore>>,
    /// Calls that reach the provider after their callers have given up.
    late: Mutex<Vec<(u64, Request)>>,
    /// The dice of the log's and the provider's faults.
    weather: Mutex<Dice>,
    /// No more faults.
    calm: AtomicBool,
    /// The process is dying: what it still does leads nowhere.
    dead: AtomicBool,
}

impl Stage {
    pub(super) fn new(seed: u64, keep_lines: bool) -> std::io::Result<Arc<Stage>> {
        let plan = Plan::of(seed);
        let model = Model::new(plan.terms());
        let record = Record { model, history: History::default(), trace: Trace::new(keep_lines) };
        Ok(Arc::new(Stage {
            seed,
            disks: (0..plan.shards).map(|_| MemoryStore::default()).collect(),
            clock: Arc::default(),
            entropy: Arc::new(Seeded::new(seed)),
            folder: tempfile::tempdir()?,
            record: Mutex::new(record),
            state: Mutex::default(),
            late: Mutex::default(),
            weather: Mutex::new(Dice::new(seed, u64::MAX - 1)),
            calm: AtomicBool::new(true),
            dead: AtomicBool::new(false),
            plan,
        }))
    }

    pub(super) fn record(&self) -> MutexGuard<'_, Record> {
        lock(&self.record)
    }

    /// Notes something for people and for the hash.
    pub(super) fn note(&self, what: fmt::Arguments<'_>) {
        let ms = self.clock.ms();
        self.record().trace.note(ms, what);
    }

    pub(super) fn complain(&self, invariant: Invariant, what: impl Into<String>) {
        self.record().model.complain(invariant, what);
    }

    /// Reads what has become durable, and looks whether clients find all that they were told.
    pub(super) fn catch_up(&self) {
        let mut record = self.record();
        let Record { model, history, trace } = &mut *record;
        model.catch_up(trace);
        history.check(model);
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The derived state that the next process finds.
    pub(super) fn state(&self) -> Arc<MemoryStateStore> {
        lock(&self.state).clone()
    }

    /// The derived state is lost; what it was made of is not.
    pub(super) fn lose_state(&self) {
        *lock(&self.state) = Arc::default();
    }

    pub(super) fn set_calm(&self, calm: bool) {
        self.calm.store(calm, Ordering::Relaxed);
    }

    pub(super) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    pub(super) fn set_dead(&self, dead: bool) {
        self.dead.store(dead, Ordering::Relaxed);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    pub(super) fn weather(&self) -> MutexGuard<'_, Dice> {
        lock(&self.weather)
    }

    /// How long the next sync takes, and what goes wrong with it.
    pub(super) fn sync(&self) -> (Duration, Option<Fault>) {
        let mut dice = self.weather();
        let took = Duration::from_millis(dice.below(self.plan.sync_ms));
        if self.is_calm() {
            return (took, None);
        }
        let fault = if dice.chance(self.plan.log_failures) {
            Some(Fault::Failed)
        } else if dice.chance(self.plan.log_faults) {
            Some(if dice.chance(500) { Fault::UnavailableBefore } else { Fault::UnavailableAfter })
        } else {
            None
        };
        (took, fault)
    }

    /// A call will reach the provider later.
    pub(super) fn put_off(&self, request: Request, ms: u64) {
        lock(&self.late).push((self.clock.ms() + ms, request));
    }

    /// Calls that reach the provider by now.
    pub(super) fn arrived(&self) -> Vec<Request> {
        let now_ms = self.clock.ms();
        let mut late = lock(&self.late);
        let (due, rest) = late.drain(..).partition(|(at, _)| *at <= now_ms);
        *late = rest;
        let due: Vec<(u64, Request)> = due;
        due.into_iter().map(|(_, request)| request).collect()
    }

    /// Whether calls are still on their way.
    pub(super) fn awaits_calls(&self) -> bool {
        !lock(&self.late).is_empty()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
