//! Rot in every kind of file that a store has: it is refused by name, or rebuilt with the same
//! answers, or the auditor says so. It never is another history.
//!
//! Invariant: a file of a kind that this list does not know fails the test.

use crate::{
    Dice,
    damage::{answers, flip, used},
    history::{SKUS, Told},
    rounds,
    server::{Server, copy_of, doorbuster, said, serve, verify},
};
use doorbuster::{
    journal::{Position, file},
    load::client::bearer,
    ports::clock::pause,
};
use serde_json::Value;
use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tempfile::TempDir;

/// What may become of a store with rot in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// No start; file and place are named.
    Refused,
    /// The same answers, and the books balance.
    Unharmed,
    /// The same answers, and `verify` says what is wrong.
    Audited,
}
use Outcome::{Audited, Refused, Unharmed};

/// Every kind of file: how its path begins and ends, and what may become of rot in it.
const KINDS: [(&str, &str, &[Outcome]); 10] = [
    ("store.json", "", &[Refused]),
    ("secret", "", &[Refused]),
    ("log/", ".seg", &[Refused]),
    // Of its two slots one is enough; without any the log opens by the torn rule, with a warning.
    ("log/", "/mark", &[Unharmed, Audited]),
    ("checkpoint", "", &[Unharmed]),
    ("state/", "", &[Unharmed]),
    ("keys", "", &[Refused, Audited]),
    ("payments.jsonl", "", &[Refused, Audited]),
    // Letters that have left: nobody reads them here again.
    ("mail/", ".eml", &[Unharmed]),
    // Another token is no other history: whoever reads the file has the one that counts.
    ("admin_token", "", &[Refused, Unharmed]),
];

fn kind_of(path: &str) -> usize {
    let is = |(begin, end, _): &(&str, &str, _)| path.starts_with(begin) && path.ends_with(end);
    KINDS.iter().position(is).unwrap_or_else(|| panic!("{path} is of no known kind: list it"))
}

#[derive(Clone, Copy, Debug)]
enum Rot {
    Flip,
    Zero,
    Cut,
    Empty,
    Gone,
}

const ALL: [Rot; 5] = [Rot::Flip, Rot::Zero, Rot::Cut, Rot::Empty, Rot::Gone];

impl Rot {
    /// Does it to the first `end` bytes of a file, which are those that mean something.
    fn strike(self, path: &Path, end: u64, dice: &mut Dice) {
        let file = File::options().read(true).write(true).open(path).unwrap();
        let at = dice.below(end.max(1));
        match self {
            Rot::Flip => flip(path, at),
            Rot::Zero => {
                let page = at / 4096 * 4096;
                let bytes = usize::try_from((end - page).min(4096)).unwrap();
                file.write_all_at(&vec![0; bytes], page).unwrap();
            }
            Rot::Cut => file.set_len(end / 2).unwrap(),
            Rot::Empty => file.set_len(0).unwrap(),
            Rot::Gone => fs::remove_file(path).unwrap(),
        }
    }
}

fn files(store: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(store, &path, found);
        } else {
            found.push(path.strip_prefix(store).unwrap().to_str().unwrap().to_owned());
        }
    }
    found.sort();
}

/// Up to where a file says anything: a segment is made larger than what is in it.
fn meaningful(store: &Path, path: &str) -> u64 {
    let folder = store.join(path).parent().unwrap().to_owned();
    match kind_of(path) {
        2 => file::inspect(&folder, Position(0), &mut |_| Ok(())).unwrap().tail.next.0,
        6 => 4 * 32, // of the keys that were used for the first orders
        _ => fs::metadata(store.join(path)).unwrap().len(),
    }
}

/// Started as an operator does who never chose a token.
fn serve_by_file(store: &Path) -> Command {
    let mut command = doorbuster(["serve", "--listen", "127.0.0.1:0", "--demo", "false"]);
    command.args(["--log", "warn", "--store"]).arg(store);
    command
}

async fn outcome(
    store: &Path,
    path: &str,
    before: &[Value],
    orders: &[Told],
) -> Result<Outcome, String> {
    let command = if path == "admin_token" { serve_by_file(store) } else { serve(store, &[]) };
    let server = match Server::run(command) {
        Err(output) => {
            let words = said(&output);
            let is_named = words.contains(&store.join(path).display().to_string());
            let is_right = output.status.code() == Some(2) && is_named;
            return if is_right { Ok(Refused) } else { Err(words) };
        }
        Ok(server) => server,
    };
    if path == "admin_token" {
        return opens_by_file(&server, store).await;
    }
    let mut after = answers(&mut server.client(), orders).await;
    for _ in 0..50 {
        if before == after {
            break; // views may lag while they are rebuilt
        }
        pause(Duration::from_millis(100)).await;
        after = answers(&mut server.client(), orders).await;
    }
    server.end();
    if before != after {
        return Err("other answers".to_owned());
    }
    let output = verify(store);
    match output.status.code() {
        Some(0) => Ok(Unharmed),
        Some(1 | 2) => Ok(Audited),
        _ => Err(said(&output)),
    }
}

/// The token in the file is the one that counts.
async fn opens_by_file(server: &Server, store: &Path) -> Result<Outcome, String> {
    let token = fs::read_to_string(store.join("admin_token")).unwrap();
    let headers = [bearer(token.trim()).unwrap()];
    let path = format!("/api/inventory/{}/movements", SKUS[0]);
    let answer = server.client().get(&path, &headers).await.unwrap();
    if answer.status == 200 { Ok(Unharmed) } else { Err(format!("{answer:?}")) }
}

/// A store with a file of every kind, and what it answers.
async fn whole() -> (TempDir, Vec<Told>, Vec<Value>) {
    let (store, mut orders) = used("1").await;
    assert!(orders.len() > 4, "the first four keys are in use");
    orders.truncate(30);
    let mut server = Server::run(serve_by_file(store.path())).unwrap();
    server.ask_to_end();
    assert_eq!(server.ended(Duration::from_secs(12)), Some(0));
    let server = Server::must_start(store.path(), &[]);
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
    (store, orders, before)
}

/// One file of each kind, and the largest log.
fn one_of_each(store: &Path) -> Vec<String> {
    let mut all = vec![];
    files(store, store, &mut all);
    all.sort_by_key(|path| std::cmp::Reverse(meaningful(store, path)));
    let mut chosen: Vec<String> = vec![];
    for path in all {
        let is_state = path.starts_with("state/");
        if is_state || chosen.iter().all(|other| kind_of(other) != kind_of(&path)) {
            chosen.push(path);
        }
    }
    let missing = (0..KINDS.len()).find(|kind| chosen.iter().all(|path| kind_of(path) != *kind));
    assert_eq!(missing.map(|kind| KINDS[kind]), None, "of a kind there is no file: {chosen:?}");
    chosen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rot_in_any_kind_of_file_is_never_another_history() {
    let mut dice = Dice::throw();
    let (whole, orders, before) = whole().await;
    let whole = whole.path();
    assert!(before.len() > SKUS.len() && !orders.is_empty());
    let mut wrong = vec![];
    for path in one_of_each(whole) {
        let (allowed, mut left) = (KINDS[kind_of(&path)].2, ALL.to_vec());
        for _ in 0..rounds(2).min(ALL.len() as u64) {
            let rot = left.swap_remove(usize::try_from(dice.below(left.len() as u64)).unwrap());
            let store = copy_of(whole);
            let damaged: PathBuf = store.path().join(&path);
            rot.strike(&damaged, meaningful(store.path(), &path), &mut dice);
            let outcome = outcome(store.path(), &path, &before, &orders).await;
            println!("{path}: {rot:?}: {outcome:?}");
            if !outcome.as_ref().is_ok_and(|outcome| allowed.contains(outcome)) {
                wrong.push(format!("{path}: {rot:?}: {outcome:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
#[should_panic(expected = "log/0/index is of no known kind")]
fn a_file_that_nobody_listed_is_found() {
    kind_of("log/0/index");
}
