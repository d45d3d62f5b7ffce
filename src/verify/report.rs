//! What a verification found: findings, which mean that something does not balance, notes, which
//! mean that something is still on its way, and counts.
//!
//! Invariant: findings are counted without a limit even where only the first are kept.

use super::Store;
use crate::journal::BatchRef;
use serde::Serialize;
use std::{collections::BTreeMap, fmt};

/// Findings and notes that are kept word for word.
const KEPT: usize = 1_000;

/// Notes that are printed for people: after a kill each order under way may have one.
const NOTES_SHOWN: usize = 10;

/// One thing that does not balance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check, one or two words.
    pub check: &'static str,
    /// Which entity, file or position.
    pub place: String,
    /// What is wrong.
    pub what: String,
}

/// Findings while they are gathered.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Findings {
    pub(super) kept: Vec<Finding>,
    #[serde(skip)]
    pub(super) total: u64,
}

impl Findings {
    pub(super) fn add(
        &mut self,
        check: &'static str,
        place: impl fmt::Display,
        what: impl fmt::Display,
    ) {
        self.total += 1;
        if self.kept.len() < KEPT {
            self.kept.push(Finding { check, place: place.to_string(), what: what.to_string() });
        }
    }

    pub(super) fn append(&mut self, other: Findings) {
        self.total += other.total;
        self.kept.extend(other.kept);
        self.kept.truncate(KEPT);
    }
}

/// Notes while they are gathered.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Notes(Vec<String>);

impl Notes {
    pub(super) fn add(&mut self, note: impl fmt::Display) {
        if self.0.len() < KEPT {
            self.0.push(note.to_string());
        }
    }
}

/// The money of one currency, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MinorUnits {
    /// Taken.
    pub captured: i64,
    /// Given back.
    pub refunded: i64,
    /// Of the orders that are confirmed now, less what came back of them.
    pub confirmed: i64,
    /// Taken for what has ended or come back, and still owed.
    pub to_be_refunded: i64,
}

/// The result of a verification.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    store: String,
    shards: usize,
    /// Batches of all shards.
    pub batches: u64,
    /// Entries of all shards.
    pub entries: u64,
    /// Entities that have entries.
    pub entities: u64,
    /// Orders that came to be.
    pub orders: u64,
    /// Units sold, less those returned.
    pub units_sold: i64,
    /// Of these, to committed reservations, which have no order here.
    pub units_sold_bare: i64,
    /// By currency.
    pub money: BTreeMap<String, MinorUnits>,
    /// How many findings there are; the list below may end before.
    finding_count: u64,
    pub(super) findings: Findings,
    pub(super) notes: Notes,
}

impl Report {
    pub(super) fn new(store: &Store) -> Report {
        Report {
            store: store.layout().folder().display().to_string(),
            shards: store.shards,
            batches: 0,
            entries: 0,
            entities: 0,
            orders: 0,
            units_sold: 0,
            units_sold_bare: 0,
            money: BTreeMap::new(),
            finding_count: 0,
            findings: Findings::default(),
            notes: Notes::default(),
        }
    }

    pub(super) fn count(&mut self, batch: &BatchRef<'_>) {
        self.batches += 1;
        self.entries += u64::from(batch.entries);
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn balanced(&self) -> bool {
        self.findings.total == 0
    }

    /// What does not balance; the first thousand.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings.kept
    }

    /// What is still on its way, or could not be compared.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes.0
    }

    /// As one JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        let report = Report { finding_count: self.findings.total, ..self.clone() };
        serde_json::to_string_pretty(&report).unwrap_or_else(|error| error.to_string())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { store, shards, batches, entries, entities, orders, .. } = self;
        writeln!(
            f,
            "{store}: {shards} shards, {batches} batches, {entries} entries, {entities} entities"
        )?;
        let (sold, bare) = (self.units_sold, self.units_sold_bare);
        writeln!(f, "{orders} orders, {sold} units sold, {bare} of them without an order")?;
        for (currency, money) in &self.money {
            let MinorUnits { captured, refunded, confirmed, to_be_refunded } = money;
            writeln!(
                f,
                "{currency} minor units: {captured} captured, {refunded} refunded, \
                 {confirmed} confirmed, {to_be_refunded} to be refunded"
            )?;
        }
        for note in self.notes().iter().take(NOTES_SHOWN) {
            writeln!(f, "note: {note}")?;
        }
        if let Some(more @ 1..) = self.notes().len().checked_sub(NOTES_SHOWN) {
            writeln!(f, "and {more} more notes; --json has them")?;
        }
        for Finding { check, place, what } in self.findings() {
            writeln!(f, "{check}: {place}: {what}")?;
        }
        let total = self.findings.total;
        match total {
            0 => writeln!(f, "all books balance"),
            1 => writeln!(f, "1 finding"),
            total => writeln!(f, "{total} findings"),
        }
    }
}
