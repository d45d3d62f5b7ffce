//! One product of the catalogue: a title and the SKUs sold under it.
//!
//! A change is proposed first and adopted once every new SKU has agreed to belong here, so a SKU
//! never has two products. Invariant: what shoppers see is the last adopted revision.

#[cfg(test)]
mod tests;

use super::{
    CommandId, Kind, Money, Sku, Time,
    machine::{self, Context, Machine},
    sku::MAX_UNITS,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One SKU of a product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// Its code.
    pub sku: Sku,
    /// What tells it from its siblings.
    pub title: String,
    /// The list price of one unit.
    pub price: Money,
    /// What it cost before, or costs elsewhere; of the currency of `price`.
    #[serde(default)]
    pub compare_at: Option<Money>,
    /// Its value of each of the product's options, in their order.
    #[serde(default)]
    pub options: Vec<String>,
    /// GTIN, EAN, ISBN or the like; empty for none.
    #[serde(default)]
    pub barcode: String,
    /// The address of a picture of this one.
    #[serde(default)]
    pub image: Option<String>,
    /// Of one unit, in grams.
    pub weight_g: u32,
    /// Received when the SKU is first listed; later revisions don't count it.
    pub units: u64,
}

/// All that an admin says of a product.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// A name for addresses and files, unique in the shop and for ever; empty for none.
    #[serde(default)]
    pub handle: String,
    /// What shoppers read.
    pub title: String,
    /// Longer text: HTML that needs no cleaning any more.
    pub description: String,
    /// Who makes it; empty for nobody in particular.
    #[serde(default)]
    pub vendor: String,
    /// Its place in the tree of categories, from the root: `Apparel > Shirts`; empty for none.
    pub category: String,
    /// Any number of words.
    pub tags: Vec<String>,
    /// Addresses of pictures.
    pub images: Vec<String>,
    /// What a picture shows, by its address.
    #[serde(default)]
    pub image_alts: BTreeMap<String, String>,
    /// What tells the variants apart, such as size and colour.
    #[serde(default)]
    pub options: Vec<String>,
    /// At least one, no SKU twice.
    pub variants: Vec<Variant>,
}

impl Variant {
    /// A variant that has nothing but a code, a title and a price.
    #[must_use]
    pub fn new(sku: Sku, title: impl Into<String>, price: Money) -> Variant {
        let (title, barcode) = (title.into(), String::new());
        let (compare_at, options, image) = (None, vec![], None);
        Variant { sku, title, price, compare_at, options, barcode, image, weight_g: 0, units: 0 }
    }
}

/// What can be asked of a product.
#[derive(Clone, Debug)]
pub enum Command {
    /// Be like this from now on.
    Propose(Box<Spec>),
    /// Every new SKU agreed, or one belongs to another product.
    RecordClaims { revision: u64, taken: Option<Sku> },
    /// Every claimed SKU of a rejected proposal is let go.
    RecordUnclaimed { revision: u64 },
    /// Every SKU knows title and price of the revision, or that it is delisted.
    RecordListed { revision: u64 },
    /// Sell it no more.
    Archive,
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
}

impl machine::Event for Event {
    const VERSION: u8 = 1;
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It never was.
    UnknownProduct,
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
}

impl State {
    /// The revision that is adopted or proposed last; grows with each change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What shoppers see; `None` for a product that never was.
    pub fn spec(&self) -> Option<&Spec> {
        self.adopted.as_deref()
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
            Command::Propose(_) if self.archived => Err(Refusal::Archived),
            Command::Propose(_) if self.proposed.is_some() => Err(Refusal::Busy),
            Command::Propose(spec) if self.adopted.as_ref() == Some(spec) => Ok(vec![]),
            // A SKU would refuse to list it, and the listing be owed for ever.
            Command::Propose(spec) if !in_range(spec) => Err(Refusal::OutOfRange),
            Command::Propose(spec) => {
                let revision = revision.saturating_add(1);
                Ok(vec![Event::Proposed { revision, spec: spec.clone() }])
            }
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
            Command::Archive if self.adopted.is_none() => Err(Refusal::UnknownProduct),
            Command::Archive if self.archived => Ok(vec![]),
            Command::Archive if self.proposed.is_some() => Err(Refusal::Busy),
            Command::Archive => Ok(vec![Event::Archived { revision: revision.saturating_add(1) }]),
        }
    }

    fn evolve(&mut self, event: &Event, context: &Context) {
        match event {
            Event::Proposed { revision, spec } => {
                self.revision = *revision;
                self.proposed = Some(spec.clone());
                self.proposed_by = Some(context.command);
            }
            Event::Adopted { .. } => self.adopt(context.now),
            Event::Rejected { .. } => self.rejected = true,
            Event::Unclaimed { .. } => {
                (self.proposed, self.proposed_by) = (None, None);
                self.rejected = false;
            }
            Event::Listed { .. } => self.listing = false,
            Event::Archived { revision } => {
                self.revision = *revision;
                self.archived = true;
                self.listing = true;
            }
        }
    }

    /// A proposal that a SKU refused is a refused command: nothing is left of it.
    fn withdrawn(&self, event: &Event) -> Option<CommandId> {
        self.proposed_by.filter(|_| matches!(event, Event::Unclaimed { .. }))
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
