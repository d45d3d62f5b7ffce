//! Admission: what a permit counts and for how long, and what is dropped before it did anything.

use super::{
    memory::{Running, World, wait_until},
    *,
};
use crate::{
    actors::{Fault, system::Strike},
    domain::{CartId, EntityId, sku::Command},
    journal::{Secret, memory},
    ports::payments::{self, Faulty},
};
use futures_util::poll;
use std::{sync::Arc, time::Duration};

const UNITS: u64 = 20;

/// Longer than it takes to send a few commands.
const STALL: memory::Fault = memory::Fault::Delay(Duration::from_secs(1));

async fn stocked(world: &World) -> Running {
    let running = world.open().await;
    running.shop.create_product(spec(&["TEE-1", "TEE-2"], UNITS), None).await.unwrap();
    running
}

/// A world whose provider can't be reached at first. Whoever stops the clock there keeps orders
/// from settling until time passes.
fn unreachable_at_first(shards: usize) -> World {
    let mut world = World::new(shards);
    world.between =
        |payments| Arc::new(Faulty::scripted(payments, [payments::Fault::Unreached; 2]));
    world
}

/// The same tree, behind a shop that lets only so many commands in.
fn narrow(running: &Running, most_commands: usize) -> Shop {
    let shop = &running.shop;
    Shop::new(shop.system().clone(), shop.views().clone(), Secret::from_seed(7), most_commands)
}

fn receive() -> Command {
    Command::Receive { units: 1, location: "main".into(), reference: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_an_order_to_settle_keeps_nobody_from_adding() {
    for shards in [1, 3] {
        let world = unreachable_at_first(shards);
        let running = stocked(&world).await;
        running.stop_the_clock();
        let shop = narrow(&running, 2);
        let mut waiting = vec![];
        for text in ["one", "two"] {
            let cart = shop.add_to_cart(None, &sku("TEE-1"), 1, None).await.unwrap().id;
            let shop = shop.clone();
            waiting.push(tokio::spawn(async move {
                let long = Some(Duration::from_secs(30));
                shop.check_out(cart, &details("tok_approve"), key(text), long).await
            }));
        }
        wait_until("both are placed", || running.books().orders().len() == 2).await;
        wait_until("both permits are back", || shop.free_permits() == 2).await;
        shop.add_to_cart(None, &sku("TEE-1"), 1, None).await.unwrap();
        assert!(waiting.iter().all(|waiting| !waiting.is_finished()), "nothing has settled");
        for waiting in waiting {
            wait_until("time passes and they settle", || {
                running.pass(100);
                waiting.is_finished()
            })
            .await;
            let order = waiting.await.unwrap().unwrap();
            assert_eq!((order.state.status(), order.replayed), (Status::Confirmed, false));
        }
        drop(shop);
        running.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_shorter_than_the_sync_is_answered_with_the_order_as_it_was_placed() {
    for shards in [1, 3] {
        let world = unreachable_at_first(shards);
        let running = stocked(&world).await;
        running.stop_the_clock();
        let shop = &running.shop;
        let cart = shop.add_to_cart(None, &sku("TEE-1"), 1, None).await.unwrap().id;
        for disk in &world.disks {
            disk.fail_next([memory::Fault::Delay(Duration::from_millis(50)); 3]);
        }
        let paid = details("tok_approve");
        let at_once = Some(Duration::ZERO);
        let order = shop.check_out(cart, &paid, key("k"), at_once).await.unwrap();
        assert_eq!((order.state.status(), order.replayed), (Status::Placed, false));
        let again = loop {
            // The cart may have yet to hear that its order is placed.
            match shop.check_out(cart, &paid, key("k"), at_once).await {
                Err(Error::Fault(Fault::InProgress)) => tokio::task::yield_now().await,
                answer => break answer.unwrap(),
            }
        };
        assert_eq!((again.id, again.state.status()), (order.id, Status::Placed));
        assert!(again.replayed, "a repeat, settled or not");
        running.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permit_stays_with_the_command_when_its_caller_leaves() {
    let world = World::new(1);
    let running = stocked(&world).await;
    let (shop, tee, disk) = (narrow(&running, 1), sku("TEE-1"), &world.disks[0]);
    let appends = disk.appends();
    disk.fail_next([STALL]);
    let mut adding = Box::pin(shop.add_to_cart(None, &tee, 1, None));
    assert!(poll!(adding.as_mut()).is_pending());
    wait_until("it is on its way to the disk", || disk.appends() > appends).await;
    drop(adding);
    let refused = shop.add_to_cart(None, &tee, 1, None).await;
    assert_eq!(refused.unwrap_err(), Error::Overloaded);
    wait_until("it is durable", || shop.free_permits() == 1).await;
    assert_eq!(shop.stock(&tee).await.unwrap().reserved, 1);
    drop(shop);
    running.close().await;
}

/// Whose history is behind a stalled disk while its caller leaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Asleep {
    Cart,
    Sku,
}

async fn leave_before_it_is_decided(asleep: Asleep) {
    let mut world = World::new(1);
    world.settings.idle_ms = 0;
    let running = stocked(&world).await;
    running.stop_the_clock();
    let (shop, tee, other, disk) = (&running.shop, sku("TEE-1"), sku("TEE-2"), &world.disks[0]);
    let cart = shop.add_to_cart(None, &tee, 1, None).await.unwrap().id;
    running.rest().await;
    shop.stock(&other).await.unwrap();
    if asleep == Asleep::Sku {
        shop.cart(cart).await.unwrap();
    }
    let appends = disk.appends();
    disk.fail_next([STALL]);
    let stalled = {
        let (shop, other) = (shop.clone(), other.clone());
        tokio::spawn(async move { shop.manage_stock(&other, receive(), None).await })
    };
    wait_until("the disk stalls", || disk.appends() > appends).await;
    let mut adding = Box::pin(shop.add_to_cart(Some(cart), &tee, 1, None));
    assert!(poll!(adding.as_mut()).is_pending());
    let woken = if asleep == Asleep::Sku { [2, 1] } else { [1, 1] };
    wait_until("it wakes", || shop.system().live()[..2] == woken).await;
    drop(adding);
    stalled.await.unwrap().unwrap();
    assert_eq!(shop.cart(cart).await.unwrap().lines[&tee].units, 1, "{asleep:?}");
    assert_eq!(shop.stock(&tee).await.unwrap().reserved, 1, "{asleep:?}");
    // The cart waits for nobody's answer.
    shop.check_out(cart, &details("tok_approve"), key("k"), None).await.unwrap();
    running.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_whose_caller_left_before_it_was_decided_does_nothing() {
    for asleep in [Asleep::Cart, Asleep::Sku] {
        leave_before_it_is_decided(asleep).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkout_that_waits_for_a_quarantined_sku_keeps_no_permit_for_ever() {
    let world = World::new(1);
    let running = stocked(&world).await;
    let (shop, tee) = (narrow(&running, 1), sku("TEE-1"));
    let cart = shop.add_to_cart(None, &tee, 1, None).await.unwrap().id;
    let faults = &running.shop.system().faults;
    for strike in [Strike::Replay, Strike::Evolve] {
        faults.arm(EntityId::Sku(tee.clone()), strike);
    }
    shop.manage_stock(&tee, receive(), None).await.unwrap_err();
    let quarantine = &running.shop.system().quarantine;
    wait_until("it is quarantined", || !quarantine.list().is_empty()).await;
    let paid = details("tok_approve");
    let mut placing = Box::pin(shop.check_out(cart, &paid, key("k"), None));
    assert!(poll!(placing.as_mut()).is_pending());
    wait_until("the cart is checked out", || running.books().has_checkout_without_order()).await;
    drop(placing);
    wait_until("the permit is back", || shop.free_permits() == 1).await;
    drop(shop);
    running.close().await;
}

/// A cart in another shard than a SKU, with one unit of it.
async fn far_cart(shop: &Shop, tee: &Sku) -> CartId {
    let at = shop.system().shard_of(&EntityId::Sku(tee.clone()));
    loop {
        let cart = shop.add_to_cart(None, tee, 1, None).await.unwrap().id;
        if shop.system().shard_of(&EntityId::Cart(cart)) != at {
            return cart;
        }
        shop.set_units(cart, tee, 0).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyed_add_counts_once_though_the_cart_forgot_that_it_asked() {
    let world = World::new(3);
    let running = stocked(&world).await;
    running.stop_the_clock();
    let (shop, tee) = (&running.shop, sku("TEE-1"));
    let cart = far_cart(shop, &tee).await;
    let disk = &world.disks[shop.system().shard_of(&EntityId::Sku(tee.clone()))];
    let appends = disk.appends();
    disk.fail_next([STALL]);
    let mut lost = Box::pin(shop.add_to_cart(Some(cart), &tee, 1, Some(key("k"))));
    assert!(poll!(lost.as_mut()).is_pending());
    wait_until("the SKU's shard stalls", || disk.appends() > appends).await;
    drop(lost);
    running.pass(5_001);
    shop.system().wake(EntityId::Cart(cart));
    let again = shop.add_to_cart(Some(cart), &tee, 1, Some(key("k"))).await.unwrap();
    assert_eq!(again.lines[&tee].units, 2);
    assert_eq!(shop.stock(&tee).await.unwrap().reserved, 2);
    running.close().await;
}
