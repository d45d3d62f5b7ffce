//! What a buyer and the admin do with an order.

use crate::app::{App, Reply, details};
use serde_json::{Value, json};

const NOBODYS: &str = "/api/orders/ord_00000000000000000000000000000000";

/// An order that takes 2 s to be paid.
async fn slow_order(app: &App) -> Reply {
    app.stock_up("TEE", 5).await;
    let token = app.guest("TEE", 2).await;
    let headers = [("Cart-Token", token.as_str()), ("Idempotency-Key", "k")];
    let order = app.call("POST", "/api/cart/checkout", &headers, details("tok_slow")).await;
    assert_eq!((order.status(), order.text("/status")), (201, "placed"), "{order}");
    order
}

async fn cancel(app: &App, order: &Reply, key: &str) -> Reply {
    let path = format!("/api/orders/{}/cancel", order.text("/id"));
    let headers = [("Order-Token", order.text("/access_token")), ("Idempotency-Key", key)];
    app.call("POST", &path, &headers, Value::Null).await
}

#[tokio::test]
async fn an_order_opens_to_its_token_and_to_the_admin_only() {
    let app = App::new().await;
    let order = slow_order(&app).await;
    let path = format!("/api/orders/{}", order.text("/id"));
    assert_eq!(app.order(&order).await.status(), 200);
    let admin = app.admin("GET", &path, Value::Null).await;
    assert_eq!((admin.status(), admin.at("/access_token")), (200, Value::Null));
    app.get(&path).await.is_problem(401, "token-required");
    let cart = app.guest("TEE", 1).await;
    for wrong in [order.text("/id"), "", "x.y", &cart] {
        let headers = [("Order-Token", wrong)];
        app.call("GET", &path, &headers, Value::Null).await.is_problem(403, "forbidden");
        let cancel = format!("{path}/cancel");
        app.call("POST", &cancel, &headers, Value::Null).await.is_problem(403, "forbidden");
    }
    let token = [("Order-Token", order.text("/access_token"))];
    app.call("GET", NOBODYS, &token, Value::Null).await.is_problem(403, "forbidden");
    let wrong = [("Authorization", "Bearer wrong")];
    app.call("GET", &path, &wrong, Value::Null).await.is_problem(403, "forbidden");
    app.admin("GET", NOBODYS, Value::Null).await.is_problem(404, "not-found");
    app.admin("GET", "/api/orders/7", Value::Null).await.is_problem(404, "not-found");
    app.close().await;
}

#[tokio::test]
async fn a_cancelled_order_gives_money_and_units_back() {
    for shards in [1, 3] {
        let app = App::sharded(shards).await;
        app.stock_up("TEE", 5).await;
        let token = app.guest("TEE", 2).await;
        let order = app.check_out(&token, "k", "tok_approve").await;
        assert_eq!(order.text("/status"), "confirmed");
        let cancelled = cancel(&app, &order, "c").await;
        assert!([200, 202].contains(&cancelled.status()), "{cancelled}");
        assert_eq!(cancelled.text("/status"), "cancelled", "{cancelled}");
        let again = cancel(&app, &order, "c").await;
        assert!(again.replayed(), "{again}");
        assert_eq!(again.text("/payment_status"), "refunded", "{again}");
        let app = app.restart().await;
        let late = cancel(&app, &order, "c").await;
        assert_eq!((late.status(), late.replayed()), (200, true), "{late}");
        assert_eq!(app.counts("TEE").await, (5, 0, 0, 5));
        app.close().await;
    }
}

#[tokio::test]
async fn an_order_cancelled_while_money_is_moving_is_undone_later() {
    let app = App::new().await;
    let order = slow_order(&app).await;
    let cancelled = cancel(&app, &order, "c").await;
    assert_eq!((cancelled.status(), cancelled.text("/status")), (202, "cancelled"), "{cancelled}");
    let ended = app.shop().wait_settled(parse(&order)).await.unwrap();
    assert!(ended.state.settled());
    let read = app.order(&order).await;
    assert!(["voided", "none"].contains(&read.text("/payment_status")), "{read}");
    assert_eq!(app.counts("TEE").await, (5, 0, 0, 5));
    app.close().await;
}

fn parse(order: &Reply) -> doorbuster::domain::OrderId {
    doorbuster::domain::OrderId::parse(order.text("/id")).unwrap()
}

#[tokio::test]
async fn the_admin_cancels_and_retries() {
    let app = App::new().await;
    let order = slow_order(&app).await;
    let path = |what: &str| format!("/api/orders/{}/{what}", order.text("/id"));
    let retried = app.admin("POST", &path("retry"), Value::Null).await;
    assert_eq!((retried.status(), retried.text("/status")), (200, "placed"), "{retried}");
    let cancelled = app.admin("POST", &path("cancel"), json!({})).await;
    assert_eq!(cancelled.text("/status"), "cancelled", "{cancelled}");
    app.admin("POST", &format!("{NOBODYS}/cancel"), Value::Null).await.is_problem(404, "not-found");
    app.admin("POST", &format!("{NOBODYS}/retry"), Value::Null).await.is_problem(404, "not-found");
    app.close().await;
}
