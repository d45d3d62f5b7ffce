//! Stock of one SKU: the units still free, and who claims the rest.
//!
//! Only this machine knows a holder's units, so no unit is ever claimed twice and a limit per
//! buyer is exact under any race. Invariant: `reserved <= on_hand`, and `reserved` is the sum of
//! all claims.

mod decide;
mod evolve;
#[cfg(test)]
mod tests;

use super::{
    CartId, Currency, Money, OrderId, ProductId, Time,
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
    /// Reserved and sold units of one buyer over the whole sale; `None` is no limit.
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
}

impl super::machine::Event for Event {
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
    /// The cart's other lines cost another currency.
    MixedCurrencies,
    /// Fewer are there than should go.
    WouldGoNegative { free: u64 },
    /// A count beyond [`MAX_UNITS`], or zero.
    OutOfRange,
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
    Lapsed { buyer: Buyer, email: Buyer },
    /// An order's claim or its sold units, given back.
    Returned,
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
    /// Units of each buyer in this sale, reserved and sold; empty without a limit.
    taken: BTreeMap<Buyer, u64>,
    carts: BTreeMap<CartId, CartClaim>,
    orders: BTreeMap<OrderId, OrderClaim>,
    /// The end of every claim above.
    deadlines: BTreeSet<(Time, Holder)>,
    ended: BTreeMap<Holder, Ended>,
    /// When to forget which of `ended`; those missing here wait for `Forget`.
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
        decide::lapse(self, now)
    }

    fn due(&self) -> Option<Time> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    fn obligations(&self) -> Vec<()> {
        Vec::new()
    }
}
