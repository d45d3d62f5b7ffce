//! What clients know: what they asked for, what they were told, and so what must be there.

use super::model::{Invariant, Model};
use crate::{
    actors::Fault,
    domain::{CartId, OrderId, ProductId, ReservationId, Sku, Time, order::Status, product::Spec},
    journal::Position,
    shop::{Error, cart::Cart, orders::Order},
};
use std::collections::BTreeMap;

/// A checkout that a buyer wants, however often it has to ask.
#[derive(Clone, Debug)]
pub(super) struct Intent {
    pub(super) cart: CartId,
    pub(super) key: String,
    pub(super) token: &'static str,
    pub(super) email: String,
    /// What it was told first.
    pub(super) order: Option<OrderId>,
}

/// Something that a client was told.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    /// A cart has this line.
    Line { cart: CartId, sku: Sku, units: u32, until: Time },
    /// Somebody who keeps a cart elsewhere holds units.
    Held { holder: ReservationId, sku: Sku, units: u32, until: Time },
    /// And has sold them.
    Sold { holder: ReservationId, sku: Sku, reference: String },
    /// An order is there and has come so far.
    Order { order: OrderId, status: Status, returns: usize },
    /// An admin's command with this reference went through.
    Stock { sku: Sku, reference: String },
    /// A product has a revision.
    Product { product: ProductId, revision: u64 },
}

impl Fact {
    /// Whether the log says so.
    fn holds(&self, model: &Model) -> bool {
        match self {
            Fact::Line { cart, sku, units, until } => {
                let line = (sku.clone(), *units, *until);
                model.carts.get(cart).is_some_and(|book| book.lines.contains(&line))
            }
            Fact::Held { holder, sku, units, until } => {
                let given = (*holder, *units, *until);
                model.stock.get(sku).is_some_and(|book| book.bare.given.contains(&given))
            }
            Fact::Sold { holder, sku, reference } => model
                .stock
                .get(sku)
                .is_some_and(|book| book.bare.references.get(holder) == Some(reference)),
            Fact::Order { order, status, returns } => model.orders.get(order).is_some_and(|book| {
                let there = match status {
                    Status::Placed => true,
                    Status::Confirmed | Status::Returned => book.captured && book.committed,
                    Status::Cancelled => book.cancelled,
                    Status::Declined | Status::Expired => book.ended,
                };
                there && book.backs.len() >= *returns
            }),
            Fact::Stock { sku, reference } => {
                let book = model.stock.get(sku);
                book.is_some_and(|book| book.references.get(reference) == Some(&1))
            }
            Fact::Product { product, revision } => {
                model.products.get(product).is_some_and(|revisions| revisions.contains(revision))
            }
        }
    }
}

/// What all clients know.
#[derive(Debug, Default)]
pub(super) struct History {
    /// By buyer.
    pub(super) carts: BTreeMap<usize, Vec<CartId>>,
    pub(super) intents: Vec<Intent>,
    pub(super) orders: Vec<OrderId>,
    pub(super) products: Vec<(ProductId, Spec)>,
    pub(super) skus: Vec<Sku>,
    /// Where each SKU's level on the board was seen last.
    pub(super) board: BTreeMap<Sku, Position>,
    facts: Vec<Fact>,
    /// How many of the facts have been found since the last recovery.
    found: usize,
}

impl History {
    pub(super) fn learn(&mut self, fact: Fact) {
        self.facts.push(fact);
    }

    /// A process has come up: all that was ever told has to be there.
    pub(super) fn look_again(&mut self) {
        self.found = 0;
    }

    pub(super) fn check(&mut self, model: &mut Model) {
        for fact in self.facts.iter().skip(self.found) {
            let holds = fact.holds(model);
            model
                .check(holds, Invariant::Acknowledged, || format!("told, and not there: {fact:?}"));
        }
        self.found = self.facts.len();
    }

    pub(super) fn told_cart(&mut self, buyer: usize, sku: &Sku, cart: &Cart) {
        let carts = self.carts.entry(buyer).or_default();
        if !carts.contains(&cart.id) {
            carts.push(cart.id);
        }
        if let Some(line) = cart.lines.get(sku).filter(|_| !cart.replayed) {
            let (cart, sku) = (cart.id, sku.clone());
            self.learn(Fact::Line { cart, sku, units: line.units, until: line.until });
        }
    }

    pub(super) fn told_order(&mut self, order: &Order) {
        if !self.orders.contains(&order.id) {
            self.orders.push(order.id);
        }
        let (status, returns) = (order.state.status(), order.state.returns().len());
        self.learn(Fact::Order { order: order.id, status, returns });
    }

    /// The same key, the same order.
    pub(super) fn told_checkout(&mut self, intent: usize, order: &Order, model: &mut Model) {
        self.told_order(order);
        let Some(intent) = self.intents.get_mut(intent) else { return };
        let first = *intent.order.get_or_insert(order.id);
        model.check(first == order.id, Invariant::OneKeyOneOrder, || {
            format!("key {} made {first} and {}", intent.key, order.id)
        });
    }
}

/// An answer that no client should ever get here.
pub(super) fn unheard_of(error: &Error) -> bool {
    matches!(error, Error::Fault(Fault::Quarantined(_) | Fault::Internal) | Error::Store(_))
}
