//! Complete checkouts per second: add, check out, paid, confirmed, durable; and a real shop's sales
//! of nine months bought again over HTTP, returns included, where `DOORBUSTER_TRACE` names them.

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
        Outcome, Pace, Script, Tally, Turn,
        replay::{Replay, Verdict, replay},
    },
    shop::{Key, Shop},
};
use std::{path::PathBuf, time::Duration};
use support::{
    Figure, House, count,
    listening::{ADMIN, Open},
    median, raw, table,
};

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
    let figure = Figure::of(Buy(house.shop.clone()), callers, time).await;
    house.close().await;
    figure
}

/// Connections of the replay.
const CONNECTIONS: usize = 256;

/// Invoices that show that the replay still runs.
const SMOKE_INVOICES: usize = 100;

/// Buys the recorded sales again, all of them but for a smoke test.
async fn sales(file: PathBuf) -> Verdict {
    let open = Open::with_skus(1).await;
    let settings = Replay {
        target: open.target.clone(),
        file,
        invoices: if support::smoke() { SMOKE_INVOICES } else { 0 },
        connections: CONNECTIONS,
        pace: Pace::Closed,
        times: None,
        admin_token: ADMIN.into(),
        payment_token: "tok_approve".into(),
    };
    let verdict = replay(&settings).await.expect("a replay");
    open.close().await;
    if !verdict.holds() {
        println!("{verdict}");
    }
    verdict
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
        let Figure { per_second, cpu_us } = Figure::median(&bought);
        let reached = if per_second >= least { "yes" } else { "NO" };
        rows.push(vec![
            format!("bare group commit, {callers} writers"),
            count(median(bare)),
            String::new(),
        ]);
        rows.push(vec![
            format!("complete checkouts in process, {callers} callers"),
            count(per_second),
            format!("at least {}: {reached}; {cpu_us:.1} us of cpu each", count(least)),
        ]);
    }
    match std::env::var_os("DOORBUSTER_TRACE") {
        None => println!("skipped: set DOORBUSTER_TRACE to a file of sales to replay it"),
        Some(file) => {
            let verdict = runtime.block_on(sales(file.into()));
            let Verdict { baskets, lines, returns, .. } = verdict;
            let differences = format!("differences: {}", verdict.differences.len());
            rows.push(vec![
                format!("lines of recorded sales over HTTP, {lines} and {returns} returns"),
                count(verdict.lines_per_second),
                differences.clone(),
            ]);
            rows.push(vec![
                format!("the same in baskets, {baskets}"),
                count(verdict.baskets_per_second),
                differences,
            ]);
        }
    }
    table("checkout: per second", &["what", "figure", "asked"], &rows);
}
