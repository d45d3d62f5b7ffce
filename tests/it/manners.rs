//! What every address has in common.

use crate::app::{ADMIN, App, details};
use bytes::Bytes;
use serde_json::{Value, json};
use std::convert::Infallible;

#[tokio::test]
async fn an_address_or_method_that_is_not_there_is_a_problem() {
    let app = App::new().await;
    for path in ["/", "/api", "/api/nothing", "/noop", "/api/cart/"] {
        app.get(path).await.is_problem(404, "not-found");
    }
    let wrong = app.call("DELETE", "/api/cart", &[], Value::Null).await;
    wrong.is_problem(405, "method-not-allowed");
    assert_eq!(wrong.header("allow"), "GET,HEAD,POST");
    app.close().await;
}

#[tokio::test]
async fn a_body_that_is_no_json_is_a_problem() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let good = json!({"sku": "TEE", "units": 1}).to_string();
    for media in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let headers = [("Content-Type", media)];
        app.send("POST", "/api/cart", &headers, good.clone()).await.is_problem(415, "not-json");
    }
    for body in ["", "sku=TEE", "{\"sku\":", "\u{0}"] {
        app.send("POST", "/api/cart", &[], body).await.is_problem(415, "not-json");
    }
    let headers = [("Content-Type", "Application/Json; charset=utf-8")];
    assert_eq!(app.send("POST", "/api/cart", &headers, good).await.status(), 200);
    app.close().await;
}

/// A body and every way to write one of its objects as an array of its values, by pointer.
fn with_an_array(body: &Value, at: &str) -> Vec<(String, Value)> {
    let children = match body {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(all) => all.iter().enumerate().map(|(n, one)| (n.to_string(), one)).collect(),
        _ => vec![],
    };
    let mut all: Vec<_> = children
        .iter()
        .flat_map(|(name, child)| with_an_array(child, &format!("{at}/{name}")))
        .collect();
    let values = body.as_object().map(|fields| fields.values().cloned().collect());
    all.extend(values.map(|values| (at.to_owned(), Value::Array(values))));
    all
}

#[tokio::test]
async fn an_array_is_never_taken_for_an_object() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let token = app.guest("TEE", 1).await;
    let mut order = details("tok_approve");
    order["gift"] = json!({"to": "Ben", "message": "Enjoy"});
    let price = json!({"amount_minor": 1999, "currency": "USD"});
    let variant = json!({"sku": "HAT", "price": price, "units": 1});
    let (opens_at, closes_at) = ("2026-05-01T10:00:00Z", "2026-05-02T10:00:00Z");
    for (method, path, body) in [
        ("POST", "/api/cart", json!({"sku": "TEE", "units": 1})),
        ("PUT", "/api/cart/items/TEE", json!({"units": 1})),
        ("POST", "/api/cart/checkout", order),
        ("POST", "/api/products", json!({"title": "Hat", "variants": [variant]})),
        ("POST", "/api/inventory/TEE/receipts", json!({"units": 1})),
        ("POST", "/api/inventory/TEE/adjustments", json!({"units": 1, "reason": "found"})),
        ("POST", "/api/inventory/TEE/transfers", json!({"units": 1, "from": "a", "to": "b"})),
        ("POST", "/api/inventory/TEE/write-offs", json!({"units": 1, "reason": "broken"})),
        ("PUT", "/api/inventory/TEE/low-stock", json!({"units": 1})),
        (
            "PUT",
            "/api/inventory/TEE/sale",
            json!({"opens_at": opens_at, "closes_at": closes_at, "price": price}),
        ),
    ] {
        let admin = format!("Bearer {ADMIN}");
        let headers =
            [("Cart-Token", &*token), ("Idempotency-Key", "k"), ("Authorization", &*admin)];
        for (pointer, array) in with_an_array(&body, "") {
            let mut wrong = body.clone();
            *wrong.pointer_mut(&pointer).unwrap() = array;
            app.call(method, path, &headers, wrong).await.is_invalid(&pointer);
        }
    }
    app.close().await;
}

#[tokio::test]
async fn a_body_has_at_most_64_kib() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let body = |bytes: usize| {
        let mut body = json!({"sku": "TEE", "units": 1}).to_string();
        body.push_str(&" ".repeat(bytes - body.len()));
        body
    };
    assert_eq!(app.send("POST", "/api/cart", &[], body(64 << 10)).await.status(), 200);
    let larger = app.send("POST", "/api/cart", &[], body((64 << 10) + 1)).await;
    larger.is_problem(413, "too-large");
    app.close().await;
}

#[tokio::test]
async fn a_request_id_is_taken_or_made() {
    let app = App::new().await;
    let named = app.call("GET", "/healthz", &[("X-Request-Id", "mine-1")], Value::Null).await;
    assert_eq!(named.header("x-request-id"), "mine-1");
    let long = "x".repeat(129);
    for odd in ["", "a b", "\"", &long] {
        let made = app.call("GET", "/nothing", &[("X-Request-Id", odd)], Value::Null).await;
        assert!(made.header("x-request-id").len() > 8, "{made}");
        assert_ne!(made.header("x-request-id"), odd);
    }
    app.close().await;
}

#[tokio::test]
async fn a_shop_without_permits_says_so_and_when_to_come_again() {
    use doorbuster::{http, shop::Shop};
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let system = app.shop().system().clone();
    let secret = doorbuster::journal::Secret::from_seed(1);
    let full = Shop::new(system, app.shop().views().clone(), secret, 0);
    let router = http::router(full, http::DoorSettings::new("irrelevant-here"));
    let ask = async |method: &str, path: &str, body: axum::body::Body| {
        let request = axum::http::Request::builder().method(method).uri(path);
        let request = request.header("content-type", "application/json").body(body).unwrap();
        let router = router.clone();
        let answer = tower::ServiceExt::<axum::extract::Request>::oneshot(router, request);
        let (head, body) = answer.await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, 1_000).await.unwrap();
        (head, serde_json::from_slice::<Value>(&body).unwrap())
    };
    // What has no end shows that nobody waits for it: but for newcomers, no body is read.
    let endless = || {
        axum::body::Body::from_stream(futures_util::stream::pending::<Result<Bytes, Infallible>>())
    };
    for (method, path, body) in [
        ("POST", "/api/cart", json!({"sku": "TEE", "units": 1}).to_string().into()),
        ("POST", "/api/cart/checkout", endless()),
        ("PUT", "/api/cart/items/TEE", endless()),
        ("GET", "/api/cart", endless()),
    ] {
        let (head, body) = ask(method, path, body).await;
        assert_eq!((head.status.as_u16(), &body["code"]), (503, &json!("overloaded")), "{path}");
        assert_eq!(head.headers["retry-after"], "1");
        assert_eq!(body["retry_after_ms"], 1_000);
    }
    // What asks nobody is answered all the same: that there is nothing left is on the board.
    let six = json!({"sku": "TEE", "units": 6}).to_string().into();
    let (head, body) = ask("POST", "/api/cart", six).await;
    assert_eq!((head.status.as_u16(), &body["code"]), (409, &json!("sold-out")));
    let (head, _) = ask("GET", "/healthz", axum::body::Body::empty()).await;
    assert_eq!(head.status, 200);
    app.close().await;
}

#[tokio::test]
async fn nothing_that_is_said_makes_the_door_panic() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let token = app.guest("TEE", 1).await;
    let depths = "[".repeat(10_000);
    let bodies = ["null", "[]", "7", "\"x\"", "{}", "true", "[1,2,3]", "{\"\":{}}", &depths];
    let headers = [("Cart-Token", token.as_str()), ("Idempotency-Key", "k")];
    for path in ["/api/cart", "/api/cart/checkout"] {
        for body in bodies {
            let answer = app.send("POST", path, &headers, body.to_owned()).await;
            assert!((400..500).contains(&answer.status()), "{path} {body:.20} {answer}");
        }
    }
    let order = app.call("POST", "/api/cart/checkout", &headers, details("tok_approve")).await;
    assert_eq!(order.status(), 201, "{order}");
    app.close().await;
}
