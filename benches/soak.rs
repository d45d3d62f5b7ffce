//! A shop under mixed load for a long time: whatever grows that should not, grows here.
//!
//! `cargo bench --bench soak -- --minutes 30` runs the server in a process of its own, with carts
//! that lapse, purchases, readers and people who come too late, and looks at it every ten seconds:
//! its memory, its open files, the bytes of its store for each event, and how fast it answers. The
//! samples go into `docs/benchmarks/soak.csv` and into a chart for each, or into the folder behind
//! `--out`. Each sample has callers of its own, so what a connection leaves behind adds up.

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
    actors::Settings,
    domain::Time,
    load::{
        Bounds, Client, Pace, Plan, Report, Script, Target,
        contract::Line,
        run,
        scripts::{Baskets, Buy, Get, Post},
    },
};
use std::{
    fmt::Write as _,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use support::{
    House,
    chart::{self, Lines, Series},
    count, median,
    server::Server,
    sku, table,
    watchers::now_us,
};

/// Carts lapse while the soak runs, many times over.
const TTL_MS: &str = "20000";

/// Turns a second: far below the peak, since what is looked for shows at any rate.
const ADDS: u32 = 300;
const PURCHASES: u32 = 60;
const READS: u32 = 100;
const TOO_LATE: u32 = 300;

const WORKERS: usize = 32;

/// How the server was after so many seconds.
struct Sample {
    seconds: f64,
    memory_bytes: u64,
    files: usize,
    store_bytes: u64,
    events: u64,
    add_p99_us: u64,
    buy_p99_us: u64,
}

/// What is looked at, and by how much its last third may exceed the one before.
struct Measure {
    name: &'static str,
    file: &'static str,
    unit: &'static str,
    most: f64,
    of: fn(&Sample) -> f64,
}

const MEASURES: [Measure; 5] = [
    Measure {
        name: "resident memory",
        file: "soak-memory.svg",
        unit: "MiB",
        most: 1.10,
        of: |sample| sample.memory_bytes as f64 / f64::from(1 << 20),
    },
    Measure {
        name: "open files",
        file: "soak-files.svg",
        unit: "files",
        most: 1.05,
        of: |sample| sample.files as f64,
    },
    Measure {
        name: "store size per event",
        file: "soak-store.svg",
        unit: "bytes",
        most: 1.05,
        of: |sample| sample.store_bytes as f64 / sample.events.max(1) as f64,
    },
    Measure {
        name: "add to cart, 99th percentile",
        file: "soak-add.svg",
        unit: "ms",
        most: 1.25,
        of: |sample| sample.add_p99_us as f64 / 1e3,
    },
    Measure {
        name: "purchase, 99th percentile",
        file: "soak-purchase.svg",
        unit: "ms",
        most: 1.25,
        of: |sample| sample.buy_p99_us as f64 / 1e3,
    },
];

async fn at(script: impl Script, rate: u32, time: Duration) -> Report {
    let pace = Pace::Open(NonZeroU32::new(rate).expect("a rate"));
    let plan = Plan { workers: WORKERS, pace, bounds: Bounds::time(time) };
    run(&Arc::new(script), &plan, &Arc::default()).await.0
}

/// All of them at once; the 99th percentiles of adds and of purchases.
async fn mixed(target: &Target, round: usize, time: Duration) -> (u64, u64) {
    let basket = vec![Line { sku: sku("SKU-0"), units: 1 }, Line { sku: sku("SKU-1"), units: 2 }];
    let buy = Buy::new(target, Baskets::Same(basket), &format!("soak-{round}"), "tok_approve");
    let (adds, buys, reads, late) = tokio::join!(
        at(Post::add(target, sku(&format!("SKU-{}", round % 4)), 1), ADDS, time),
        at(buy, PURCHASES, time),
        at(Get::new(target, "/api/products", &[], 200), READS, time),
        at(Post::add(target, sku(support::SOLD_OUT), 1), TOO_LATE, time),
    );
    for (what, report, outcome) in
        [("adds", &adds, "ok"), ("purchases", &buys, "ok"), ("reads", &reads, "ok")]
            .into_iter()
            .chain([("too late", &late, "sold-out")])
    {
        let well = report.count(Report::WHOLE, outcome);
        assert!(well > 0, "no {what} went well\n{report}");
        if well < report.turns {
            println!(
                "{} of {} {what} did not go well\n{report}",
                report.turns - well,
                report.turns
            );
        }
    }
    let p99 = |report: &Report| report.step(Report::WHOLE).map_or(0, |s| s.ok_latency_us(0.99));
    (p99(&adds), p99(&buys))
}

/// What the server counts.
async fn events(target: &Target) -> u64 {
    let answer = Client::new(target).get("/metrics", &[]).await.expect("an answer");
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let lines = text.lines().filter(|line| line.starts_with("doorbuster_events_total"));
    let counts = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    counts.sum()
}

fn bytes(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    // A file may go while it is looked at: sled's do.
    let sizes = files.filter_map(|file| {
        let metadata = file.metadata().ok()?;
        Some(if metadata.is_dir() { bytes(&file.path()) } else { metadata.len() })
    });
    sizes.sum()
}

fn soak(store: &Path, every: Duration, whole: Duration) -> Vec<Sample> {
    let server = Server::start(store, &["--reservation-ttl-ms", TTL_MS, "--idle-ms", "2000"]);
    let begun = Instant::now();
    let mut samples = vec![];
    while begun.elapsed() < whole {
        let round = samples.len();
        let ((add_p99_us, buy_p99_us), events) = support::runtime().block_on(async {
            let p99 = mixed(&server.target, round, every).await;
            (p99, events(&server.target).await)
        });
        samples.push(Sample {
            seconds: begun.elapsed().as_secs_f64(),
            memory_bytes: server.resident(),
            files: server.files(),
            store_bytes: bytes(store),
            events,
            add_p99_us,
            buy_p99_us,
        });
        if round.is_multiple_of(6) {
            let events = count(events as f64);
            println!("{:.0} s, {events} events", begun.elapsed().as_secs_f64());
        }
    }
    server.end();
    samples
}

/// Samples as lines for other programs.
fn csv(samples: &[Sample]) -> String {
    let names = "seconds,memory_bytes,files,store_bytes,events,add_p99_us,buy_p99_us\n";
    samples.iter().fold(names.to_owned(), |mut lines, one| {
        let Sample { seconds, memory_bytes, files, store_bytes, events, add_p99_us, buy_p99_us } =
            one;
        let _ = writeln!(
            lines,
            "{seconds:.1},{memory_bytes},{files},{store_bytes},{events},{add_p99_us},{buy_p99_us}"
        );
        lines
    })
}

/// Machine, day and commit.
fn note(samples: &[Sample]) -> String {
    let git = std::process::Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    let commit = git.map(|git| String::from_utf8_lossy(&git.stdout).trim().to_owned());
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let day = Time(i64::try_from(now_us() / 1_000).expect("a time")).to_string();
    format!(
        "{processors} processors shared with the callers, {}, commit {}; a second: {ADDS} adds, \
         {PURCHASES} purchases, {READS} reads, {TOO_LATE} sold out; {} events",
        day.split('T').next().unwrap_or_default(),
        commit.unwrap_or_default(),
        count(samples.last().map_or(0, |last| last.events) as f64),
    )
}

/// The middle of the last third beside the middle of the one before.
fn thirds(samples: &[Sample], of: fn(&Sample) -> f64) -> (f64, f64) {
    let third = (samples.len() / 3).max(1);
    let (rest, last) = samples.split_at(samples.len() - third);
    let before = rest.get(rest.len().saturating_sub(third)..).unwrap_or(rest);
    let middle = |part: &[Sample]| median(part.iter().map(of).collect());
    (middle(before), middle(last))
}

fn show(samples: &[Sample], out: &Path) {
    std::fs::create_dir_all(out).expect("a folder");
    std::fs::write(out.join("soak.csv"), csv(samples)).expect("a file");
    let note = note(samples);
    let mut rows = vec![];
    for Measure { name, file, unit, most, of } in MEASURES {
        let points = samples.iter().map(|one| (one.seconds / 60.0, of(one))).collect();
        let series = [Series { name: name.to_owned(), points }];
        let title = format!("soak: {name}");
        let lines =
            Lines { title: &title, across: "minutes", up: unit, note: &note, series: &series };
        chart::write(&out.join(file), &lines.svg());
        let (before, last) = thirds(samples, of);
        let flat = if last <= before * most { "yes" } else { "NO" };
        rows.push(vec![
            format!("{name}, {unit}"),
            format!("{:.2}", of(&samples[0])),
            format!("{before:.2}"),
            format!("{last:.2}"),
            format!("at most {most}x: {flat}"),
        ]);
    }
    let title = format!("soak of {:.1} minutes", samples[samples.len() - 1].seconds / 60.0);
    table(&title, &["what", "first", "middle third", "last third", "flat"], &rows);
}

/// What follows a flag.
fn argument(name: &str) -> Option<String> {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1).cloned()
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    support::runtime().block_on(async {
        let house = House::open(folder.path(), Settings::default()).await;
        house.stock(4).await;
        house.list_products(60).await;
        house.list_sold_out().await;
        house.close().await;
    });
    let minutes = argument("--minutes").map_or(30.0, |n| n.parse::<f64>().expect("minutes"));
    let aside = tempfile::tempdir().expect("a temporary folder");
    let out = argument("--out").map(PathBuf::from);
    let (every, whole, out) = if support::smoke() {
        (Duration::from_millis(500), Duration::from_millis(1_400), aside.path().to_owned())
    } else {
        let whole = Duration::from_secs_f64(minutes * 60.0);
        (Duration::from_secs(10).min(whole / 12), whole, out.unwrap_or("docs/benchmarks".into()))
    };
    show(&soak(folder.path(), every, whole), &out);
}
