//! Complete checkouts per second: add, check out, paid, confirmed, durable.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a bench prints rounded figures and may end where it can't go on"
)]

mod support;

use doorbuster::{
    load::{
        pace::{Bounds, Pace},
        report::{Outcome, Tally},
        run::{Plan, Script, Turn, run},
    },
    shop::{Key, Shop},
};
use std::{sync::Arc, time::Duration};
use support::{Figure, House, count, median, raw, table};

/// Each turn is a new guest who buys one unit and waits until the order is confirmed.
struct Buy(Shop);

impl Script for Buy {
    type Worker = Shop;

    async fn worker(&self) -> Shop {
        self.0.clone()
    }

    async fn perform(&self, shop: &mut Shop, turn: Turn, _: &mut Tally) -> Outcome {
        let sku = support::sku(&format!("SKU-{}", turn.index % SKUS));
        match buy(shop, &sku, turn.index).await {
            Ok(true) => Outcome::Ok,
            Ok(false) => Outcome::Failed("not confirmed".into()),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

const SKUS: u64 = 100;

async fn buy(
    shop: &Shop,
    sku: &doorbuster::domain::Sku,
    n: u64,
) -> Result<bool, doorbuster::shop::Error> {
    let cart = shop.add_to_cart(None, sku, 1, None).await?;
    let text = n.to_string();
    let key = Key { text: &text, route: "POST /api/cart/checkout", body: b"{}" };
    let wait = Some(Duration::from_secs(10));
    let order = shop.check_out(cart.id, &support::details(), key, wait).await?;
    Ok(order.state.status() == doorbuster::domain::order::Status::Confirmed)
}

async fn checkouts(callers: usize, time: Duration) -> Figure {
    let house = House::with_skus(SKUS as usize).await;
    let script = Arc::new(Buy(house.shop.clone()));
    let plan = Plan { workers: callers, pace: Pace::Closed, bounds: Bounds::time(time) };
    let before = support::cpu();
    let (report, workers) = run(&script, &plan, &Arc::default()).await;
    if report.step("whole").is_some_and(|whole| whole.failed() > 0) {
        println!("{report}");
    }
    let figure = support::measured(&report, before);
    drop((script, workers));
    house.close().await;
    figure
}

fn main() {
    let length = support::length();
    let runtime = support::runtime();
    let mut rows = vec![];
    for (callers, least) in [(64, 25_000.0), (512, 35_000.0)] {
        let (mut bare, mut bought) = (vec![], vec![]);
        for _ in 0..length.rounds {
            bare.push(runtime.block_on(raw::group_commit(callers, 30, length.each)));
            bought.push(runtime.block_on(checkouts(callers, length.each)));
        }
        let cpu_us = median(bought.iter().map(|figure: &Figure| figure.cpu_us).collect());
        let bought = median(bought.iter().map(|figure| figure.per_second).collect());
        let bare = median(bare);
        let reached = if bought >= least { "yes" } else { "NO" };
        rows.push(vec![
            format!("bare group commit, {callers} writers"),
            count(bare),
            String::new(),
        ]);
        rows.push(vec![
            format!("complete checkouts in process, {callers} callers"),
            count(bought),
            format!("at least {}: {reached}; {cpu_us:.1} us of cpu each", count(least)),
        ]);
    }
    table("checkout: per second", &["what", "figure", "asked"], &rows);
}
