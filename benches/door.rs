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
        Script, Target,
        contract::Line,
        scripts::{Baskets, Buy, Post},
    },
};
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

fn main() {
    let length = support::length();
    let runtime = support::runtime();
    let (mut noops, mut adds, mut buys) = (vec![], vec![], vec![]);
    for round in 0..length.rounds {
        runtime.block_on(async {
            let open = Open::new().await;
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
