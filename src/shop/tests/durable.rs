//! Nothing leaves before it is durable: not an answer, not a refusal, not a number.

use super::{
    memory::{Running, World, wait_until},
    *,
};
use crate::{actors::Fault, domain::Time, journal::memory, ports::clock::Manual};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::timeout;

/// Longer than any answer takes that comes at all.
const NEVER: Duration = Duration::from_millis(300);

/// Longer than it takes to send a second command while the first is on its way to the disk.
const SLOW: memory::Fault = memory::Fault::Delay(Duration::from_millis(150));

async fn one_unit(world: &World) -> Running {
    let running = world.open().await;
    running.shop.create_product(spec(&["TEE-1"], 1), None).await.unwrap();
    running
}

/// An answer, if there is one in time, other than that the outcome is unknown.
async fn answer<T>(asked: impl Future<Output = Result<T, Error>>) -> Option<Result<T, Error>> {
    match timeout(NEVER, asked).await {
        Err(_) | Ok(Err(Error::Fault(Fault::Unavailable))) => None,
        Ok(answer) => Some(answer),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_fails_answers_nobody_and_ends_the_process() {
    for kept_bytes in [0, 100, usize::MAX] {
        let world = World::new(1);
        let running = one_unit(&world).await;
        let shop = &running.shop;
        let tee = sku("TEE-1");
        let before = world.disks[0].durable_bytes();
        world.disks[0].fail_next([memory::Fault::Failed]);
        let (added, refused, stock) = tokio::join!(
            answer(shop.add_to_cart(None, &tee, 1, None)),
            answer(shop.add_to_cart(None, &tee, 1, None)),
            answer(shop.stock(&tee)),
        );
        assert!(added.is_none() && refused.is_none(), "{added:?} {refused:?}");
        assert!(stock.is_none_or(|stock| stock.unwrap().reserved == 0), "an unsynced reservation");
        let ended = || running.fatal.load(Ordering::SeqCst) == 1;
        wait_until("the process is told to end", ended).await;
        assert!(answer(shop.stock(&tee)).await.is_none(), "a read from a failed shard");
        assert!(shop.writable().await.is_err());
        assert_eq!(world.disks[0].durable_bytes(), before);
        world.disks[0].crash(kept_bytes);
        running.close().await;
        let running = world.open().await;
        let reserved = running.shop.stock(&tee).await.unwrap().reserved;
        assert_eq!(reserved, u64::from(kept_bytes == usize::MAX), "{kept_bytes} bytes kept");
        running.settle_for_good().await.balance(1, &world.books());
        running.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_without_an_answer_is_sent_again_and_answered_once() {
    use memory::Fault::{UnavailableAfter, UnavailableBefore};
    for faults in [vec![UnavailableBefore; 3], vec![UnavailableAfter; 2]] {
        let world = World::new(1);
        let running = one_unit(&world).await;
        world.disks[0].fail_next(faults);
        let cart = running.shop.add_to_cart(None, &sku("TEE-1"), 1, None).await.unwrap();
        assert_eq!(cart.lines[&sku("TEE-1")].units, 1);
        assert_eq!(running.fatal.load(Ordering::SeqCst), 0);
        let again = running.shop.add_to_cart(None, &sku("TEE-1"), 1, None).await;
        assert_eq!(again.unwrap_err(), Error::Sku(Refusal::SoldOut { free: 0 }));
        running.settle_for_good().await.balance(1, &world.books());
        running.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_and_a_read_wait_for_what_they_rest_on() {
    let world = World::new(1);
    let running = one_unit(&world).await;
    let (shop, tee, disk) = (&running.shop, sku("TEE-1"), &world.disks[0]);
    for taken_by_sale in [false, true] {
        let before = disk.durable_bytes();
        // The SKU's decision and the cart's record are two batches.
        disk.fail_next([SLOW, SLOW]);
        let adding = {
            let (shop, tee) = (shop.clone(), tee.clone());
            tokio::spawn(async move { shop.add_to_cart(None, &tee, 1, None).await })
        };
        if taken_by_sale {
            let read = loop {
                let read = shop.stock(&tee).await.unwrap();
                if read.reserved == 1 {
                    break read;
                }
            };
            assert!(disk.durable_bytes() > before, "read before it was durable: {read:?}");
        } else {
            let asked = disk.appends();
            while disk.appends() == asked {
                tokio::task::yield_now().await;
            }
            let refused = shop.add_to_cart(None, &tee, 1, None).await;
            assert_eq!(refused.unwrap_err(), Error::Sku(Refusal::SoldOut { free: 0 }));
            assert!(disk.durable_bytes() > before, "refused before it was durable");
        }
        let cart = adding.await.unwrap().unwrap();
        shop.set_units(cart.id, &tee, 0).await.unwrap();
    }
    running.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_committer_that_panics_answers_nobody_and_ends_the_process() {
    let world = World::new(1);
    let running = one_unit(&world).await;
    world.disks[0].fail_next([memory::Fault::Panic]);
    let added = answer(running.shop.add_to_cart(None, &sku("TEE-1"), 1, None)).await;
    assert!(added.is_none(), "{added:?}");
    let ended = || running.fatal.load(Ordering::SeqCst) == 1;
    wait_until("the process is told to end", ended).await;
    let stock = answer(running.shop.stock(&sku("TEE-1"))).await;
    assert!(stock.is_none(), "a read from a failed shard: {stock:?}");
    running.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_never_goes_back_over_a_restart_that_reads_no_entry() {
    let (folder, noon) = (tempfile::tempdir().unwrap(), Time(1_900_000_000_000));
    let clock = Arc::new(Manual::at(noon));
    let open = || {
        let options = Options { cache_bytes: 4 << 20, ..Options::default() };
        open::open_with(folder.path(), options, clock.clone(), Arc::new(|_| {}))
    };
    let opened = open().await.unwrap();
    opened.shop.create_product(spec(&["TEE-1"], 1), None).await.unwrap();
    // All that happened is in the checkpoint of the close.
    opened.close().await;
    clock.set_wall(Time(noon.0 - 30_000));
    let opened = open().await.unwrap();
    assert!(opened.shop.now() >= noon, "the wall was set back, the shop's time was not");
    opened.close().await;
    clock.set_wall(Time(noon.0 - 90_000));
    let refused = open().await.err().expect("a log over a minute ahead is refused");
    assert!(refused.to_string().contains("the wall clock shows"), "{refused}");
}
