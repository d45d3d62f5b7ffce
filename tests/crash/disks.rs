//! Disks that fail: a sync that does not work, no room, no writing at all.

use crate::{
    Dice,
    end::{Disk, fill, has_kept, has_run_out_of_room},
    history::{History, errand, stock_up},
    losses::{Loss, lose_power},
    market::{FLAGS, Market},
    power::{flags, must, nothing},
    rounds,
    server::{Server, balances, copy_of, said, serve, verify},
    shim::{Shim, Switch},
};
use doorbuster::ports::clock::pause;
use rustix::process::geteuid;
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

/// The sync of a batch fails, once; what it was for is answered to nobody.
async fn a_failing_sync(shards: &str) {
    let (mut dice, rounds) = (Dice::throw(), rounds(3));
    let Some(shim) = Shim::with_notes() else { return };
    let mut market = Market::new();
    for _ in 0..rounds {
        let mut server = must(Server::run(shim.serve(&flags(shards))));
        market.look_back(&server, &mut dice).await;
        let visitors = market.rush(&server, &mut dice);
        pause(Duration::from_millis(200)).await;
        shim.set(Switch::FailLog, i64::try_from(1 + dice.below(100)).unwrap());
        market.gather(visitors).await;
        assert_eq!(server.ended(Duration::from_secs(15)), Some(2), "it ends by itself");
        let words = server.says("the log can't be written: mend the disk and start again");
        assert!(words.contains("syncing ") && words.contains(": Input/output error"), "{words}");
        // What a sync could not write, the system has forgotten.
        lose_power(&shim, Loss::All, &mut dice, nothing);
    }
    let server = must(Server::run(shim.serve(&FLAGS)));
    market.look_back(&server, &mut dice).await;
    market.close(server, &shim.store(), &format!("{shards} shard(s), {rounds} failed syncs"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_fails_ends_one_shard_without_a_false_answer() {
    a_failing_sync("1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_fails_ends_three_shards_without_a_false_answer() {
    a_failing_sync("3").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_fails_beside_the_log_loses_nothing() {
    let (mut dice, rounds) = (Dice::throw(), rounds(2));
    let Some(shim) = Shim::with_notes() else { return };
    let mut market = Market::new();
    for _ in 0..rounds {
        let server = must(Server::run(shim.serve(&FLAGS)));
        market.look_back(&server, &mut dice).await;
        let visitors = market.rush(&server, &mut dice);
        pause(Duration::from_millis(600)).await;
        // At an end there is a checkpoint.
        shim.set(Switch::FailOther, 1);
        server.ask_to_end();
        server.says("Input/output error");
        market.gather(visitors).await;
        drop(server);
        lose_power(&shim, Loss::All, &mut dice, nothing);
    }
    let server = must(Server::run(shim.serve(&FLAGS)));
    market.look_back(&server, &mut dice).await;
    market.close(server, &shim.store(), "a failed sync beside the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_fails_at_a_start_is_named_and_the_next_start_works() {
    let mut dice = Dice::throw();
    let Some(shim) = Shim::with_notes() else { return };
    let mut refused = 0;
    for switch in [Switch::FailLog, Switch::FailOther] {
        for _ in 0..rounds(4) {
            shim.begin_anew();
            shim.set(switch, i64::try_from(1 + dice.below(6)).unwrap());
            if let Err(output) = Server::run(shim.serve(&[])) {
                let words = said(&output);
                assert_eq!(output.status.code(), Some(2), "{words}");
                assert!(words.contains("Input/output error"), "{words}");
                assert!(words.contains(&shim.store().display().to_string()), "{words}");
                refused += 1;
            }
            shim.set(switch, 0);
            lose_power(&shim, Loss::Some, &mut dice, nothing);
            let server = must(Server::run(shim.serve(&[])));
            stock_up(&mut server.client()).await.unwrap();
            server.end();
            balances(&shim.store());
        }
    }
    assert!(refused > 0, "no sync failed at a start");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_for_what_is_derived_it_sells_on() {
    let mut dice = Dice::throw();
    let Some(shim) = Shim::with_notes() else { return };
    let mut market = Market::new();
    let server = must(Server::run(shim.serve(&FLAGS)));
    market.look_back(&server, &mut dice).await;
    shim.set(Switch::Full, 1);
    let visitors = market.rush(&server, &mut dice);
    pause(Duration::from_secs(2)).await;
    shim.set(Switch::Full, 0);
    let mut client = server.client();
    let mut history = History::default();
    while history.orders.is_empty() {
        errand(&mut client, &mut dice, &mut history).await.unwrap();
    }
    server.kill();
    market.gather(visitors).await;
    lose_power(&shim, Loss::Some, &mut dice, nothing);
    Server::must_start(&shim.store(), &FLAGS).end();
    balances(&shim.store());
}

/// As on a full file system, where none can be mounted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_for_a_segment_it_says_so_and_ends() {
    let Some(shim) = Shim::plain() else { return };
    let server = must(Server::run(shim.serve(&[])));
    shim.set(Switch::Full, 1);
    let told = fill(&server).await;
    has_run_out_of_room(server, &told);
    shim.set(Switch::Full, 0);
    has_kept(must(Server::run(shim.serve(&[]))), &shim.store(), &told).await;
}

/// Takes the right to write from everything below, or gives it back.
fn allow_writing(path: &Path, allowed: bool) {
    let is_folder = path.is_dir();
    if is_folder {
        for entry in fs::read_dir(path).unwrap() {
            allow_writing(&entry.unwrap().path(), allowed);
        }
    }
    let mode = if is_folder { 0o500 } else { 0o400 } | if allowed { 0o200 } else { 0 };
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A store that can't be written: by a mount where that may be done, else by its modes.
enum ReadOnly {
    Disk(Disk),
    Modes(PathBuf),
}

impl ReadOnly {
    fn make(store: &Path) -> Option<ReadOnly> {
        if !geteuid().is_root() {
            allow_writing(store, false);
            return Some(ReadOnly::Modes(store.to_owned()));
        }
        let whole = copy_of(store);
        let disk = Disk::mount(store, 200)?;
        let copied = std::process::Command::new("cp")
            .args(["-a", "--sparse=always"])
            .arg(whole.path().join("."))
            .arg(store)
            .status();
        assert!(copied.unwrap().success());
        disk.change("ro");
        Some(ReadOnly::Disk(disk))
    }

    fn end(&self) {
        match self {
            ReadOnly::Disk(disk) => disk.change("rw"),
            ReadOnly::Modes(store) => allow_writing(store, true),
        }
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        if let ReadOnly::Modes(store) = self {
            allow_writing(store, true);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_cannot_be_written_is_refused_by_name_and_can_be_verified() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let server = Server::must_start(&store, &[]);
    stock_up(&mut server.client()).await.unwrap();
    server.end();
    let Some(read_only) = ReadOnly::make(&store) else {
        println!("skipped: a read-only store; root may not mount here");
        return;
    };
    let output = serve(&store, &[]).output().unwrap();
    let words = said(&output);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains(&store.display().to_string()), "{words}");
    assert!(words.contains("Read-only file system") || words.contains("Permission"), "{words}");
    let output = verify(&store);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    read_only.end();
    Server::must_start(&store, &[]).end();
    balances(&store);
}
