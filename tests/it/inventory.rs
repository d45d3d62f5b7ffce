//! Stock through the door.

use crate::app::{App, usd};
use serde_json::{Value, json};

#[tokio::test]
async fn stock_comes_moves_and_goes() {
    let app = App::sharded(3).await;
    app.stock_up("TEE", 5).await;
    let path = |what: &str| format!("/api/inventory/TEE/{what}");
    let came = json!({"units": 10, "location": "north", "reference": "PO-7"});
    let came = app.admin("POST", &path("receipts"), came).await;
    assert_eq!((came.status(), came.at("/on_hand")), (201, 15.into()), "{came}");
    let moved = json!({"units": 4, "from": "north", "to": "main"});
    let moved = app.admin("POST", &path("transfers"), moved).await;
    assert_eq!(moved.status(), 201, "{moved}");
    let places = json!([
        {"location": "main", "on_hand": 9}, {"location": "north", "on_hand": 6},
    ]);
    assert_eq!(moved.at("/locations"), places);
    let counted = json!({"units": -2, "reason": "counted", "location": "north"});
    assert_eq!(app.admin("POST", &path("adjustments"), counted).await.status(), 201);
    let broken = json!({"units": 1, "reason": "broken"});
    assert_eq!(app.admin("POST", &path("write-offs"), broken).await.status(), 201);
    assert_eq!(app.counts("TEE").await, (12, 0, 0, 12));
    let low = app.admin("PUT", &path("low-stock"), json!({"units": 3})).await;
    assert_eq!((low.status(), low.at("/low_stock_at")), (200, 3.into()));
    let before = app.inventory("TEE").await.body();
    let app = app.restart().await;
    assert_eq!(app.inventory("TEE").await.body(), before, "a restart changes nothing");
    app.close().await;
}

#[tokio::test]
async fn what_is_reserved_can_not_be_taken_away() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    app.guest("TEE", 3).await;
    let path = |what: &str| format!("/api/inventory/TEE/{what}");
    let too_many = json!({"units": -3, "reason": "counted"});
    let refused = app.admin("POST", &path("adjustments"), too_many).await;
    assert_eq!(refused.is_problem(409, "would-go-negative").at("/free"), 2);
    let broken = json!({"units": 3, "reason": "broken"});
    app.admin("POST", &path("write-offs"), broken).await.is_problem(409, "would-go-negative");
    let elsewhere = json!({"units": 1, "from": "nowhere", "to": "main"});
    app.admin("POST", &path("transfers"), elsewhere).await.is_problem(409, "would-go-negative");
    assert_eq!(app.counts("TEE").await, (5, 3, 0, 2));
    app.close().await;
}

#[tokio::test]
async fn a_repeated_receipt_counts_once_also_after_a_restart() {
    let app = App::sharded(3).await;
    app.stock_up("TEE", 0).await;
    let path = "/api/inventory/TEE/receipts";
    let first = app.admin_keyed(path, "k", json!({"units": 5})).await;
    assert_eq!((first.status(), first.replayed()), (201, false), "{first}");
    let again = app.admin_keyed(path, "k", json!({"units": 5})).await;
    assert_eq!((again.status(), again.replayed()), (201, true), "{again}");
    let other = app.admin_keyed(path, "k", json!({"units": 6})).await;
    other.is_problem(422, "idempotency-mismatch");
    let app = app.restart().await;
    let again = app.admin_keyed(path, "k", json!({"units": 5})).await;
    assert_eq!((again.status(), again.replayed()), (201, true), "{again}");
    assert_eq!(app.counts("TEE").await, (5, 0, 0, 5));
    app.close().await;
}

#[tokio::test]
async fn a_malformed_movement_is_named_by_its_field() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let huge = 1_000_000_000_001_u64;
    let reason = "counted";
    for (what, body, field) in [
        ("receipts", json!({"units": 0}), "/units"),
        ("receipts", json!({"units": -1}), "/units"),
        ("receipts", json!({"units": huge}), "/units"),
        ("receipts", json!({"units": 1, "reference": "ü".repeat(501)}), "/reference"),
        ("receipts", json!({"units": "5"}), "/units"),
        ("receipts", json!({}), "/units"),
        ("receipts", json!({"units": 1, "location": ""}), "/location"),
        ("receipts", json!({"units": 1, "colour": "red"}), "/colour"),
        ("adjustments", json!({"units": 0, "reason": reason}), "/units"),
        ("adjustments", json!({"units": i64::MIN, "reason": reason}), "/units"),
        ("adjustments", json!({"units": 1}), "/reason"),
        ("adjustments", json!({"units": 1, "reason": " "}), "/reason"),
        ("transfers", json!({"units": 1, "from": "main", "to": "main"}), "/to"),
        ("transfers", json!({"units": 1, "from": "main"}), "/to"),
        ("transfers", json!({"units": 0, "from": "main", "to": "north"}), "/units"),
        ("write-offs", json!({"units": 0, "reason": reason}), "/units"),
        ("write-offs", json!({"units": 1}), "/reason"),
    ] {
        let path = format!("/api/inventory/TEE/{what}");
        app.admin("POST", &path, body).await.is_invalid(field);
    }
    let dear = json!({"amount_minor": 1_000_000_000_001_u64, "currency": "USD"});
    let (from, to) = ("2026-05-01T10:00:00Z", "2026-05-02T10:00:00Z");
    let sale = json!({"opens_at": from, "closes_at": to, "price": dear});
    let sale = app.admin("PUT", "/api/inventory/TEE/sale", sale).await;
    sale.is_invalid("/price/amount_minor");
    let low = app.admin("PUT", "/api/inventory/TEE/low-stock", json!({"units": -1})).await;
    low.is_invalid("/units");
    app.close().await;
}

#[tokio::test]
async fn more_than_the_shop_can_hold_is_a_matter_of_its_state() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let path = "/api/inventory/TEE/receipts";
    let most = json!({"units": 1_000_000_000_000_u64});
    app.admin("POST", path, most).await.is_problem(409, "too-much");
    // A text is as long as people count it, and 7.0 is a whole number.
    let came = json!({"units": 7.0, "reference": "ü".repeat(500)});
    let came = app.admin("POST", path, came).await;
    assert_eq!((came.status(), came.at("/on_hand")), (201, 12.into()), "{came}");
    app.close().await;
}

#[tokio::test]
async fn an_unknown_sku_is_said_to_be_one() {
    let app = App::new().await;
    for sku in ["NOBODY", "A%40B", "%20"] {
        app.inventory(sku).await.is_problem(404, "unknown-sku");
    }
    let receipt = app.admin("POST", "/api/inventory/NOBODY/receipts", json!({"units": 1})).await;
    assert_eq!(receipt.is_problem(404, "unknown-sku").at("/sku"), "NOBODY");
    app.add(None, "NOBODY", 1).await.is_problem(404, "unknown-sku");
    app.close().await;
}

#[tokio::test]
async fn a_sku_of_any_letters_is_found_by_its_address() {
    let app = App::new().await;
    app.stock_up("größe 1/2?", 5).await;
    let stock = app.inventory("gr%C3%B6%C3%9Fe%201%2F2%3F").await;
    assert_eq!((stock.status(), stock.text("/sku")), (200, "größe 1/2?"), "{stock}");
    app.close().await;
}

#[tokio::test]
async fn a_sale_opens_closes_and_limits_each_buyer() {
    let app = App::sharded(3).await;
    app.stock_up("TEE", 50).await;
    app.put_on_sale("TEE", 60_000, 120_000, Value::Null).await;
    let early = app.add(None, "TEE", 1).await;
    assert!(early.is_problem(409, "sale-not-open").text("/opens_at").ends_with('Z'), "{early}");
    app.put_on_sale("TEE", -120_000, -60_000, Value::Null).await;
    app.add(None, "TEE", 1).await.is_problem(409, "sale-closed");
    app.put_on_sale("TEE", -1_000, 60_000, json!(2)).await;
    let greedy = app.add(None, "TEE", 3).await;
    assert_eq!(greedy.is_problem(409, "limit-per-buyer").at("/limit"), 2);
    let token = app.guest("TEE", 2).await;
    app.add(Some(&token), "TEE", 1).await.is_problem(409, "limit-per-buyer");
    assert_eq!(app.cart(&token).await.at("/items/0/price"), usd(999));
    let order = app.check_out(&token, "k", "tok_approve").await;
    assert_eq!(order.text("/status"), "confirmed", "{order}");
    let again = app.guest("TEE", 2).await;
    let refused = app.check_out(&again, "k", "tok_approve").await;
    refused.is_problem(409, "limit-per-buyer");
    let ended = app.admin("DELETE", "/api/inventory/TEE/sale", Value::Null).await;
    assert_eq!((ended.status(), ended.at("/sale")), (200, Value::Null));
    let token = app.guest("TEE", 3).await;
    assert_eq!(app.cart(&token).await.at("/items/0/price"), usd(1_999));
    app.close().await;
}

#[tokio::test]
async fn malformed_terms_of_a_sale_are_named_by_their_field() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let good = json!({
        "opens_at": "2030-01-01T10:00:00Z", "closes_at": "2030-01-01T11:00:00+00:00",
        "price": usd(999), "units_per_buyer": 2,
    });
    for (field, value, named) in [
        ("opens_at", json!("tomorrow"), "/opens_at"),
        ("opens_at", json!("2030-01-01T11:00:00Z"), "/closes_at"),
        ("closes_at", json!("2020-01-01T11:00:00Z"), "/closes_at"),
        ("price", usd(-1), "/price/amount_minor"),
        ("price", json!(9.99), "/price"),
        ("units_per_buyer", json!(0), "/units_per_buyer"),
        ("units_per_buyer", json!(-1), "/units_per_buyer"),
        ("discount", json!(1), "/discount"),
    ] {
        let mut terms = good.clone();
        terms[field] = value;
        app.admin("PUT", "/api/inventory/TEE/sale", terms).await.is_invalid(named);
    }
    let mut euros = good.clone();
    euros["price"]["currency"] = "EUR".into();
    let refused = app.admin("PUT", "/api/inventory/TEE/sale", euros).await;
    refused.is_problem(409, "mixed-currencies");
    let mut unlimited = good;
    unlimited.as_object_mut().unwrap().remove("units_per_buyer");
    let set = app.admin("PUT", "/api/inventory/TEE/sale", unlimited).await;
    assert_eq!((set.status(), set.at("/sale/units_per_buyer")), (200, Value::Null), "{set}");
    app.close().await;
}
