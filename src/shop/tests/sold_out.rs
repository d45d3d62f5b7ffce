//! Sold out: newcomers are told by the stock board, everybody else by the SKU.

use super::{
    memory::{Running, World, wait_until},
    *,
};
use crate::domain::{
    CartId,
    sku::{Command, Sale},
};

async fn stocked(world: &World, units: u64) -> Running {
    let running = world.open().await;
    running.stop_the_clock();
    running.shop.create_product(spec(&["TEE-1", "TEE-2"], units), None).await.unwrap();
    running
}

fn sold_out(free: u64) -> Error {
    Error::Sku(Refusal::SoldOut { free })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_newcomers_wake_nobody_and_cost_no_write() {
    for shards in [1, 3] {
        let mut world = World::new(shards);
        world.settings.idle_ms = 0;
        let running = stocked(&world, 3).await;
        let (shop, tee) = (&running.shop, sku("TEE-1"));
        shop.add_to_cart(None, &tee, 2, None).await.unwrap();
        running.rest().await;
        let written = || world.disks.iter().map(|d| (d.appends(), d.durable_bytes())).collect();
        let before: Vec<(u64, u64)> = written();
        for units in (2..6).cycle().take(1_000) {
            let refused = shop.add_to_cart(None, &tee, units, None).await;
            assert_eq!(refused.unwrap_err(), sold_out(1));
        }
        assert_eq!(before, written(), "{shards} shards");
        assert_eq!(shop.system().live(), [0; 5], "{shards} shards");
        shop.add_to_cart(None, &tee, 1, None).await.unwrap();
        assert_ne!(before, written(), "what can be had is written");
        running.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_a_cart_is_answered_by_the_sku() {
    for shards in [1, 3] {
        let world = World::new(shards);
        let running = stocked(&world, 3).await;
        let (shop, tee) = (&running.shop, sku("TEE-1"));
        let cart = shop.add_to_cart(None, &sku("TEE-2"), 1, None).await.unwrap().id;
        let added = shop.add_to_cart(Some(cart), &tee, 3, Some(key("k"))).await.unwrap();
        assert!(!added.replayed);
        assert_eq!(shop.add_to_cart(None, &tee, 1, None).await.unwrap_err(), sold_out(0));
        // A retry of what was done is told that it was, not that it is too late.
        let again = shop.add_to_cart(Some(cart), &tee, 3, Some(key("k"))).await.unwrap();
        assert!(again.replayed);
        assert_eq!(again.lines[&tee].units, 3);
        let more = shop.add_to_cart(Some(cart), &tee, 1, Some(key("more"))).await;
        assert_eq!(more.unwrap_err(), sold_out(0));
        // Who lowers his units is never refused, and newcomers have them at once.
        assert_eq!(shop.set_units(cart, &tee, 1).await.unwrap().lines[&tee].units, 1);
        assert_eq!(shop.add_to_cart(None, &tee, 3, None).await.unwrap_err(), sold_out(2));
        shop.add_to_cart(None, &tee, 2, None).await.unwrap();
        running.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_are_free_at_their_deadline_whether_or_not_anybody_woke_up() {
    let world = World::new(1);
    let running = stocked(&world, 1).await;
    let (shop, tee) = (&running.shop, sku("TEE-1"));
    shop.add_to_cart(None, &tee, 1, None).await.unwrap();
    let ttl_ms = u32::try_from(world.settings.reservation_ttl_ms).unwrap();
    world.clock.advance_ms(ttl_ms - 1);
    assert_eq!(shop.add_to_cart(None, &tee, 1, None).await.unwrap_err(), sold_out(0));
    // Nobody nudges the timekeeper: the board still shows none.
    world.clock.advance_ms(1);
    shop.add_to_cart(None, &tee, 1, None).await.unwrap();
    running.close().await;
}

/// A cart with something else in it: its adds go to the SKU.
async fn bystander(shop: &Shop) -> CartId {
    shop.add_to_cart(None, &sku("TEE-2"), 1, None).await.unwrap().id
}

/// Both ways to ask for more than there is end alike.
async fn alike(shop: &Shop, cart: CartId, when: &str) -> Error {
    let tee = sku("TEE-1");
    let asked = shop.add_to_cart(Some(cart), &tee, 9, None).await.unwrap_err();
    assert_eq!(shop.add_to_cart(None, &tee, 9, None).await.unwrap_err(), asked, "{when}");
    asked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newcomers_hear_what_the_sku_would_say() {
    let world = World::new(1);
    let running = stocked(&world, 4).await;
    let (shop, tee) = (&running.shop, sku("TEE-1"));
    let cart = bystander(shop).await;
    assert_eq!(alike(shop, cart, "some are free").await, sold_out(4));
    let (opens_at, closes_at) = (shop.now().plus_ms(1_000), shop.now().plus_ms(2_000));
    let sale = Sale { opens_at, closes_at, price: usd(999), units_per_buyer: Some(2) };
    shop.manage_stock(&tee, Command::SetSale(sale), None).await.unwrap();
    let not_open = Error::Sku(Refusal::SaleNotOpen { opens_at });
    assert_eq!(alike(shop, cart, "before the sale").await, not_open);
    world.clock.advance_ms(1_000);
    assert_eq!(alike(shop, cart, "in the sale, and over its limit").await, sold_out(4));
    let within = shop.add_to_cart(None, &tee, 3, None).await.unwrap_err();
    assert_eq!(within, Error::Sku(Refusal::LimitPerBuyer { limit: 2 }));
    world.clock.advance_ms(1_000);
    assert_eq!(alike(shop, cart, "after it").await, Error::Sku(Refusal::SaleClosed));
    shop.manage_stock(&tee, Command::EndSale, None).await.unwrap();
    assert_eq!(alike(shop, cart, "again at the list price").await, sold_out(4));
    running.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_back_can_be_had_by_whoever_asks_next() {
    for shards in [1, 3] {
        let world = World::new(shards);
        let running = stocked(&world, 8).await;
        let tee = sku("TEE-1");
        let come = (0..48).map(|_| {
            let (shop, tee) = (running.shop.clone(), tee.clone());
            tokio::spawn(async move {
                let cart = loop {
                    match shop.add_to_cart(None, &tee, 1, None).await {
                        Ok(cart) => break cart.id,
                        Err(Error::Sku(Refusal::SoldOut { .. })) => {
                            tokio::task::yield_now().await;
                        }
                        Err(error) => panic!("{error}"),
                    }
                };
                shop.set_units(cart, &tee, 0).await.unwrap();
                // Whoever gave back and was told so finds it on the board, or somebody has it.
                shop.system().board.level("TEE-1").unwrap()
            })
        });
        for one in come.collect::<Vec<_>>() {
            let level = one.await.unwrap();
            assert_eq!(level.free + level.reserved, 8, "{shards} shards");
        }
        wait_until("all are back", || shop_level(&running).free == 8).await;
        running.close().await;
    }
}

fn shop_level(running: &Running) -> crate::views::board::Level {
    running.shop.system().board.level("TEE-1").unwrap()
}
