//! Durable reservations per second in process: everybody on one SKU, and spread over a thousand.

mod support;

use doorbuster::{
    load::{
        pace::{Bounds, Pace},
        report::{Outcome, Tally},
        run::{Plan, Script, Turn, run},
    },
    shop::Shop,
};
use std::{sync::Arc, time::Duration};
use support::{House, count, median, ratio, raw, table};

/// Each turn is a new guest who adds one unit.
struct Add {
    shop: Shop,
    skus: u64,
}

impl Script for Add {
    type Worker = Shop;

    async fn worker(&self) -> Shop {
        self.shop.clone()
    }

    async fn perform(&self, shop: &mut Shop, turn: Turn, _: &mut Tally) -> Outcome {
        // Neighbouring turns go far apart, so that callers don't follow each other round.
        let n = turn.index.wrapping_mul(0x9E37_79B9_7F4A_7C15) % self.skus;
        let sku = support::sku(&format!("SKU-{n}"));
        match shop.add_to_cart(None, &sku, 1, None).await {
            Ok(_) => Outcome::Ok,
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

async fn adds(skus: u64, callers: usize, time: Duration) -> f64 {
    let house = House::with_skus(skus as usize).await;
    let script = Arc::new(Add { shop: house.shop.clone(), skus });
    let plan = Plan { workers: callers, pace: Pace::Closed, bounds: Bounds::time(time) };
    let (report, workers) = run(&script, &plan, &Arc::default()).await;
    if report.step("whole").is_some_and(|whole| whole.failed() > 0) {
        println!("{report}");
    }
    let rate = report.ok_per_second();
    drop((script, workers));
    house.close().await;
    rate
}

fn main() {
    let length = support::length();
    let runtime = support::runtime();
    let mut rows = vec![];
    let (_, sync) = raw::appends(4_096, length.each.min(Duration::from_secs(1)));
    rows.push(vec!["one fdatasync of 4 KiB".into(), format!("{sync:.0?}"), String::new()]);
    for callers in [64, 1_024] {
        let (mut bare, mut hot, mut spread) = (vec![], vec![], vec![]);
        for _ in 0..length.rounds {
            bare.push(runtime.block_on(raw::group_commit(callers, 30, length.each)));
            hot.push(runtime.block_on(adds(1, callers, length.each)));
            spread.push(runtime.block_on(adds(1_000, callers, length.each)));
        }
        let (bare, hot, spread) = (median(bare), median(hot), median(spread));
        let name = |what: &str| format!("{what}, {} callers", count(callers as f64));
        rows.push(vec![name("bare group commit of 30 bytes"), count(bare), String::new()]);
        rows.push(vec![name("one SKU"), count(hot), format!("{} bare", ratio(hot, bare, 0.5))]);
        let even = format!("one SKU is {}", ratio(hot, spread, 0.9));
        rows.push(vec![name("1,000 SKUs evenly"), count(spread), even]);
    }
    table("hot_sku: durable reservations per second", &["what", "figure", "ratio"], &rows);
}
