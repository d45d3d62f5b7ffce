//! What a million carts keep in memory when nobody touches them any more.
//!
//! The server is a process of its own, as it is in production, and the carts are made over HTTP,
//! one line in each. Idle is: every cart's actor has gone to rest and a checkpoint covers the log.

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
    actors::Settings,
    load::{
        Bounds, Client, Outcome, Pace, Plan, Report, Script, Tally, Target, Turn, contract::Line,
        run,
    },
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use support::{House, count, server::Server, table};

const CONNECTIONS: usize = 128;

/// Each turn is a new guest who adds one unit of the next SKU.
struct Adds {
    target: Target,
    bodies: Vec<Bytes>,
}

impl Adds {
    fn new(target: &Target, skus: usize) -> Adds {
        let body = |n| {
            let line = Line { sku: support::sku(&format!("SKU-{n}")), units: 1 };
            Bytes::from(serde_json::to_vec(&line).expect("JSON"))
        };
        Adds { target: target.clone(), bodies: (0..skus).map(body).collect() }
    }
}

impl Script for Adds {
    type Worker = Client;

    async fn worker(&self) -> Client {
        Client::connected(&self.target).await
    }

    async fn perform(&self, client: &mut Client, turn: Turn, _: &mut Tally) -> Outcome {
        let body = self.bodies[(turn.index % self.bodies.len() as u64) as usize].clone();
        match client.post("/api/cart", &[], body).await {
            Ok(answer) if answer.is_success() => Outcome::Ok,
            Ok(answer) => Outcome::Failed(answer.status.to_string()),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

/// What the server says about itself.
async fn metric(client: &mut Client, name: &str) -> f64 {
    let answer = client.get("/metrics", &[]).await.expect("metrics");
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let values = text.lines().filter(|line| line.starts_with(name));
    values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

struct Figures {
    empty: u64,
    busy: u64,
    idle: u64,
    made: Duration,
    rest: Duration,
}

async fn carts(carts: u64, skus: usize, smoke: bool) -> Figures {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let house = House::open(folder.path(), Settings::default()).await;
    house.stock(skus).await;
    house.close().await;
    let server = Server::start(folder.path(), if smoke { &["--idle-ms", "500"] } else { &[] });
    let mut client = Client::connected(&server.target).await;
    let empty = server.resident();
    let plan = Plan { workers: CONNECTIONS, pace: Pace::Closed, bounds: Bounds::turns(carts) };
    let (report, _) = run(&Arc::new(Adds::new(&server.target, skus)), &plan, &Arc::default()).await;
    assert_eq!(report.count(Report::WHOLE, "ok"), carts, "{report}");
    let (busy, since) = (server.resident(), Instant::now());
    loop {
        let live = metric(&mut client, "doorbuster_live_actors{kind=\"cart\"}").await;
        let tail = metric(&mut client, "doorbuster_tail_entries").await;
        let lag = metric(&mut client, "doorbuster_view_lag_bytes").await;
        // A short run does not wait for the checkpoint, which comes three times a minute.
        if live == 0.0 && lag == 0.0 && (smoke || tail == 0.0) {
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(180), "{live} carts, {tail} entries, {lag}");
        tokio::time::timeout(Duration::from_millis(500), std::future::pending::<()>())
            .await
            .unwrap_or_default();
    }
    let figures = Figures {
        empty,
        busy,
        idle: server.resident(),
        made: report.elapsed,
        rest: since.elapsed(),
    };
    server.end();
    figures
}

fn main() {
    let smoke = support::smoke();
    let many = support::size(1_000_000, 5_000);
    let runtime = support::runtime();
    let mut rows = vec![];
    for skus in [1_000, 1] {
        let figures = runtime.block_on(carts(many, skus, smoke));
        let mb = |bytes: u64| format!("{} MiB", bytes >> 20);
        let reached = if figures.idle < 1 << 30 { "yes" } else { "NO" };
        let each = figures.idle.saturating_sub(figures.empty) / many;
        rows.push(vec![
            format!("{} carts on {} SKUs", count(many as f64), count(skus as f64)),
            mb(figures.empty),
            format!("{} after {:.0?}", mb(figures.busy), figures.made),
            format!("{} after {:.0?}", mb(figures.idle), figures.rest),
            format!("{each} bytes"),
            format!("below 1,024 MiB: {reached}"),
        ]);
    }
    let header = ["what", "empty", "just made", "idle", "a cart", "asked"];
    table("memory: resident in the server's process", &header, &rows);
}
