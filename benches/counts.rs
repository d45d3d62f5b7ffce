//! So many turns of one kind and nothing else, on one thread: for a counter of instructions.
//!
//! Run twice under callgrind with different numbers, the difference is what a turn costs, whatever
//! else the machine does; `docs/benchmarks/experiments.md` says how, and what came of it.

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
    Bounds, Pace, Plan, Report, Script,
    contract::Line,
    run,
    scripts::{Baskets, Buy, Post},
};
use std::sync::Arc;
use support::{House, guests::Guests, listening::Open};

async fn come(script: impl Script, turns: u64, callers: usize) {
    let plan = Plan { workers: callers, pace: Pace::Closed, bounds: Bounds::turns(turns) };
    let before = support::cpu();
    let (report, _) = run(&Arc::new(script), &plan, &Arc::default()).await;
    let cpu_us = support::cpu().saturating_sub(before).as_micros() as f64 / turns as f64;
    assert_eq!(report.count(Report::WHOLE, "ok"), turns, "{report}");
    println!("{turns} turns by {callers} callers, {cpu_us:.1} us of cpu each");
}

/// In process: new guests who add, and all of them, or none, buy.
async fn guests(buyers: u64, turns: u64, callers: usize) {
    let house = House::with_skus(SKUS).await;
    let (shop, skus, run) = (house.shop.clone(), SKUS as u64, String::new());
    come(Guests { shop, skus, buyers, run }, turns, callers).await;
    house.close().await;
}

async fn over_http(kind: &str, turns: u64, callers: usize) {
    let open = Open::with_skus(1).await;
    let (target, sku) = (&open.target, support::sku("SKU-0"));
    let line = Line { sku: sku.clone(), units: 1 };
    match kind {
        "http-noop" => {
            let body = Bytes::from(serde_json::to_vec(&line).expect("JSON"));
            come(Post::new(target, "/noop", body), turns, callers).await;
        }
        "http-add" => come(Post::add(target, sku, 1), turns, callers).await,
        _ => {
            let buy = Buy::new(target, Baskets::Same(vec![line]), "counted", "tok_approve");
            come(buy, turns, callers).await;
        }
    }
    open.close().await;
}

const SKUS: usize = 100;

const KINDS: [&str; 5] = ["add", "buy", "http-noop", "http-add", "http-buy"];

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let number =
        |at: usize, usual| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (turns, callers) = (number(1, 100), number(2, 64) as usize);
    // Where the server would write its log lines; nothing is written for a good turn.
    if let Some(filter) = std::env::args().skip_while(|a| a != "--log").nth(1) {
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::sink).init();
    }
    // All threads, as the server has them, to be timed; one, to be counted.
    let runtime = if std::env::args().any(|argument| argument == "--all-threads") {
        support::runtime()
    } else {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
    };
    let wanted = |kind: &&str| arguments.first().is_none_or(|only| only == kind);
    for kind in KINDS.into_iter().filter(wanted) {
        print!("{kind}: ");
        runtime.block_on(async {
            match kind {
                "add" => guests(0, turns, callers).await,
                "buy" => guests(1, turns, callers).await,
                _ => over_http(kind, turns, callers).await,
            }
        });
    }
}
