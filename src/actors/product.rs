//! The product's side: it asks new SKUs to belong to it and tells all of them what to know.

use super::{
    Baton, Fault, Outbox, System,
    baton::Answer,
    gather::Gather,
    shell::{self, Accepted, Refused, Role, Turn},
    sku::{self, ForProduct},
};
use crate::{
    domain::{
        By, Context, Machine as _, ProductId, Sku, Time,
        product::{Command, Obligation, Refusal, State},
        sku as stock,
    },
    journal::entity::Seen,
    views::catalogue::Index,
};
use std::sync::Arc;

/// A product as of some instant.
#[derive(Clone, Debug)]
pub struct Product {
    /// Which.
    pub id: ProductId,
    /// All of it.
    pub state: State,
    /// The command was accepted before, under the same key.
    pub replayed: bool,
}

/// Why a product did not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The product refused.
    Product(Refusal),
    /// This SKU belongs to another product.
    SkuTaken(Sku),
}

/// What a product answers.
pub type ProductAnswer = Result<Product, Denied>;

/// What a product hears.
pub enum Message {
    /// What is here?
    Read(Baton<ProductAnswer>),
    /// An admin's command.
    Admin { command: Command, context: Context, baton: Baton<ProductAnswer> },
    /// This id comes from the command's key, which is used for a product that has a handle.
    UseKey { context: Context, baton: Baton<()> },
    /// One such use was refused.
    FreeKey(Baton<()>),
    /// A SKU answered.
    SkuAnswered { sku: Sku, revision: u64, result: Result<(), stock::Refusal> },
}

impl shell::Message for Message {
    fn fail(self, fault: Fault) {
        match self {
            Message::Read(baton) | Message::Admin { baton, .. } => baton.send(Err(fault)),
            Message::UseKey { baton, .. } | Message::FreeKey(baton) => baton.send(Err(fault)),
            Message::SkuAnswered { .. } => {}
        }
    }

    fn is_abandoned(&self) -> bool {
        match self {
            Message::Read(baton) | Message::Admin { baton, .. } => baton.is_dropped(),
            Message::UseKey { baton, .. } => baton.is_dropped(),
            // Whoever waits to hear of it, the use came to nothing.
            Message::FreeKey(_) | Message::SkuAnswered { .. } => false,
        }
    }

    fn begins(&self) -> bool {
        match self {
            Message::Admin { .. } => true,
            Message::Read(_)
            | Message::UseKey { .. }
            | Message::FreeKey(_)
            | Message::SkuAnswered { .. } => false,
        }
    }
}

/// The actor of one product.
pub struct Actor {
    id: ProductId,
    shard: usize,
    /// Hears how far lists must have come to show this product's changes.
    index: Arc<Index>,
    /// What is asked for which revision: an answer for another one is worth nothing.
    gather: Option<Gather<(Obligation, u64)>>,
    /// Whoever waits until the change has reached every SKU, or is rejected.
    callers: Vec<(Baton<ProductAnswer>, bool)>,
    rejected: Option<Sku>,
    /// It was idle when it was asked to go to rest.
    idle: bool,
}

impl Role for Actor {
    type Machine = State;
    type Id = ProductId;
    type Message = Message;

    fn new(id: ProductId, system: Arc<System>, _: u64) -> Self {
        let shard = system.shard_of(&id.into());
        let index = system.catalogue.clone();
        Actor { id, shard, index, gather: None, callers: vec![], rejected: None, idle: false }
    }

    fn receive(&mut self, message: Message, turn: &mut Turn<Self>) {
        self.idle = false;
        match message {
            Message::Read(baton) => {
                let answer = self.product(turn, false);
                turn.answer(baton, Ok(answer));
            }
            Message::Admin { command, context, baton } => {
                self.decide(&command, context, baton, turn);
            }
            Message::UseKey { context, baton } => {
                let answer = use_key(context, turn);
                turn.answer(baton, answer);
            }
            Message::FreeKey(baton) => {
                turn.record(&Command::FreeKey, By::Admin);
                turn.answer(baton, Ok(()));
            }
            Message::SkuAnswered { sku, revision, result } => {
                self.sku_answered(&sku, revision, result, turn);
            }
        }
    }

    fn nudged(&mut self, rest: bool, _: &mut Turn<Self>) {
        self.idle = rest;
    }

    fn settle(&mut self, turn: &mut Turn<Self>) {
        if let Some(owed) = turn.state().obligations().first() {
            // A SKU may be shut out for long: whoever left meanwhile keeps no permit.
            self.callers.retain(|(baton, _)| !baton.is_dropped());
            self.ask_skus(*owed, turn);
        } else {
            self.gather = None;
            self.answer_callers(turn);
        }
    }

    fn retry_at(&self) -> Option<Time> {
        self.gather.as_ref().map(Gather::ask_at)
    }

    fn may_rest(&self, state: &State) -> bool {
        let done = self.callers.is_empty() && state.obligations().is_empty();
        // Nobody's id is nobody's reason to stay.
        done && (self.idle || state.spec().is_none())
    }

    fn post(&self, _: &State, outbox: &mut Outbox, last: usize) {
        outbox.note(&self.index, self.shard, last);
    }
}

impl Actor {
    fn product(&self, turn: &Turn<Self>, replayed: bool) -> ProductAnswer {
        if turn.state().spec().is_none() {
            return Err(Denied::Product(Refusal::UnknownProduct));
        }
        Ok(Product { id: self.id, state: turn.state().clone(), replayed })
    }

    fn decide(
        &mut self,
        command: &Command,
        context: Context,
        baton: Baton<ProductAnswer>,
        turn: &mut Turn<Self>,
    ) {
        match turn.decide_once(command, context) {
            Ok(Accepted::Before) if !turn.state().obligations().is_empty() => {
                turn.answer(baton, Err(Fault::InProgress));
            }
            Ok(accepted) => self.callers.push((baton, accepted == Accepted::Before)),
            Err(Refused::Rule(refusal)) => {
                turn.answer(baton, Ok(Err(Denied::Product(refusal))));
            }
            Err(Refused::Fault(fault)) => turn.answer(baton, Err(fault)),
        }
    }

    fn ask_skus(&mut self, owed: Obligation, turn: &mut Turn<Self>) {
        let wishes = wishes(turn.state(), owed);
        let (product, revision) = (self.id, turn.state().revision());
        let asked = match &mut self.gather {
            Some(gather) if gather.what == (owed, revision) => gather.overdue(turn.now()),
            _ => {
                let skus: Vec<Sku> = wishes.iter().map(|(sku, _)| sku.clone()).collect();
                self.gather = Some(Gather::new((owed, revision), skus.clone(), turn.now()));
                skus
            }
        };
        for (sku, wish) in wishes.into_iter().filter(|(sku, _)| asked.contains(sku)) {
            let message = sku::Message::ForProduct { product, revision, wish };
            turn.tell::<sku::Actor>(sku, message);
        }
        self.record_when_complete(turn);
    }

    fn sku_answered(
        &mut self,
        sku: &Sku,
        revision: u64,
        result: Result<(), stock::Refusal>,
        turn: &mut Turn<Self>,
    ) {
        if revision == turn.state().revision() {
            if let Some(gather) = &mut self.gather {
                gather.answered(sku, result);
            }
            self.record_when_complete(turn);
        }
    }

    fn record_when_complete(&mut self, turn: &mut Turn<Self>) {
        let Some(gather) = self.gather.take_if(|gather| gather.complete()) else { return };
        let revision = turn.state().revision();
        let taken = gather.refused().first().map(|(sku, _)| sku.clone());
        let command = match gather.what.0 {
            Obligation::Claim => {
                self.rejected.clone_from(&taken);
                Command::RecordClaims { revision, taken }
            }
            Obligation::Unclaim => Command::RecordUnclaimed { revision },
            Obligation::List => Command::RecordListed { revision },
        };
        turn.record(&command, By::Product(self.id));
        self.settle(turn);
    }

    fn answer_callers(&mut self, turn: &mut Turn<Self>) {
        let rejected = self.rejected.take();
        for (baton, replayed) in std::mem::take(&mut self.callers) {
            let answer = match &rejected {
                Some(sku) => Err(Denied::SkuTaken(sku.clone())),
                None => self.product(turn, replayed),
            };
            turn.answer(baton, Ok(answer));
        }
    }
}

/// Each use counts, a repeat as well: the key is free again only when all were refused.
fn use_key(context: Context, turn: &mut Turn<Actor>) -> Answer<()> {
    match turn.seen(&context) {
        Seen::No | Seen::Same => match turn.decide(&Command::UseKey, context) {
            Ok(()) => Ok(()),
            Err(Refused::Rule(_)) => Err(Fault::Internal),
            Err(Refused::Fault(fault)) => Err(fault),
        },
        Seen::Other => Err(Fault::KeyMismatch),
    }
}

/// What the obligation means for each SKU.
fn wishes(state: &State, owed: Obligation) -> Vec<(Sku, ForProduct)> {
    match owed {
        Obligation::Claim => {
            state.new_skus().into_iter().map(|sku| (sku, ForProduct::Claim)).collect()
        }
        Obligation::Unclaim => {
            state.new_skus().into_iter().map(|sku| (sku, ForProduct::Unclaim)).collect()
        }
        Obligation::List => {
            let title = state.spec().map_or("", |spec| spec.title.as_str());
            let listings = state.listings().into_iter().map(|(sku, variant)| {
                let wish = match variant {
                    Some(variant) => ForProduct::List {
                        title: full_title(title, &variant.title),
                        price: variant.price,
                        units: variant.units,
                    },
                    None => ForProduct::Delist,
                };
                (sku, wish)
            });
            listings.collect()
        }
    }
}

fn full_title(product: &str, variant: &str) -> String {
    if variant.is_empty() || variant == product {
        product.to_owned()
    } else {
        format!("{product}: {variant}")
    }
}
