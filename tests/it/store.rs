//! What a store's folder must hold for the shop to open it, and what an auditor says to it.

use crate::app::{App, Reply};
use doorbuster::{
    journal::{FileLog, Keyring, Layout, Position, Secret, file},
    shop::{Options, open},
    verify,
};
use serde_json::{Value, json};
use std::{fs, path::Path};

fn options() -> Options {
    Options { cache_bytes: 4 << 20, ..Options::default() }
}

/// A store that has sold something and was closed in order.
async fn sold(shards: usize) -> tempfile::TempDir {
    let app = App::sharded(shards).await;
    app.stock_up("TEE", 9).await;
    sell(&app, "first").await;
    app.stop().await
}

async fn sell(app: &App, key: &str) {
    let token = app.guest("TEE", 1).await;
    let order = app.check_out(&token, key, "tok_approve").await;
    assert_eq!(order.text("/status"), "confirmed", "{order}");
}

async fn serve_refuses(folder: &Path) -> String {
    match open::open(folder, options()).await {
        Ok(_) => panic!("{} opens", folder.display()),
        Err(error) => error.to_string(),
    }
}

fn verify_refuses(folder: &Path) -> String {
    verify::check(folder, &|_, _| ()).map(|report| report.to_string()).unwrap_err().to_string()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(path, to).unwrap();
        }
    }
}

#[tokio::test]
async fn a_log_that_has_vanished_is_no_new_log() {
    for checkpoint in [true, false] {
        for (shard, mounted) in [(0, false), (1, false), (1, true)] {
            let folder = sold(2).await;
            let folder = folder.path();
            if !checkpoint {
                fs::remove_file(folder.join("checkpoint")).unwrap();
            }
            let log = folder.join(format!("log/{shard}"));
            let elsewhere = tempfile::tempdir().unwrap();
            copy(&log, elsewhere.path());
            fs::remove_dir_all(&log).unwrap();
            if mounted {
                fs::create_dir(&log).unwrap(); // where its volume belongs
            }
            for why in [serve_refuses(folder).await, verify_refuses(folder)] {
                assert!(why.contains(&format!("log/{shard} ")), "{why}");
            }
            assert_eq!(log.exists(), mounted, "nothing is made anew");
            copy(elsewhere.path(), &log);
            open::open(folder, options()).await.unwrap().close().await;
            let report = verify::check(folder, &|_, _| ()).unwrap();
            assert!(report.balanced(), "{report}");
        }
    }
}

#[tokio::test]
async fn a_log_that_was_rolled_back_is_refused_and_left_alone() {
    let app = App::sharded(1).await;
    app.stock_up("TEE", 9).await;
    sell(&app, "first").await;
    let (app, copied) = {
        let folder = app.stop().await;
        let copied = tempfile::tempdir().unwrap();
        copy(&folder.path().join("log/0"), copied.path());
        (App::at(folder).await, copied)
    };
    sell(&app, "second").await;
    let folder = app.stop().await;
    let (folder, log) = (folder.path(), folder.path().join("log/0"));
    let right = tempfile::tempdir().unwrap();
    copy(&log, right.path());
    fs::remove_dir_all(&log).unwrap();
    copy(copied.path(), &log);
    for state in [true, false] {
        if !state {
            fs::remove_dir_all(folder.join("state")).unwrap();
        }
        // As often as somebody starts it.
        for _ in 0..20 {
            let why = serve_refuses(folder).await;
            assert!(why.contains("a checkpoint"), "{why}");
        }
        let why = verify_refuses(folder);
        assert!(why.contains("a checkpoint"), "{why}");
    }
    fs::remove_dir_all(&log).unwrap();
    copy(right.path(), &log);
    open::open(folder, options()).await.unwrap().close().await;
}

#[tokio::test]
async fn a_start_that_was_cut_short_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    // What a kill leaves behind between the store's first file and its second log.
    fs::write(folder.path().join("store.json"), r#"{"format":1,"shards":2}"#).unwrap();
    open::open(folder.path(), options()).await.unwrap().close().await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("store.json"), r#"{"format":1,"shards":2}"#).unwrap();
    let layout = Layout(folder.path().to_owned());
    Secret::open(&layout.secret()).unwrap();
    drop(Keyring::open(&layout.keys()).unwrap());
    let log = layout.log(0);
    drop(FileLog::open(&log, file::SEGMENT_BYTES, Position(0), &mut |_| Ok(())).unwrap());
    open::open(folder.path(), options()).await.unwrap().close().await;
}

async fn cancelled(app: &App, order: &Reply) {
    let path = format!("/api/orders/{}/cancel", order.text("/id"));
    let headers = [("Order-Token", order.text("/access_token"))];
    app.call("POST", &path, &headers, Value::Null).await;
    for _ in 0..1_000 {
        if app.order(order).await.text("/payment_status") == "refunded"
            && app.counts("TEE").await.2 == 0
        {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{} is not refunded", app.order(order).await);
}

#[tokio::test]
async fn who_returned_units_may_buy_again_and_the_books_balance() {
    let app = App::new().await;
    app.stock_up("TEE", 9).await;
    app.put_on_sale("TEE", -60_000, 3_600_000, json!(2)).await;
    let token = app.guest("TEE", 2).await;
    let order = app.check_out(&token, "first", "tok_approve").await;
    assert_eq!(order.text("/status"), "confirmed", "{order}");
    cancelled(&app, &order).await;
    sell(&app, "second").await;
    let folder = app.stop().await;
    let report = verify::check(folder.path(), &|_, _| ()).unwrap();
    assert!(report.balanced(), "{report}");
}
