//! A history in which every event of every machine happens, and all books balance at its end.
//!
//! For making the golden log of a new format; an existing one was written by the program of its
//! day and is never written again. An event that this program knows and that no golden log has, a
//! test names: then add to the history below.

use crate::{
    scribe::{Actor, SHARDS, Scribe},
    shopping::{
        Cart, HOUR_MS, IDLE_MS, MINUTE_MS, Order, Product, Stock, TTL_MS, approve, archive,
        check_out, commit, forget, give_back, nothing_to_void, place, record, reopen, reserve,
        restore, sell, sku, spec, take_back, usd,
    },
};
use doorbuster::domain::{
    By, CartId, Fingerprint, OrderId, ProductId, ReservationId, Sku, Time, cart,
    order::{self, Outcome, Step},
    post::{self, Letter, Subject, Trouble},
    product,
    sku::{Buyer, Change, Command, MAIN_LOCATION, ReserveBare, Sale},
};
use doorbuster::journal::post_of;
use std::path::Path;
use uuid::Uuid;

/// 15 January 2026, noon.
const BEGIN: Time = Time(1_768_478_400_000);

/// Who has a part in it, and when it ends.
#[derive(Default)]
pub(crate) struct Story {
    pub(crate) end: Time,
    pub(crate) skus: Vec<Sku>,
    pub(crate) products: Vec<ProductId>,
    pub(crate) carts: Vec<CartId>,
    pub(crate) orders: Vec<OrderId>,
}

/// Writes it into `folder`.
pub(crate) fn write(folder: &Path) -> Story {
    let mut stage = Stage { scribe: Scribe::new(folder, BEGIN), story: Story::default() };
    let [mut tee, mut cap] = stage.catalogue();
    stage.stock(&mut tee, &mut cap);
    stage.scribe.restart();
    stage.bought(&mut tee, &mut cap);
    stage.one_came_back(&mut tee);
    stage.declined(&mut tee);
    stage.capture_fails(&mut tee);
    stage.silence(&mut tee);
    stage.scribe.restart();
    stage.cancelled(&mut tee);
    stage.lapsed_before_its_order(&mut tee);
    stage.never_paid(&mut tee);
    stage.sold_to_somebody_else(&mut cap);
    stage.reserved_without_a_cart(&mut tee);
    stage.end(&mut tee, &mut cap)
}

struct Stage {
    scribe: Scribe,
    story: Story,
}

impl Stage {
    fn product(&mut self) -> ProductId {
        let id = ProductId(Uuid::from_u128(self.story.products.len() as u128 + 1));
        self.story.products.push(id);
        id
    }

    fn cart(&mut self) -> Cart {
        let number = self.story.carts.len() as u128 + 1;
        // Its first four bytes choose the shard.
        let id = CartId(Uuid::from_u128((number << 96) | number));
        self.story.carts.push(id);
        Cart::new(id)
    }

    /// A cart with so many units, and its order.
    fn order(&mut self, stock: &mut Stock, units: u32, who: &str) -> (Cart, Order) {
        let mut cart = self.cart();
        reserve(&mut self.scribe, stock, &mut cart, Change::Add(units), TTL_MS);
        let order = place(&mut self.scribe, &mut cart, &mut [stock], who);
        self.story.orders.push(order.name());
        (cart, order)
    }

    /// Two products that are for sale, one that is archived for the second time, one that wanted another's SKU.
    fn catalogue(&mut self) -> [Stock; 2] {
        let [mut tee, mut cap, mut old, mut mug] =
            ["TEE", "CAP", "OLD", "MUG"].map(|code| Stock::new(sku(code)));
        let [first, second, third, fourth] = [(); 4].map(|()| self.product());
        let scribe = &mut self.scribe;
        sell(scribe, &mut tee, first, 10);
        sell(scribe, &mut cap, second, 3);

        let mut product = sell(scribe, &mut old, third, 0);
        archive(scribe, &mut product, &mut old, 2);
        restore(scribe, &mut product, &mut old, 3);
        archive(scribe, &mut product, &mut old, 4);

        let (by, mut grabs) = (By::Product(fourth), Product::new(fourth));
        let proposal = product::Command::Make(spec("Grab", &["MUG", "TEE"], 1));
        scribe.tell(&mut grabs, By::Admin, proposal);
        scribe.tell(&mut mug, by, Command::Claim { product: fourth });
        let taken = Some(tee.code());
        scribe.tell(&mut grabs, by, product::Command::RecordClaims { revision: 1, taken });
        scribe.tell(&mut mug, by, Command::Unclaim { product: fourth });
        scribe.tell(&mut grabs, by, product::Command::RecordUnclaimed { revision: 1 });
        // Its key was tried for one with a handle before, which was refused.
        scribe.tell_keyed(&mut grabs, By::Admin, product::Command::UseKey, Some(Fingerprint(9)));
        scribe.tell(&mut grabs, By::Admin, product::Command::FreeKey);
        scribe.commit();
        self.story.skus.extend([tee.code(), cap.code(), old.code()]);
        [tee, cap]
    }

    fn stock(&mut self, tee: &mut Stock, cap: &mut Stock) {
        let [main, attic, shop] = [MAIN_LOCATION, "attic", "shop"].map(str::to_owned);
        let reference = Some("delivery 7".to_owned());
        let sale = Sale {
            opens_at: BEGIN,
            closes_at: BEGIN.plus_ms(48 * HOUR_MS),
            price: usd(999),
            units_per_buyer: Some(3),
        };
        let [counted, torn] = ["counted", "torn"].map(str::to_owned);
        for command in [
            Command::Receive { units: 5, location: attic.clone(), reference },
            Command::Adjust { delta: -1, location: main.clone(), reason: counted },
            Command::Transfer { units: 3, from: main, to: shop },
            Command::WriteOff { units: 1, location: attic, reason: torn },
            Command::SetSale(sale),
        ] {
            self.scribe.tell_keyed(tee, By::Admin, command, Some(Fingerprint(8)));
        }
        self.scribe.tell(cap, By::Admin, Command::SetLowStock { units: 1 });
    }

    /// Two units of one SKU and one of another, paid at once.
    fn bought(&mut self, tee: &mut Stock, cap: &mut Stock) {
        let (mut cart, scribe) = (self.cart(), &mut self.scribe);
        reserve(scribe, tee, &mut cart, Change::Add(2), TTL_MS);
        reserve(scribe, cap, &mut cart, Change::Add(1), TTL_MS);
        let mut order = place(scribe, &mut cart, &mut [tee, cap], "ana");
        approve(scribe, &mut order, Step::Authorise);
        commit(scribe, &mut [tee, cap], &mut order);
        approve(scribe, &mut order, Step::Capture);
        scribe.commit();
        self.story.orders.push(order.name());
    }

    /// One of two is sent back, the other one kept.
    fn one_came_back(&mut self, tee: &mut Stock) {
        let (_, mut order) = self.order(tee, 2, "ida");
        let scribe = &mut self.scribe;
        approve(scribe, &mut order, Step::Authorise);
        commit(scribe, &mut [tee], &mut order);
        approve(scribe, &mut order, Step::Capture);
        let items = vec![order::Back { sku: tee.code(), units: 1 }];
        let reason = Some("too small".to_owned());
        let command = order::Command::TakeBack { items, reason, restock: true };
        scribe.tell_keyed(&mut order, By::Admin, command, Some(Fingerprint(11)));
        approve(scribe, &mut order, Step::RefundPart(1));
        take_back(scribe, tee, &mut order);
        scribe.commit();
    }

    /// The card is refused, the units go back to the cart, and out of it.
    fn declined(&mut self, tee: &mut Stock) {
        let (mut cart, mut order) = self.order(tee, 3, "ben");
        let (id, scribe) = (order.name(), &mut self.scribe);
        let refused = Outcome::Declined { reason: "card declined".into() };
        record(scribe, &mut order, Step::Authorise, refused);
        scribe.tell(tee, By::Order(id), Command::HandBack { order: id });
        scribe.tell(&mut order, By::Shop, order::Command::RecordReturned);
        reopen(scribe, &mut cart, &mut order);
        reserve(scribe, tee, &mut cart, Change::Set(1), TTL_MS);
        reserve(scribe, tee, &mut cart, Change::Set(0), TTL_MS);
        scribe.commit();
    }

    /// Set aside and sold, but not to be had: all of it is undone.
    fn capture_fails(&mut self, tee: &mut Stock) {
        let (mut cart, mut order) = self.order(tee, 1, "cleo");
        let scribe = &mut self.scribe;
        approve(scribe, &mut order, Step::Authorise);
        commit(scribe, &mut [tee], &mut order);
        let refused = Outcome::Declined { reason: "expired card".into() };
        record(scribe, &mut order, Step::Capture, refused);
        approve(scribe, &mut order, Step::Void);
        give_back(scribe, tee, &mut order);
        reopen(scribe, &mut cart, &mut order);
        scribe.commit();
    }

    /// The provider answers nothing twice, and the buyer cancels meanwhile; then the void is too
    /// late, for the money was taken, and it is given back.
    fn silence(&mut self, tee: &mut Stock) {
        let (_, mut order) = self.order(tee, 1, "dan");
        let scribe = &mut self.scribe;
        record(scribe, &mut order, Step::Authorise, Outcome::Unknown);
        record(scribe, &mut order, Step::Authorise, Outcome::NotSeen);
        let reason = "no answer for long".into();
        scribe.tell(&mut order, By::Shop, order::Command::FlagForReview { reason });
        approve(scribe, &mut order, Step::Authorise);
        commit(scribe, &mut [tee], &mut order);
        record(scribe, &mut order, Step::Capture, Outcome::Unknown);
        let by = By::Order(order.name());
        scribe.tell_keyed(&mut order, by, order::Command::Cancel, Some(Fingerprint(10)));
        record(scribe, &mut order, Step::Capture, Outcome::NotSeen);
        let refused = Outcome::Declined { reason: "captured".into() };
        record(scribe, &mut order, Step::Void, refused);
        approve(scribe, &mut order, Step::Capture);
        approve(scribe, &mut order, Step::Refund);
        give_back(scribe, tee, &mut order);
        scribe.commit();
    }

    fn cancelled(&mut self, tee: &mut Stock) {
        let (_, mut order) = self.order(tee, 1, "eve");
        let scribe = &mut self.scribe;
        scribe.tell(&mut order, By::Admin, order::Command::Cancel);
        nothing_to_void(scribe, &mut order);
        give_back(scribe, tee, &mut order);
        scribe.commit();
    }

    /// A line lapses on its way from the cart to the order, so the order never was; the cart is
    /// left alone since.
    fn lapsed_before_its_order(&mut self, tee: &mut Stock) {
        let (mut cart, scribe) = (self.cart(), &mut self.scribe);
        reserve(scribe, tee, &mut cart, Change::Add(1), 10_000);
        let order = check_out(scribe, &mut cart, "fay");
        scribe.pass_ms(10_000);
        scribe.lapse(tee);
        let lapsed = vec![tee.code()];
        scribe.tell(&mut cart, By::Order(order), cart::Command::Refuse { order, lapsed });
        scribe.pass_ms(IDLE_MS);
        scribe.lapse(&mut cart);
        scribe.commit();
    }

    fn never_paid(&mut self, tee: &mut Stock) {
        let (_, mut order) = self.order(tee, 1, "gus");
        let scribe = &mut self.scribe;
        scribe.pass_ms(TTL_MS);
        scribe.lapse(tee);
        scribe.lapse(&mut order);
        nothing_to_void(scribe, &mut order);
        forget(scribe, tee, &mut order);
        scribe.commit();
    }

    /// The last units are reserved too long; when they are paid for, somebody else has one.
    fn sold_to_somebody_else(&mut self, cap: &mut Stock) {
        let (_, mut order) = self.order(cap, 2, "hal");
        let mut other = self.cart();
        let scribe = &mut self.scribe;
        approve(scribe, &mut order, Step::Authorise);
        scribe.pass_ms(TTL_MS);
        scribe.lapse(cap);
        reserve(scribe, cap, &mut other, Change::Add(1), TTL_MS);
        let lost = order::Command::RecordStockLost { sku: cap.code() };
        scribe.tell(&mut order, By::Shop, lost);
        approve(scribe, &mut order, Step::Void);
        forget(scribe, cap, &mut order);
        scribe.commit();
    }

    /// A service of its own: one reservation is given back, one lapses, one is sold.
    fn reserved_without_a_cart(&mut self, tee: &mut Stock) {
        let scribe = &mut self.scribe;
        let [given_back, lapsed, sold] =
            [1, 2, 3].map(|number: u128| ReservationId(Uuid::from_u128(number)));
        for (reservation, buyer) in [(given_back, None), (lapsed, Some(Buyer(7))), (sold, None)] {
            let wish = ReserveBare { reservation, buyer, units: 1, ttl_ms: TTL_MS };
            scribe.tell(tee, By::Admin, Command::ReserveBare(wish));
        }
        scribe.tell(tee, By::Admin, Command::ReleaseBare { reservation: given_back });
        let reference = "order 4711".to_owned();
        scribe.tell(tee, By::Admin, Command::CommitBare { reservation: sold, reference });
        scribe.pass_ms(TTL_MS);
        scribe.lapse(tee);
        scribe.commit();
    }

    /// One sale is over, another one is to come, and somebody has a cart.
    fn end(mut self, tee: &mut Stock, cap: &mut Stock) -> Story {
        let (mut cart, scribe) = (self.cart(), &mut self.scribe);
        reserve(scribe, tee, &mut cart, Change::Add(2), TTL_MS);
        scribe.tell(tee, By::Admin, Command::EndSale);
        let opens_at = scribe.now.plus_ms(MINUTE_MS);
        let sale = Sale {
            opens_at,
            closes_at: opens_at.plus_ms(HOUR_MS),
            price: usd(1),
            units_per_buyer: None,
        };
        scribe.tell(cap, By::Admin, Command::SetSale(sale));
        self.scribe.commit();
        self.letters();
        self.story.end = self.scribe.now;
        self.scribe.finish();
        self.story
    }

    /// All of the above has been told: but for one letter, which is dead.
    fn letters(&mut self) {
        let (scribe, order) = (&mut self.scribe, self.story.orders[0]);
        let trouble = |why: &str| Trouble { order, attempts: 2, why: why.to_owned() };
        let letter = |position, subject| Letter { position, subject };
        for (shard, end) in scribe.ends().into_iter().enumerate() {
            let mut post = Actor::<post::State>::new(post_of(shard, SHARDS));
            let all = [Subject::Confirmation, Subject::Gift, Subject::Cancellation];
            let [late, again, dead] = all.map(|subject| letter(end / 2, subject));
            let mut tell = |command| scribe.tell(&mut post, By::Shop, command);
            tell(post::Command::Begin { at: 0 });
            let (finished, delivered) = (vec![end], vec![]);
            tell(post::Command::Advance { to: end / 2, finished, delivered });
            tell(post::Command::Postpone { letter: late, trouble: trouble("451 later") });
            for letter in [again, dead] {
                tell(post::Command::Bury { letter, trouble: trouble("550 nobody") });
            }
            tell(post::Command::Resend { letter: again });
            let (finished, delivered) = (vec![], vec![late, again]);
            tell(post::Command::Advance { to: end, finished, delivered });
        }
        scribe.commit();
    }
}
