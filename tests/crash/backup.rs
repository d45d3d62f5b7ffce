//! Backed up while it sells: what was told before is in the copy, and the copy sells on.

use crate::{
    Dice,
    end::Disk,
    history::{
        History, Reserved, SKUS, Told, UNITS, errand, find, inventory, is_the_same, now,
        still_holds, stock_up,
    },
    server::{ADMIN, Server, balances, doorbuster, said},
};
use doorbuster::ports::clock::pause;
use std::{
    fs,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinHandle;

const SHOPPERS: u64 = 8;

const BACKUPS: usize = 4;

/// Shoppers who shop until they are told to stop, and what all of them were told so far.
struct Crowd {
    told: Arc<Mutex<History>>,
    stop: Arc<AtomicBool>,
    shoppers: Vec<JoinHandle<()>>,
}

impl Crowd {
    async fn gather(server: &Server, dice: &mut Dice) -> Crowd {
        stock_up(&mut server.client()).await.unwrap();
        let (told, stop) = (Arc::<Mutex<History>>::default(), Arc::<AtomicBool>::default());
        let shoppers = (0..SHOPPERS).map(|_| {
            let (mut client, mut dice) = (server.client(), Dice(dice.next()));
            let (told, stop) = (told.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Acquire) {
                    let mut heard = History::default();
                    errand(&mut client, &mut dice, &mut heard).await.unwrap();
                    told.lock().unwrap().absorb(heard);
                }
            })
        });
        let shoppers = shoppers.collect();
        Crowd { told, stop, shoppers }
    }

    fn told(&self) -> (Vec<Told>, Vec<Reserved>) {
        let told = self.told.lock().unwrap();
        (told.orders.clone(), told.reserved.clone())
    }

    async fn leave(self) {
        self.stop.store(true, Ordering::Release);
        for shopper in self.shoppers {
            shopper.await.unwrap();
        }
    }
}

fn backup(server: &Server, store: &Path, to: &Path) -> Command {
    let mut command = doorbuster(["backup", "--url", &server.target.to_string()]);
    command.args(["--admin-token", ADMIN, "--store"]).arg(store).arg(to);
    command
}

fn restore(from: &Path, to: &Path) -> Output {
    doorbuster(["restore"]).arg(from).arg("--store").arg(to).output().unwrap()
}

fn must(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
}

/// All that was told before the backup is there, and it sells on.
async fn is_whole(store: &Path, (orders, reserved): (Vec<Told>, Vec<Reserved>), dice: &mut Dice) {
    balances(store);
    let server = Server::must_start(store, &[]);
    let mut client = server.client();
    for told in &orders {
        find(&mut client, told).await;
    }
    for told in orders.iter().rev().take(10) {
        is_the_same(&mut client, told).await;
    }
    for told in &reserved {
        still_holds(&mut client, told).await;
    }
    for (sku, units) in SKUS.iter().zip(UNITS) {
        let stock = inventory(&mut client, sku).await.unwrap();
        let count = |name: &str| stock[name].as_u64().unwrap();
        assert_eq!(count("on_hand") + count("sold"), units, "{stock}");
        let live = reserved.iter().filter(|told| told.sku == *sku && told.until > now());
        assert!(live.map(|told| told.units).sum::<u64>() <= count("reserved"), "{stock}");
    }
    let mut history = History::default();
    for _ in 0..20 {
        errand(&mut client, dice, &mut history).await.unwrap();
    }
    assert!(!history.orders.is_empty(), "nobody could buy");
    server.end();
    balances(store);
}

async fn backed_up_while_it_sells(shards: &str) {
    let mut dice = Dice::throw();
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let server = Server::must_start(&store, &["--shards", shards, "--idle-ms", "300"]);
    let crowd = Crowd::gather(&server, &mut dice).await;
    let mut copies: Vec<(PathBuf, _)> = vec![];
    for number in 0..BACKUPS {
        pause(Duration::from_millis(200 + dice.below(400))).await;
        let (to, told) = (folder.path().join(format!("backup-{number}")), crowd.told());
        must(&backup(&server, &store, &to).output().unwrap());
        copies.push((to, told));
    }
    crowd.leave().await;
    server.end();
    balances(&store);
    for (number, (copy, told)) in copies.into_iter().enumerate() {
        assert!(number == 0 || !told.0.is_empty(), "nobody ordered before backup {number}");
        println!("{shards} shards, backup {number}: {} orders before it", told.0.len());
        let back = folder.path().join(format!("back-{number}"));
        let output = restore(&copy, &back);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        is_whole(&back, told, &mut dice).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_while_one_shard_sells_holds_what_was_told() {
    backed_up_while_it_sells("1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_while_three_shards_sell_holds_what_was_told() {
    backed_up_while_it_sells("3").await;
}

/// Kills it as soon as it has begun to write; whether it was finished by then.
fn interrupted(mut command: Command, to: &Path, dice: &mut Dice) -> bool {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !to.join("log").exists() && child.try_wait().unwrap().is_none() {
        std::hint::spin_loop();
    }
    std::thread::sleep(Duration::from_micros(dice.below(3_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    to.join("backup.json").exists()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_was_cut_short_is_refused_and_the_shop_sells_on() {
    let mut dice = Dice::throw();
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    let server = Server::must_start(&store, &["--shards", "3"]);
    let crowd = Crowd::gather(&server, &mut dice).await;
    let mut cut_short = 0;
    for number in 0..8 {
        let to = folder.path().join(format!("backup-{number}"));
        let back = folder.path().join(format!("back-{number}"));
        if interrupted(backup(&server, &store, &to), &to, &mut dice) {
            must(&restore(&to, &back));
            continue;
        }
        cut_short += 1;
        let output = restore(&to, &back);
        let words = said(&output);
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(words.contains("holds no finished backup"), "{words}");
        assert!(!back.exists());
        let again = backup(&server, &store, &to).output().unwrap();
        assert_eq!(again.status.code(), Some(2), "nothing is written over: {}", said(&again));
    }
    assert!(cut_short > 0, "each was finished before it could be killed");
    let (to, told) = (folder.path().join("backup"), crowd.told());
    must(&backup(&server, &store, &to).output().unwrap());
    crowd.leave().await;
    for told in &told.0 {
        find(&mut server.client(), told).await;
    }
    server.end();
    balances(&store);
    flipped_bits_are_found(&to, folder.path(), &mut dice);
    let back = folder.path().join("back");
    must(&restore(&to, &back));
    is_whole(&back, told, &mut dice).await;
}

fn flipped_bits_are_found(backup: &Path, folder: &Path, dice: &mut Dice) {
    let mut paths: Vec<PathBuf> = ["keys", "secret", "payments.jsonl", "store.json", "backup.json"]
        .map(|name| backup.join(name))
        .to_vec();
    for shard in 0..3 {
        let log = fs::read_dir(backup.join(format!("log/{shard}"))).unwrap();
        paths.extend(log.map(|item| item.unwrap().path()));
    }
    assert_eq!(paths.len(), 5 + 3 * 2);
    for (number, path) in paths.iter().enumerate() {
        let file = fs::File::options().read(true).write(true).open(path).unwrap();
        let at = dice.below(file.metadata().unwrap().len());
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ (1 << dice.below(8))], at).unwrap();
        let output = restore(backup, &folder.join(format!("flipped-{number}")));
        let words = said(&output);
        assert_eq!(output.status.code(), Some(2), "a bit at {at}: {words}");
        assert!(words.contains(&format!("{} is damaged", path.display())), "{words}");
        file.write_all_at(&byte, at).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_it_says_so_and_the_shop_sells_on() {
    let mut dice = Dice::throw();
    let folder = tempfile::tempdir().unwrap();
    let [store, full] = ["store", "full"].map(|name| folder.path().join(name));
    fs::create_dir(&full).unwrap();
    let Some(_disk) = Disk::mount(&full, 1) else {
        println!("skipped: a full disk; it takes root and mount");
        return;
    };
    let server = Server::must_start(&store, &[]);
    let crowd = Crowd::gather(&server, &mut dice).await;
    fs::write(full.join("filler"), vec![1; 900_000]).unwrap();
    while crowd.told().0.len() < 100 {
        pause(Duration::from_millis(20)).await;
    }
    let to = full.join("backup");
    let output = backup(&server, &store, &to).output().unwrap();
    let words = said(&output);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains(&format!("writing {}", to.display())), "{words}");
    assert!(words.contains("No space left on device"), "{words}");
    assert!(words.contains("is unfinished and of no use: delete it"), "{words}");
    crowd.leave().await;
    server.end();
    balances(&store);
}
