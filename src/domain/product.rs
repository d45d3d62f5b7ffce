//! One product of the catalogue: a title and the SKUs sold under it.
//!
//! A change is proposed first and adopted once every new SKU has agreed to belong here, so a SKU
//! never has two products. Invariant: what shoppers see is the last adopted revision.

mod spec;

#[cfg(test)]
mod tests;

pub use spec::{Spec, Variant, category, is_handle};

use super::{
    CommandId, Kind, Sku, Time,
    machine::{self, Context, Machine},
    sku::MAX_UNITS,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What can be asked of a product.
#[derive(Clone, Debug)]
pub enum Command {
    /// Begin, like this.
    Make(Box<Spec>),
    /// Be like this from now on, if shoppers still see revision `at`.
    Propose { spec: Box<Spec>, at: Option<u64> },
    /// Every new SKU agreed, or one belongs to another product.
    RecordClaims { revision: u64, taken: Option<Sku> },
    /// Every claimed SKU of a rejected proposal is let go.
    RecordUnclaimed { revision: u64 },
    /// Every SKU knows title and price of the revision, or that it is delisted.
    RecordListed { revision: u64 },
    /// Sell it no more, if shoppers still see revision `at`.
    Archive { at: Option<u64> },
    /// Sell it again, if shoppers still see revision `at`.
    Restore { at: Option<u64> },
    /// Remember that this command's key is used for a product that has a handle: whose key a
    /// product is, only its own id says.
    UseKey,
    /// One such use was refused.
    FreeKey,
}

/// What happened to a product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    Proposed { revision: u64, spec: Box<Spec> },
    Adopted { revision: u64 },
    Rejected { revision: u64, taken: Sku },
    Unclaimed { revision: u64 },
    Listed { revision: u64 },
    Archived { revision: u64 },
    Restored { revision: u64 },
    KeyUsed {},
    KeyFreed {},
}

impl machine::Event for Event {
    const VERSION: u8 = 1;
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It never was.
    UnknownProduct,
    /// There is one already.
    Taken,
    /// It has another handle.
    OtherHandle,
    /// It has changed since.
    Stale,
    /// It is archived.
    Archived,
    /// Another change is on its way.
    Busy,
    /// No variant, one SKU twice, a negative price, or more units than a SKU counts.
    OutOfRange,
}

/// What a product still owes its SKUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obligation {
    /// To ask the new SKUs of the proposal to belong here.
    Claim,
    /// To let the new SKUs of the rejected proposal go.
    Unclaim,
    /// To tell every SKU title and price, or that it is delisted.
    List,
}

/// The state of one product.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    revision: u64,
    /// The revision that made what shoppers see.
    #[serde(default)]
    shown: u64,
    adopted: Option<Box<Spec>>,
    proposed: Option<Box<Spec>>,
    /// Which command proposed it.
    proposed_by: Option<CommandId>,
    rejected: bool,
    /// SKUs of earlier revisions that are not sold any more.
    dropped: Vec<Sku>,
    listing: bool,
    archived: bool,
    created_at: Option<Time>,
    /// The command whose key this id comes from, and how often it was used for a product with a
    /// handle and not refused.
    #[serde(default)]
    lent: Option<(CommandId, u32)>,
}

impl State {
    /// The revision that is adopted or proposed last; grows with each change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The revision that shoppers see: of the last change that came through.
    pub fn shown(&self) -> u64 {
        self.shown
    }

    /// What shoppers see; `None` for a product that never was.
    pub fn spec(&self) -> Option<&Spec> {
        self.adopted.as_deref()
    }

    /// As [`State::spec`], taken out.
    pub fn into_spec(self) -> Option<Spec> {
        self.adopted.map(|spec| *spec)
    }

    /// When it was adopted first.
    pub fn created_at(&self) -> Option<Time> {
        self.created_at
    }

    /// Not sold any more.
    pub fn archived(&self) -> bool {
        self.archived
    }

    /// The SKUs of the open or rejected proposal that do not belong here yet.
    pub fn new_skus(&self) -> Vec<Sku> {
        let Some(proposed) = &self.proposed else { return vec![] };
        let known = |sku: &Sku| {
            self.dropped.contains(sku) || self.adopted.as_ref().is_some_and(|spec| has(spec, sku))
        };
        let skus = proposed.variants.iter().map(|variant| &variant.sku);
        skus.filter(|sku| !known(sku)).cloned().collect()
    }

    /// What each SKU has to know: its variant, or `None` when it is not sold any more.
    pub fn listings(&self) -> Vec<(Sku, Option<Variant>)> {
        let spec = self.adopted.iter().flat_map(|spec| &spec.variants);
        let sold = spec
            .map(|variant| (variant.sku.clone(), Some(variant.clone()).filter(|_| !self.archived)));
        sold.chain(self.dropped.iter().map(|sku| (sku.clone(), None))).collect()
    }
}

fn has(spec: &Spec, sku: &Sku) -> bool {
    spec.variants.iter().any(|variant| variant.sku == *sku)
}

fn in_range(spec: &Spec) -> bool {
    let skus: BTreeSet<&Sku> = spec.variants.iter().map(|variant| &variant.sku).collect();
    let sound = |variant: &Variant| variant.price.amount_minor >= 0 && variant.units <= MAX_UNITS;
    !skus.is_empty() && skus.len() == spec.variants.len() && spec.variants.iter().all(sound)
}

impl Machine for State {
    const KIND: Kind = Kind::Product;
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;
    type Obligation = Obligation;

    fn lapse(&self, _: Time) -> Vec<Event> {
        vec![]
    }

    fn decide(&self, command: &Command, _: &Context) -> Result<Vec<Event>, Refusal> {
        let revision = self.revision;
        match command {
            Command::Make(spec) => self.make(spec),
            Command::Propose { spec, at } => self.change(spec, *at),
            Command::RecordClaims { revision: of, .. }
            | Command::RecordUnclaimed { revision: of }
            | Command::RecordListed { revision: of }
                if *of != revision =>
            {
                Ok(vec![])
            }
            Command::RecordClaims { taken, .. } => Ok(match (taken, self.obligations().first()) {
                (None, Some(Obligation::Claim)) => vec![Event::Adopted { revision }],
                (Some(sku), Some(Obligation::Claim)) => {
                    vec![Event::Rejected { revision, taken: sku.clone() }]
                }
                _ => vec![],
            }),
            Command::RecordUnclaimed { .. } if self.rejected => {
                Ok(vec![Event::Unclaimed { revision }])
            }
            Command::RecordListed { .. } if self.listing => Ok(vec![Event::Listed { revision }]),
            Command::RecordUnclaimed { .. } | Command::RecordListed { .. } => Ok(vec![]),
            Command::Archive { at } => self.archive(*at),
            Command::Restore { at } => self.restore(*at),
            Command::UseKey => Ok(vec![Event::KeyUsed {}]),
            Command::FreeKey if self.lent.is_some() => Ok(vec![Event::KeyFreed {}]),
            Command::FreeKey => Ok(vec![]),
        }
    }

    fn evolve(&mut self, event: &Event, context: &Context) {
        match event {
            Event::Proposed { revision, spec } => {
                self.revision = *revision;
                self.proposed = Some(spec.clone());
                self.proposed_by = Some(context.command);
            }
            Event::Adopted { revision } => {
                self.shown = *revision;
                self.adopt(context.now);
            }
            Event::Rejected { .. } => self.rejected = true,
            Event::Unclaimed { .. } => {
                (self.proposed, self.proposed_by) = (None, None);
                self.rejected = false;
            }
            Event::Listed { .. } => self.listing = false,
            Event::Archived { revision } => self.shelve(*revision, true),
            Event::Restored { revision } => self.shelve(*revision, false),
            Event::KeyUsed {} => {
                let uses = self.lent.map_or(0, |(_, uses)| uses);
                self.lent = Some((context.command, uses.saturating_add(1)));
            }
            Event::KeyFreed {} => {
                let less =
                    |(command, uses): (CommandId, u32)| Some((command, uses.checked_sub(1)?));
                self.lent = self.lent.and_then(less).filter(|(_, uses)| *uses > 0);
            }
        }
    }

    /// A proposal that a SKU refused is a refused command: nothing is left of it. Nor of a key,
    /// once all its uses were refused.
    fn withdrawn(&self, event: &Event) -> Option<CommandId> {
        match event {
            Event::Unclaimed { .. } => self.proposed_by,
            Event::KeyFreed {} => self.lent.filter(|(_, uses)| *uses == 1).map(|(key, _)| key),
            Event::Proposed { .. }
            | Event::Adopted { .. }
            | Event::Rejected { .. }
            | Event::Listed { .. }
            | Event::Archived { .. }
            | Event::Restored { .. }
            | Event::KeyUsed {} => None,
        }
    }

    fn due(&self) -> Option<Time> {
        None
    }

    fn obligations(&self) -> Vec<Obligation> {
        let owed = match (&self.proposed, self.rejected, self.listing) {
            (Some(_), true, _) => Some(Obligation::Unclaim),
            (Some(_), false, _) => Some(Obligation::Claim),
            (None, _, true) => Some(Obligation::List),
            (None, _, false) => None,
        };
        owed.into_iter().collect()
    }
}

impl State {
    /// What there is, if it is what the caller has in mind.
    fn seen(&self, at: Option<u64>) -> Result<&Spec, Refusal> {
        let adopted = self.spec().ok_or(Refusal::UnknownProduct)?;
        if at.is_some_and(|at| at != self.shown) { Err(Refusal::Stale) } else { Ok(adopted) }
    }

    fn make(&self, spec: &Spec) -> Result<Vec<Event>, Refusal> {
        match self.spec() {
            // The key of a product without a handle, long forgotten.
            Some(same) if spec.handle.is_empty() && !self.archived && same == spec => Ok(vec![]),
            Some(_) => Err(Refusal::Taken),
            None => self.propose(spec.clone()),
        }
    }

    fn change(&self, spec: &Spec, at: Option<u64>) -> Result<Vec<Event>, Refusal> {
        let adopted = self.seen(at)?;
        if !spec.handle.is_empty() && spec.handle != adopted.handle {
            return Err(Refusal::OtherHandle);
        }
        let next = spec.after(adopted);
        if self.archived {
            return Err(Refusal::Archived);
        }
        let same = self.proposed.is_none() && next == *adopted;
        if same { Ok(vec![]) } else { self.propose(next) }
    }

    fn propose(&self, spec: Spec) -> Result<Vec<Event>, Refusal> {
        if self.proposed.is_some() {
            return Err(Refusal::Busy);
        }
        // A SKU would refuse to list it, and the listing be owed for ever.
        if !in_range(&spec) {
            return Err(Refusal::OutOfRange);
        }
        let revision = self.revision.saturating_add(1);
        Ok(vec![Event::Proposed { revision, spec: Box::new(spec) }])
    }

    fn archive(&self, at: Option<u64>) -> Result<Vec<Event>, Refusal> {
        self.seen(at)?;
        if self.proposed.is_some() {
            return Err(Refusal::Busy);
        }
        let revision = self.revision.saturating_add(1);
        Ok(if self.archived { vec![] } else { vec![Event::Archived { revision }] })
    }

    fn restore(&self, at: Option<u64>) -> Result<Vec<Event>, Refusal> {
        self.seen(at)?;
        let revision = self.revision.saturating_add(1);
        Ok(if self.archived { vec![Event::Restored { revision }] } else { vec![] })
    }

    fn shelve(&mut self, revision: u64, archived: bool) {
        (self.revision, self.shown) = (revision, revision);
        self.archived = archived;
        self.listing = true;
    }

    fn adopt(&mut self, now: Time) {
        self.proposed_by = None;
        let Some(next) = self.proposed.take() else { return };
        let before = self.adopted.iter().flat_map(|spec| &spec.variants);
        let gone = before.map(|variant| variant.sku.clone()).filter(|sku| !has(&next, sku));
        let gone: Vec<Sku> = gone.collect();
        self.dropped.extend(gone);
        self.dropped.retain(|sku| !has(&next, sku));
        self.adopted = Some(next);
        self.listing = true;
        self.created_at.get_or_insert(now);
    }
}
