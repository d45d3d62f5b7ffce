//! What a SKU hears and what it answers.

use crate::{
    actors::{Baton, Fault, cart::CartAnswer, shell},
    domain::{
        CartId, Context, Money, OrderId, ProductId, ReservationId, Sku,
        sku::{Command, Refusal, Reservation, Reserve, Sale, TakeOver},
    },
};
use std::collections::BTreeMap;

/// What an order wants of a SKU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForOrder {
    /// The units are sold.
    Commit,
    /// The units are the cart's again.
    HandBack,
    /// The units are not wanted.
    Return,
    /// The answer to `Return` is recorded.
    Forget,
    /// Sold units came back, under this number.
    TakeBack { number: u32, restock: bool },
    /// The answer to this `TakeBack` is recorded.
    ForgetReturn { number: u32 },
}

/// What a product wants of a SKU.
#[derive(Clone, Debug)]
pub enum ForProduct {
    /// Belong here.
    Claim,
    /// Don't, after all.
    Unclaim,
    /// Know title and price of a revision; units count the first time.
    List { title: String, price: Money, units: u64 },
    /// Take no more reservations.
    Delist,
}

/// What a SKU hears.
pub enum Message {
    /// What is here?
    Read(Baton<Stock>),
    /// A cart asks for units; the answer goes to the cart, with the baton.
    Reserve { wish: Reserve, context: Context, baton: Baton<CartAnswer> },
    /// The same for a cart that begins with these units: there is no such cart without them.
    Begin { wish: Reserve, context: Context, baton: Baton<CartAnswer> },
    /// Somebody who keeps carts elsewhere: a command, if any, and then how the reservation stands.
    Bare { reservation: ReservationId, command: Option<Command>, baton: Baton<BareAnswer> },
    /// A cart could not record an answer.
    Release { cart: CartId, keep_units: u32 },
    /// An order takes a cart's units over.
    TakeOver(TakeOver),
    /// An order's obligation.
    ForOrder { order: OrderId, units: u32, wish: ForOrder },
    /// A product's obligation.
    ForProduct { product: ProductId, revision: u64, wish: ForProduct },
    /// An admin's command.
    Admin { command: Command, context: Context, baton: Baton<Result<Managed, Refusal>> },
}

/// How a bare reservation stands, or why the command was refused.
pub type BareAnswer = Result<Bare, Refusal>;

/// A bare reservation, and what a command did to it.
#[derive(Clone, Debug)]
pub struct Bare {
    /// As it is now; none when it is over, or never was.
    pub reservation: Option<Reservation>,
    /// The command had been accepted before.
    pub replayed: bool,
}

/// An admin's command went through.
#[derive(Clone, Debug)]
pub struct Managed {
    /// The SKU as it is now.
    pub stock: Stock,
    /// The command was accepted before, under the same key.
    pub replayed: bool,
}

/// What everybody may know of a SKU.
#[derive(Clone, Debug, PartialEq)]
pub struct Stock {
    /// Its code.
    pub sku: Sku,
    /// The product that owns it; none for an unknown SKU.
    pub product: Option<ProductId>,
    /// Its title.
    pub title: String,
    /// The list price.
    pub price: Option<Money>,
    /// Units in the house.
    pub on_hand: u64,
    /// Units claimed.
    pub reserved: u64,
    /// Units sold, less those returned.
    pub sold: u64,
    /// Units anyone may reserve.
    pub free: u64,
    /// The low-stock mark.
    pub low_stock_at: u64,
    /// The terms of its sale.
    pub sale: Option<Sale>,
    /// Units by location.
    pub locations: BTreeMap<String, u64>,
}

impl shell::Message for Message {
    fn fail(self, fault: Fault) {
        match self {
            Message::Read(baton) => baton.send(Err(fault)),
            Message::Reserve { baton, .. } | Message::Begin { baton, .. } => baton.send(Err(fault)),
            Message::Bare { baton, .. } => baton.send(Err(fault)),
            Message::Admin { baton, .. } => baton.send(Err(fault)),
            Message::Release { .. }
            | Message::TakeOver(_)
            | Message::ForOrder { .. }
            | Message::ForProduct { .. } => {}
        }
    }

    fn is_abandoned(&self) -> bool {
        match self {
            Message::Read(baton) => baton.is_dropped(),
            Message::Reserve { baton, .. } | Message::Begin { baton, .. } => baton.is_dropped(),
            Message::Bare { baton, .. } => baton.is_dropped(),
            Message::Admin { baton, .. } => baton.is_dropped(),
            Message::Release { .. }
            | Message::TakeOver(_)
            | Message::ForOrder { .. }
            | Message::ForProduct { .. } => false,
        }
    }

    /// A SKU decides and answers in one turn.
    fn begins(&self) -> bool {
        match self {
            Message::Read(_)
            | Message::Reserve { .. }
            | Message::Begin { .. }
            | Message::Bare { .. }
            | Message::Admin { .. }
            | Message::Release { .. }
            | Message::TakeOver(_)
            | Message::ForOrder { .. }
            | Message::ForProduct { .. } => false,
        }
    }
}
