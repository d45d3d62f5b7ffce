//! One shard's letters under way: what has been read from its log, what is not finished yet, and
//! where the cursor can stand.
//!
//! No I/O but reading the log, and nobody is waited for, so the order of things can be tested.
//! Invariant: the cursor stands before every event that is neither finished nor kept by the post.

use super::{
    Settings,
    followed::{Followed, Found, Meaning},
};
use crate::{
    domain::{
        EntityId, Kind, OrderId, PostId, Time,
        post::{self, Letter, Subject, Trouble},
    },
    journal::{self, EntryRef, Position, codec, replay::SharedLog},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

/// Batches that one pass reads.
const PASS_BATCHES: usize = 64;

/// A cursor that is so far behind what was read is worth an entry though no letter was sent.
const WORTH_AN_ENTRY_BYTES: u64 = 4 << 20;

/// What is under way: an event whose letters are not finished, or a letter that waits beside the
/// cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Event(u64),
    Letter(Letter),
}

impl Key {
    /// Where the event stands.
    pub(super) fn position(self) -> Position {
        match self {
            Key::Event(position) => Position(position),
            Key::Letter(letter) => Position(letter.position),
        }
    }
}

/// Letters that one event asks for and that are not finished.
#[derive(Clone, Debug)]
pub(super) struct Errand {
    /// Where its batch begins.
    batch: Position,
    pub(super) order: OrderId,
    /// When it happened, or since when it waits.
    pub(super) at: Time,
    pub(super) subjects: Vec<Subject>,
    /// The order, if the log has told all of it.
    known: Option<Arc<Found>>,
    /// In a row, without success: how long the next pause is.
    tries: u32,
    /// Those that count towards giving up.
    attempts: u32,
    /// Letters that had been sent in all when this one last failed.
    sent_by_then: u64,
    why: String,
    due: Instant,
    under_way: bool,
}

/// What is to be carried out now.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) key: Key,
    pub(super) order: OrderId,
    pub(super) subjects: Vec<Subject>,
    pub(super) known: Option<Arc<Found>>,
}

/// The letters of one shard.
pub(super) struct Desk {
    pub(super) post: PostId,
    pub(super) log: SharedLog,
    /// Where a post begins that has not yet.
    pub(super) begin_at: Position,
    /// The post's state is known.
    pub(super) ready: bool,
    /// The next batch to read.
    read: Position,
    followed: Followed,
    /// The cursor as the post knows it.
    recorded: u64,
    recorded_at: Instant,
    open: BTreeMap<u64, Errand>,
    /// Finished, and not before the cursor.
    done: BTreeSet<u64>,
    unrecorded: Vec<u64>,
    waiting: BTreeMap<Letter, Errand>,
    /// Waiting or dead: not to be begun again when their events are read again.
    kept: BTreeSet<Letter>,
    delivered: Vec<Letter>,
}

impl Desk {
    pub(super) fn new(post: PostId, log: SharedLog) -> Desk {
        let begin_at = log.end();
        Desk {
            post,
            log,
            begin_at,
            ready: false,
            read: begin_at,
            followed: Followed::default(),
            recorded: 0,
            recorded_at: Instant::now(),
            open: BTreeMap::new(),
            done: BTreeSet::new(),
            unrecorded: vec![],
            waiting: BTreeMap::new(),
            kept: BTreeSet::new(),
            delivered: vec![],
        }
    }

    /// Begins where the post stands.
    pub(super) fn begin(&mut self, state: &post::State) {
        let Some(cursor) = state.cursor() else { return };
        (self.read, self.followed) = (Position(cursor), Followed::default());
        self.recorded = cursor;
        self.done.clone_from(state.finished());
        self.ready = true;
        self.take_waiting(state);
    }

    /// Takes up letters that wait by now.
    pub(super) fn take_waiting(&mut self, state: &post::State) {
        self.kept = state.waiting().keys().chain(state.dead().keys()).copied().collect();
        for (letter, kept) in state.waiting() {
            if self.delivered.contains(letter) {
                continue;
            }
            self.waiting.entry(*letter).or_insert_with(|| Errand {
                batch: Position(0),
                order: kept.trouble.order,
                at: kept.at,
                subjects: vec![letter.subject],
                known: None,
                tries: 0,
                attempts: kept.trouble.attempts,
                sent_by_then: 0,
                why: kept.trouble.why.clone(),
                due: Instant::now(),
                under_way: false,
            });
        }
    }

    /// Reads on while there is room; `true` when there is more to read.
    ///
    /// # Errors
    /// The log can't be read.
    pub(super) fn read_ahead(&mut self, window: usize) -> Result<bool, journal::Error> {
        let log = self.log.clone();
        self.done = self.done.split_off(&self.cursor().0);
        for _ in 0..PASS_BATCHES {
            if !self.ready || self.open.len().saturating_add(self.done.len()) >= window {
                return Ok(false);
            }
            let Some(batch) = log.batch(self.read)? else { return Ok(false) };
            let view = batch.view();
            for entry in view.entries_of(Kind::Order) {
                self.take_up(view.position, &entry);
            }
            self.read = view.end();
        }
        Ok(true)
    }

    fn take_up(&mut self, batch: Position, entry: &EntryRef<'_>) {
        let position = entry.position.0;
        let Ok(EntityId::Order(order)) = entry.entity() else { return };
        let (all, known) = match self.followed.read(order, entry) {
            Meaning::OnItsWay => return,
            Meaning::Confirmed(known) => (known.subjects(), Some(known)),
            Meaning::Unknown => (asked_for(codec::name(entry).unwrap_or_default()), None),
        };
        if all.is_empty() || self.done.contains(&position) {
            return;
        }
        let new =
            |subject: &&Subject| !self.kept.contains(&Letter { position, subject: **subject });
        let subjects: Vec<Subject> = all.iter().filter(new).copied().collect();
        if subjects.is_empty() {
            self.done.insert(position);
            return;
        }
        let errand = Errand {
            batch,
            order,
            at: entry.context.now,
            subjects,
            known,
            tries: 0,
            attempts: 0,
            sent_by_then: 0,
            why: String::new(),
            due: Instant::now(),
            under_way: false,
        };
        self.open.insert(position, errand);
    }

    /// What is due, oldest first and at most so many; it counts as under way from here on.
    pub(super) fn start(&mut self, most: usize, now: Instant) -> Vec<Job> {
        let open = self.open.iter_mut().map(|(at, errand)| (Key::Event(*at), errand));
        let waiting = self.waiting.iter_mut().map(|(at, errand)| (Key::Letter(*at), errand));
        let due = open.chain(waiting).filter(|(_, e)| !e.under_way && e.due <= now);
        let jobs = due.take(most).map(|(key, errand)| {
            errand.under_way = true;
            let (order, subjects) = (errand.order, errand.subjects.clone());
            Job { key, order, subjects, known: errand.known.clone() }
        });
        jobs.collect()
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let all = self.open.values().chain(self.waiting.values());
        all.filter(|errand| !errand.under_way).map(|errand| errand.due).min()
    }

    /// One letter has been sent, or has come to nothing.
    pub(super) fn finish(&mut self, key: Key, subject: Subject) {
        let Some(errand) = self.errand(key) else { return };
        errand.subjects.retain(|other| *other != subject);
        if !errand.subjects.is_empty() {
            return;
        }
        match key {
            Key::Event(position) => {
                self.open.remove(&position);
                self.done.insert(position);
                self.unrecorded.push(position);
            }
            Key::Letter(letter) => {
                self.waiting.remove(&letter);
                self.delivered.push(letter);
            }
        }
    }

    /// The post keeps this letter now, waiting or dead.
    pub(super) fn keep(&mut self, key: Key, subject: Subject) {
        self.kept.insert(Letter { position: key.position().0, subject });
        match key {
            Key::Event(_) => self.finish(key, subject),
            Key::Letter(letter) => drop(self.waiting.remove(&letter)),
        }
    }

    /// A letter failed. Says why it is to be given up, if it is: `counts` is whether the failure
    /// was this letter's; one that was everybody's counts as soon as others have got through.
    pub(super) fn failed(
        &mut self,
        key: Key,
        why: &str,
        counts: bool,
        sent: u64,
        settings: &Settings,
    ) -> Option<Trouble> {
        let errand = self.errand(key)?;
        if counts || sent > errand.sent_by_then {
            errand.attempts = errand.attempts.saturating_add(1);
        }
        errand.sent_by_then = sent;
        why.clone_into(&mut errand.why);
        (errand.attempts >= settings.most_attempts).then(|| errand.trouble())
    }

    /// An attempt is over; what is left of it is due again after a pause.
    pub(super) fn ended(&mut self, key: Key, failed: bool, settings: &Settings, now: Instant) {
        let Some(errand) = self.errand(key) else { return };
        errand.under_way = false;
        errand.tries = if failed { errand.tries.saturating_add(1) } else { 0 };
        errand.due = now + settings.pause(errand.tries);
    }

    /// The trouble with a letter as it is now.
    pub(super) fn trouble(&mut self, key: Key) -> Option<Trouble> {
        self.errand(key).map(|errand| errand.trouble())
    }

    fn errand(&mut self, key: Key) -> Option<&mut Errand> {
        match key {
            Key::Event(position) => self.open.get_mut(&position),
            Key::Letter(letter) => self.waiting.get_mut(&letter),
        }
    }

    /// The oldest event, if it has failed and holds up the cursor while others get through.
    pub(super) fn in_the_way(&self, window: usize) -> Option<(Key, Vec<Subject>)> {
        let (position, oldest) = self.open.first_key_value()?;
        let holds_up = self.done.len() >= window / 2 && oldest.tries > 0 && !oldest.under_way;
        holds_up.then(|| (Key::Event(*position), oldest.subjects.clone()))
    }

    /// Where the cursor can stand: the beginning of a batch.
    fn cursor(&self) -> Position {
        self.open.first_key_value().map_or(self.read, |(_, oldest)| oldest.batch)
    }

    /// What the post should record now: not for every letter, and nothing where nothing was sent.
    pub(super) fn next_record(&mut self, every: Duration, now: Instant) -> Option<post::Command> {
        let cursor = self.cursor();
        let far = cursor.0.saturating_sub(self.recorded) >= WORTH_AN_ENTRY_BYTES;
        let news = !self.unrecorded.is_empty() || !self.delivered.is_empty();
        let soon = now.duration_since(self.recorded_at) < every;
        if !self.ready || soon || !(news || far) {
            return None;
        }
        self.recorded_at = now;
        let finished = self.unrecorded.iter().copied().filter(|at| *at >= cursor.0).collect();
        Some(post::Command::Advance { to: cursor.0, finished, delivered: self.delivered.clone() })
    }

    /// The post has recorded this.
    pub(super) fn recorded(&mut self, to: u64, finished: &[u64], delivered: &[Letter]) {
        self.recorded = to;
        self.done = self.done.split_off(&to);
        self.unrecorded.retain(|at| *at >= to && !finished.contains(at));
        self.delivered.retain(|letter| !delivered.contains(letter));
        self.kept = std::mem::take(&mut self.kept)
            .into_iter()
            .filter(|letter| letter.position >= to || self.waiting.contains_key(letter))
            .collect();
    }

    /// Letters not finished yet, and since when the oldest of them is due.
    pub(super) fn backlog(&self) -> (usize, Option<Time>) {
        let all = || self.open.values().chain(self.waiting.values());
        (all().count(), all().map(|errand| errand.at).min())
    }

    /// Bytes of the log that the cursor has not passed.
    pub(super) fn behind(&self) -> u64 {
        self.log.end().bytes_since(self.cursor())
    }
}

impl Errand {
    fn trouble(&self) -> Trouble {
        Trouble { order: self.order, attempts: self.attempts, why: self.why.clone() }
    }
}

/// The letters that an event of this name may ask for; whether it does, its order knows.
fn asked_for(event: &str) -> &'static [Subject] {
    match event {
        "Captured" | "StockCommitted" => &[Subject::Confirmation, Subject::Gift],
        "Cancelled" | "StockLost" | "Voided" | "Refunded" => &[Subject::Cancellation],
        _ => &[],
    }
}

#[cfg(test)]
mod tests;
