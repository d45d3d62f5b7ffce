//! A guest's cart through the door.

use crate::app::{App, Reply, product, usd};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn the_first_add_makes_a_cart_and_hands_out_its_key() {
    let app = App::sharded(3).await;
    app.stock_up("TEE", 5).await;
    let added = app.add(None, "TEE", 2).await;
    assert_eq!(added.status(), 200, "{added}");
    let token = added.header("cart-token");
    let cookie = format!("cart_token={token}; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(added.header("set-cookie"), cookie);
    assert_eq!(added.at("/items/0/sku"), "TEE");
    assert_eq!(added.at("/items/0/price"), usd(1_999));
    assert_eq!(added.at("/total"), usd(3_998));
    assert_eq!(app.counts("TEE").await, (5, 2, 0, 3));
    let more = app.add(Some(token), "TEE", 1).await;
    assert_eq!((more.header("cart-token"), more.at("/items/0/units")), ("", 3.into()));
    let until = "/items/0/reserved_until";
    assert_eq!(more.at(until), added.at(until), "a later add does not extend it");
    let by_cookie = format!("theme=dark; cart_token={token}");
    let read = app.call("GET", "/api/cart", &[("Cookie", &by_cookie)], Value::Null).await;
    assert_eq!(read.body(), more.body());
    let app = app.restart().await;
    assert_eq!(app.cart(token).await.body(), more.body(), "a restart changes nothing");
    app.close().await;
}

#[tokio::test]
async fn a_line_is_set_and_removed() {
    let app = App::sharded(3).await;
    let made = app.admin("POST", "/api/products", product(&["A", "B"], 5)).await;
    assert_eq!(made.status(), 201);
    let token = app.guest("A", 2).await;
    app.add(Some(&token), "B", 1).await;
    let set = app.set(&token, "A", 5).await;
    assert_eq!((set.status(), set.at("/total")), (200, usd(6 * 1_999)), "{set}");
    let fewer = app.set(&token, "A", 1).await;
    assert_eq!(fewer.at("/items/0/units"), 1);
    assert_eq!(app.counts("A").await, (5, 1, 0, 4));
    let none = app.set(&token, "A", 0).await;
    assert_eq!(none.at("/items").as_array().unwrap().len(), 1);
    let path = "/api/cart/items/B";
    let empty = app.call("DELETE", path, &[("Cart-Token", &token)], Value::Null).await;
    assert_eq!(
        (empty.status(), empty.at("/items"), empty.at("/total")),
        (200, json!([]), Value::Null)
    );
    assert_eq!(app.counts("B").await, (5, 0, 0, 5));
    app.close().await;
}

#[tokio::test]
async fn two_adds_at_once_to_one_line_get_both_units() {
    for shards in [1, 3] {
        let app = App::sharded(shards).await;
        app.stock_up("TEE", 50).await;
        let token = app.guest("TEE", 1).await;
        let adds = (0..10).map(|_| app.add(Some(&token), "TEE", 1));
        for added in futures_util::future::join_all(adds).await {
            assert_eq!(added.status(), 200, "{added}");
        }
        assert_eq!(app.cart(&token).await.at("/items/0/units"), 11);
        assert_eq!(app.counts("TEE").await, (50, 11, 0, 39));
        app.close().await;
    }
}

#[tokio::test]
async fn a_hundred_guests_never_get_more_than_there_is() {
    for shards in [1, 3] {
        let app = App::sharded(shards).await;
        app.stock_up("TEE", 30).await;
        let adds = (0..100).map(|_| app.add(None, "TEE", 1));
        let answers = futures_util::future::join_all(adds).await;
        assert_eq!(answers.iter().filter(|answer| answer.status() == 200).count(), 30);
        for refused in answers.iter().filter(|answer| answer.status() != 200) {
            assert_eq!(refused.is_problem(409, "sold-out").at("/free"), 0);
        }
        assert_eq!(app.counts("TEE").await, (30, 30, 0, 0));
        app.close().await;
    }
}

#[tokio::test]
async fn a_keyed_add_counts_once_also_after_a_restart() {
    for shards in [1, 3] {
        let app = App::sharded(shards).await;
        app.stock_up("TEE", 50).await;
        let token = app.guest("TEE", 1).await;
        let headers = [("Cart-Token", token.as_str()), ("Idempotency-Key", "a")];
        let add = |units: u32| json!({"sku": "TEE", "units": units});
        let at_once = (0..3).map(|_| app.call("POST", "/api/cart", &headers, add(2)));
        for answer in futures_util::future::join_all(at_once).await {
            assert!(answer.status() == 200 || answer.text("/code") == "in-progress", "{answer}");
        }
        let again = app.call("POST", "/api/cart", &headers, add(2)).await;
        assert_eq!((again.status(), again.replayed()), (200, true), "{again}");
        assert_eq!(again.at("/items/0/units"), 3);
        let other = app.call("POST", "/api/cart", &headers, add(3)).await;
        other.is_problem(422, "idempotency-mismatch");
        let app = app.restart().await;
        let again = app.call("POST", "/api/cart", &headers, add(2)).await;
        assert_eq!((again.status(), again.replayed()), (200, true), "{again}");
        assert_eq!(app.counts("TEE").await, (50, 3, 0, 47));
        app.close().await;
    }
}

#[tokio::test]
async fn a_refused_add_changed_nothing_and_its_key_may_be_tried_again() {
    let app = App::new().await;
    app.stock_up("TEE", 2).await;
    let token = app.guest("TEE", 1).await;
    let headers = [("Cart-Token", token.as_str()), ("Idempotency-Key", "a")];
    let body = json!({"sku": "TEE", "units": 2});
    let refused = app.call("POST", "/api/cart", &headers, body.clone()).await;
    assert_eq!(refused.is_problem(409, "sold-out").at("/free"), 1);
    app.admin("POST", "/api/inventory/TEE/receipts", json!({"units": 5})).await;
    let added = app.call("POST", "/api/cart", &headers, body).await;
    assert_eq!((added.status(), added.replayed()), (200, false), "never sold-out now: {added}");
    app.close().await;
}

#[tokio::test]
async fn without_a_cart_a_key_means_nothing() {
    let app = App::new().await;
    app.stock_up("TEE", 9).await;
    let body = json!({"sku": "TEE", "units": 1});
    let one = app.call("POST", "/api/cart", &[("Idempotency-Key", "a")], body.clone()).await;
    let two = app.call("POST", "/api/cart", &[("Idempotency-Key", "a")], body).await;
    assert!(!two.replayed());
    assert_ne!(one.text("/id"), two.text("/id"));
    assert_eq!(app.counts("TEE").await, (9, 2, 0, 7));
    app.add(None, "TEE", 99).await.is_problem(409, "sold-out");
    app.close().await;
}

#[tokio::test]
async fn a_cart_opens_only_to_its_own_token() {
    let app = App::new().await;
    app.stock_up("TEE", 9).await;
    let mine = app.guest("TEE", 1).await;
    let (id, mac) = mine.split_once('.').unwrap();
    let other = app.guest("TEE", 1).await;
    let (_, other_mac) = other.split_once('.').unwrap();
    let forged = format!("{id}.{other_mac}");
    let short = format!("{id}.{}", &mac[1..]);
    for wrong in [id, &forged, &short, "", "nonsense"] {
        let read = app.cart(wrong).await;
        read.is_problem(403, "forbidden");
        app.add(Some(wrong), "TEE", 1).await.is_problem(403, "forbidden");
        app.set(wrong, "TEE", 0).await.is_problem(403, "forbidden");
        app.check_out(wrong, "k", "tok_approve").await.is_problem(403, "forbidden");
    }
    app.get("/api/cart").await.is_problem(401, "token-required");
    let path = "/api/cart/items/TEE";
    app.call("PUT", path, &[], json!({"units": 1})).await.is_problem(401, "token-required");
    app.call("DELETE", path, &[], Value::Null).await.is_problem(401, "token-required");
    let stale = format!("cart_token={forged}");
    let body = json!({"sku": "TEE", "units": 1});
    let fresh = app.call("POST", "/api/cart", &[("Cookie", &stale)], body).await;
    assert!(fresh.header("cart-token").starts_with("cart_"), "a stale cookie is replaced: {fresh}");
    assert_eq!(app.counts("TEE").await, (9, 3, 0, 6));
    app.close().await;
}

#[tokio::test]
async fn a_lapsed_line_stays_visible_and_can_be_reserved_again() {
    let app = App::with_ttl_ms(300).await;
    app.stock_up("TEE", 5).await;
    let token = app.guest("TEE", 2).await;
    tokio::time::timeout(crate::app::SOON, async {
        while app.counts("TEE").await != (5, 0, 0, 5) {
            tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("units are free again soon after their deadline");
    let cart = app.cart(&token).await;
    assert_eq!(cart.at("/items/0/units"), 2);
    assert_eq!(cart.at("/items/0/reserved_until"), Value::Null);
    let refused = app.check_out(&token, "k", "tok_approve").await;
    assert_eq!(refused.is_problem(409, "reservation-lapsed").at("/sku"), "TEE");
    app.put_on_sale("TEE", -1_000, 60_000, Value::Null).await;
    let set = app.set(&token, "TEE", 2).await;
    assert_ne!(set.at("/items/0/reserved_until"), Value::Null, "{set}");
    assert_eq!(set.at("/items/0/price"), usd(999), "reserved again at today's price");
    app.close().await;
}

#[tokio::test]
async fn a_cart_has_one_currency() {
    let app = App::sharded(3).await;
    app.stock_up("TEE", 5).await;
    let mut euros = product(&["MUG"], 5);
    euros["variants"][0]["price"]["currency"] = "EUR".into();
    assert_eq!(app.admin("POST", "/api/products", euros).await.status(), 201);
    let token = app.guest("TEE", 1).await;
    app.add(Some(&token), "MUG", 1).await.is_problem(409, "mixed-currencies");
    assert_eq!(app.counts("MUG").await, (5, 0, 0, 5));
    app.close().await;
}

#[tokio::test]
async fn a_malformed_wish_is_named_by_its_field() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let token = app.guest("TEE", 1).await;
    for (body, field) in [
        (json!({"sku": "TEE", "units": 0}), "/units"),
        (json!({"sku": "TEE", "units": -1}), "/units"),
        (json!({"sku": "TEE", "units": 1.5}), "/units"),
        (json!({"sku": "TEE", "units": "1"}), "/units"),
        (json!({"sku": "TEE", "units": 1_000_001}), "/units"),
        (json!({"sku": "TEE", "units": u64::MAX}), "/units"),
        (json!({"sku": "TEE"}), "/units"),
        (json!({"units": 1}), "/sku"),
        (json!({"sku": "", "units": 1}), "/sku"),
        (json!({"sku": "x".repeat(65), "units": 1}), "/sku"),
        (json!({"sku": 7, "units": 1}), "/sku"),
        (json!({"sku": "TEE", "units": 1, "price": 1}), "/price"),
    ] {
        app.call("POST", "/api/cart", &[], body).await.is_invalid(field);
    }
    app.set(&token, "TEE", 1_000_001).await.is_invalid("/units");
    let key = "k".repeat(256);
    for key in [key.as_str(), ""] {
        let headers = [("Cart-Token", token.as_str()), ("Idempotency-Key", key)];
        let body = json!({"sku": "TEE", "units": 1});
        app.call("POST", "/api/cart", &headers, body).await.is_invalid("Idempotency-Key");
    }
    let longest = "ü".repeat(127);
    let headers = [("Cart-Token", token.as_str()), ("Idempotency-Key", longest.as_str())];
    let body = json!({"sku": "TEE", "units": 1});
    assert_eq!(app.call("POST", "/api/cart", &headers, body).await.status(), 200);
    assert_eq!(app.counts("TEE").await, (5, 2, 0, 3));
    app.close().await;
}

async fn keyed_add(app: &App, token: &str, key: &str, units: u32) -> Reply {
    let headers = [("Cart-Token", token), ("Idempotency-Key", key)];
    app.call("POST", "/api/cart", &headers, json!({"sku": "TEE", "units": units})).await
}

#[tokio::test]
async fn a_keyed_add_to_a_cart_whose_order_ended_makes_one_new_cart() {
    for shards in [1, 3] {
        let app = App::sharded(shards).await;
        app.stock_up("TEE", 9).await;
        let old = app.guest("TEE", 1).await;
        let order = app.check_out(&old, "k", "tok_approve").await;
        assert_eq!(order.text("/status"), "confirmed", "{order}");
        let first = keyed_add(&app, &old, "a", 2).await;
        assert_eq!((first.status(), first.replayed()), (200, false), "{first}");
        let token = first.header("cart-token");
        assert!(!token.is_empty() && token != old, "{first}");
        let again = keyed_add(&app, &old, "a", 2).await;
        assert_eq!((again.status(), again.replayed()), (200, true), "{again}");
        assert_eq!((again.header("cart-token"), again.body()), (token, first.body()));
        keyed_add(&app, &old, "a", 3).await.is_problem(422, "idempotency-mismatch");
        let app = app.restart().await;
        let late = keyed_add(&app, &old, "a", 2).await;
        assert_eq!((late.header("cart-token"), late.replayed()), (token, true), "{late}");
        assert_eq!(app.counts("TEE").await, (8, 2, 1, 6));
        let other = keyed_add(&app, &old, "b", 1).await;
        assert_ne!(other.header("cart-token"), token, "another key, another cart: {other}");
        app.close().await;
    }
}
