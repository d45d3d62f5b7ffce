//! What a start takes: much to fold since the last checkpoint, and much that is long folded; and what
//! a long life costs: bytes of each part for each event, a start with its checkpoint and without, what
//! a state that was made anew from the log saves, and a check of all books.
//!
//! The stores are made by the shop itself. Each start is the program's own, from its beginning to
//! the line that says where it listens; then it is killed and what is derived is put back.

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
    journal::{Checkpoint, Layout, Position, file},
};
use rustix::fs::{Advice, fadvise};
use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use support::{House, count, guests::Guests, median, server::Server, table};
use tempfile::TempDir;

const SKUS: usize = 1_000;
/// Callers who fill a store.
const CALLERS: usize = 512;
/// Events that two guests cause of whom one buys.
const EVENTS_OF_TWO: u64 = 12;

/// A stopped store, and a copy of what is derived from its log.
struct Store {
    folder: TempDir,
    aside: TempDir,
    /// Events in all, and since the checkpoint.
    events: u64,
    since: u64,
}

impl Store {
    /// Filled with so many events and a few, of which so many are in no checkpoint.
    async fn make(events: u64, since: u64) -> Store {
        let (folder, aside) = (temp(), temp());
        let path = folder.path();
        let house = House::open(path, Settings::default()).await;
        house.stock(SKUS).await;
        fill(house, "early", events - since).await;
        set_aside(path, aside.path());
        if since > 0 {
            let settings = Settings { checkpoint_entries: u64::MAX, ..Settings::default() };
            fill(House::open(path, settings).await, "late", since).await;
        }
        let mut store = Store { folder, aside, events: 0, since: 0 };
        store.put_back();
        let path = store.folder.path();
        let checkpoint = Checkpoint::in_file(&Layout(path.to_owned()).checkpoint());
        let checkpoint = checkpoint.expect("a file").expect("a checkpoint").shards[0].position;
        let log = Layout(path.to_owned()).log(0);
        let (mut all, mut since) = (0, 0);
        let counted = file::inspect(&log, Position(0), &mut |batch| {
            all += u64::from(batch.entries);
            since += if batch.position >= checkpoint { u64::from(batch.entries) } else { 0 };
            Ok(())
        });
        counted.expect("a log");
        (store.events, store.since) = (all, since);
        store
    }

    /// Makes the derived state what it was.
    fn put_back(&self) {
        let path = self.folder.path();
        fs::remove_dir_all(path.join("state")).expect("a state");
        copy(&self.aside.path().join("state"), &path.join("state"));
        copy(&self.aside.path().join("checkpoint"), &path.join("checkpoint"));
    }

    fn start(&self, cold: bool) -> Start {
        self.put_back();
        let bare = if cold {
            forget(self.folder.path());
            let bare = read_all(self.folder.path());
            forget(self.folder.path());
            bare
        } else {
            read_all(self.folder.path());
            read_all(self.folder.path())
        };
        let server = Server::start(self.folder.path(), &[]);
        let (ready, cpu) = (server.ready_after, server.cpu());
        println!("started in {ready:.2?}, {cpu:.2?} of cpu; the bare read took {bare:.2?}");
        Start { ready, bare, cpu }
    }
}

/// What one start took, beside reading the store's files one after the other.
struct Start {
    ready: Duration,
    bare: Duration,
    cpu: Duration,
}

fn temp() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// At least so many events, then an orderly end.
async fn fill(house: House, run: &str, events: u64) {
    let shop = house.shop.clone();
    let guests = Guests { shop, skus: SKUS as u64, buyers: 2, run: run.to_owned() };
    guests.come(events.div_ceil(EVENTS_OF_TWO) * 2, CALLERS).await;
    house.close().await;
}

fn set_aside(store: &Path, aside: &Path) {
    for name in ["state", "checkpoint"] {
        copy(&store.join(name), &aside.join(name));
    }
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a folder");
        for file in fs::read_dir(from).expect("a folder") {
            let file = file.expect("a file");
            copy(&file.path(), &to.join(file.file_name()));
        }
    } else {
        fs::copy(from, to).expect("a copy");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for file in fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// Takes the store out of the page cache.
fn forget(folder: &Path) {
    for path in files(folder) {
        let file = File::open(path).expect("a file");
        file.sync_all().expect("a sync");
        fadvise(&file, 0, None, Advice::DontNeed).expect("advice");
    }
}

/// How long it takes to read every byte of the store once.
fn read_all(folder: &Path) -> Duration {
    let mut buffer = vec![0; 1 << 20];
    let begun = Instant::now();
    for path in files(folder) {
        let mut file = File::open(path).expect("a file");
        while file.read(&mut buffer).expect("bytes") > 0 {}
    }
    begun.elapsed()
}

/// Of a file, or of all files of a folder.
fn bytes(path: &Path) -> u64 {
    let files = if path.is_dir() { files(path) } else { vec![path.to_owned()] };
    files.iter().map(|path| fs::metadata(path).expect("a file").len()).sum()
}

/// What a store of many events takes by part, and what its checkpoint is worth. Its state is another
/// one afterwards.
fn long_life(store: &Store) -> Vec<Vec<String>> {
    store.put_back();
    let path = store.folder.path();
    let mut rows = vec![];
    let size = |what: &str, bytes: u64| {
        let each = format!("{:.0} bytes", bytes as f64 / store.events as f64);
        vec![what.to_owned(), format!("{} MB", count((bytes >> 20) as f64)), each]
    };
    for part in ["log", "state", "keys", "payments.jsonl"] {
        rows.push(size(part, bytes(&path.join(part))));
    }
    let time = |what: &str, time: Duration, beside: String| {
        vec![what.to_owned(), format!("{:.2} s", time.as_secs_f64()), beside]
    };
    let start = || {
        read_all(path);
        let server = Server::start(path, &[]);
        let megabytes = server.resident() >> 20;
        println!("started in {:.2?}", server.ready_after);
        let beside = format!("{} MB in memory", count(megabytes as f64));
        (server, beside)
    };
    let verified = time("verify: every book of the stopped store", verify(path), String::new());
    let (server, beside) = start();
    rows.push(time("a start with its checkpoint, in the page cache", server.ready_after, beside));
    drop(server);
    rows.push(verified);
    fs::remove_dir_all(path.join("state")).expect("a state");
    fs::remove_file(path.join("checkpoint")).expect("a checkpoint");
    let (server, beside) = start();
    rows.push(time("a start without: all is made anew from the log", server.ready_after, beside));
    let begun = Instant::now();
    server.end();
    rows.push(time("its orderly end, which takes a checkpoint", begun.elapsed(), String::new()));
    rows.push(size("state that was made anew", bytes(&path.join("state"))));
    let (server, beside) = start();
    rows.push(time("a start with that checkpoint", server.ready_after, beside));
    drop(server);
    rows
}

/// How long the program takes to check all books of a stopped store, which must balance.
fn verify(store: &Path) -> Duration {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    command.args(["verify", "--store"]).arg(store).stdin(Stdio::null());
    let begun = Instant::now();
    let output = command.output().expect("it runs");
    let (taken, said) = (begun.elapsed(), String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{said}");
    println!("verified in {taken:.2?}");
    taken
}

fn main() {
    let rounds = support::length().rounds;
    let (many, most) = (support::size(1_000_000, 20_000), support::size(10_000_000, 50_000));
    let (mut rows, mut long) = (vec![], vec![]);
    let mut title = String::new();
    for (all, since, most_seconds) in [(many, many, 3.0), (most, 0, 5.0)] {
        let begun = Instant::now();
        let store = support::runtime().block_on(Store::make(all, since));
        println!(
            "a store of {} events made in {:.0?}",
            count(store.events as f64),
            begun.elapsed()
        );
        let folder = store.folder.path();
        for cold in [false, true] {
            let starts: Vec<Start> = (0..rounds).map(|_| store.start(cold)).collect();
            let middle = |of: fn(&Start) -> f64| median(starts.iter().map(of).collect());
            let ready = middle(|start| start.ready.as_secs_f64());
            let reached = if ready <= most_seconds { "yes" } else { "NO" };
            rows.push(vec![
                format!(
                    "{} events, {} since the checkpoint, {}",
                    count(store.events as f64),
                    count(store.since as f64),
                    if cold { "from the disk" } else { "in the page cache" },
                ),
                format!("{ready:.2} s"),
                format!("at most {most_seconds} s: {reached}"),
                format!("{:.2} s", middle(|start| start.cpu.as_secs_f64())),
                format!("{:.2} s", middle(|start| start.bare.as_secs_f64())),
                format!(
                    "{} + {} MB",
                    bytes(&folder.join("log")) >> 20,
                    bytes(&folder.join("state")) >> 20
                ),
            ]);
        }
        if since == 0 {
            long = long_life(&store);
            title = format!("long life: a store of {} events", count(store.events as f64));
        }
    }
    let header = ["a start on", "figure", "asked", "cpu", "reading it all bare", "log + state"];
    table("recovery: from the program's start until it listens", &header, &rows);
    table(&title, &["what", "figure", "beside"], &long);
}
