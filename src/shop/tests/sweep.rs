//! Every crash: each journey is recorded batch by batch, then the shop is opened from every
//! prefix of what was durable, with the provider's books as old and as new as they can have been,
//! at once and after every deadline, and left alone.
//!
//! A prefix cuts between any two appends over all shards, so each obligation is met before and
//! after its event, with its effect done and not done, and with its answer lost.

use super::{
    memory::{Between, Running, World},
    *,
};
use crate::{
    domain::{
        By, CartId, OrderId, Time,
        order::{Back, Step},
        sku,
    },
    journal::memory::{MemoryStore, Watch},
    ports::{
        Clock as _,
        payments::{Answer, Fault, Faulty, Payments, Request},
    },
};
use futures_util::future::BoxFuture;
use std::{
    fs,
    sync::{Arc, Mutex},
};

/// Units of each SKU.
const UNITS: u64 = 5;

/// The state of the disks after one append.
#[derive(Clone)]
struct Cut {
    at: Time,
    log_bytes: Vec<u64>,
    books_bytes: u64,
}

/// A journey while it is recorded.
struct Recording {
    running: Running,
    cuts: Arc<Mutex<Vec<Cut>>>,
    /// Orders that the client knows of, with how many returns, and how many appends had happened
    /// by then.
    told: Vec<(usize, OrderId, usize)>,
}

impl Recording {
    async fn begin(world: &World) -> Recording {
        let running = world.open().await;
        let log_bytes: Vec<u64> = world.disks.iter().map(MemoryStore::durable_bytes).collect();
        let at = running.shop.now();
        let cuts = Arc::new(Mutex::new(vec![
            Cut { at, log_bytes: vec![0; world.disks.len()], books_bytes: 0 },
            Cut { at, log_bytes, books_bytes: 0 },
        ]));
        for (shard, disk) in world.disks.iter().enumerate() {
            let (cuts, books, clock) = (cuts.clone(), world.books(), world.clock.clone());
            disk.watch(Watch(Some(Arc::new(move |bytes| {
                let books_bytes = fs::metadata(&books).map_or(0, |about| about.len());
                let mut cuts = cuts.lock().unwrap();
                let mut log_bytes = cuts.last().unwrap().log_bytes.clone();
                log_bytes[shard] = bytes;
                cuts.push(Cut { at: clock.wall(), log_bytes, books_bytes });
            }))));
        }
        let recording = Recording { running, cuts, told: vec![] };
        let skus = ["TEE-1", "TEE-2", "TEE-5"];
        recording.shop().create_product(spec(&skus, UNITS), Some(key("product"))).await.unwrap();
        recording
    }

    fn shop(&self) -> &Shop {
        &self.running.shop
    }

    async fn fill(&self, lines: &[(&str, u32)]) -> CartId {
        let mut cart = None;
        for (code, units) in lines {
            let filled = self.shop().add_to_cart(cart, &sku(code), *units, None).await.unwrap();
            cart = Some(filled.id);
        }
        cart.unwrap()
    }

    async fn check_out(&mut self, cart: CartId, token: &str, text: &str) -> Result<Order, Error> {
        let order = self.shop().check_out(cart, &details(token), key(text), None).await?;
        self.note(&order);
        Ok(order)
    }

    fn note(&mut self, order: &Order) {
        let appends = self.cuts.lock().unwrap().len();
        self.told.push((appends, order.id, order.state.returns().len()));
    }

    /// Units of a confirmed order come back.
    async fn take_back(&mut self, order: OrderId, lines: &[(&str, u32)], restock: bool) {
        let items = lines.iter().map(|(code, units)| Back { sku: sku(code), units: *units });
        let text = format!("return {}", self.told.len());
        let returned = Returned { items: items.collect(), reason: None, restock };
        let order = self.shop().return_units(order, returned, key(&text)).await.unwrap();
        self.note(&order);
    }

    /// Buys two of one and one of another.
    async fn buy(&mut self, token: &str) -> Order {
        let cart = self.fill(&[("TEE-1", 2), ("TEE-2", 1)]).await;
        self.check_out(cart, token, "k").await.unwrap()
    }

    async fn settled(&self, order: OrderId) -> Order {
        self.shop().wait_settled(order).await.unwrap()
    }
}

/// What a client does.
trait Journey: AsyncFn(&mut Recording) {}
impl<F: AsyncFn(&mut Recording)> Journey for F {}

async fn sweep(shards: usize, between: Between, payment_ttl_ms: u64, journey: impl Journey) {
    let mut world = World::new(shards);
    world.between = between;
    world.settings.payment_ttl_ms = payment_ttl_ms;
    let mut recording = Recording::begin(&world).await;
    journey(&mut recording).await;
    recording.running.settle_for_good().await.balance(UNITS, &world.books());
    let Recording { running, cuts, told } = recording;
    running.close().await;
    let cuts = std::mem::take(&mut *cuts.lock().unwrap());
    let end = fs::metadata(world.books()).map_or(0, |about| about.len());
    let newest = cuts.iter().skip(1).map(|cut| cut.books_bytes).chain([end]);
    for (index, (cut, newest)) in cuts.iter().zip(newest).enumerate() {
        let late = cut.at.plus_ms(world.settings.reservation_ttl_ms);
        let mut restarts = vec![(cut.books_bytes, cut.at), (newest, cut.at), (newest, late)];
        restarts.dedup();
        for (books_bytes, now) in restarts {
            let then = world.as_of(&cut.log_bytes, books_bytes, now);
            let running = then.open().await;
            let settled = running.settle_for_good().await;
            settled.balance(UNITS, &then.books());
            for (known_since, order, returns) in &told {
                let known = settled.order(*order);
                let known = known.is_some_and(|order| order.returns().len() >= *returns);
                assert!(known || *known_since > index + 1, "{order} is lost in prefix {index}");
            }
            running.close().await;
        }
    }
    assert!(cuts.len() > 8, "a journey has more than {} batches", cuts.len());
}

const PLAIN: Between = |payments| payments;
const LONG_MS: u64 = 600_000;

/// A provider that loses every first answer, delivers every call twice, or is out of reach at
/// first, by turns.
const BAD_LINE: Between = |payments| {
    let faults = [Fault::Lost, Fault::Unreached, Fault::Twice, Fault::Late { ms: 2 }];
    Arc::new(Faulty::scripted(payments, faults.repeat(8)))
};

/// A provider that never answers an authorisation.
struct Silent(Arc<dyn Payments>);

impl Payments for Silent {
    fn execute(&self, request: Request) -> BoxFuture<'_, Answer> {
        if request.step == Step::Authorise {
            return Box::pin(std::future::ready(Answer::Unavailable));
        }
        self.0.execute(request)
    }

    fn ask(
        &self,
        order: OrderId,
        step: Step,
    ) -> BoxFuture<'_, Result<Option<Answer>, crate::ports::payments::Error>> {
        self.0.ask(order, step)
    }
}

macro_rules! journeys {
    ($($name:ident: $between:expr, $ttl:expr, $journey:expr;)*) => { $(
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_one_shard() {
                sweep(1, $between, $ttl, $journey).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_three_shards() {
                sweep(3, $between, $ttl, $journey).await;
            }
        }
    )* };
}

async fn ends(at: &mut Recording, token: &str, status: Status) {
    let order = at.buy(token).await;
    assert_eq!(at.settled(order.id).await.state.status(), status);
}

journeys! {
    an_approved_order: PLAIN, LONG_MS, async |at: &mut Recording| {
        ends(at, "tok_approve", Status::Confirmed).await;
    };
    a_declined_order: PLAIN, LONG_MS, async |at: &mut Recording| {
        ends(at, "tok_decline", Status::Declined).await;
    };
    an_order_whose_authorisation_is_unknown: PLAIN, LONG_MS, async |at: &mut Recording| {
        ends(at, "tok_unknown", Status::Confirmed).await;
    };
    an_order_whose_capture_fails: PLAIN, LONG_MS, async |at: &mut Recording| {
        ends(at, "tok_capture_fails", Status::Declined).await;
    };
    an_order_whose_provider_is_away: PLAIN, LONG_MS, async |at: &mut Recording| {
        ends(at, "tok_unavailable", Status::Confirmed).await;
    };
    an_order_over_a_bad_line: BAD_LINE, LONG_MS, async |at: &mut Recording| {
        ends(at, "tok_approve", Status::Confirmed).await;
    };
    an_order_that_is_never_paid: |payments| Arc::new(Silent(payments)), 2_000,
        async |at: &mut Recording| ends(at, "tok_approve", Status::Expired).await;
    an_order_cancelled_while_it_is_paid: BAD_LINE, LONG_MS, async |at: &mut Recording| {
        let order = at.buy("tok_approve").await;
        at.shop().cancel_order(order.id, By::Admin, None).await.unwrap();
        assert_eq!(at.settled(order.id).await.state.status(), Status::Cancelled);
    };
    an_order_cancelled_when_it_was_confirmed: BAD_LINE, LONG_MS, async |at: &mut Recording| {
        let order = at.buy("tok_approve").await;
        at.settled(order.id).await;
        at.shop().cancel_order(order.id, By::Admin, None).await.unwrap();
        let cancelled = at.settled(order.id).await.state;
        assert_eq!(cancelled.payment(), order::Payment::Refunded);
    };
    an_order_of_which_some_units_come_back: BAD_LINE, LONG_MS, async |at: &mut Recording| {
        let order = at.buy("tok_approve").await.id;
        at.settled(order).await;
        at.take_back(order, &[("TEE-1", 1), ("TEE-2", 1)], true).await;
        let settled = at.settled(order).await.state;
        assert_eq!((settled.status(), settled.payment()), (Status::Confirmed, order::Payment::Captured));
    };
    an_order_that_comes_back_piece_by_piece: PLAIN, LONG_MS, async |at: &mut Recording| {
        let order = at.buy("tok_approve").await.id;
        at.settled(order).await;
        at.take_back(order, &[("TEE-1", 1)], true).await;
        at.take_back(order, &[("TEE-2", 1)], false).await;
        at.take_back(order, &[("TEE-1", 1)], false).await;
        let settled = at.settled(order).await.state;
        assert_eq!((settled.status(), settled.payment()), (Status::Returned, order::Payment::Refunded));
    };
    an_order_cancelled_while_some_of_it_comes_back: BAD_LINE, LONG_MS, async |at: &mut Recording| {
        let order = at.buy("tok_approve").await.id;
        at.settled(order).await;
        at.take_back(order, &[("TEE-1", 1)], true).await;
        at.shop().cancel_order(order, By::Admin, None).await.unwrap();
        let settled = at.settled(order).await.state;
        assert_eq!((settled.status(), settled.payment()), (Status::Cancelled, order::Payment::Refunded));
    };
    a_declined_order_bought_again: PLAIN, LONG_MS, async |at: &mut Recording| {
        let cart = at.fill(&[("TEE-1", 2), ("TEE-2", 1)]).await;
        let declined = at.check_out(cart, "tok_decline", "first").await.unwrap();
        at.settled(declined.id).await;
        at.running.settle().await;
        let again = at.check_out(cart, "tok_approve", "second").await.unwrap();
        assert_eq!(at.settled(again.id).await.state.status(), Status::Confirmed);
        assert_ne!(again.id, declined.id);
    };
    a_take_over_that_one_sku_refuses: PLAIN, LONG_MS, async |at: &mut Recording| {
        let now = at.shop().now();
        let sale = sku::Sale {
            opens_at: now,
            closes_at: now.plus_ms(1_000_000_000),
            price: usd(999),
            units_per_buyer: Some(1),
        };
        let set = sku::Command::SetSale(sale);
        at.shop().manage_stock(&sku("TEE-2"), set, None).await.unwrap();
        let first = at.fill(&[("TEE-2", 1)]).await;
        let order = at.check_out(first, "tok_approve", "first").await.unwrap();
        at.settled(order.id).await;
        let second = at.fill(&[("TEE-1", 2), ("TEE-2", 1)]).await;
        let refused = at.check_out(second, "tok_approve", "second").await;
        assert_eq!(refused.unwrap_err(), Error::Sku(Refusal::LimitPerBuyer { limit: 1 }));
        at.shop().set_units(second, &sku("TEE-2"), 0).await.unwrap();
        let order = at.check_out(second, "tok_approve", "second").await.unwrap();
        assert_eq!(at.settled(order.id).await.state.status(), Status::Confirmed);
    };
}

/// The client's process and the shop's die right after the cart is checked out: no order is
/// placed, no SKU has heard of it.
async fn a_kill_between_checked_out_and_placed(shards: usize) {
    let mut world = World::new(shards);
    world.settings.idle_ms = 0;
    let mut recording = Recording::begin(&world).await;
    let cart = recording.fill(&[("TEE-1", 2), ("TEE-2", 1)]).await;
    // A SKU that sleeps is asked only when all that came before is durable.
    recording.running.rest().await;
    let order = recording.check_out(cart, "tok_approve", "k").await.unwrap().id;
    recording.running.settle().await;
    let Recording { running, cuts, .. } = recording;
    running.close().await;
    let cuts = std::mem::take(&mut *cuts.lock().unwrap());
    let mut between = 0;
    for cut in cuts {
        let then = world.as_of(&cut.log_bytes, 0, cut.at);
        if !then.read().has_checkout_without_order() {
            continue;
        }
        between += 1;
        let running = then.open().await;
        let settled = running.settle_for_good().await;
        assert_eq!(settled.order(order).unwrap().status(), Status::Confirmed);
        settled.balance(UNITS, &then.books());
        running.close().await;
    }
    assert!(between > 0, "the log has no such place");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_was_checked_out_and_not_placed_comes_by_itself() {
    for shards in [1, 3] {
        a_kill_between_checked_out_and_placed(shards).await;
    }
}
