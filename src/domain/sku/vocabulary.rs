//! What can be asked of a SKU, what happens to it, and why it refuses.

use super::{Buyer, Sequence};
use crate::domain::{CartId, Currency, Money, OrderId, ProductId, ReservationId, Time, machine};
use serde::{Deserialize, Serialize};

/// How a cart wants to change its units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// So many more.
    Add(u32),
    /// So many in all; 0 gives them back.
    Set(u32),
}

/// The terms of a flash sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// From this instant on.
    pub opens_at: Time,
    /// Up to, and not including, this instant.
    pub closes_at: Time,
    /// What a unit costs during the sale.
    pub price: Money,
    /// Reserved and sold units of one buyer over the whole sale; `None` is no limit. One that comes
    /// later finds what is claimed by then, not what was sold.
    pub units_per_buyer: Option<u32>,
}

/// A cart asks for units.
#[derive(Clone, Debug)]
pub struct Reserve {
    /// Who will hold them.
    pub cart: CartId,
    /// Whom the limit counts.
    pub buyer: Buyer,
    /// How many.
    pub change: Change,
    /// Which of the cart's requests this is.
    pub sequence: Sequence,
    /// The cart's own record of its units here: what a newer incarnation starts from, because
    /// the answer to its predecessor's last request may have been lost.
    pub recorded_units: u32,
    /// The currency of the cart's other lines.
    pub currency: Option<Currency>,
    /// When a new reservation ends.
    pub until: Time,
}

/// An order takes a cart's units over.
#[derive(Clone, Debug)]
pub struct TakeOver {
    /// From whom.
    pub cart: CartId,
    /// To whom.
    pub order: OrderId,
    /// How many; what the cart holds beyond it becomes free.
    pub units: u32,
    /// The second identity that the limit counts from now on.
    pub email: Buyer,
    /// When the order's reservation ends.
    pub until: Time,
}

/// Somebody who keeps carts elsewhere asks for units.
#[derive(Clone, Debug)]
pub struct ReserveBare {
    /// Chosen by whoever asks; names this wish and no other.
    pub reservation: ReservationId,
    /// Whom the limit counts; without one the reservation is a buyer of its own.
    pub buyer: Option<Buyer>,
    /// How many.
    pub units: u32,
    /// For how long, from the decision on.
    pub ttl_ms: u64,
}

/// What can be asked of a SKU.
#[derive(Clone, Debug)]
pub enum Command {
    /// A product wants to own this SKU.
    Claim { product: ProductId },
    /// The product does not want it after all.
    Unclaim { product: ProductId },
    /// Title and price as of a revision of the product; `units` are received the first time.
    List { product: ProductId, revision: u64, title: String, price: Money, units: u64 },
    /// No new reservations; existing ones stand.
    Delist { product: ProductId, revision: u64 },
    /// Units arrived.
    Receive { units: u64, location: String, reference: Option<String> },
    /// A count found more or fewer.
    Adjust { delta: i64, location: String, reason: String },
    /// Units move between locations.
    Transfer { units: u64, from: String, to: String },
    /// Units are broken or lost.
    WriteOff { units: u64, location: String, reason: String },
    /// Free units at or below which `LowStock` is raised.
    SetLowStock { units: u64 },
    /// Put on sale, or change the terms of the sale that is on.
    SetSale(Sale),
    /// Back to the list price; the counts per buyer are forgotten.
    EndSale,
    /// A cart asks for units.
    Reserve(Reserve),
    /// A cart keeps only this many: it could not record the answer to a `Reserve`.
    Release { cart: CartId, keep_units: u32 },
    /// An order takes a cart's units over.
    TakeOver(TakeOver),
    /// The order gives the units back to its cart, until the cart's old deadline.
    HandBack { order: OrderId },
    /// The order is paid for: the units are sold.
    Commit { order: OrderId, units: u32 },
    /// The order does not want its units any more, be they reserved or sold.
    Return { order: OrderId, units: u32 },
    /// The order recorded the answer to its `Return`.
    Forget { order: OrderId },
    /// Sold units came back, under a number of their order; written off where they can't be sold
    /// again.
    TakeBack { order: OrderId, number: u32, units: u32, restock: bool },
    /// The order recorded the answer to this `TakeBack`.
    ForgetReturn { order: OrderId, number: u32 },
    /// Somebody who keeps carts elsewhere asks for units.
    ReserveBare(ReserveBare),
    /// A bare reservation is not wanted any more.
    ReleaseBare { reservation: ReservationId },
    /// The units of a bare reservation are sold, as `reference` says to whoever reads the ledger.
    CommitBare { reservation: ReservationId, reference: String },
}

/// What happened to a SKU. Field names are the log's format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    Claimed {
        product: ProductId,
    },
    Unclaimed {
        product: ProductId,
    },
    Listed {
        product: ProductId,
        revision: u64,
        title: String,
        price: Money,
    },
    Delisted {
        product: ProductId,
        revision: u64,
    },
    Received {
        units: u64,
        location: String,
        reference: Option<String>,
    },
    Adjusted {
        delta: i64,
        location: String,
        reason: String,
    },
    Transferred {
        units: u64,
        from: String,
        to: String,
    },
    WrittenOff {
        units: u64,
        location: String,
        reason: String,
    },
    LowStockSet {
        units: u64,
    },
    SaleSet {
        sale: Sale,
    },
    SaleEnded {},
    Reserved {
        cart: CartId,
        buyer: Buyer,
        units: u32,
        until: Time,
        price: Money,
        sequence: Sequence,
    },
    Released {
        cart: CartId,
        keep_units: u32,
        sequence: Sequence,
    },
    TakenOver {
        cart: CartId,
        order: OrderId,
        units: u32,
        email: Buyer,
        until: Time,
    },
    HandedBack {
        order: OrderId,
    },
    Expired {
        carts: Vec<(CartId, u32)>,
        orders: Vec<(OrderId, u32)>,
    },
    Committed {
        order: OrderId,
        units: u32,
        picks: Vec<(String, u64)>,
    },
    OrderReleased {
        order: OrderId,
        units: u32,
    },
    Returned {
        order: OrderId,
        units: u32,
    },
    Forgotten {
        order: OrderId,
    },
    LowStock {
        free: u64,
    },
    SoldOut {},
    BackInStock {
        free: u64,
    },
    TakenBack {
        order: OrderId,
        number: u32,
        units: u32,
        restock: bool,
    },
    ReturnForgotten {
        order: OrderId,
        number: u32,
    },
    BareReserved {
        reservation: ReservationId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        buyer: Option<Buyer>,
        units: u32,
        until: Time,
        price: Money,
    },
    BareReleased {
        reservation: ReservationId,
        units: u32,
    },
    BareExpired {
        reservations: Vec<(ReservationId, u32)>,
    },
    BareCommitted {
        reservation: ReservationId,
        units: u32,
        picks: Vec<(String, u64)>,
        reference: String,
    },
}

impl machine::Event for Event {
    const VERSION: u8 = 1;
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No product owns this SKU.
    UnknownSku,
    /// It is archived.
    NotForSale,
    /// Another product owns it.
    SkuTaken,
    /// Fewer are free than wanted.
    SoldOut { free: u64 },
    /// Not yet.
    SaleNotOpen { opens_at: Time },
    /// Not any more.
    SaleClosed,
    /// The buyer would exceed the sale's limit.
    LimitPerBuyer { limit: u32 },
    /// The claim has ended.
    ReservationLapsed,
    /// The reservation of this name is for other units or for another buyer, or was committed
    /// under another reference.
    OtherReservation,
    /// The reservation was committed.
    AlreadySold,
    /// The cart's other lines cost another currency.
    MixedCurrencies,
    /// Fewer are there than should go.
    WouldGoNegative { free: u64 },
    /// A count beyond [`MAX_UNITS`](super::MAX_UNITS), or zero.
    OutOfRange,
}
