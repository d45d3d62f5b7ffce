//! Killed under load, again and again, at moments that the dice choose.

use crate::{
    Dice,
    history::{
        History, SKUS, Told, UNITS, check_out, find, inventory, is_the_same, now, shop,
        still_holds, stock_up,
    },
    late::{self, Life},
    rounds,
    server::{Server, balances, serve, start_and_kill},
};
use doorbuster::{domain::Time, load::Client, ports::clock::pause};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// After so many rounds it ends in good order once: a checkpoint to start from.
const END_EVERY: u64 = 25;

const SHOPPERS: u64 = 8;

const TTL: &str = "1500";

/// Everything clients were told so far, and how the process came back.
#[derive(Default)]
struct Sale {
    history: History,
    lives: Vec<Life>,
    ready_after: Vec<Duration>,
}

impl Sale {
    fn start(&mut self, store: &Path, shards: &str) -> Server {
        let flags = ["--shards", shards, "--reservation-ttl-ms", TTL, "--idle-ms", "300"];
        let began = now();
        let server = Server::must_start(store, &flags);
        self.lives.push(Life { began, ready: Some(now()) });
        self.ready_after.push(server.ready_after);
        server
    }

    /// Shoppers shop until the process is gone.
    async fn rush(
        &mut self,
        server: &Server,
        dice: &mut Dice,
    ) -> Vec<tokio::task::JoinHandle<History>> {
        let mut client = server.client();
        stock_up(&mut client).await.unwrap();
        let shoppers = (0..SHOPPERS).map(|_| {
            let (mut client, mut dice) = (server.client(), Dice(dice.next()));
            tokio::spawn(async move {
                let mut history = History::default();
                shop(&mut client, &mut dice, &mut history).await;
                history
            })
        });
        shoppers.collect()
    }

    /// Whatever was told is still true.
    async fn look_back(&mut self, client: &mut Client, known: usize, dice: &mut Dice) {
        let fresh = self.history.orders.split_off(known);
        for told in &fresh {
            find(client, told).await;
        }
        for told in fresh.iter().rev().take(10) {
            is_the_same(client, told).await;
        }
        self.history.orders.extend(fresh);
        for _ in 0..20.min(known) {
            let any = usize::try_from(dice.below(known as u64)).unwrap();
            find(client, &self.history.orders[any]).await;
        }
        self.history.reserved.retain(|told| told.until > now());
        for told in &self.history.reserved {
            still_holds(client, told).await;
        }
        for (sku, units) in SKUS.iter().zip(UNITS) {
            let stock = inventory(client, sku).await.unwrap();
            let (on_hand, sold) =
                (stock["on_hand"].as_u64().unwrap(), stock["sold"].as_u64().unwrap());
            assert_eq!(on_hand + sold, units, "{stock}");
            let instant = now();
            let live = |told: &&_| live_for(told, sku, instant);
            let told: u64 = self.history.reserved.iter().filter(live).map(|told| told.units).sum();
            let reserved = stock["reserved"].as_u64().unwrap();
            assert!(told <= reserved && reserved <= on_hand, "{told} were told: {stock}");
        }
        self.ask_again(client).await;
    }

    /// What had no answer gets one now.
    async fn ask_again(&mut self, client: &mut Client) {
        for _ in 0..100 {
            for sent in std::mem::take(&mut self.history.unanswered) {
                check_out(client, sent, &mut self.history).await.unwrap();
            }
            if self.history.unanswered.is_empty() {
                return;
            }
            pause(Duration::from_millis(20)).await;
        }
        panic!("no answer for {:?}", self.history.unanswered);
    }

    /// Every order's end, by its id.
    async fn ends(&self, client: &mut Client) -> BTreeMap<String, (String, Told)> {
        let mut ends = BTreeMap::new();
        for told in &self.history.orders {
            let begun = Instant::now();
            let order = loop {
                let order = find(client, told).await;
                if order["status"] != "placed" {
                    break order;
                }
                assert!(begun.elapsed() < Duration::from_secs(30), "never settles: {order}");
                pause(Duration::from_millis(20)).await;
            };
            let status = order["status"].as_str().unwrap().to_owned();
            ends.insert(told.id.clone(), (status, told.clone()));
        }
        ends
    }
}

fn live_for(told: &crate::history::Reserved, sku: &str, instant: Time) -> bool {
    told.sku == sku && told.until > instant
}

/// Captured orders and how often, from the provider's own file.
pub(crate) fn charges(store: &Path) -> BTreeMap<String, u32> {
    let mut charges = BTreeMap::new();
    for line in fs::read_to_string(store.join("payments.jsonl")).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["step"] == "capture" && line["outcome"] == "approved" {
            *charges.entry(line["order"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    charges
}

async fn killed_again_and_again(shards: &str) {
    let (mut dice, rounds) = (Dice::throw(), rounds(29));
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let mut sale = Sale::default();
    let mut known = 0;
    for round in 1..=rounds {
        let server = sale.start(&store, shards);
        sale.look_back_if_any(&server, known, &mut dice).await;
        known = sale.history.orders.len();
        let shoppers = sale.rush(&server, &mut dice).await;
        pause(Duration::from_millis(100 + dice.below(600))).await;
        if round % END_EVERY == 0 {
            server.end();
        } else {
            server.kill();
        }
        for shopper in shoppers {
            sale.history.absorb(shopper.await.unwrap());
        }
        if dice.below(4) == 0 {
            sale.lives.push(Life { began: now(), ready: None });
            let after = Duration::from_millis(dice.below(60));
            start_and_kill(serve(&store, &[]), after);
        }
    }
    let server = sale.start(&store, shards);
    let mut client = server.client();
    sale.look_back(&mut client, known, &mut dice).await;
    let ends = sale.ends(&mut client).await;
    pause(Duration::from_secs(2)).await;
    let is_confirmed = |end: &&(String, Told)| end.0 == "confirmed";
    for (sku, units) in SKUS.iter().zip(UNITS) {
        let confirmed = ends.values().filter(is_confirmed).map(|(_, told)| &told.sent);
        let sold: u64 = confirmed.filter(|sent| sent.sku == *sku).map(|sent| sent.units).sum();
        let stock = inventory(&mut client, sku).await.unwrap();
        assert_eq!(stock["sold"].as_u64(), Some(sold), "{stock}");
        assert_eq!(stock["reserved"].as_u64(), Some(0), "{stock}");
        assert_eq!(stock["on_hand"].as_u64(), Some(units - sold), "{stock}");
    }
    server.end();
    balances(&store);
    let confirmed = ends.iter().filter(|(_, end)| is_confirmed(end));
    let once: BTreeMap<String, u32> = confirmed.map(|(id, _)| (id.clone(), 1)).collect();
    assert_eq!(charges(&store), once, "one charge for each confirmed order, none for others");
    let kills = rounds - rounds / END_EVERY;
    report(shards, kills, &sale, &ends, &late::expiries(&store, &sale.lives));
}

impl Sale {
    async fn look_back_if_any(&mut self, server: &Server, known: usize, dice: &mut Dice) {
        let mut client = server.client();
        stock_up(&mut client).await.unwrap();
        self.look_back(&mut client, known, dice).await;
    }
}

fn report(
    shards: &str,
    kills: u64,
    sale: &Sale,
    ends: &BTreeMap<String, (String, Told)>,
    late: &late::Late,
) {
    let confirmed = ends.values().filter(|(status, _)| status == "confirmed").count();
    let slowest = sale.ready_after.iter().max().unwrap();
    println!(
        "{shards} shard(s), {kills} kills: {} orders told, {confirmed} confirmed, {} refused; \
         ready after {slowest:?} at most; {} reservations ended late by {} ms in the median, \
         {} ms at most",
        ends.len(),
        sale.history.refused,
        late.count,
        late.median_ms,
        late.most_ms
    );
    assert!(confirmed > 0 && late.count > 0, "a test without shoppers proves nothing");
    assert!(late.most_ms < 2_000, "a reservation ended {} ms late", late.most_ms);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_on_one_shard_it_keeps_its_word() {
    killed_again_and_again("1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_on_three_shards_it_keeps_its_word() {
    killed_again_and_again("3").await;
}
