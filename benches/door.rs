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
    Client, Script, Target,
    contract::Line,
    scripts::{Baskets, Buy, Get, Post, Reserve},
};
use hyper::header::{ACCEPT_ENCODING, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use std::time::Duration;
use support::{
    Figure, count, gateway,
    listening::{ADMIN, Open},
    median, ratio, table,
};

/// Connections of each measurement.
const CONNECTIONS: usize = 256;

/// Sockets of a gateway, and commands under way on each: as many as connections, and four times.
const SOCKETS: [(u64, u64); 2] = [(16, 16), (16, 64)];

/// What a gateway says, and what that is called.
const SAID: [(&str, gateway::Say); 2] = [
    ("add to cart", |_| r#""do":"cart.add","body":{"sku":"SKU-0","units":1}"#.to_owned()),
    ("bare reservation", |number| {
        let id = format!("res_{:016x}{number:016x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        format!(r#""do":"reserve","sku":"SKU-0","reservation":"{id}","body":{{"units":1}}"#)
    }),
];

async fn rate(script: impl Script, time: Duration) -> f64 {
    Figure::of(script, CONNECTIONS, time).await.per_second
}

/// The one row of readers that moves many bytes.
const PLAIN: &str = "the same, not compressed";

/// What is asked for again and again, and how it should end.
struct Read {
    what: &'static str,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    status: u16,
}

/// Catalogue reads as browsers, apps and caches send them.
async fn reads(target: &Target) -> Vec<Read> {
    let mut client = Client::new(target);
    let page = client.get("/api/products", &[]).await.expect("a page");
    let items: serde_json::Value = page.json().expect("JSON");
    let id = items.pointer("/items/0/id").and_then(serde_json::Value::as_str).expect("an id");
    let etag = page.headers.get(ETAG).expect("an ETag").clone();
    let coding = (ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate, br"));
    let (one, all) = (format!("/api/products/{id}"), || "/api/products".to_owned());
    let read = |what, path, headers, status| Read { what, path, headers, status };
    vec![
        read("one product", one, vec![], 200),
        read("first page of 50 products, as a browser asks", all(), vec![coding], 200),
        read(PLAIN, all(), vec![], 200),
        read("the same, not changed: 304", all(), vec![(IF_NONE_MATCH, etag)], 304),
    ]
}

fn main() {
    let length = support::length();
    let runtime = support::runtime();
    let (mut noops, mut adds, mut bare, mut buys) = (vec![], vec![], vec![], vec![]);
    let mut over_sockets: Vec<Vec<f64>> = vec![vec![]; SAID.len() * SOCKETS.len()];
    let mut seen: Vec<(&str, Vec<f64>)> = vec![];
    for round in 0..length.rounds {
        runtime.block_on(async {
            let open = Open::with_skus(1).await;
            open.house.list_products(60).await;
            let target = &open.target;
            let sku = support::sku("SKU-0");
            let line = || Line { sku: sku.clone(), units: 1 };
            let same = Bytes::from(serde_json::to_vec(&line()).expect("JSON"));
            noops.push(rate(Post::new(target, "/noop", same), length.each).await);
            for Read { what, path, headers, status } in reads(target).await {
                let figure = rate(Get::new(target, path, &headers, status), length.each).await;
                match seen.iter_mut().find(|(known, _)| *known == what) {
                    Some((_, figures)) => figures.push(figure),
                    None => seen.push((what, vec![figure])),
                }
            }
            adds.push(rate(Post::add(target, sku.clone(), 1), length.each).await);
            bare.push(rate(Reserve::new(target, ADMIN, sku.clone()), length.each).await);
            let rows = SAID.iter().flat_map(|(_, say)| SOCKETS.map(|sockets| (say, sockets)));
            for (figures, (say, sockets)) in over_sockets.iter_mut().zip(rows) {
                let figure = gateway::rate(target, ADMIN, *say, sockets, length.each).await;
                figures.push(figure.per_second);
            }
            let baskets = Baskets::Same(vec![line()]);
            let run_id = format!("bench-{round}");
            let buy = Buy::new(target, baskets, &run_id, "tok_approve");
            buys.push(rate(buy, length.each).await);
            open.close().await;
        });
    }
    let (noop, add, bare, buy) = (median(noops), median(adds), median(bare), median(buys));
    let mut rows = vec![
        vec!["no-op POST behind the same middleware".into(), count(noop), String::new()],
        vec!["add to cart, one SKU, new guests".into(), count(add), ratio(add, noop, 0.35)],
        vec!["bare reservation, one SKU".into(), count(bare), ratio(bare, noop, 0.65)],
        vec!["complete checkouts".into(), count(buy), ratio(buy, noop, 0.10)],
    ];
    let names = SAID.iter().flat_map(|(what, _)| SOCKETS.map(|sockets| (what, sockets)));
    for (figures, (what, (sockets, under_way))) in over_sockets.into_iter().zip(names) {
        let what = format!("{what} over {sockets} WebSockets, {under_way} under way on each");
        let figure = median(figures);
        rows.push(vec![what, count(figure), format!("{:.2}x", figure / noop)]);
    }
    for (what, figures) in seen {
        let figure = median(figures);
        let ratio = match what {
            // Its 50 KiB cost both ends more than all the rest: no floor, but to be seen.
            PLAIN => format!("{:.2}x", figure / noop),
            _ => ratio(figure, noop, 0.80),
        };
        rows.push(vec![what.into(), count(figure), ratio]);
    }
    let title = format!("door: per second over HTTP, {CONNECTIONS} connections");
    table(&title, &["what", "figure", "of the no-op"], &rows);
}
