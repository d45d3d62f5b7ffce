//! What others do to a store: rot and loss are refused by name, what is derived is rebuilt.

use crate::{
    Dice,
    history::{History, SKUS, Told, find, shop, stock_up, value},
    server::{ADMIN, Server, balances, copy_of, said, verify},
};
use doorbuster::{
    journal::{Position, file},
    load::{Client, client::bearer},
    ports::clock::pause,
};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

/// A store in which people have shopped, stopped in good order.
pub(crate) async fn used(shards: &str) -> (TempDir, Vec<Told>) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::must_start(folder.path(), &["--shards", shards]);
    stock_up(&mut server.client()).await.unwrap();
    let (mut client, mut dice) = (server.client(), Dice(7));
    let shopping = tokio::spawn(async move {
        let mut history = History::default();
        shop(&mut client, &mut dice, &mut history).await;
        history
    });
    pause(Duration::from_millis(700)).await;
    server.end();
    let orders = shopping.await.unwrap().orders;
    assert!(!orders.is_empty());
    balances(folder.path());
    (folder, orders)
}

fn segment(store: &Path, shard: usize) -> PathBuf {
    store.join("log").join(shard.to_string()).join(format!("{:020}.seg", 0))
}

/// Where the log was synced to.
fn end(store: &Path, shard: usize) -> u64 {
    let folder = store.join("log").join(shard.to_string());
    file::inspect(&folder, Position(0), &mut |_| Ok(())).unwrap().tail.next.0
}

/// Both refuse with code 2 and name the segment; `verify` changes nothing, nor does `serve`.
fn is_refused_by_name(store: &Path, segment: &Path, what: &str) {
    let Err(serve) = Server::start(store, &[]) else { panic!("{what} is served") };
    for output in [serve, verify(store)] {
        let words = said(&output);
        assert_eq!(output.status.code(), Some(2), "{what}: {words}");
        assert!(words.contains(&segment.display().to_string()), "{what}: {words}");
        assert!(words.contains("corrupt at byte "), "{what}: {words}");
    }
}

pub(crate) fn flip(path: &Path, at: u64) {
    let file = fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 4], at).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rot_and_loss_below_the_mark_are_refused_by_name() {
    let mut dice = Dice::throw();
    let (store, _) = used("3").await;
    let store = store.path();
    let shard = (0..3).max_by_key(|shard| end(store, *shard)).unwrap();
    let (log, end) = (segment(store, shard), end(store, shard));
    let mut places = vec![0, 9, 40, end / 3, end / 2, end - 1];
    places.extend((0..3).map(|_| dice.below(end)));
    for at in places {
        flip(&log, at);
        is_refused_by_name(store, &log, &format!("a flipped bit at {at} of {end}"));
        flip(&log, at);
    }
    let aside = store.join("aside");
    for lost in [1, end / 2, end] {
        fs::copy(&log, &aside).unwrap();
        fs::File::options().write(true).open(&log).unwrap().set_len(end - lost).unwrap();
        is_refused_by_name(store, &log, &format!("a log {lost} bytes short of its mark"));
        fs::rename(&aside, &log).unwrap();
    }
    fs::rename(&log, &aside).unwrap();
    is_refused_by_name(store, &log, "a missing segment");
    fs::rename(&aside, &log).unwrap();
    Server::must_start(store, &[]).end();
    balances(store);
}

/// All that a client can read of the shop.
pub(crate) async fn answers(client: &mut Client, orders: &[Told]) -> Vec<Value> {
    let mut answers = vec![];
    for told in orders {
        answers.push(find(client, told).await);
    }
    let mut paths = vec!["/api/products".to_owned()];
    paths.extend(SKUS.iter().map(|sku| format!("/api/inventory/{sku}")));
    paths.extend(SKUS.iter().map(|sku| format!("/api/inventory/{sku}/movements?limit=200")));
    for path in paths {
        let answer = client.get(&path, &[bearer(ADMIN).unwrap()]).await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let mut body = value(&answer);
        // A cursor is opaque: it may lead to the same place in other words.
        body.as_object_mut().unwrap().remove("next");
        answers.push(json!({"path": path, "body": body}));
    }
    answers
}

/// What is done to the folder of what is derived.
type Damage = fn(&Path);

/// Overwrites part of every file below a folder.
fn scribble(folder: &Path, part: impl Fn(u64) -> (u64, usize)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            scribble(&path, &part as &dyn Fn(u64) -> (u64, usize));
        } else {
            let file = fs::File::options().write(true).open(&path).unwrap();
            let (at, bytes) = part(file.metadata().unwrap().len());
            let garbage: Vec<u8> =
                (0..bytes).map(|n| u8::try_from(n * 37 % 251).unwrap()).collect();
            file.write_all_at(&garbage, at).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_derived_is_rebuilt_with_the_same_answers() {
    let (whole, orders) = used("3").await;
    let server = Server::must_start(whole.path(), &[]);
    // Whatever was still under way settles before it is read.
    let mut before = vec![];
    for _ in 0..30 {
        pause(Duration::from_millis(500)).await;
        let now = answers(&mut server.client(), &orders).await;
        if before == now && now.iter().all(|answer| answer["status"] != "placed") {
            break;
        }
        before = now;
    }
    server.end();
    let damages: [(&str, Damage); 5] = [
        ("deleted", |state| fs::remove_dir_all(state).unwrap()),
        ("begins with garbage", |state| scribble(state, |_| (0, 512))),
        ("has garbage in the middle", |state| scribble(state, |len| (len / 2, 4_096))),
        ("is garbage", |state| scribble(state, |len| (0, usize::try_from(len).unwrap()))),
        ("has garbage in its tail", |state| scribble(state, |len| (len * 9 / 10, 64))),
    ];
    for (what, damage) in damages {
        let store = copy_of(whole.path());
        damage(&store.path().join("state"));
        let server = Server::start(store.path(), &[]);
        let server = server.unwrap_or_else(|output| panic!("{what}: {}", said(&output)));
        let mut after = answers(&mut server.client(), &orders).await;
        for _ in 0..50 {
            if before == after {
                break; // views may lag while they are rebuilt
            }
            pause(Duration::from_millis(100)).await;
            after = answers(&mut server.client(), &orders).await;
        }
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before, after, "the state {what}");
        }
        server.end();
        balances(store.path());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_serves_one_process() {
    let (store, orders) = used("1").await;
    let server = Server::must_start(store.path(), &[]);
    let Err(second) = Server::start(store.path(), &[]) else { panic!("two serve one store") };
    for output in [second, verify(store.path())] {
        let words = said(&output);
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(words.contains("in use"), "{words}");
    }
    find(&mut server.client(), &orders[0]).await;
    server.end();
    balances(store.path());
}
