//! Stock of one SKU: the units still free, and who claims the rest.
//!
//! Only this machine knows a holder's units, so no unit is ever claimed twice and a limit per
//! buyer is exact under any race. Invariant: `reserved <= on_hand`, and `reserved` is the sum of
//! all claims.
//!
//! A limit per buyer counts from when it is set: what is claimed then and whatever is claimed later.
//! Units sold before are not counted, for who bought them is not remembered without a limit: a SKU
//! that sells millions on no limit stays as small as its claims.

mod bare;
mod claims;
mod decide;
mod evolve;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use bare::{Reservation, Standing};
pub use vocabulary::{Change, Command, Event, Refusal, Reserve, ReserveBare, Sale, TakeOver};

use super::{
    CartId, Money, OrderId, ProductId, ReservationId, Time,
    ids::Kind,
    machine::{Context, Machine},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where stock stands when nobody says otherwise.
pub const MAIN_LOCATION: &str = "main";

/// More units than any warehouse holds; counts stay below it, so sums of counts never overflow.
pub const MAX_UNITS: u64 = 1_000_000_000_000;

/// Whom a limit per buyer counts: the cart of a guest, an account, a keyed hash of an e-mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Buyer(pub u128);

/// Orders the reservations of one cart: (epoch of the store, incarnation of the cart's actor,
/// count).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Sequence(pub u64, pub u64, pub u64);

impl Sequence {
    fn same_incarnation(self, other: Sequence) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}

/// Units a cart holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartClaim {
    /// How many, at least one.
    pub units: u32,
    /// Over when now is at or past this.
    pub until: Time,
    /// Fixed by the first reservation, later adds included.
    pub price: Money,
    buyer: Buyer,
    sequence: Sequence,
}

/// Units an order holds until they are sold or given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderClaim {
    /// How many, at least one.
    pub units: u32,
    /// Over when now is at or past this.
    pub until: Time,
    email: Buyer,
    cart: CartId,
    /// The claim as the cart had it: what a hand-back restores.
    from: CartClaim,
}

/// Who holds units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Holder {
    /// A cart.
    Cart(CartId),
    /// An order.
    Order(OrderId),
    /// Somebody who keeps carts elsewhere.
    Bare(ReservationId),
}

/// What is remembered of a claim that has ended, so that a late repeat changes nothing.
///
/// A committed claim needs no memory: orders commit only what they took over, so a `Commit` that
/// finds neither a claim nor one of these was done already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Ended {
    /// A cart's claim, released by its request `sequence`.
    Released { sequence: Sequence },
    /// An order's claim, back with its cart.
    HandedBack,
    /// An order's claim that ended at its deadline; a late payment may still claim the units.
    Lapsed { buyer: Buyer, email: Buyer, units: u32 },
    /// An order's claim or its sold units, given back.
    Returned,
    /// A bare reservation, given back.
    BareReleased,
    /// A bare reservation that was sold. In a box: it is large, and most of these are others.
    BareSold(Box<bare::Sold>),
}

/// An ended claim, and when to forget it; without an instant it waits for `Forget`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    ended: Ended,
    until: Option<Time>,
}

/// Units an order bought while a limit was on: what a return takes off its buyer's count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Purchase {
    buyer: Buyer,
    email: Buyer,
    units: u32,
}

/// The state of one SKU.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    product: Option<ProductId>,
    revision: u64,
    title: String,
    price: Option<Money>,
    listed: bool,
    locations: BTreeMap<String, u64>,
    on_hand: u64,
    reserved: u64,
    sold: u64,
    low_stock_at: u64,
    low: bool,
    sold_out: bool,
    sale: Option<Sale>,
    /// Units of each buyer since the limit was set, reserved and sold; empty without a limit.
    taken: BTreeMap<Buyer, u64>,
    /// The sold units among `taken`; empty without a limit.
    purchases: BTreeMap<OrderId, Purchase>,
    carts: BTreeMap<CartId, CartClaim>,
    orders: BTreeMap<OrderId, OrderClaim>,
    #[serde(default)]
    bare: BTreeMap<ReservationId, bare::Claim>,
    /// The end of every claim above.
    deadlines: BTreeSet<(Time, Holder)>,
    ended: BTreeMap<Holder, Memory>,
    /// Returns by order and number that were taken back, until the order has recorded that.
    #[serde(default)]
    taken_back: BTreeSet<(OrderId, u32)>,
    /// When to forget which of `ended`.
    forget: BTreeSet<(Time, Holder)>,
}

impl State {
    /// The product that owns this SKU; without one the SKU does not exist.
    pub fn product(&self) -> Option<ProductId> {
        self.product
    }

    /// The title of this variant.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Whether new reservations are possible at all.
    pub fn listed(&self) -> bool {
        self.listed
    }

    /// The list price.
    pub fn price(&self) -> Option<Money> {
        self.price
    }

    /// Units in the house.
    pub fn on_hand(&self) -> u64 {
        self.on_hand
    }

    /// Units claimed by carts and orders.
    pub fn reserved(&self) -> u64 {
        self.reserved
    }

    /// Units sold, less those returned.
    pub fn sold(&self) -> u64 {
        self.sold
    }

    /// Units that anyone may reserve.
    pub fn free(&self) -> u64 {
        self.on_hand.saturating_sub(self.reserved)
    }

    /// Free units at or below which stock counts as low.
    pub fn low_stock_at(&self) -> u64 {
        self.low_stock_at
    }

    /// The terms of the sale, if one is set.
    pub fn sale(&self) -> Option<&Sale> {
        self.sale.as_ref()
    }

    /// Units by location, in the order of their names.
    pub fn locations(&self) -> &BTreeMap<String, u64> {
        &self.locations
    }

    /// What `cart` holds at `now`.
    pub fn claim_of(&self, cart: CartId, now: Time) -> Option<&CartClaim> {
        self.carts.get(&cart).filter(|claim| now < claim.until)
    }

    /// Claims of carts, live or not yet expired.
    pub fn cart_claims(&self) -> impl Iterator<Item = (CartId, &CartClaim)> {
        self.carts.iter().map(|(cart, claim)| (*cart, claim))
    }

    /// Claims of orders, live or not yet expired.
    pub fn order_claims(&self) -> impl Iterator<Item = (OrderId, &OrderClaim)> {
        self.orders.iter().map(|(order, claim)| (*order, claim))
    }

    /// Units of bare reservations, live or not yet expired.
    pub fn bare_claims(&self) -> impl Iterator<Item = (ReservationId, u32)> {
        self.bare.iter().map(|(reservation, claim)| (*reservation, claim.units))
    }

    fn ended(&self, holder: Holder) -> Option<&Ended> {
        self.ended.get(&holder).map(|memory| &memory.ended)
    }

    fn limit(&self) -> Option<u32> {
        self.sale.as_ref().and_then(|sale| sale.units_per_buyer)
    }
}

impl Machine for State {
    const KIND: Kind = Kind::Sku;
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;
    /// A SKU answers and owes nothing: what it promised ends at a deadline.
    type Obligation = ();

    fn decide(&self, command: &Command, context: &Context) -> Result<Vec<Event>, Refusal> {
        decide::decide(self, command, context)
    }

    fn evolve(&mut self, event: &Event, context: &Context) {
        evolve::evolve(self, event, context.now);
    }

    fn lapse(&self, now: Time) -> Vec<Event> {
        claims::lapse(self, now)
    }

    fn due(&self) -> Option<Time> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    fn obligations(&self) -> Vec<()> {
        Vec::new()
    }
}
