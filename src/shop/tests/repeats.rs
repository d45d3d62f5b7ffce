//! The same again, at once and after a crash: one effect, the same answer.

use super::{
    memory::{Paid, World},
    *,
};
use crate::{actors::Fault, domain::sku::Command};

const UNITS: u64 = 9;

async fn three_at_once_and_again_after_a_crash(shards: usize) {
    let world = World::new(shards);
    let running = world.open().await;
    running.shop.create_product(spec(&["TEE-1", "TEE-2"], UNITS), None).await.unwrap();
    let mut placed = vec![];
    for round in 0..3 {
        let shop = &running.shop;
        let text = format!("key {round}");
        let cart = shop.add_to_cart(None, &sku("TEE-1"), 2, None).await.unwrap().id;
        shop.add_to_cart(Some(cart), &sku("TEE-2"), 1, None).await.unwrap();
        let paid = details("tok_approve");
        let once = || shop.check_out(cart, &paid, key(&text), None);
        let (a, b, c) = tokio::join!(once(), once(), once());
        let mut orders = vec![];
        for answer in [a, b, c] {
            match answer {
                Ok(order) => orders.push((order.id, shop.order_token(order.id))),
                Err(Error::Fault(Fault::InProgress)) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert!(!orders.is_empty(), "somebody is answered");
        orders.dedup();
        assert_eq!(orders.len(), 1, "one order: {orders:?}");
        placed.extend(orders.into_iter().map(|(order, token)| (cart, text.clone(), order, token)));
        let other = Key { text: &text, route: "checkout", body: b"other" };
        let mismatch = shop.check_out(cart, &paid, other, None).await;
        assert_eq!(mismatch.unwrap_err(), Error::Fault(Fault::KeyMismatch));
    }
    for disk in &world.disks {
        disk.crash(0);
    }
    running.close().await;
    let running = world.open().await;
    for (cart, text, order, token) in placed {
        let shop = &running.shop;
        let paid = details("tok_approve");
        for _ in 0..2 {
            // The cart may have yet to hear that its order is placed.
            let again = loop {
                match shop.check_out(cart, &paid, key(&text), None).await {
                    Err(Error::Fault(Fault::InProgress)) => tokio::task::yield_now().await,
                    answer => break answer.unwrap(),
                }
            };
            assert_eq!((again.id, again.replayed), (order, true));
            assert_eq!(shop.order_token(again.id), token);
        }
        let settled = shop.wait_settled(order).await.unwrap();
        assert_eq!(settled.state.status(), Status::Confirmed);
        assert_eq!(Paid::read(&world.books())[&order.to_string()].captures, 1);
    }
    let books = running.settle_for_good().await;
    assert_eq!(books.orders().len(), 3);
    books.balance(UNITS, &world.books());
    running.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkout_sent_three_times_at_once_and_after_a_crash_is_one_order() {
    for shards in [1, 3] {
        three_at_once_and_again_after_a_crash(shards).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_adds_at_once_to_one_line_are_both_units() {
    for shards in [1, 3] {
        let world = World::new(shards);
        let running = world.open().await;
        let shop = &running.shop;
        shop.create_product(spec(&["TEE-1"], 100), None).await.unwrap();
        for _ in 0..10 {
            let cart = shop.add_to_cart(None, &sku("TEE-1"), 1, None).await.unwrap().id;
            let tee = sku("TEE-1");
            let add = || shop.add_to_cart(Some(cart), &tee, 1, None);
            let (one, other) = tokio::join!(add(), add());
            one.unwrap();
            other.unwrap();
            assert_eq!(shop.cart(cart).await.unwrap().lines[&tee].units, 3);
        }
        assert_eq!(shop.stock(&sku("TEE-1")).await.unwrap().reserved, 30);
        running.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyed_add_repeated_at_once_and_after_a_crash_adds_once() {
    for shards in [1, 3] {
        let world = World::new(shards);
        let running = world.open().await;
        let shop = &running.shop;
        shop.create_product(spec(&["TEE-1"], 100), None).await.unwrap();
        let tee = sku("TEE-1");
        let cart = shop.add_to_cart(None, &tee, 1, None).await.unwrap().id;
        let add = || shop.add_to_cart(Some(cart), &tee, 5, Some(key("five")));
        let (one, other) = tokio::join!(add(), add());
        for answer in [one, other] {
            assert!(matches!(answer, Ok(_) | Err(Error::Fault(Fault::InProgress))), "{answer:?}");
        }
        for disk in &world.disks {
            disk.crash(0);
        }
        running.close().await;
        let running = world.open().await;
        let shop = &running.shop;
        let again = shop.add_to_cart(Some(cart), &tee, 5, Some(key("five"))).await.unwrap();
        assert_eq!((again.replayed, again.lines[&tee].units), (true, 6));
        assert_eq!(shop.stock(&tee).await.unwrap().reserved, 6);
        running.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_that_were_received_can_be_bought_at_once() {
    for shards in [1, 3] {
        let world = World::new(shards);
        let running = world.open().await;
        let shop = &running.shop;
        shop.create_product(spec(&["TEE-1"], 0), None).await.unwrap();
        let tee = sku("TEE-1");
        for _ in 0..50 {
            let receive = Command::Receive { units: 1, location: "main".into(), reference: None };
            shop.manage_stock(&tee, receive, None).await.unwrap();
            shop.add_to_cart(None, &tee, 1, None).await.unwrap();
        }
        running.close().await;
    }
}
