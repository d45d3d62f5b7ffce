//! Ends that are not a kill: a signal that asks, and a disk with no room left.

use crate::{
    Dice,
    history::{History, find, is_the_same, shop, stock_up, value},
    server::{ADMIN, Server, balances},
};
use bytes::Bytes;
use doorbuster::{load::client::bearer, ports::clock::pause};
use rustix::process::geteuid;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_to_end_it_answers_what_is_under_way_and_keeps_all_it_said() {
    for shards in ["1", "3"] {
        let store = tempfile::tempdir().unwrap();
        let server = Server::must_start(store.path(), &["--shards", shards]);
        stock_up(&mut server.client()).await.unwrap();
        let mut dice = Dice::throw();
        let shoppers = (0..8).map(|_| {
            let (mut client, mut dice) = (server.client(), Dice(dice.next()));
            tokio::spawn(async move {
                let mut history = History::default();
                shop(&mut client, &mut dice, &mut history).await;
                history
            })
        });
        let shoppers: Vec<_> = shoppers.collect();
        pause(Duration::from_millis(500)).await;
        server.end();
        let server = Server::must_start(store.path(), &[]);
        let mut client = server.client();
        let mut orders = 0;
        for shopper in shoppers {
            for told in shopper.await.unwrap().orders {
                find(&mut client, &told).await;
                is_the_same(&mut client, &told).await;
                orders += 1;
            }
        }
        assert!(orders > 0, "nobody ordered");
        server.end();
        balances(store.path());
    }
}

/// A disk of a size of one's own; unmounted when dropped.
pub(crate) struct Disk(PathBuf);

impl Disk {
    pub(crate) fn mount(at: &Path, megabytes: u32) -> Option<Disk> {
        let size = format!("size={megabytes}m");
        if !geteuid().is_root() {
            return None;
        }
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).status();
        mount.is_ok_and(|status| status.success()).then(|| Disk(at.to_owned()))
    }

    /// Mounts it again with other options.
    pub(crate) fn change(&self, options: &str) {
        let options = format!("remount,{options}");
        let changed = Command::new("mount").args(["-o", &options]).arg(&self.0).status();
        assert!(changed.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// One segment fits, and what belongs to it, but never a second.
const TIGHT_MB: u32 = 120;

/// Makes products until nobody answers any more; those that were told of.
pub(crate) async fn fill(server: &Server) -> Vec<String> {
    let (mut client, mut told) = (server.client(), vec![]);
    for n in 0..2_000 {
        let price = json!({"amount_minor": 100, "currency": "USD"});
        let sku = format!("BULK-{n}");
        let variant = json!({"sku": sku, "title": sku, "price": price, "weight_g": 1, "units": 1});
        let product = json!({"title": sku, "description": "x".repeat(60_000), "category": "",
            "tags": [], "images": [], "variants": [variant]});
        let body = Bytes::from(product.to_string());
        match client.post("/api/products", &[bearer(ADMIN).unwrap()], body).await {
            Ok(answer) if answer.status == 201 => {
                told.push(value(&answer)["id"].as_str().unwrap().to_owned());
            }
            Ok(answer) => assert_eq!(answer.status, 503, "{answer:?}"),
            Err(_) => break,
        }
    }
    told
}

/// It has ended by itself, said why and what to do, and had worked before.
pub(crate) fn has_run_out_of_room(mut server: Server, told: &[String]) {
    let words = server.says("the log can't be written: mend the disk and start again");
    assert!(words.contains("No space left on device"), "{words}");
    assert!(words.contains("/log/0/"), "it says where: {words}");
    assert_eq!(server.ended(Duration::from_secs(15)), Some(2), "{words}");
    assert!(told.len() > 100, "it worked while there was room: {} products", told.len());
}

/// All that was told is there, and it sells on.
pub(crate) async fn has_kept(server: Server, store: &Path, told: &[String]) {
    let mut client = server.client();
    for id in told {
        let found = client.get(&format!("/api/products/{id}"), &[]).await.unwrap();
        assert_eq!(found.status, 200, "{id} was told and is lost");
    }
    stock_up(&mut client).await.unwrap();
    server.end();
    balances(store);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_it_ends_without_a_false_answer_and_opens_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(folder.path(), TIGHT_MB) else {
        println!("skipped: a full disk; it takes root and mount");
        return;
    };
    let store = folder.path().join("store");
    let server = Server::must_start(&store, &[]);
    let told = fill(&server).await;
    has_run_out_of_room(server, &told);
    disk.change(&format!("size={}m", TIGHT_MB * 5));
    has_kept(Server::must_start(&store, &[]), &store, &told).await;
}
