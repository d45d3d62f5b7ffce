//! Durable reservations per second in process: everybody on one SKU, and spread over a thousand.

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
    domain::ReservationId,
    load::{Outcome, Script, Tally, Turn},
    shop::{Shop, reservations::Wish},
};
use std::time::Duration;
use support::{Figure, House, count, median, ratio, raw, table};

/// What each turn does, for a holder who was never there before.
#[derive(Clone, Copy, PartialEq)]
enum What {
    /// Reserves one unit, without a cart.
    Reserve,
    /// Adds one unit to a new cart.
    Add,
}

struct Rush {
    shop: Shop,
    skus: Vec<doorbuster::domain::Sku>,
    what: What,
}

impl Script for Rush {
    type Worker = Shop;

    async fn worker(&self) -> Shop {
        self.shop.clone()
    }

    async fn perform(&self, shop: &mut Shop, turn: Turn, _: &mut Tally) -> Outcome {
        // Neighbouring turns go far apart, so that callers don't follow each other round.
        let n = turn.index.wrapping_mul(0x9E37_79B9_7F4A_7C15) % self.skus.len() as u64;
        let sku = &self.skus[n as usize];
        let done = match self.what {
            What::Reserve => {
                let id = ReservationId(shop.system().new_uuid());
                let wish = Wish { units: 1, buyer: None, ttl_ms: None };
                shop.reserve(id, sku, &wish).await.map(|_| ())
            }
            What::Add => shop.add_to_cart(None, sku, 1, None).await.map(|_| ()),
        };
        done.map_or_else(|error| Outcome::Failed(error.to_string()), |()| Outcome::Ok)
    }
}

async fn rush(what: What, skus: usize, callers: usize, time: Duration) -> Figure {
    let house = House::with_skus(skus).await;
    let skus = (0..skus).map(|n| support::sku(&format!("SKU-{n}"))).collect();
    let figure = Figure::of(Rush { shop: house.shop.clone(), skus, what }, callers, time).await;
    house.close().await;
    figure
}

fn main() {
    let length = support::length();
    let runtime = support::runtime();
    let mut rows = vec![];
    let (_, sync) = raw::appends(4_096, length.each.min(Duration::from_secs(1)));
    rows.push(vec![
        "one fdatasync of 4 KiB".into(),
        format!("{sync:.0?}"),
        String::new(),
        String::new(),
    ]);
    for callers in [64, 1_024] {
        let (mut bare, mut hot, mut spread, mut adds) = (vec![], vec![], vec![], vec![]);
        for _ in 0..length.rounds {
            let run = |what, skus| runtime.block_on(rush(what, skus, callers, length.each));
            bare.push(runtime.block_on(raw::group_commit(callers, ENTRY_BYTES, length.each)));
            hot.push(run(What::Reserve, 1));
            spread.push(run(What::Reserve, 1_000));
            adds.push(run(What::Add, 1));
        }
        let figures = [hot, spread, adds].map(|figures| Figure::median(&figures));
        let [hot_us, spread_us, adds_us] = figures.map(|figure| format!("{:.1} us", figure.cpu_us));
        let [hot, spread, adds] = figures.map(|figure| figure.per_second);
        let bare = median(bare);
        let name = |what: &str| format!("{what}, {} callers", count(callers as f64));
        rows.push(vec![
            name("bare group commit of 250 bytes"),
            count(bare),
            String::new(),
            String::new(),
        ]);
        rows.push(vec![name("reservations, one SKU"), count(hot), hot_us, ratio(hot, bare, 0.5)]);
        let even = format!("one SKU is {}", ratio(hot, spread, 0.9));
        rows.push(vec![name("reservations, 1,000 SKUs evenly"), count(spread), spread_us, even]);
        let against = format!("{:.2}x", adds / bare);
        rows.push(vec![name("add to a new cart, one SKU"), count(adds), adds_us, against]);
    }
    table("hot_sku: durable per second", &["what", "figure", "cpu each", "against bare"], &rows);
}

/// What one reservation takes in the log.
const ENTRY_BYTES: usize = 250;
