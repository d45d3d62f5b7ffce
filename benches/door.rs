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
use doorbuster::{
    http::{self, Door, DoorSettings, Server, server},
    load::{
        Client, Script, Target,
        contract::Line,
        scripts::{Baskets, Buy, Get, Post},
    },
};
use hyper::header::{ACCEPT_ENCODING, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use std::time::Duration;
use support::{Figure, House, count, median, ratio, table};
use tokio::{sync::oneshot, task::JoinHandle};

/// Connections of each measurement.
const CONNECTIONS: usize = 256;

/// A shop that listens.
struct Open {
    house: House,
    target: Target,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Open {
    async fn new() -> Open {
        let house = House::with_skus(1).await;
        house.list_products(60).await;
        let any = "127.0.0.1:0".parse().expect("an address");
        let listener = server::listen(any).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let target = Target::parse(&format!("http://{address}")).expect("a target");
        let metrics = http::install_metrics();
        let settings = DoorSettings { metrics, ..DoorSettings::new("the-admin-token") };
        let door = Door::new(house.shop.clone(), settings);
        let server = Server::start(listener, 10_000);
        server.open(door.router_with_noop());
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let serving = tokio::spawn(server.serve(door, stopped));
        Open { house, target, stop, serving }
    }

    async fn close(self) {
        drop(self.stop);
        self.serving.await.expect("an orderly end");
        self.house.close().await;
    }
}

async fn rate(script: impl Script, time: Duration) -> f64 {
    Figure::of(script, CONNECTIONS, time).await.per_second
}

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
        read("the same, not compressed", all(), vec![], 200),
        read("the same, not changed: 304", all(), vec![(IF_NONE_MATCH, etag)], 304),
    ]
}

fn main() {
    let length = support::length();
    let runtime = support::runtime();
    let (mut noops, mut adds, mut buys) = (vec![], vec![], vec![]);
    let mut seen: Vec<(&str, Vec<f64>)> = vec![];
    for round in 0..length.rounds {
        runtime.block_on(async {
            let open = Open::new().await;
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
            let baskets = Baskets::Same(vec![line()]);
            let run_id = format!("bench-{round}");
            let buy = Buy::new(target, baskets, &run_id, "tok_approve");
            buys.push(rate(buy, length.each).await);
            open.close().await;
        });
    }
    let (noop, add, buy) = (median(noops), median(adds), median(buys));
    let mut rows = vec![
        vec!["no-op POST behind the same middleware".into(), count(noop), String::new()],
        vec!["add to cart, one SKU, new guests".into(), count(add), ratio(add, noop, 0.35)],
        vec!["complete checkouts".into(), count(buy), ratio(buy, noop, 0.10)],
    ];
    for (what, figures) in seen {
        let figure = median(figures);
        rows.push(vec![what.into(), count(figure), ratio(figure, noop, 0.80)]);
    }
    let title = format!("door: per second over HTTP, {CONNECTIONS} connections");
    table(&title, &["what", "figure", "of the no-op"], &rows);
}
