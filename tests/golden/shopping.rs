//! The steps that most stories of a history share: what actors would tell each other.

use crate::scribe::{Actor, Scribe};
use doorbuster::{
    domain::{
        By, CartId, Currency, EntityId, Fingerprint, Money, OrderId, ProductId, Sku,
        cart::{self, Checkout, Line, Phase},
        order::{self, Item, Outcome, Placement, Step},
        product::{self, Spec, Variant},
        sku::{self, Buyer, Change, Reserve, Sequence, TakeOver},
    },
    ports::payments,
    shop::orders::{Address, Contact, Gift},
};

pub(crate) const MINUTE_MS: u64 = 60_000;
pub(crate) const HOUR_MS: u64 = 60 * MINUTE_MS;

/// How long carts and orders hold their units.
pub(crate) const TTL_MS: u64 = 10 * MINUTE_MS;

/// After so long an open cart is abandoned.
pub(crate) const IDLE_MS: u64 = 24 * HOUR_MS;

pub(crate) type Stock = Actor<sku::State>;
pub(crate) type Cart = Actor<cart::State>;
pub(crate) type Order = Actor<order::State>;
pub(crate) type Product = Actor<product::State>;

pub(crate) fn sku(code: &str) -> Sku {
    Sku::parse(code).unwrap()
}

pub(crate) fn usd(amount_minor: i64) -> Money {
    Money { amount_minor, currency: Currency::parse("USD").unwrap() }
}

pub(crate) fn spec(title: &str, codes: &[&str], units: u64) -> Box<Spec> {
    let variant = |code: &&str| Variant {
        weight_g: 200,
        units,
        ..Variant::new(sku(code), format!("one {code}"), usd(1_999))
    };
    Box::new(Spec {
        title: title.to_owned(),
        description: format!("{title}, of cotton"),
        category: "clothes".into(),
        tags: vec!["cotton".into(), "new".into()],
        images: vec!["https://example.com/1.jpg".into()],
        variants: codes.iter().map(variant).collect(),
        ..Spec::default()
    })
}

impl Actor<sku::State> {
    pub(crate) fn code(&self) -> Sku {
        let EntityId::Sku(sku) = &self.id else { unreachable!("stock is of a SKU") };
        sku.clone()
    }
}

impl Actor<product::State> {
    fn by(&self) -> (ProductId, By) {
        let EntityId::Product(id) = self.id else { unreachable!("a product has a product's id") };
        (id, By::Product(id))
    }
}

impl Actor<cart::State> {
    pub(crate) fn name(&self) -> CartId {
        let EntityId::Cart(id) = self.id else { unreachable!("a cart has a cart's id") };
        id
    }
}

impl Actor<order::State> {
    pub(crate) fn name(&self) -> OrderId {
        let EntityId::Order(id) = self.id else { unreachable!("an order has an order's id") };
        id
    }

    fn made_of(&self) -> &Placement {
        self.state().placement().unwrap()
    }

    fn units_of(&self, stock: &Stock) -> u32 {
        let mut items = self.made_of().items.iter();
        items.find(|item| item.sku == stock.code()).unwrap().units
    }
}

/// A product of one SKU.
pub(crate) fn sell(scribe: &mut Scribe, stock: &mut Stock, id: ProductId, units: u64) -> Product {
    let (by, code, mut product) = (By::Product(id), stock.code(), Product::new(id));
    let proposal = product::Command::Make(spec("Thing", &[code.as_str()], units));
    scribe.tell_keyed(&mut product, By::Admin, proposal, Some(Fingerprint(7)));
    scribe.tell(stock, by, sku::Command::Claim { product: id });
    let claimed = product::Command::RecordClaims { revision: 1, taken: None };
    scribe.tell(&mut product, by, claimed);
    let (title, price) = (format!("Thing: one {code}"), usd(1_999));
    let list = sku::Command::List { product: id, revision: 1, title, price, units };
    scribe.tell(stock, by, list);
    scribe.tell(&mut product, by, product::Command::RecordListed { revision: 1 });
    product
}

pub(crate) fn archive(scribe: &mut Scribe, of: &mut Product, stock: &mut Stock, revision: u64) {
    let (product, by) = of.by();
    scribe.tell(of, By::Admin, product::Command::Archive { at: None });
    scribe.tell(stock, by, sku::Command::Delist { product, revision });
    scribe.tell(of, by, product::Command::RecordListed { revision });
}

pub(crate) fn restore(scribe: &mut Scribe, of: &mut Product, stock: &mut Stock, revision: u64) {
    let ((product, by), code) = (of.by(), stock.code());
    scribe.tell(of, By::Admin, product::Command::Restore { at: None });
    let (title, price) = (format!("Thing: one {code}"), usd(1_999));
    let list = sku::Command::List { product, revision, title, price, units: 0 };
    scribe.tell(stock, by, list);
    scribe.tell(of, by, product::Command::RecordListed { revision });
}

pub(crate) fn reserve(
    scribe: &mut Scribe,
    stock: &mut Stock,
    cart: &mut Cart,
    change: Change,
    ttl_ms: u64,
) {
    let (id, by) = (cart.name(), By::Cart(cart.name()));
    let wish = Reserve {
        cart: id,
        buyer: Buyer(id.0.as_u128()),
        change,
        sequence: Sequence(1, 1, scribe.now.0.unsigned_abs()),
        recorded_units: cart.state().units_of(&stock.code(), scribe.now),
        currency: cart.state().currency(),
        until: scribe.now.plus_ms(ttl_ms),
    };
    scribe.tell(stock, by, sku::Command::Reserve(wish));
    let line = stock.state().claim_of(id, scribe.now).map(|claim| Line {
        units: claim.units,
        until: claim.until,
        price: claim.price,
        title: stock.state().title().to_owned(),
    });
    let idle_until = scribe.now.plus_ms(IDLE_MS);
    let command = cart::Command::RecordLine { sku: stock.code(), line, idle_until };
    scribe.tell_keyed(cart, by, command, Some(Fingerprint(9)));
}

/// The cart makes an order, which is not placed yet.
pub(crate) fn check_out(scribe: &mut Scribe, cart: &mut Cart, who: &str) -> OrderId {
    let email = format!("{who}@example.com");
    let buyer = scribe.secret.mac("email", email.as_bytes());
    let address = Address {
        name: who.to_owned(),
        line1: "1 Main St".into(),
        line2: Some("attic".into()),
        city: "Springfield".into(),
        region: None,
        postal_code: "12345".into(),
        country: "US".into(),
    };
    let contact = serde_json::to_vec(&Contact { email, address }).unwrap();
    let gift = Gift { to: format!("{who}'s mother"), message: "all the best".into() };
    let gift = serde_json::to_vec(&gift).unwrap();
    let values = [Some((0, &contact[..])), Some((1, &gift[..])), Some((2, &b"tok_approve"[..]))];
    let [Some(contact), gift, Some(payment)] = scribe.keyring.seal_all(values).unwrap() else {
        unreachable!("all of them are given")
    };
    let email = Buyer(u128::from_be_bytes(buyer));
    let until = scribe.now.plus_ms(TTL_MS);
    let checkout = Checkout { email, contact, gift, payment, until };
    let fingerprint = Some(Fingerprint(scribe.secret.fingerprint("body", who.as_bytes())));
    let command = cart::Command::CheckOut(checkout);
    scribe.tell_keyed(cart, By::Cart(cart.name()), command, fingerprint);
    cart.state().phase().order().unwrap()
}

/// The order takes everything over from the cart and comes into being.
pub(crate) fn place(
    scribe: &mut Scribe,
    cart: &mut Cart,
    stocks: &mut [&mut Stock],
    who: &str,
) -> Order {
    let order = check_out(scribe, cart, who);
    let Phase::CheckedOut { checkout, .. } = cart.state().phase().clone() else {
        unreachable!("it was checked out")
    };
    let Checkout { email, contact, gift, payment, until } = checkout;
    let mut items = vec![];
    for stock in stocks {
        let Line { units, price, title, .. } = cart.state().lines()[&stock.code()].clone();
        let wish = TakeOver { cart: cart.name(), order, units, email, until };
        scribe.tell(stock, By::Order(order), sku::Command::TakeOver(wish));
        items.push(Item { sku: stock.code(), title, units, price });
    }
    let (id, total) = (cart.name(), cart.state().total().unwrap());
    let placement = Placement { cart: id, items, total, email, contact, gift, payment, until };
    let mut placed = Order::new(order);
    scribe.tell(&mut placed, By::Cart(id), order::Command::Place(Box::new(placement)));
    scribe.tell(cart, By::Order(order), cart::Command::RecordPlaced { order });
    placed
}

/// The provider does a step.
pub(crate) fn approve(scribe: &mut Scribe, order: &mut Order, step: Step) {
    let amount = order.made_of().total;
    scribe.pay(order.name(), step, amount, payments::Outcome::Approved);
    let reference = format!("sim_{}_{step}", order.name().0.simple());
    record(scribe, order, step, Outcome::Approved { reference });
}

/// The provider has nothing set aside that a void could let go.
pub(crate) fn nothing_to_void(scribe: &mut Scribe, order: &mut Order) {
    let amount = order.made_of().total;
    scribe.pay(order.name(), Step::Void, amount, payments::Outcome::NothingToVoid);
    record(scribe, order, Step::Void, Outcome::NothingToVoid);
}

pub(crate) fn record(scribe: &mut Scribe, order: &mut Order, step: Step, outcome: Outcome) {
    scribe.tell(order, By::Shop, order::Command::Record { step, outcome });
}

/// The units are sold to the order.
pub(crate) fn commit(scribe: &mut Scribe, stocks: &mut [&mut Stock], order: &mut Order) {
    for stock in stocks {
        let command = sku::Command::Commit { order: order.name(), units: order.units_of(stock) };
        scribe.tell(stock, By::Order(order.name()), command);
    }
    scribe.tell(order, By::Shop, order::Command::RecordCommitted);
}

/// The SKU has the order's units back, as it knows, and both forget it.
pub(crate) fn give_back(scribe: &mut Scribe, stock: &mut Stock, order: &mut Order) {
    let id = order.name();
    let command = sku::Command::Return { order: id, units: order.units_of(stock) };
    scribe.tell(stock, By::Order(id), command);
    forget(scribe, stock, order);
}

/// The SKU has the order's units back since its deadline, and both forget it.
pub(crate) fn forget(scribe: &mut Scribe, stock: &mut Stock, order: &mut Order) {
    let id = order.name();
    scribe.tell(order, By::Shop, order::Command::RecordReturned);
    scribe.tell(stock, By::Order(id), sku::Command::Forget { order: id });
    scribe.tell(order, By::Shop, order::Command::RecordForgotten);
}

/// The cart of an order that has ended unpaid takes changes again.
pub(crate) fn reopen(scribe: &mut Scribe, cart: &mut Cart, order: &mut Order) {
    let (id, lapsed) = (order.name(), order.state().reopen().unwrap().clone());
    scribe.tell(cart, By::Order(id), cart::Command::Reopen { order: id, lapsed });
    scribe.tell(order, By::Cart(cart.name()), order::Command::RecordReopened);
}
