//! Somebody sets the clock: the shop's time goes on as if nobody had, and says so.

use crate::{
    history::{body, reserved_until, value},
    history::{header, stock_up},
    market::FLAGS,
    power::must,
    server::{Server, said},
    shim::{Shim, Switch},
};
use doorbuster::{
    domain::Time,
    journal::{Position, file},
    load::{Client, client::CART_TOKEN},
    ports::clock::pause,
};
use serde_json::json;
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

const HOUR_MS: i64 = 3_600_000;

const TTL: Duration = Duration::from_secs(4);

/// A cart that holds a unit, since when, and until when by the shop's clock.
struct Holding {
    cart: String,
    since: Instant,
    until: Time,
}

async fn hold(client: &mut Client) -> Holding {
    let since = Instant::now();
    let added = client.post("/api/cart", &[], body(&json!({"sku": "PLENTY-1", "units": 1}))).await;
    let added = added.unwrap();
    assert_eq!(added.status, 200, "{added:?}");
    let cart = added.cart_token().unwrap().to_str().unwrap().to_owned();
    Holding { cart, since, until: reserved_until(&added) }
}

/// How long it held; for a second after its end nothing else is held either.
async fn held(client: &mut Client, holding: &Holding) -> Duration {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        let cart = client.get("/api/cart", &[header(CART_TOKEN, &holding.cart)]).await.unwrap();
        if value(&cart)["items"][0]["reserved_until"].is_null() {
            return holding.since.elapsed();
        }
        pause(Duration::from_millis(20)).await;
    }
    panic!("it still holds, a minute on");
}

/// The times of all entries never go back, but for the moment between a decision and its place
/// in line.
fn never_goes_back(store: &Path) {
    for shard in fs::read_dir(store.join("log")).unwrap() {
        let (mut last, mut entries) = (Time(0), 0);
        let inspected = file::inspect(&shard.unwrap().path(), Position(0), &mut |batch| {
            for entry in batch.entries() {
                let at = entry.context.now;
                assert!(at.plus_ms(1_000) >= last, "{at} after {last}");
                last = last.max(at);
                entries += 1;
            }
            Ok(())
        });
        inspected.unwrap();
        assert!(entries > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sets_the_clock_neither_ends_nor_lengthens_a_reservation() {
    let Some(shim) = Shim::plain() else { return };
    let ttl = TTL.as_millis().to_string();
    let server = must(Server::run(shim.serve(&["--reservation-ttl-ms", &ttl])));
    let mut client = server.client();
    stock_up(&mut client).await.unwrap();
    let mut jumps = 0;
    for by_ms in [HOUR_MS, -2 * HOUR_MS, 30 * 24 * HOUR_MS, 0] {
        let before = hold(&mut client).await;
        shim.set(Switch::ClockMs, by_ms);
        let after = hold(&mut client).await;
        assert!(after.until >= before.until, "the shop's time went back");
        let apart = after.until.ms_since(before.until);
        assert!(apart < 60_000, "the shop's time jumped by {apart} ms");
        for holding in [&before, &after] {
            let held = held(&mut client, holding).await;
            assert!(held >= TTL * 9 / 10, "by {by_ms} ms: held for {held:?} only");
        }
        jumps += 1;
        let words = server.says("the wall clock jumped by ");
        assert!(words.matches("the wall clock jumped by ").count() >= jumps, "{words}");
    }
    server.end();
    never_goes_back(&shim.store());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_from_the_future_is_refused_without_its_flag() {
    let Some(shim) = Shim::plain() else { return };
    shim.set(Switch::ClockMs, HOUR_MS);
    let server = must(Server::run(shim.serve(&FLAGS)));
    stock_up(&mut server.client()).await.unwrap();
    let held = hold(&mut server.client()).await;
    server.end();
    shim.set(Switch::ClockMs, 0);
    let Err(output) = Server::run(shim.serve(&FLAGS)) else { panic!("the future is served") };
    let words = said(&output);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("the log ends at") && words.contains("set the clock right"), "{words}");
    let allowed: Vec<&str> = FLAGS.into_iter().chain(["--allow-future", "true"]).collect();
    let server = must(Server::run(shim.serve(&allowed)));
    let mut client = server.client();
    assert!(hold(&mut client).await.until >= held.until, "time went back over a restart");
    server.end();
    never_goes_back(&shim.store());
    shim.set(Switch::ClockMs, HOUR_MS - 50_000);
    must(Server::run(shim.serve(&FLAGS))).end();
    never_goes_back(&shim.store());
}
