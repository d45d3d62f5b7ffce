//! Going to rest and waking: nobody can tell, whatever comes in between.

use super::{
    memory::{Running, World, wait_until},
    *,
};
use crate::{actors, domain::By};
use std::sync::atomic::{AtomicBool, Ordering};

const UNITS: u64 = 60;

async fn restless(shards: usize) -> (World, Running) {
    let mut world = World::new(shards);
    world.settings.idle_ms = 0;
    let running = world.open().await;
    running.shop.create_product(spec(&["TEE-1", "TEE-2"], UNITS), None).await.unwrap();
    (world, running)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entity_answers_the_same_after_it_slept() {
    let (_world, running) = restless(3).await;
    running.stop_the_clock();
    let shop = &running.shop;
    let order = buy(shop, "TEE-1", 2, "tok_approve", "k").await.unwrap();
    let cart = shop.add_to_cart(None, &sku("TEE-2"), 3, None).await.unwrap();
    let (stock, product) = (shop.stock(&sku("TEE-1")).await.unwrap(), {
        let owner = shop.stock(&sku("TEE-1")).await.unwrap().product.unwrap();
        shop.product(owner).await.unwrap()
    });
    running.rest().await;
    assert_eq!(shop.stock(&sku("TEE-1")).await.unwrap(), stock);
    assert_eq!(shop.order_by_id(order.id).await.unwrap().state, order.state);
    assert_eq!(shop.cart(cart.id).await.unwrap().lines, cart.lines);
    assert_eq!(shop.product(product.id).await.unwrap().state, product.state);
    let more = shop.add_to_cart(Some(cart.id), &sku("TEE-2"), 1, None).await.unwrap();
    assert_eq!(more.lines[&sku("TEE-2")].units, 4);
    running.close().await;
}

/// Everybody is sent to rest all the time while shoppers buy; a sequence that is used twice, or a
/// message that is lost, shows.
async fn nobody_sleeps_through_a_message(shards: usize) {
    let (world, running) = restless(shards).await;
    let done = AtomicBool::new(false);
    let unrest = async {
        while !done.load(Ordering::SeqCst) {
            running.shop.system().rest_idle();
            tokio::task::yield_now().await;
        }
    };
    let shoppers = (0..10).map(|n| {
        let shop = running.shop.clone();
        tokio::spawn(async move {
            for round in 0..5 {
                let text = format!("{n}-{round}");
                let code = if n % 2 == 0 { "TEE-1" } else { "TEE-2" };
                let cart = shop.add_to_cart(None, &sku(code), 1, None).await.unwrap().id;
                shop.add_to_cart(Some(cart), &sku(code), 1, None).await.unwrap();
                let cart = shop.set_units(cart, &sku(code), 1).await.unwrap();
                assert_eq!(cart.lines[&sku(code)].units, 1);
                let paid = details("tok_approve");
                let order = shop.check_out(cart.id, &paid, key(&text), None).await.unwrap();
                let settled = shop.wait_settled(order.id).await.unwrap();
                assert_eq!(settled.state.status(), Status::Confirmed);
                shop.stock(&sku(code)).await.unwrap();
            }
        })
    });
    let shoppers: Vec<_> = shoppers.collect();
    let shopping = async {
        for shopper in shoppers {
            shopper.await.unwrap();
        }
        done.store(true, Ordering::SeqCst);
    };
    tokio::join!(unrest, shopping);
    running.settle_for_good().await.balance(UNITS, &world.books());
    let stock = running.shop.stock(&sku("TEE-1")).await.unwrap();
    assert_eq!((stock.sold, stock.free), (25, UNITS - 25));
    running.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_to_those_who_fall_asleep_are_not_lost_on_one_shard() {
    nobody_sleeps_through_a_message(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_to_those_who_fall_asleep_are_not_lost_on_three_shards() {
    nobody_sleeps_through_a_message(3).await;
}

/// The SKU is woken at a deadline that is no more, and must note the next one then.
async fn the_second_deadline_is_kept(asleep: bool) {
    let (_world, running) = restless(1).await;
    running.stop_the_clock();
    let shop = &running.shop;
    let first = shop.add_to_cart(None, &sku("TEE-1"), 1, None).await.unwrap();
    running.pass(100_000);
    shop.add_to_cart(None, &sku("TEE-1"), 2, None).await.unwrap();
    shop.set_units(first.id, &sku("TEE-1"), 0).await.unwrap();
    if asleep {
        running.rest().await;
    }
    running.pass(500_000);
    wait_until("the first deadline has been looked at", || {
        shop.system().timekeeper.first().is_none_or(|due| due > shop.now())
    })
    .await;
    // Answered behind the wake-up.
    assert_eq!(shop.stock(&sku("TEE-1")).await.unwrap().reserved, 2);
    running.pass(100_000);
    wait_until("the second reservation ends by itself", || running.books().reserved() == 0).await;
    running.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_behind_one_that_was_given_up_is_kept() {
    the_second_deadline_is_kept(false).await;
    the_second_deadline_is_kept(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rush_of_newcomers_sends_those_before_them_to_rest() {
    let mut world = World::new(1);
    world.settings.most_live = 50;
    let running = world.open().await;
    running.stop_the_clock();
    running.shop.create_product(spec(&["TEE-1"], 10_000), None).await.unwrap();
    for _ in 0..2_000 {
        running.shop.add_to_cart(None, &sku("TEE-1"), 1, None).await.unwrap();
    }
    // In each of 64 parts of the directory some may still be on their way.
    wait_until("carts are at rest without anybody's idle round", || {
        running.shop.system().live()[1] < 400
    })
    .await;
    running.close().await;
}

/// Lets `next` reach an actor right behind the word to go to rest. Both are in its mailbox before
/// it takes a turn, as this thread is the only one that runs actors.
async fn right_behind_rest<T>(running: &Running, next: impl Future<Output = T>) -> T {
    running.pass(1);
    running.shop.system().rest_idle();
    next.await
}

#[tokio::test]
async fn who_changes_a_product_that_falls_asleep_is_answered() {
    let (_world, running) = restless(1).await;
    running.stop_the_clock();
    let shop = &running.shop;
    let owner = shop.stock(&sku("TEE-1")).await.unwrap().product.unwrap();
    let spec = Spec { title: "Shirt".to_owned(), ..spec(&["TEE-1", "TEE-2", "TEE-3"], UNITS) };
    let change = shop.update_product(owner, spec, None, None);
    let changed = right_behind_rest(&running, change).await.unwrap();
    assert_eq!(changed.state.spec().unwrap().title, "Shirt");
    assert_eq!(shop.stock(&sku("TEE-3")).await.unwrap().on_hand, UNITS);
    running.close().await;
}

#[tokio::test]
async fn who_checks_out_a_cart_that_falls_asleep_is_answered() {
    let (_world, running) = restless(1).await;
    running.stop_the_clock();
    let shop = &running.shop;
    let cart = shop.add_to_cart(None, &sku("TEE-1"), 1, None).await.unwrap().id;
    let paid = details("tok_approve");
    // The checkout has to wait for the add.
    let both = async {
        let more = sku("TEE-2");
        let add = shop.add_to_cart(Some(cart), &more, 2, None);
        tokio::join!(add, shop.check_out(cart, &paid, key("k"), None))
    };
    let (added, order) = right_behind_rest(&running, both).await;
    assert_eq!(added.unwrap().lines[&sku("TEE-2")].units, 2);
    assert_eq!(order.unwrap().state.placement().unwrap().items.len(), 2);
    running.close().await;
}

#[tokio::test]
async fn who_waits_for_an_order_that_falls_asleep_is_answered() {
    let (_world, running) = restless(1).await;
    running.stop_the_clock();
    let shop = &running.shop;
    let order = buy(shop, "TEE-1", 1, "tok_approve", "k").await.unwrap().id;
    running.rest().await;
    // It is woken to be read, and would sleep again after that.
    let follow = async {
        let (follower, changes) = tokio::sync::mpsc::unbounded_channel();
        let follow = actors::order::Message::Follow(follower);
        shop.system().tell::<actors::order::Actor>(order, follow);
        changes
    };
    let cancel = shop.cancel_order(order, By::Admin, None);
    let (read, mut changes, cancelled, settled) =
        tokio::join!(shop.order_by_id(order), follow, cancel, shop.wait_settled(order));
    assert_eq!(read.unwrap().state.status(), Status::Confirmed);
    assert_eq!(cancelled.unwrap().state.payment(), order::Payment::Refunded);
    assert_eq!(settled.unwrap().state.payment(), order::Payment::Refunded);
    let mut seen = vec![];
    while seen.last() != Some(&order::Payment::Refunded) {
        seen.push(changes.recv().await.expect("who follows is not left").state.payment());
    }
    assert_eq!(seen[0], order::Payment::Captured);
    running.close().await;
}

#[tokio::test]
async fn who_asks_a_sku_or_a_post_that_falls_asleep_is_answered() {
    let (_world, running) = restless(1).await;
    running.stop_the_clock();
    let shop = &running.shop;
    let (tee, cart) = (sku("TEE-1"), shop.add_to_cart(None, &sku("TEE-1"), 1, None).await.unwrap());
    running.rest().await;
    let (read, added) =
        tokio::join!(shop.stock(&tee), shop.add_to_cart(Some(cart.id), &tee, 2, None));
    assert_eq!((read.unwrap().reserved, added.unwrap().lines[&tee].units), (1, 3));
    let added = right_behind_rest(&running, shop.add_to_cart(Some(cart.id), &tee, 1, None)).await;
    assert_eq!(added.unwrap().lines[&tee].units, 4);
    let dead = async { tokio::join!(shop.dead_letters(None, 9), shop.dead_letters(None, 9)) };
    let (one, other) = right_behind_rest(&running, dead).await;
    assert!(one.unwrap().items.is_empty() && other.unwrap().items.is_empty());
    running.close().await;
}
