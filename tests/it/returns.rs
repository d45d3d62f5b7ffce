//! Sold units that come back, over HTTP.

use crate::app::{App, Reply, usd};
use serde_json::{Value, json};

/// A confirmed order of three units.
async fn bought(app: &App) -> Reply {
    app.stock_up("TEE", 5).await;
    let token = app.guest("TEE", 3).await;
    let order = app.check_out(&token, "k", "tok_approve").await;
    assert_eq!(order.text("/status"), "confirmed", "{order}");
    order
}

fn path(order: &Reply) -> String {
    format!("/api/orders/{}/returns", order.text("/id"))
}

fn units(units: u32) -> Value {
    json!({"items": [{"sku": "TEE", "units": units}]})
}

async fn settled(app: &App, order: &Reply) -> Reply {
    let id = doorbuster::domain::OrderId::parse(order.text("/id")).unwrap();
    app.shop().wait_settled(id).await.unwrap();
    app.order(order).await
}

/// What every SKU of an order says comes a moment later than the answer.
async fn counts(app: &App, expected: (u64, u64, u64, u64)) {
    for _ in 0..1_000 {
        if app.counts("TEE").await == expected {
            return;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(app.counts("TEE").await, expected);
}

#[tokio::test]
async fn an_add_after_everything_came_back_starts_a_new_cart() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let token = app.guest("TEE", 3).await;
    let order = app.check_out(&token, "k", "tok_approve").await;
    app.admin_keyed(&path(&order), "r", units(3)).await;
    assert_eq!(settled(&app, &order).await.text("/status"), "returned");
    let fresh = app.add(Some(&token), "TEE", 1).await;
    assert_eq!(fresh.status(), 200, "{fresh}");
    assert!(!fresh.header("cart-token").is_empty() && fresh.header("cart-token") != token);
    app.close().await;
}

#[tokio::test]
async fn units_and_money_come_back_part_by_part() {
    for shards in [1, 3] {
        let app = App::sharded(shards).await;
        let order = bought(&app).await;
        let price = order.at("/items/0/price/amount_minor").as_i64().unwrap();
        assert_eq!(order.at("/returns"), json!([]));
        let body = json!({"items": [{"sku": "TEE", "units": 1}], "reason": "too small"});
        let first = app.admin_keyed(&path(&order), "r1", body.clone()).await;
        assert!([201, 202].contains(&first.status()), "{first}");
        assert_eq!(first.text("/contact/email"), "ana@example.com", "as the admin reads it");
        let read = settled(&app, &order).await;
        assert_eq!((read.text("/status"), read.text("/payment_status")), ("confirmed", "captured"));
        let back = read.at("/returns/0");
        assert_eq!((&back["number"], &back["amount"]), (&json!(1), &usd(price)), "{read}");
        assert_eq!(back["items"], json!([{"sku": "TEE", "units": 1}]));
        assert_eq!((&back["refunded"], &back["reason"]), (&json!(true), &json!("too small")));
        counts(&app, (3, 0, 2, 3)).await;

        let again = app.admin_keyed(&path(&order), "r1", body).await;
        assert!(again.status() == 201 && again.replayed(), "{again}");
        let other = app.admin_keyed(&path(&order), "r1", units(2)).await;
        other.is_problem(422, "idempotency-mismatch");
        let app = app.restart().await;
        let torn = json!({"items": [{"sku": "TEE", "units": 2}], "restock": false});
        app.admin_keyed(&path(&order), "r2", torn).await;
        let read = settled(&app, &order).await;
        assert_eq!((read.text("/status"), read.text("/payment_status")), ("returned", "refunded"));
        assert_eq!(read.at("/returns/1/amount"), usd(2 * price));
        counts(&app, (3, 0, 0, 3)).await;
        let ledger = app.admin("GET", "/api/inventory/TEE/movements", Value::Null).await.body();
        let lines = ledger["items"].as_array().unwrap();
        let told = |kind: &str| {
            let lines = lines.iter().filter(|line| line["kind"] == kind);
            lines.map(|line| line["units"].as_i64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!((told("return"), told("write-off")), (vec![2, 1], vec![-2]), "{ledger}");
        app.close().await;
    }
}

#[tokio::test]
async fn a_partly_returned_order_can_be_called_off() {
    let app = App::new().await;
    let order = bought(&app).await;
    app.admin_keyed(&path(&order), "r", units(1)).await;
    let cancel = format!("/api/orders/{}/cancel", order.text("/id"));
    app.admin("POST", &cancel, Value::Null).await;
    let read = settled(&app, &order).await;
    assert_eq!((read.text("/status"), read.text("/payment_status")), ("cancelled", "refunded"));
    counts(&app, (5, 0, 0, 5)).await;
    let late = app.admin_keyed(&path(&order), "late", units(1)).await;
    late.is_problem(409, "not-returnable");
    app.close().await;
}

#[tokio::test]
async fn what_cannot_come_back_is_refused_and_changes_nothing() {
    let app = App::new().await;
    let order = bought(&app).await;
    let path = path(&order);
    let too_many = app.admin_keyed(&path, "a", units(4)).await;
    too_many.is_problem(409, "not-returnable");
    assert_eq!((too_many.text("/sku"), too_many.at("/left")), ("TEE", json!(3)), "{too_many}");
    let stranger = json!({"items": [{"sku": "MUG", "units": 1}]});
    let stranger = app.admin_keyed(&path, "b", stranger).await;
    assert_eq!(stranger.is_problem(409, "not-returnable").at("/left"), json!(0));
    app.admin_keyed(&path, "c", json!({"items": []})).await.is_invalid("/items");
    app.admin_keyed(&path, "d", units(0)).await.is_invalid("/items/0/units");
    let nobody = "/api/orders/ord_00000000000000000000000000000000/returns";
    app.admin_keyed(nobody, "e", units(1)).await.is_problem(404, "not-found");
    app.admin("POST", &path, units(1)).await.is_problem(400, "idempotency-key-required");
    let buyer = [("Order-Token", order.text("/access_token")), ("Idempotency-Key", "f")];
    app.call("POST", &path, &buyer, units(1)).await.is_problem(401, "token-required");
    assert_eq!(app.order(&order).await.at("/returns"), json!([]));

    let token = app.guest("TEE", 1).await;
    let headers = [("Cart-Token", token.as_str()), ("Idempotency-Key", "k")];
    let slow = crate::app::details("tok_slow");
    let slow = app.call("POST", "/api/cart/checkout", &headers, slow).await;
    let early = format!("/api/orders/{}/returns", slow.text("/id"));
    app.admin_keyed(&early, "g", units(1)).await.is_problem(409, "not-returnable");
    app.close().await;
}
