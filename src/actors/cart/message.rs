//! What a cart hears and what it answers.

use crate::{
    actors::{Baton, Fault, order::Caller, shell},
    domain::{
        CartId, Context, Money, OrderId, Sku, Time,
        cart::{Checkout, Lapsed, Line, Refusal},
        order,
        sku::{self as stock, Change, Sequence},
    },
};
use std::collections::BTreeMap;

/// A cart as of some instant.
#[derive(Clone, Debug)]
pub struct Cart {
    /// Which.
    pub id: CartId,
    /// Its lines.
    pub lines: BTreeMap<Sku, Line>,
    /// What they cost.
    pub total: Option<Money>,
    /// The order that has the lines.
    pub order: Option<OrderId>,
    /// When this was so.
    pub now: Time,
    /// The command was accepted before, under the same key.
    pub replayed: bool,
}

/// Why a cart did not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The SKU refused.
    Sku(stock::Refusal),
    /// The cart refused; with the order that has its lines.
    Cart(Refusal, Option<OrderId>),
    /// The order refused.
    Order(order::Refusal),
}

/// What a cart answers.
pub type CartAnswer = Result<Cart, Denied>;

/// What a SKU says a cart holds.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// In all.
    pub units: u32,
    /// Until then.
    pub until: Time,
    /// Of one unit.
    pub price: Money,
    /// What the SKU is called.
    pub title: String,
}

/// What a cart hears.
pub enum Message {
    /// What is here?
    Read(Baton<CartAnswer>),
    /// More or fewer units of a SKU.
    Change { sku: Sku, change: Change, context: Context, baton: Baton<CartAnswer> },
    /// A SKU answered.
    Reserved {
        sku: Sku,
        sequence: Sequence,
        context: Context,
        result: Result<Option<Claimed>, stock::Refusal>,
        baton: Baton<CartAnswer>,
    },
    /// A SKU failed to decide; whoever waited was told.
    Missed { sequence: Sequence },
    /// Make an order.
    CheckOut { checkout: Box<Checkout>, context: Context, caller: Caller },
    /// The order is placed.
    Placed { order: OrderId },
    /// The order never was; its caller waits.
    Refused { order: OrderId, lapsed: Vec<Sku>, refusal: stock::Refusal, caller: Option<Caller> },
    /// The order has ended unpaid.
    Reopen { order: OrderId, lapsed: Lapsed },
}

impl shell::Message for Message {
    fn fail(self, fault: Fault) {
        match self {
            Message::Read(baton)
            | Message::Change { baton, .. }
            | Message::Reserved { baton, .. } => baton.send(Err(fault)),
            Message::CheckOut { caller, .. } | Message::Refused { caller: Some(caller), .. } => {
                caller.fail(fault);
            }
            Message::Missed { .. }
            | Message::Placed { .. }
            | Message::Refused { .. }
            | Message::Reopen { .. } => {}
        }
    }

    fn is_abandoned(&self) -> bool {
        match self {
            Message::Read(baton) | Message::Change { baton, .. } => baton.is_dropped(),
            Message::CheckOut { caller, .. } => caller.is_dropped(),
            Message::Reserved { .. }
            | Message::Missed { .. }
            | Message::Placed { .. }
            | Message::Refused { .. }
            | Message::Reopen { .. } => false,
        }
    }

    fn begins(&self) -> bool {
        match self {
            Message::Change { .. } | Message::CheckOut { .. } => true,
            Message::Read(_)
            | Message::Reserved { .. }
            | Message::Missed { .. }
            | Message::Placed { .. }
            | Message::Refused { .. }
            | Message::Reopen { .. } => false,
        }
    }
}
