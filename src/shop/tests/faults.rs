//! Broken rules: a panic in one entity is that entity's alone, loses nothing, and shuts it out
//! only while its history can't be replayed.

use super::{
    memory::{Running, World, wait_until},
    *,
};
use crate::{
    actors::{Fault, system::Strike},
    domain::{EntityId, sku::Command},
    ports::payments::{self, Faulty},
};
use std::sync::Arc;

const UNITS: u64 = 40;

fn tee() -> EntityId {
    EntityId::Sku(sku("TEE-1"))
}

async fn shop_of_two(world: &World) -> Running {
    let running = world.open().await;
    running.shop.create_product(spec(&["TEE-1", "TEE-2"], UNITS), None).await.unwrap();
    running
}

fn receive() -> Command {
    Command::Receive { units: 1, location: "main".into(), reference: None }
}

async fn units_free(running: &Running, code: &str) -> u64 {
    running.shop.stock(&sku(code)).await.unwrap().free
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_decide_is_answered_and_changes_nothing() {
    let world = World::new(1);
    let running = shop_of_two(&world).await;
    running.shop.system().faults.arm(tee(), Strike::Decide);
    let failed = running.shop.add_to_cart(None, &sku("TEE-1"), 1, None).await;
    assert_eq!(failed.unwrap_err(), Error::Fault(Fault::Internal));
    assert_eq!(units_free(&running, "TEE-1").await, UNITS);
    running.shop.add_to_cart(None, &sku("TEE-1"), 1, None).await.unwrap();
    assert_eq!(units_free(&running, "TEE-1").await, UNITS - 1);
    assert_eq!(running.shop.system().quarantine.list(), []);
    running.close().await;
}

/// Buys one unit as a client does who repeats what had no answer; says how often it had to.
async fn insist(shop: &Shop, code: &str, text: &str) -> u32 {
    let mut repeats = 0;
    let cart = loop {
        match shop.add_to_cart(None, &sku(code), 1, None).await {
            Ok(cart) => break cart.id,
            Err(Error::Fault(Fault::Unavailable | Fault::Internal)) => repeats += 1,
            Err(other) => panic!("{other:?}"),
        }
    };
    for _ in 0..1_000 {
        match shop.check_out(cart, &details("tok_approve"), key(text), None).await {
            Ok(order) => {
                let settled = shop.wait_settled(order.id).await.unwrap();
                assert_eq!(settled.state.status(), Status::Confirmed);
                return repeats;
            }
            Err(Error::Fault(Fault::Unavailable | Fault::Internal | Fault::InProgress)) => {
                repeats += 1;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("{text} is never answered");
}

async fn panics_under_load(shards: usize) {
    let world = World::new(shards);
    let running = shop_of_two(&world).await;
    let buyers = (0..30).map(|n| {
        let (shop, code) = (running.shop.clone(), if n % 2 == 0 { "TEE-1" } else { "TEE-2" });
        tokio::spawn(async move {
            let repeats = insist(&shop, code, &n.to_string()).await;
            (code, repeats)
        })
    });
    let buyers: Vec<_> = buyers.collect();
    for round in 0..8 {
        let strike = if round % 2 == 0 { Strike::Evolve } else { Strike::Decide };
        running.shop.system().faults.arm(tee(), strike);
        crate::ports::clock::pause(std::time::Duration::from_millis(2)).await;
    }
    for buyer in buyers {
        let (code, repeats) = buyer.await.unwrap();
        assert!(code == "TEE-1" || repeats == 0, "a buyer of TEE-2 noticed");
    }
    assert_eq!(running.shop.system().quarantine.list(), []);
    running.settle_for_good().await.balance(UNITS, &world.books());
    assert_eq!(units_free(&running, "TEE-1").await, UNITS - 15);
    assert_eq!(units_free(&running, "TEE-2").await, UNITS - 15);
    running.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn panics_under_load_cost_one_sku_nothing_and_the_others_nothing_at_all() {
    for shards in [1, 3] {
        panics_under_load(shards).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_while_an_entity_wakes_is_survived() {
    let mut world = World::new(1);
    world.settings.idle_ms = 0;
    let running = shop_of_two(&world).await;
    running.stop_the_clock();
    running.shop.add_to_cart(None, &sku("TEE-1"), 1, None).await.unwrap();
    running.rest().await;
    running.shop.system().faults.arm(tee(), Strike::Evolve);
    running.pass(600_001);
    wait_until("the reservation ends although its first expiry panicked", || {
        running.books().reserved() == 0
    })
    .await;
    assert_eq!(units_free(&running, "TEE-1").await, UNITS);
    running.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_to_ask_for_who_cannot_be_replayed_hears_it_too() {
    let mut world = World::new(1);
    world.settings.idle_ms = 0;
    let running = shop_of_two(&world).await;
    running.stop_the_clock();
    running.rest().await;
    let (shop, system) = (&running.shop, running.shop.system());
    system.faults.arm(tee(), Strike::Replay);
    let code = sku("TEE-1");
    let asked = futures_util::future::join_all((0..10).map(|_| shop.stock(&code))).await;
    for answer in asked {
        assert_eq!(answer.unwrap_err(), Error::Fault(Fault::Quarantined(tee().to_string())));
    }
    assert_eq!(system.quarantine.list().len(), 1);
    wait_until("nobody lives", || system.live() == [0; 5]).await;
    system.faults.mend(&tee(), Strike::Replay);
    assert!(system.release(&tee()), "it was quarantined");
    assert_eq!(units_free(&running, "TEE-1").await, UNITS);
    running.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_be_replayed_is_shut_out_alone_and_released_when_mended() {
    for shards in [1, 3] {
        quarantine(shards).await;
    }
}

async fn quarantine(shards: usize) {
    let mut world = World::new(shards);
    world.between =
        |payments| Arc::new(Faulty::scripted(payments, [payments::Fault::Slow { ms: 300 }]));
    let running = shop_of_two(&world).await;
    let (shop, system) = (&running.shop, running.shop.system());
    let cart = shop.add_to_cart(None, &sku("TEE-1"), 1, None).await.unwrap().id;
    shop.add_to_cart(Some(cart), &sku("TEE-2"), 1, None).await.unwrap();
    let order = shop.check_out(cart, &details("tok_approve"), key("k"), None).await.unwrap();
    system.faults.arm(tee(), Strike::Replay);
    system.faults.arm(tee(), Strike::Evolve);
    let died = shop.manage_stock(&sku("TEE-1"), receive(), None).await;
    assert_eq!(died.unwrap_err(), Error::Fault(Fault::Unavailable));
    wait_until("TEE-1 is quarantined", || !system.quarantine.list().is_empty()).await;
    let refused = shop.add_to_cart(None, &sku("TEE-1"), 1, None).await;
    assert_eq!(refused.unwrap_err(), Error::Fault(Fault::Quarantined(tee().to_string())));
    let refused = shop.stock(&sku("TEE-1")).await;
    assert_eq!(refused.unwrap_err(), Error::Fault(Fault::Quarantined(tee().to_string())));
    insist(shop, "TEE-2", "other").await;
    wait_until("the order is paid and waits for its stock", || {
        let waits = running.books().order(order.id).unwrap();
        waits.payment() == order::Payment::Authorised
    })
    .await;
    assert!(system.release(&tee()), "it was quarantined");
    wait_until("TEE-1 is quarantined again", || !system.quarantine.list().is_empty()).await;
    assert_eq!(running.books().order(order.id).unwrap().status(), Status::Placed);
    system.faults.mend(&tee(), Strike::Replay);
    assert!(system.release(&tee()), "it was quarantined");
    let settled = shop.wait_settled(order.id).await.unwrap();
    assert_eq!(settled.state.status(), Status::Confirmed);
    assert_eq!(units_free(&running, "TEE-1").await, UNITS - 1);
    running.settle_for_good().await.balance(UNITS, &world.books());
    running.close().await;
}
