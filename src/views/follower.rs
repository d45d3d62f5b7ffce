//! Pulls committed batches from every shard and feeds them to the views.
//!
//! One thread of low priority: under load it lags, afterwards it catches up, and nobody who sells
//! ever waits for it. What it folded is written every second. Invariant: a view's position is written
//! after the data it stands for, so what a crash leaves is folded again at worst, never left out.

mod positions;

pub use positions::{clear, positions};

use super::{Error, View};
use crate::journal::{Batch, BatchRef, Position, StateStore, Tree, replay::SharedLog};
use positions::position_key;
use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// The most that one pass takes from a shard.
const PASS_BATCHES: usize = 1_024;
const PASS_ENTRIES: u32 = 20_000;
/// With more than this to do there is no pause between passes.
const FAR_BEHIND_BYTES: u64 = 8 << 20;
/// How often a follower looks that is not far behind.
const POLL: Duration = Duration::from_millis(25);
/// How often views are written, and how much they may hold until then.
const WRITE_EVERY: Duration = Duration::from_secs(1);
const WRITE_BYTES: u64 = 64 << 20;
/// How long it waits after an error.
const PAUSE: Duration = Duration::from_secs(1);
/// Added to the thread's niceness.
const NICENESS: i32 = 10;

/// How far one view has come in one shard.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Everything before it is folded; the end of a batch.
    position: Position,
    /// Everything before it is written.
    written: Position,
    /// When it was last known to be at the end.
    current: Instant,
}

/// How far one view is behind one shard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lag {
    /// Which view.
    pub view: &'static str,
    /// Which shard.
    pub shard: usize,
    /// Everything before it is in the view.
    pub position: Position,
    /// Bytes of the log that are not.
    pub bytes: u64,
    /// Since when, at most.
    pub seconds: f64,
}

struct State {
    /// By view, then by shard.
    places: Vec<Vec<Place>>,
    /// Views to be made again.
    rebuild: Vec<usize>,
    stopping: bool,
}

/// The views of one store and how far they have come.
pub struct Follower {
    store: Arc<dyn StateStore>,
    logs: Vec<SharedLog>,
    views: Vec<Box<dyn View>>,
    state: Mutex<State>,
    /// A view moved.
    moved: Condvar,
    /// The thread has something to do.
    wake: Condvar,
    /// Held for a pass, so that no two overlap.
    passing: Mutex<()>,
}

impl Follower {
    /// A follower that goes on where the views stand; one that claims to be beyond its log is
    /// made again.
    ///
    /// # Errors
    /// The store failed.
    pub fn open(
        store: Arc<dyn StateStore>,
        logs: Vec<SharedLog>,
        views: Vec<Box<dyn View>>,
    ) -> Result<Arc<Follower>, Error> {
        let mut places = vec![];
        for view in &views {
            let mut positions = positions(&*store, &**view, logs.len())?;
            if positions.iter().zip(&logs).any(|(position, log)| *position > log.end()) {
                tracing::warn!(view = view.name(), "the view is ahead of its log; it is rebuilt");
                clear(&*store, &**view, logs.len())?;
                positions.fill(Position(0));
            }
            let current = Instant::now();
            let place = |&position| Place { position, written: position, current };
            places.push(positions.iter().map(place).collect());
        }
        Ok(Arc::new(Follower {
            store,
            logs,
            views,
            state: Mutex::new(State { places, rebuild: vec![], stopping: false }),
            moved: Condvar::new(),
            wake: Condvar::new(),
            passing: Mutex::new(()),
        }))
    }

    /// Follows in a thread of its own until [`Follower::stop`].
    ///
    /// # Errors
    /// The thread could not be started.
    pub fn spawn(self: &Arc<Self>) -> std::io::Result<JoinHandle<()>> {
        let follower = self.clone();
        thread::Builder::new().name("views".to_owned()).spawn(move || follower.run())
    }

    fn run(&self) {
        // On Linux this is the thread's own; where it is not allowed nothing is lost.
        let _ = rustix::process::nice(NICENESS);
        let mut written = Instant::now();
        loop {
            let passed = self.fold().and_then(|more| {
                if written.elapsed() >= WRITE_EVERY || self.unwritten() >= WRITE_BYTES {
                    self.write()?;
                    written = Instant::now();
                }
                Ok(more)
            });
            let pause = match passed {
                Ok(true) if self.is_far_behind() => Duration::ZERO,
                // A few batches are not worth a pass: its puts cost the same as for many.
                Ok(_) => POLL,
                Err(error) => {
                    tracing::error!(%error, "a view can't go on; it tries again");
                    PAUSE
                }
            };
            self.report();
            let state = self.lock();
            if state.stopping {
                drop(state);
                if let Err(error) = self.write() {
                    tracing::error!(%error, "the last second of the views is folded again at the next start");
                }
                return;
            }
            if pause > Duration::ZERO {
                drop(self.wake.wait_timeout(state, pause));
            }
        }
    }

    /// Ends the thread after its pass.
    pub fn stop(&self) {
        self.lock().stopping = true;
        self.wake.notify_all();
        self.moved.notify_all();
    }

    /// Looks for new batches now instead of at the next poll.
    pub fn notify(&self) {
        self.wake.notify_all();
    }

    /// Folds the next stretch of every shard and writes it; `true` when more is there. For a test or
    /// a simulation, which drive it themselves.
    ///
    /// # Errors
    /// Store or log failed; the views stand where they stood.
    pub fn pass(&self) -> Result<bool, Error> {
        let more = self.fold()?;
        self.write()?;
        Ok(more)
    }

    fn fold(&self) -> Result<bool, Error> {
        let _one = self.passing.lock().unwrap_or_else(PoisonError::into_inner);
        self.rebuild_wanted()?;
        let mut more = false;
        for (shard, log) in self.logs.iter().enumerate() {
            more |= self.fold_shard(shard, log)?;
        }
        Ok(more)
    }

    /// Writes what the views hold, then how far they are.
    fn write(&self) -> Result<(), Error> {
        let _one = self.passing.lock().unwrap_or_else(PoisonError::into_inner);
        for (number, view) in self.views.iter().enumerate() {
            view.write(&*self.store)?;
            for shard in 0..self.logs.len() {
                let Some(place) = self.places(shard).get(number).copied() else { continue };
                if place.position > place.written {
                    let key = position_key(view.name(), shard);
                    self.store.put(Tree::Positions, &key, &place.position.0.to_be_bytes())?;
                    self.set_place(number, shard, Place { written: place.position, ..place });
                }
            }
        }
        Ok(())
    }

    /// Bytes of the log that are folded and not written.
    fn unwritten(&self) -> u64 {
        let state = self.lock();
        let places = state.places.iter().flatten();
        places.map(|place| place.position.bytes_since(place.written)).max().unwrap_or(0)
    }

    fn fold_shard(&self, shard: usize, log: &SharedLog) -> Result<bool, Error> {
        let (started, end) = (Instant::now(), log.end());
        let places = self.places(shard);
        let Some(from) = places.iter().map(|place| place.position).min() else {
            return Ok(false);
        };
        let batches = read(log, from)?;
        let batches: Vec<BatchRef<'_>> = batches.iter().map(Batch::view).collect();
        let stop = batches.last().map_or(from, BatchRef::end);
        for (number, (view, place)) in self.views.iter().zip(places).enumerate() {
            let known = batches.partition_point(|batch| batch.position < place.position);
            let fresh = batches.get(known..).unwrap_or_default();
            if !fresh.is_empty() {
                view.fold(&*self.store, fresh)?;
            }
            let position = stop.max(place.position);
            let current = if position >= end { started } else { place.current };
            self.set_place(number, shard, Place { position, current, ..place });
        }
        self.moved.notify_all();
        Ok(stop < log.end())
    }

    fn places(&self, shard: usize) -> Vec<Place> {
        let state = self.lock();
        state.places.iter().filter_map(|shards| shards.get(shard).copied()).collect()
    }

    fn set_place(&self, view: usize, shard: usize, place: Place) {
        let mut state = self.lock();
        if let Some(known) = state.places.get_mut(view).and_then(|shards| shards.get_mut(shard)) {
            *known = place;
        }
    }

    /// Deletes a view, to be folded again from the first event; `false` when there is none of
    /// this name. Until it has caught up it is incomplete.
    pub fn rebuild(&self, view: &str) -> bool {
        let Some(number) = self.number(view) else { return false };
        self.lock().rebuild.push(number);
        self.notify();
        true
    }

    fn rebuild_wanted(&self) -> Result<(), Error> {
        loop {
            let Some(number) = self.lock().rebuild.first().copied() else { return Ok(()) };
            if let Some(view) = self.views.get(number) {
                clear(&*self.store, &**view, self.logs.len())?;
            }
            let (position, written, current) = (Position(0), Position(0), Instant::now());
            for shard in 0..self.logs.len() {
                self.set_place(number, shard, Place { position, written, current });
            }
            // Only now: one that failed on the way is wanted still.
            self.lock().rebuild.retain(|wanted| *wanted != number);
        }
    }

    /// How far every view is behind.
    pub fn lag(&self) -> Vec<Lag> {
        let state = self.lock();
        let mut lags = vec![];
        for (view, places) in self.views.iter().zip(&state.places) {
            for (shard, (place, log)) in places.iter().zip(&self.logs).enumerate() {
                let bytes = log.end().bytes_since(place.position);
                let behind = if bytes == 0 { Duration::ZERO } else { place.current.elapsed() };
                let (view, position, seconds) = (view.name(), place.position, behind.as_secs_f64());
                lags.push(Lag { view, shard, position, bytes, seconds });
            }
        }
        lags
    }

    fn is_far_behind(&self) -> bool {
        self.lag().iter().any(|lag| lag.bytes > FAR_BEHIND_BYTES)
    }

    fn report(&self) {
        for Lag { view, shard, bytes, seconds, .. } in self.lag() {
            let labels = [("view", view.to_owned()), ("shard", shard.to_string())];
            #[expect(clippy::cast_precision_loss, reason = "a gauge to look at")]
            metrics::gauge!("doorbuster_view_lag_bytes", &labels).set(bytes as f64);
            metrics::gauge!("doorbuster_view_lag_seconds", &labels).set(seconds);
        }
    }

    /// Waits until `view` contains the entry at `position` of `shard`, at most so long; whether
    /// it does.
    pub fn wait_for(
        &self,
        view: &str,
        shard: usize,
        position: Position,
        at_most: Duration,
    ) -> bool {
        let reached = |state: &State, number: usize| {
            let place = state.places.get(number).and_then(|shards| shards.get(shard));
            place.is_some_and(|place| place.position > position)
        };
        self.wait(view, at_most, reached)
    }

    /// Waits until `view` contains all that is durable now, at most so long; whether it does.
    pub fn catch_up(&self, view: &str, at_most: Duration) -> bool {
        let ends: Vec<Position> = self.logs.iter().map(|log| log.end()).collect();
        self.reach(view, &ends, at_most)
    }

    /// Waits until `view` contains all that stands before `ends` in the shards, at most so long;
    /// whether it does.
    pub fn reach(&self, view: &str, ends: &[Position], at_most: Duration) -> bool {
        self.wait(view, at_most, |state, number| {
            let places = state.places.get(number);
            places.is_some_and(|places| places.iter().zip(ends).all(|(p, end)| p.position >= *end))
        })
    }

    fn wait(&self, view: &str, at_most: Duration, reached: impl Fn(&State, usize) -> bool) -> bool {
        let Some(number) = self.number(view) else { return false };
        if reached(&self.lock(), number) {
            return true;
        }
        self.notify();
        let waits = |state: &mut State| !state.stopping && !reached(state, number);
        let waited = self.moved.wait_timeout_while(self.lock(), at_most, waits);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        reached(&state, number)
    }

    fn number(&self, view: &str) -> Option<usize> {
        self.views.iter().position(|known| known.name() == view)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next batches from `from` on.
fn read(log: &SharedLog, from: Position) -> Result<Vec<Batch>, Error> {
    let (mut batches, mut entries, mut at) = (vec![], 0, from);
    while batches.len() < PASS_BATCHES && entries < PASS_ENTRIES {
        let Some(batch) = log.batch(at)? else { break };
        at = batch.view().end();
        entries += batch.view().entries;
        batches.push(batch);
    }
    Ok(batches)
}

#[cfg(test)]
mod tests;
