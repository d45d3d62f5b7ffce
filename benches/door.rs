//! What the door serves per second beside the load generator, against a route that does nothing.

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

use bytes::Bytes;
use doorbuster::load::{
    Script,
    contract::Line,
    scripts::{Baskets, Buy, Post},
};
use std::time::Duration;
use support::{Figure, count, listening::Open, median, ratio, table};

/// Connections of each measurement.
const CONNECTIONS: usize = 256;

async fn rate(script: impl Script, time: Duration) -> f64 {
    Figure::of(script, CONNECTIONS, time).await.per_second
}

fn main() {
    let length = support::length();
    let runtime = support::runtime();
    let (mut noops, mut adds, mut buys) = (vec![], vec![], vec![]);
    for round in 0..length.rounds {
        runtime.block_on(async {
            let open = Open::with_skus(1).await;
            let target = &open.target;
            let sku = support::sku("SKU-0");
            let line = || Line { sku: sku.clone(), units: 1 };
            let same = Bytes::from(serde_json::to_vec(&line()).expect("JSON"));
            noops.push(rate(Post::new(target, "/noop", same), length.each).await);
            adds.push(rate(Post::add(target, sku.clone(), 1), length.each).await);
            let baskets = Baskets::Same(vec![line()]);
            let run_id = format!("bench-{round}");
            let buy = Buy::new(target, baskets, &run_id, "tok_approve");
            buys.push(rate(buy, length.each).await);
            open.close().await;
        });
    }
    let (noop, add, buy) = (median(noops), median(adds), median(buys));
    let rows = [
        vec!["no-op POST behind the same middleware".into(), count(noop), String::new()],
        vec!["add to cart, one SKU, new guests".into(), count(add), ratio(add, noop, 0.35)],
        vec!["complete checkouts".into(), count(buy), ratio(buy, noop, 0.10)],
    ];
    let title = format!("door: per second over HTTP, {CONNECTIONS} connections");
    table(&title, &["what", "figure", "of the no-op"], &rows);
}
