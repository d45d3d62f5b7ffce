//! A shop's backup through its door and the command line, and what is said when there is none.

use crate::app::{ADMIN, App};
use doorbuster::verify;
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// Runs the program.
fn run(line: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DOORBUSTER_")) {
        command.env_remove(name);
    }
    command.args(line).output().unwrap()
}

fn refusal(line: &[&str]) -> String {
    let output = run(line);
    let why = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{why}");
    why
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn a_cut_is_for_the_admin_and_says_where_each_log_ends() {
    let app = App::sharded(3).await;
    app.stock_up("TEE", 9).await;
    app.call("POST", "/api/cut", &[], Value::Null).await.is_problem(401, "token-required");
    let wrong = [("Authorization", "Bearer somebody")];
    app.call("POST", "/api/cut", &wrong, Value::Null).await.is_problem(403, "forbidden");
    let first = app.admin("POST", "/api/cut", Value::Null).await;
    assert_eq!(first.status(), 200, "{first}");
    assert_eq!(first.at("/shards").as_array().unwrap().len(), 3);
    assert_eq!(first.text("/shards/0/hash").len(), 64);
    assert_eq!(first.text("/books/0/name"), "payments.jsonl");
    let token = app.guest("TEE", 1).await;
    app.check_out(&token, "first", "tok_approve").await;
    let second = app.admin("POST", "/api/cut", Value::Null).await;
    assert_ne!(first.text("/id"), second.text("/id"));
    let bytes = |reply: &crate::app::Reply| -> u64 {
        (0..3).map(|n| reply.at(&format!("/shards/{n}/position")).as_u64().unwrap()).sum()
    };
    assert!(bytes(&second) > bytes(&first));
    assert!(second.at("/books/0/bytes").as_u64() > first.at("/books/0/bytes").as_u64());
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_shop_is_backed_up_and_restored() {
    let app = App::sharded(3).await;
    app.stock_up("TEE", 9).await;
    let token = app.guest("TEE", 2).await;
    let order = app.check_out(&token, "first", "tok_approve").await;
    let (store, url) = (app.folder().to_owned(), app.target().to_string());
    let folder = tempfile::tempdir().unwrap();
    let [backup, back] = ["backup", "back"].map(|name| folder.path().join(name));
    let asked = ["backup", text(&backup), "--store", text(&store), "--url", &url];
    let why = refusal(&asked);
    assert!(why.contains("no admin token: pass --admin-token"), "{why}");
    let why = refusal(&[&asked[..], &["--admin-token", "somebody-elses"]].concat());
    assert!(why.contains("this is not the admin token"), "{why}");
    assert!(!backup.exists(), "nothing was begun");
    let output = run(&[&asked[..], &["--admin-token", ADMIN]].concat());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("keep it as secret as the store"), "{said}");
    let late = app.guest("TEE", 1).await;
    let output = run(&["restore", text(&backup), "--store", text(&back)]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("all books balance"), "{said}");
    let why = refusal(&["restore", text(&backup), "--store", text(&back)]);
    assert!(why.contains("back is not empty"), "{why}");
    drop(app.stop().await);
    let held = tempfile::tempdir().unwrap();
    fs::rename(&back, held.path()).unwrap();
    let again = App::at(held).await;
    assert_eq!(again.order(&order).await.text("/status"), "confirmed");
    assert_eq!(again.counts("TEE").await, (7, 0, 2, 7), "what came later is not there");
    // A token of the first shop is one of this, but its cart never was.
    assert_eq!(again.cart(&late).await.at("/items"), serde_json::json!([]));
    let token = again.guest("TEE", 1).await;
    let order = again.check_out(&token, "second", "tok_approve").await;
    assert_eq!(order.text("/status"), "confirmed", "it sells on: {order}");
    again.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_store_needs_no_server() {
    let app = App::new().await;
    app.stock_up("TEE", 9).await;
    let (target, store) = (app.target().to_string(), app.stop().await);
    let folder = tempfile::tempdir().unwrap();
    let [backup, back] = ["backup", "back"].map(|name| folder.path().join(name));
    let asked = ["backup", text(&backup), "--store", text(store.path())];
    let why = refusal(&[&asked[..], &["--url", &target, "--admin-token", ADMIN]].concat());
    assert!(why.contains(&format!("no server answers at {target}")), "{why}");
    let output = run(&[&asked[..], &["--json"]].concat());
    let manifest: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(manifest["shards"].as_array().unwrap().len(), 1, "{manifest}");
    assert_eq!(fs::read(backup.join("backup.json")).unwrap(), output.stdout);
    let output = run(&["restore", text(&backup), "--store", text(&back), "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["finding_count"], 0, "{report}");
    assert!(verify::check(&back, &|_, _| ()).unwrap().balanced());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_store_with_a_wrong_book_is_restored_and_judged() {
    let app = App::new().await;
    app.stock_up("TEE", 9).await;
    let token = app.guest("TEE", 2).await;
    app.check_out(&token, "first", "tok_approve").await;
    let store = app.stop().await;
    // The provider forgets; nothing vouches for its books, so only the audit finds it.
    fs::write(store.path().join("payments.jsonl"), "").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let [backup, back] = ["backup", "back"].map(|name| folder.path().join(name));
    assert!(run(&["backup", text(&backup), "--store", text(store.path())]).status.success());
    let output = run(&["restore", text(&backup), "--store", text(&back)]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the provider has no capture"), "{said}");
}

#[tokio::test]
async fn what_is_no_store_and_what_is_no_backup_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let [nothing, to] = ["nothing", "to"].map(|name| folder.path().join(name));
    let why = refusal(&["backup", text(&to), "--store", text(&nothing)]);
    assert!(why.contains("nothing holds no store"), "{why}");
    let why = refusal(&["restore", text(&nothing), "--store", text(&to)]);
    assert!(why.contains("nothing holds no finished backup"), "{why}");
    assert!(!to.exists());
    fs::write(&to, "a file").unwrap();
    let app = App::new().await;
    let store = app.stop().await;
    let why = refusal(&["backup", text(&to.join("x")), "--store", text(store.path())]);
    assert!(why.contains("to/x: Not a directory"), "{why}");
}
