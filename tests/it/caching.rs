//! Catalogue reads come from memory, smaller where a client can take it, and never too old.

use crate::app::{ADMIN, App, Reply, product};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use std::{io::Read as _, sync::Arc};

async fn made(app: &App, skus: &[&str], units: u64) -> String {
    let made = app.admin("POST", "/api/products", product(skus, units)).await;
    assert_eq!(made.status(), 201, "{made}");
    made.text("/id").to_owned()
}

/// The free units of the first variant, alone and in the list.
async fn shown(app: &App, id: &str) -> (u64, u64) {
    let alone = app.get(&format!("/api/products/{id}")).await;
    let list = app.get("/api/products").await;
    let free = |value: Value| value.as_u64().unwrap();
    (free(alone.at("/variants/0/free")), free(list.at("/items/0/variants/0/free")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_took_a_unit_finds_it_gone() {
    const BUYERS: u64 = 6;
    const EACH: u64 = 25;
    for shards in [1, 3] {
        let app = Arc::new(App::sharded(shards).await);
        let id = made(&app, &["TEE", "HAT"], BUYERS * EACH).await;
        assert_eq!(shown(&app, &id).await, (BUYERS * EACH, BUYERS * EACH));
        let buyers = (0..BUYERS).map(|_| {
            let (app, id) = (app.clone(), id.clone());
            tokio::spawn(async move {
                for own in 1..=EACH {
                    app.guest("TEE", 1).await;
                    let most = BUYERS * EACH - own;
                    let (alone, listed) = shown(&app, &id).await;
                    assert!(alone <= most && listed <= alone, "{alone} {listed} of {most}");
                }
            })
        });
        for buyer in buyers.collect::<Vec<_>>() {
            buyer.await.unwrap();
        }
        assert_eq!(shown(&app, &id).await, (0, 0));
        Arc::into_inner(app).unwrap().close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_changed_a_product_finds_it_changed() {
    for shards in [1, 3] {
        let app = Arc::new(App::sharded(shards).await);
        let id = made(&app, &["TEE"], 5).await;
        let path = format!("/api/products/{id}");
        let readers = (0..3).map(|_| {
            let (app, path) = (app.clone(), path.clone());
            tokio::spawn(async move {
                for _ in 0..100 {
                    assert_eq!(app.get(&path).await.status(), 200);
                    assert_eq!(app.get("/api/products").await.status(), 200);
                }
            })
        });
        let readers: Vec<_> = readers.collect();
        for round in 0..20 {
            let mut spec = product(&["TEE"], 0);
            spec["title"] = format!("Tee {round}").into();
            let title = spec["title"].clone();
            let put = app.admin("PUT", &path, spec).await;
            assert_eq!(put.status(), 200, "{put}");
            assert_eq!(app.get(&path).await.at("/title"), title);
            assert_eq!(app.get("/api/products").await.at("/items/0/title"), title);
        }
        for reader in readers {
            reader.await.unwrap();
        }
        assert_eq!(app.admin("DELETE", &path, Value::Null).await.status(), 200);
        assert_eq!(app.get("/api/products").await.at("/items"), json!([]));
        assert_eq!(app.get(&path).await.at("/archived"), true);
        let other = made(&app, &["HAT"], 5).await;
        assert_eq!(app.get("/api/products").await.at("/items/0/id"), other.as_str());
        Arc::into_inner(app).unwrap().close().await;
    }
}

#[tokio::test]
async fn a_reader_who_has_it_is_told_so_until_it_changes() {
    let app = App::new().await;
    let id = made(&app, &["TEE"], 5).await;
    for path in [format!("/api/products/{id}"), "/api/products?limit=3".to_owned()] {
        let first = app.get(&path).await;
        assert_eq!(first.header("cache-control"), "public, max-age=0, must-revalidate");
        let etag = first.header("etag");
        let ask = async || app.call("GET", &path, &[("If-None-Match", etag)], Value::Null).await;
        let same = ask().await;
        assert_eq!((same.status(), same.header("etag")), (304, etag));
        assert!(same.0.body.is_empty() && same.header("content-type").is_empty());
        let same = app.call("HEAD", &path, &[("If-None-Match", etag)], Value::Null).await;
        assert_eq!((same.status(), same.header("etag")), (304, etag));
        assert_eq!(same.header("content-length"), "", "the representation is not empty");
        app.guest("TEE", 1).await;
        let other = ask().await;
        assert_eq!(other.status(), 200, "{other}");
        assert_ne!(other.header("etag"), etag);
        let head = app.call("HEAD", &path, &[], Value::Null).await;
        assert_eq!((head.status(), head.header("etag")), (200, other.header("etag")));
        assert_eq!(head.header("content-length"), other.header("content-length"));
    }
    app.close().await;
}

#[tokio::test]
async fn what_a_client_can_take_smaller_is_sent_smaller() {
    let app = App::new().await;
    for n in 0..12 {
        made(&app, &[&format!("TEE-{n}")], 5).await;
    }
    app.guest("TEE-3", 1).await;
    let admin = format!("Bearer {ADMIN}");
    let private = "/api/inventory/TEE-3/movements?limit=200";
    for _ in 0..20 {
        app.add(None, "TEE-3", 1).await;
    }
    for (path, cache) in
        [("/api/products", "public, max-age=0, must-revalidate"), (private, "no-store")]
    {
        let ask = async |coding: &str| {
            let headers = [("Accept-Encoding", coding), ("Authorization", &admin)];
            let answer = app.call("GET", path, &headers, Value::Null).await;
            assert_eq!(answer.header("vary"), "accept-encoding");
            assert_eq!(answer.header("cache-control"), cache);
            answer
        };
        let plain = ask("identity").await;
        assert_eq!(plain.header("content-encoding"), "");
        let (gzip, brotli) = (ask("gzip").await, ask("br, gzip").await);
        assert_eq!(gzip.header("content-encoding"), "gzip");
        assert_eq!(brotli.header("content-encoding"), "br");
        assert!(gzip.0.body.len() * 3 < plain.0.body.len());
        assert!(brotli.0.body.len() * 3 < plain.0.body.len());
        let mut text = vec![];
        GzDecoder::new(&*gzip.0.body).read_to_end(&mut text).unwrap();
        assert_eq!(text, plain.0.body);
        text.clear();
        brotli::Decompressor::new(&*brotli.0.body, 4_096).read_to_end(&mut text).unwrap();
        assert_eq!(text, plain.0.body);
    }
    app.close().await;
}

#[tokio::test]
async fn what_is_somebodys_own_is_kept_by_nobody() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let token = app.guest("TEE", 1).await;
    let order = app.check_out(&token, "k", "tok_approve").await;
    let listed = app.admin("GET", "/api/orders", Value::Null).await;
    let refused = app.get("/api/products/prod_1").await;
    let answers: [&Reply; 6] = [
        &app.cart(&token).await,
        &order,
        &app.order(&order).await,
        &listed,
        &refused,
        &app.get("/healthz").await,
    ];
    for answer in answers {
        assert_eq!(answer.header("cache-control"), "no-store", "{answer}");
    }
    app.close().await;
}
