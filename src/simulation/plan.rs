//! What a seed means: how the shop is set up, how bad the weather is, and what each step does.
//!
//! Every seed weighs the kinds of steps anew, so that some runs do much of one thing and none of
//! another: what only shows under many of one kind shows in some run.

use super::{dice::Dice, model::Terms};
use crate::actors::Settings;

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Faults for ever: nothing wrong may ever happen.
    Safety,
    /// Faults stop after the last step: everything has to come to its end, too.
    Liveness,
}

/// What a step can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Add,
    Set,
    CheckOut,
    Again,
    Cancel,
    Return,
    Look,
    Hold,
    Receive,
    Adjust,
    Transfer,
    WriteOff,
    Sale,
    Edit,
    Shelve,
    Retry,
    Wait,
    Long,
    Kill,
    Rest,
    Checkpoint,
    Views,
    Clock,
    Stall,
    Crash,
    Restart,
    Audit,
}

/// How often each kind comes, before a seed weighs it.
const KINDS: [(Kind, u64); 27] = [
    (Kind::Add, 180),
    (Kind::Set, 30),
    (Kind::CheckOut, 110),
    (Kind::Again, 50),
    (Kind::Cancel, 25),
    (Kind::Return, 30),
    (Kind::Look, 40),
    (Kind::Hold, 15),
    (Kind::Receive, 20),
    (Kind::Adjust, 10),
    (Kind::Transfer, 10),
    (Kind::WriteOff, 6),
    (Kind::Sale, 8),
    (Kind::Edit, 8),
    (Kind::Shelve, 4),
    (Kind::Retry, 8),
    (Kind::Wait, 60),
    (Kind::Long, 12),
    (Kind::Kill, 40),
    (Kind::Rest, 20),
    (Kind::Checkpoint, 10),
    (Kind::Views, 20),
    (Kind::Clock, 4),
    (Kind::Stall, 6),
    (Kind::Crash, 10),
    (Kind::Restart, 3),
    (Kind::Audit, 10),
];

/// What a run consists of, for one seed.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) shards: usize,
    pub(super) buyers: usize,
    pub(super) skus: usize,
    /// Units of each SKU at the beginning.
    pub(super) units: u64,
    /// Of the first SKU.
    pub(super) limit_per_buyer: u32,
    pub(super) settings: Settings,
    /// Appends in a thousand that get no answer at first.
    pub(super) log_faults: u64,
    /// Appends in a thousand that fail for good.
    pub(super) log_failures: u64,
    /// The longest a sync takes.
    pub(super) sync_ms: u64,
    /// Provider calls in a thousand that go wrong.
    pub(super) call_faults: u64,
    /// The longest pause between two steps.
    pub(super) gap_ms: u64,
    kinds: Vec<(Kind, u64)>,
    total: u64,
}

impl Plan {
    pub(super) fn of(seed: u64) -> Plan {
        let mut dice = Dice::new(seed, u64::MAX);
        let mut rate =
            |often: u64, most: u64| if dice.chance(often) { dice.below(most) } else { 0 };
        let (log_faults, call_faults) = (rate(700, 250), rate(800, 400));
        let log_failures = rate(300, 8);
        let (sync_ms, gap_ms) = (1 + dice.below(15), 1 + dice.below(60));
        let settings = Settings {
            reservation_ttl_ms: 5_000 + dice.below(40_000),
            payment_ttl_ms: 5_000 + dice.below(40_000),
            abandon_after_ms: 60_000 + dice.below(100_000),
            idle_ms: 200 + dice.below(5_000),
            most_live: 4 + dice.place(60),
            checkpoint_entries: 1_000_000,
        };
        let mut weigh = |weight: u64| match dice.below(4) {
            0 => weight / 4,
            1 | 2 => weight,
            _ => weight * 3,
        };
        let kinds: Vec<(Kind, u64)> =
            KINDS.into_iter().map(|(kind, weight)| (kind, weigh(weight))).collect();
        let total = kinds.iter().map(|(_, weight)| weight).sum();
        Plan {
            shards: if dice.chance(500) { 1 } else { 3 },
            buyers: 2 + dice.place(6),
            skus: 2 + dice.place(3),
            units: 3 + dice.below(25),
            limit_per_buyer: 2 + u32::try_from(dice.below(4)).unwrap_or(0),
            settings,
            log_faults,
            log_failures,
            sync_ms,
            call_faults,
            gap_ms,
            kinds,
            total,
        }
    }

    /// What a step does.
    pub(super) fn kind(&self, dice: &mut Dice) -> Kind {
        let mut at = dice.below(self.total);
        for (kind, weight) in &self.kinds {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return *kind,
            }
        }
        Kind::Wait
    }

    /// What the model has to know.
    pub(super) fn terms(&self) -> Terms {
        Terms {
            reservation_ttl_ms: self.settings.reservation_ttl_ms,
            payment_ttl_ms: self.settings.payment_ttl_ms,
        }
    }
}
