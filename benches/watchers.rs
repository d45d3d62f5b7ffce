//! How old a stock frame is when one of ten thousand watchers has it, and what a watcher costs.
//!
//! Three processes: the server as it is in production; the watchers, see `support/watchers.rs`;
//! and this one, which changes one SKU 2,000 times a second by receipts of one unit. Nothing else
//! changes that SKU, so the `free` of a frame names the receipt that made it. A frame's age is the
//! time from when that receipt's request was sent to when a watcher had read the frame: the
//! receipt's own way through door, rule and disk is part of it.

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
        Bounds, Client, Outcome, Pace, Plan, Report, Script, Tally, Target, Turn, client::bearer,
        run, scripts::Post,
    },
};
use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use support::{
    House, bare, count,
    server::{ADMIN, Server},
    sku, table,
    watchers::{self, Seen, Watchers, now_us},
};

const CHANGES_PER_SECOND: u32 = 2_000;
const ADDS_PER_SECOND: u32 = 1_000;
/// Room for the old sockets of a storm beside the new ones.
const FLAGS: [&str; 6] = [
    "--most-sockets",
    "15000",
    "--most-connections",
    "2000",
    // All watchers have one address here.
    "--most-per-address",
    "2000",
];

/// Receipts of one unit; keeps when each was sent, by what it made free.
struct Receipts {
    target: Target,
    sent: Arc<Mutex<HashMap<u64, u64>>>,
}

impl Script for Receipts {
    type Worker = Client;

    async fn worker(&self) -> Client {
        Client::connected(&self.target).await
    }

    async fn perform(&self, client: &mut Client, _: Turn, _: &mut Tally) -> Outcome {
        let (headers, body) =
            ([bearer(ADMIN).expect("a token")], Bytes::from_static(b"{\"units\":1}"));
        let sent = now_us();
        match client.post("/api/inventory/SKU-0/receipts", &headers, body).await {
            Ok(answer) if answer.is_success() => {
                let stock: serde_json::Value = answer.json().expect("JSON");
                let free = stock["free"].as_u64().expect("a number");
                self.sent.lock().expect("a lock").insert(free, sent);
                Outcome::Ok
            }
            Ok(answer) => Outcome::Failed(answer.status.to_string()),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

/// A script at a fixed rate; how many went well a second.
async fn at(script: impl Script, rate: u32, workers: usize, time: Duration) -> (f64, Report) {
    let pace = Pace::Open(NonZeroU32::new(rate).expect("a rate"));
    let plan = Plan { workers, pace, bounds: Bounds::time(time) };
    let (report, _) = run(&Arc::new(script), &plan, &Arc::default()).await;
    let ok = report.count(Report::WHOLE, "ok");
    assert_eq!(ok, report.turns, "{report}");
    (report.ok_per_second(), report)
}

/// Ages of frames in microseconds, in order.
fn ages(seen: &Seen, sent: &HashMap<u64, u64>) -> Vec<u64> {
    let known = seen.iter().filter_map(|(free, times)| Some((sent.get(free)?, times)));
    let mut ages: Vec<u64> = known
        .flat_map(|(sent, times)| times.iter().map(|time| time.saturating_sub(*sent)))
        .collect();
    ages.sort_unstable();
    ages
}

fn quantile(ages: &[u64], share: f64) -> Duration {
    let at = ((ages.len() as f64 * share) as usize).min(ages.len().saturating_sub(1));
    Duration::from_micros(ages.get(at).copied().unwrap_or(u64::MAX))
}

/// One line of the table.
struct Row {
    what: String,
    ages: Vec<u64>,
    frames_per_second: f64,
    most: Option<Duration>,
    rest: String,
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let p99 = quantile(&self.ages, 0.99);
        let reached = |most| if p99 <= most { "yes" } else { "NO" };
        vec![
            self.what.clone(),
            format!("{:.0?}", quantile(&self.ages, 0.5)),
            format!("{p99:.0?}"),
            format!("{:.0?}", quantile(&self.ages, 1.0)),
            count(self.frames_per_second),
            self.most.map_or_else(String::new, |most| format!("{most:?}: {}", reached(most))),
            self.rest.clone(),
        ]
    }
}

async fn measure(
    what: &str,
    server: &Server,
    watchers: &mut Watchers,
    adds: u32,
    most: Duration,
    time: Duration,
) -> Row {
    let sent = Arc::default();
    let receipts = Receipts { target: server.target.clone(), sent: Arc::clone(&sent) };
    let (used, theirs) = (server.cpu(), watchers.cpu());
    assert_eq!(watchers.ask("measure"), "measuring");
    let begun = Instant::now();
    let add = Post::add(&server.target, sku("SKU-1"), 1);
    let ((changed, _), added) = tokio::join!(at(receipts, CHANGES_PER_SECOND, 64, time), async {
        if adds == 0 { None } else { Some(at(add, adds, 64, time).await) }
    });
    let (used, theirs) = (server.cpu().saturating_sub(used), watchers.cpu().saturating_sub(theirs));
    let seen = watchers.seen();
    let frames: usize = seen.values().map(Vec::len).sum();
    let seconds = begun.elapsed().as_secs_f64();
    let adds = added.map_or_else(String::new, |(rate, report)| {
        let p99 = report.step(Report::WHOLE).map_or(0, |whole| whole.ok_latency_us(0.99));
        format!(", {} adds/s (p99 {} ms)", count(rate), p99 / 1_000)
    });
    let load = |used: Duration| 100.0 * used.as_secs_f64() / time.as_secs_f64();
    let sent = sent.lock().expect("a lock").clone();
    Row {
        what: what.to_owned(),
        ages: ages(&seen, &sent),
        frames_per_second: frames as f64 / seconds,
        most: Some(most),
        rest: format!(
            "{} changes/s{adds}; cpu: server {:.0} %, watchers {:.0} %",
            count(changed),
            load(used),
            load(theirs),
        ),
    }
}

/// Everybody comes back at once, while somebody asks and somebody buys every 50 ms.
async fn storm(server: &Server, watchers: &mut Watchers) -> String {
    let target = server.target.clone();
    watchers.tell("storm");
    let (done, mut over) = tokio::sync::oneshot::channel();
    let probing = tokio::spawn(async move {
        let (mut worst_ask, mut worst_add, mut probes) = (Duration::ZERO, Duration::ZERO, 0);
        let (mut asker, mut adder) =
            (Client::connected(&target).await, Client::connected(&target).await);
        let body = Bytes::from_static(b"{\"sku\":\"SKU-1\",\"units\":1}");
        loop {
            let (asked, added) = tokio::join!(
                async {
                    let begun = Instant::now();
                    assert_eq!(asker.get("/healthz", &[]).await.expect("an answer").status, 200);
                    begun.elapsed()
                },
                async {
                    let begun = Instant::now();
                    let answer = adder.post("/api/cart", &[], body.clone()).await;
                    assert!(answer.expect("an answer").is_success(), "a cart is made");
                    begun.elapsed()
                }
            );
            (worst_ask, worst_add) = (worst_ask.max(asked), worst_add.max(added));
            probes += 1;
            if tokio::time::timeout(Duration::from_millis(50), &mut over).await.is_ok() {
                return (worst_ask, worst_add, probes);
            }
        }
    });
    let back = tokio::task::block_in_place(|| watchers.hear());
    let _ = done.send(());
    let (ask, add, probes) = probing.await.expect("probes");
    let [seconds, refused, broken] = back.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{back}")
    };
    assert_eq!(refused, "0", "nobody is refused while there is room");
    format!(
        "reconnect storm: all back after {seconds} s, {refused} refused, {broken} begun anew; \
         meanwhile of {probes} probes the slowest GET /healthz {ask:.0?}, add to cart {add:.0?}"
    )
}

async fn crowd(sockets: usize, time: Duration) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let house = House::open(folder.path(), Settings::default()).await;
    house.stock(2).await;
    house.close().await;
    let server = Server::start(folder.path(), &FLAGS);
    let path = "/ws/stock?sku=SKU-0";
    let one_by_one = |mut watchers: Watchers| {
        let connected = watchers.ask("connect");
        (watchers, connected)
    };
    // What the first requests leave behind is not the watchers'.
    let add = Post::add(&server.target, sku("SKU-1"), 1);
    at(add, ADDS_PER_SECOND, 64, Duration::from_millis(500)).await;
    drop(one_by_one(Watchers::start(server.target.authority(), path, 16)));
    let before = server.resident();
    let (mut watchers, connected) =
        one_by_one(Watchers::start(server.target.authority(), path, sockets));
    let idle = server.resident();
    let label = |what: &str| format!("{} watchers, {what}", count(sockets as f64));
    let mut rows = vec![bare(&label("bare writes of the same bytes"), sockets, time).await];
    let (calm, busy) = (Duration::from_millis(250), Duration::from_secs(1));
    rows.push(measure(&label("one SKU changes"), &server, &mut watchers, 0, calm, time).await);
    let loaded = label("and carts are filled");
    rows.push(measure(&loaded, &server, &mut watchers, ADDS_PER_SECOND, busy, time).await);
    let after = server.resident();
    let rows: Vec<_> = rows.iter().map(Row::cells).collect();
    let header = ["what", "median age", "p99", "oldest", "frames/s", "p99 asked", "beside it"];
    table("watchers: age of a frame when received", &header, &rows);
    let each = idle.saturating_sub(before) / sockets as u64;
    let reached = if each <= 20 << 10 { "yes" } else { "NO" };
    println!(
        "an idle watcher keeps {each} bytes of the server's memory (at most 20 KiB: {reached}); \
         {} MiB before, {} with all, {} after the load",
        before >> 20,
        idle >> 20,
        after >> 20,
    );
    println!("connected in {} s", connected.split(' ').next().unwrap_or_default());
    println!("{}", storm(&server, &mut watchers).await);
    drop(watchers);
    server.end();
}

/// The machine's own limit: nothing but writes to as many sockets, of frames of the same length.
async fn bare(what: &str, sockets: usize, time: Duration) -> Row {
    let mut fan = bare::Fan::listen();
    let address = fan.address.to_string();
    let mut watchers = Watchers::start(&address, "/", sockets);
    watchers.tell("connect");
    fan.accept(sockets).await;
    tokio::task::block_in_place(|| watchers.hear());
    assert_eq!(watchers.ask("measure"), "measuring");
    let (begun, sent) = (Instant::now(), fan.write(time).await);
    let seen = watchers.seen();
    let frames: usize = seen.values().map(Vec::len).sum();
    Row {
        what: what.to_owned(),
        ages: ages(&seen, &sent),
        frames_per_second: frames as f64 / begun.elapsed().as_secs_f64(),
        most: None,
        rest: "one round after the other; a frame is born with its round".to_owned(),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == watchers::ARGUMENT) {
        return watchers::serve(&arguments[at + 1..]);
    }
    let (wanted, time) = if support::smoke() {
        (100, Duration::from_secs(1))
    } else {
        (10_000, support::length().each.max(Duration::from_secs(10)))
    };
    let sockets = watchers::sockets_of(wanted);
    if sockets < wanted {
        println!("only {sockets} sockets fit: raise the limit of open files (ulimit -Hn)");
    }
    support::runtime().block_on(crowd(sockets, time));
}
