//! What must be true of a shop, by somebody who has never seen its machines.
//!
//! The model reads the log's events as plain values, keeps its own small books of them, and
//! compares: with itself, with the provider's books, and with what clients were told. Invariant: of
//! the shop's code it uses the words of the log and nothing that decides or evolves.

mod bare;
mod cart;
mod order;
mod provider;
mod settled;
mod stock;

pub(super) use provider::Account;

use self::{cart::CartBook, order::OrderBook, stock::StockBook};
use super::trace::Trace;
use crate::{
    domain::{EntityId, Kind, OrderId, ProductId, Sku, Time, product},
    journal::{EntryRef, Position, codec, replay::ReadLog},
    views::board::Level,
};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// What a run must never break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// Never more is claimed and sold than came in.
    NoOversell,
    /// Per SKU and location, what came in is there or went out by name.
    Conservation,
    /// What a client was told is there, also after a recovery.
    Acknowledged,
    /// A key makes one order, a reference one entry.
    OneKeyOneOrder,
    /// An order is captured once, and only with its stock sold to it.
    OneCapture,
    /// Money is taken only for stock that is sold, and moved only for what is durable.
    MoneyAfterStock,
    /// No more goes back than was taken.
    RefundsWithinCapture,
    /// A reservation is over at its deadline.
    Deadlines,
    /// No buyer has more than a sale allows.
    BuyerLimit,
    /// Once faults stop, everything comes to its end.
    Liveness,
    /// A view is a fold of the log.
    ViewsAreFolds,
    /// A SKU's place on the board never goes back and shows what is durable.
    BoardNeverBack,
    /// The log reads, its entities' events have no gaps, and a store opens.
    LogIsSound,
}

/// An invariant that did not hold.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    /// Which.
    pub(crate) invariant: Invariant,
    /// What was seen.
    pub(crate) what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.what)
    }
}

/// Terms that the model has to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) reservation_ttl_ms: u64,
    pub(super) payment_ttl_ms: u64,
}

/// The model's books.
pub(super) struct Model {
    terms: Terms,
    logs: Vec<Arc<dyn ReadLog>>,
    read: Vec<Position>,
    sequences: BTreeMap<EntityId, u64>,
    pub(super) stock: BTreeMap<Sku, StockBook>,
    pub(super) carts: BTreeMap<crate::domain::CartId, CartBook>,
    pub(super) orders: BTreeMap<OrderId, OrderBook>,
    /// The revisions of each product that its events name.
    pub(super) products: BTreeMap<ProductId, Vec<u64>>,
    /// The provider's.
    pub(super) accounts: BTreeMap<OrderId, Account>,
    found: Option<Violation>,
}

impl Model {
    pub(super) fn new(terms: Terms) -> Model {
        Model {
            terms,
            logs: vec![],
            read: vec![],
            sequences: BTreeMap::new(),
            stock: BTreeMap::new(),
            carts: BTreeMap::new(),
            orders: BTreeMap::new(),
            products: BTreeMap::new(),
            accounts: BTreeMap::new(),
            found: None,
        }
    }

    /// A process has opened these logs.
    pub(super) fn opened(&mut self, logs: Vec<Arc<dyn ReadLog>>) {
        self.read.resize(logs.len(), Position(0));
        self.logs = logs;
        for (shard, (log, read)) in self.logs.iter().zip(&self.read).enumerate() {
            if log.end() < *read {
                let what = format!("shard {shard} ends at {} after {read} was durable", log.end());
                self.found = Some(Violation { invariant: Invariant::Acknowledged, what });
            }
        }
    }

    /// The first invariant that did not hold.
    pub(super) fn found(&self) -> Option<Violation> {
        self.found.clone()
    }

    /// Only the first counts: what follows from it is no news.
    pub(super) fn complain(&mut self, invariant: Invariant, what: impl Into<String>) {
        self.found.get_or_insert(Violation { invariant, what: what.into() });
    }

    pub(super) fn check(
        &mut self,
        holds: bool,
        invariant: Invariant,
        what: impl FnOnce() -> String,
    ) {
        if !holds {
            self.complain(invariant, what());
        }
    }

    /// Up to where everything has been read.
    pub(super) fn ends(&self) -> Vec<Position> {
        self.read.clone()
    }

    /// Reads what has become durable.
    pub(super) fn catch_up(&mut self, trace: &mut Trace) {
        for shard in 0..self.logs.len() {
            while let Some((log, at)) = self.logs.get(shard).zip(self.read.get(shard).copied()) {
                let batch = match log.batch(at) {
                    Ok(Some(batch)) => batch,
                    Ok(None) => break,
                    Err(error) => {
                        self.complain(Invariant::LogIsSound, error.to_string());
                        break;
                    }
                };
                let view = batch.view();
                trace.bytes(view.bytes());
                for entry in view.entries() {
                    self.apply(&entry);
                }
                if let Some(read) = self.read.get_mut(shard) {
                    *read = view.end();
                }
            }
        }
    }

    fn apply(&mut self, entry: &EntryRef<'_>) {
        let id = match entry.entity() {
            Ok(id) => id,
            Err(error) => return self.complain(Invariant::LogIsSound, error.to_string()),
        };
        let last = self.sequences.entry(id.clone()).or_default();
        let expected = *last + 1;
        *last = entry.sequence;
        if entry.sequence != expected {
            let what = format!("{id} goes on with {} where {expected} belongs", entry.sequence);
            self.complain(Invariant::LogIsSound, what);
        }
        let read = match id {
            EntityId::Sku(sku) => self.sku_event(&sku, entry),
            EntityId::Cart(cart) => self.cart_event(cart, entry),
            EntityId::Order(order) => self.order_event(order, entry),
            EntityId::Product(product) => self.product_event(product, entry),
            EntityId::Post(_) => Ok(()),
        };
        if let Err(error) = read {
            self.complain(Invariant::LogIsSound, format!("{}: {error}", Kind::name(entry.kind)));
        }
    }

    fn product_event(&mut self, id: ProductId, entry: &EntryRef<'_>) -> Result<(), codec::Error> {
        let revision = match codec::decode(entry)? {
            product::Event::Proposed { revision, .. }
            | product::Event::Adopted { revision }
            | product::Event::Rejected { revision, .. }
            | product::Event::Unclaimed { revision }
            | product::Event::Listed { revision }
            | product::Event::Archived { revision }
            | product::Event::Restored { revision } => revision,
            product::Event::KeyUsed {} | product::Event::KeyFreed {} => return Ok(()),
        };
        self.products.entry(id).or_default().push(revision);
        Ok(())
    }

    /// What the board may show of a SKU at an entry.
    pub(super) fn level_at(&self, sku: &Sku, position: Position) -> Option<Level> {
        self.stock.get(sku)?.levels.get(&position).copied()
    }

    /// Claims that should have been over by `now`.
    pub(super) fn overdue(&self, now: Time) -> Option<String> {
        self.stock.iter().find_map(|(sku, book)| {
            let late = book.overdue(now)?;
            Some(format!("{sku} still holds {late} at {}", now.0))
        })
    }
}
