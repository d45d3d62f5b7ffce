//! What operators ask.

use crate::app::{ADMIN, App, Reply, SOON};
use bytes::Bytes;
use doorbuster::{
    http::{Door, DoorSettings, Server, server},
    load::{Client, Target},
    shop::{Options, open},
};
use hyper::{
    Method,
    header::{HeaderName, HeaderValue},
};
use serde_json::Value;

#[tokio::test]
async fn a_shop_is_alive_ready_and_measured() {
    let app = App::sharded(3).await;
    assert_eq!(app.get("/healthz").await.status(), 200);
    assert_eq!(app.get("/readyz").await.status(), 200);
    app.stock_up("TEE", 1).await;
    app.guest("TEE", 1).await;
    app.add(None, "TEE", 1).await.is_problem(409, "sold-out");
    let metrics = app.get("/metrics").await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4");
    let text = String::from_utf8(metrics.0.body.to_vec()).unwrap();
    for line in [
        "doorbuster_commands_total{kind=\"add\",outcome=\"ok\"}",
        "doorbuster_commands_total{kind=\"add\",outcome=\"sold-out\"}",
        "doorbuster_sync_seconds_bucket{le=\"0.001\"}",
        "doorbuster_queue_wait_seconds_count",
        "doorbuster_batch_entries_bucket{le=\"16\"}",
        "doorbuster_live_actors{kind=\"sku\"}",
        "doorbuster_events_total",
        "doorbuster_free_permits 4096",
        "doorbuster_sockets 0",
        "doorbuster_overdue_seconds",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    app.close().await;
}

#[tokio::test]
async fn a_store_that_is_closing_is_not_ready() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    app.shop().system().close();
    app.get("/readyz").await.is_problem(503, "unavailable");
    assert_eq!(app.get("/healthz").await.status(), 200);
    app.close().await;
}

#[tokio::test]
async fn nobody_is_quarantined_in_a_sound_shop() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let list = app.admin("GET", "/api/quarantine", Value::Null).await;
    assert_eq!(list.body(), serde_json::json!({"items": [], "next": null}));
    for entity in ["sku:TEE", "sku:NOBODY", "x", "ord_1"] {
        let path = format!("/api/quarantine/{entity}/release");
        app.admin("POST", &path, Value::Null).await.is_problem(404, "not-found");
    }
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_came_too_early_is_let_in_on_the_same_connection() {
    let folder = tempfile::tempdir().unwrap();
    let listener = server::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let target = Target::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let server = Server::start(listener, 1);
    // There is room for one connection only, so a second one would wait for ever.
    let mut client = Client::new(&target);
    let named = [(HeaderName::from_static("x-request-id"), HeaderValue::from_static("mine"))];
    let mut ask = async |path: &str| {
        let asked = client.request(Method::GET, path, &named, Bytes::new());
        let answer = Reply(tokio::time::timeout(SOON, asked).await.unwrap().unwrap());
        assert_eq!(answer.header("x-request-id"), "mine");
        answer
    };
    assert_eq!(ask("/healthz").await.status(), 200);
    ask("/readyz").await.is_problem(503, "unavailable");
    let opened = open::open(folder.path(), Options::default()).await.unwrap();
    ask("/api/products").await.is_problem(503, "unavailable");
    let door = Door::new(opened.shop.clone(), DoorSettings::new(ADMIN));
    server.open(door.router());
    assert_eq!(ask("/readyz").await.status(), 200);
    assert_eq!(ask("/api/products").await.status(), 200);
    server.serve(door, async {}).await;
    opened.close().await;
}
