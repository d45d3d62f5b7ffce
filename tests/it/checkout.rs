//! From cart to order through the door, and the ways that end elsewhere.

use crate::app::{App, details, usd};
use serde_json::{Value, json};

#[tokio::test]
async fn a_checkout_answers_with_the_order_and_its_key() {
    for shards in [1, 3] {
        let app = App::sharded(shards).await;
        app.stock_up("TEE", 5).await;
        let token = app.guest("TEE", 2).await;
        let order = app.check_out(&token, "k", "tok_approve").await;
        assert_eq!(order.status(), 201, "{order}");
        assert_eq!(order.header("location"), format!("/api/orders/{}", order.text("/id")));
        assert_eq!(order.header("preference-applied"), "wait=10");
        assert_eq!(order.text("/status"), "confirmed", "{order}");
        assert_eq!(order.text("/payment_status"), "captured");
        assert_eq!((order.at("/total"), order.at("/gift")), (usd(3_998), Value::Null));
        assert_eq!(order.at("/needs_review"), false);
        assert_eq!(order.at("/timeline/0/what"), "placed");
        assert!(order.text("/timeline/0/at").ends_with('Z'));
        assert_eq!(app.counts("TEE").await, (3, 0, 2, 3));
        let mut read = order.body();
        read.as_object_mut().unwrap().remove("access_token");
        assert_eq!(app.order(&order).await.body(), read);
        let app = app.restart().await;
        assert_eq!(app.order(&order).await.body(), read, "a restart changes nothing");
        app.close().await;
    }
}

#[tokio::test]
async fn a_checkout_sent_three_times_is_one_order_also_after_a_restart() {
    for shards in [1, 3] {
        let app = App::sharded(shards).await;
        app.stock_up("TEE", 5).await;
        let token = app.guest("TEE", 1).await;
        let sent = (0..3).map(|_| app.check_out(&token, "k", "tok_approve"));
        let answers = futures_util::future::join_all(sent).await;
        let placed: Vec<_> = answers.iter().filter(|answer| answer.status() == 201).collect();
        let first = placed.first().expect("one of them goes through");
        for answer in &answers {
            if answer.status() == 201 {
                assert_eq!(answer.text("/id"), first.text("/id"));
                assert_eq!(answer.text("/access_token"), first.text("/access_token"));
            } else {
                answer.is_problem(409, "in-progress");
            }
        }
        assert_eq!(placed.iter().filter(|answer| !answer.replayed()).count(), 1);
        let again = app.check_out(&token, "k", "tok_approve").await;
        assert_eq!((again.status(), again.replayed()), (201, true), "{again}");
        let mut changed = details("tok_approve");
        changed["email"] = "eve@example.com".into();
        let headers = [("Cart-Token", token.as_str()), ("Idempotency-Key", "k")];
        let other = app.call("POST", "/api/cart/checkout", &headers, changed).await;
        other.is_problem(422, "idempotency-mismatch");
        let app = app.restart().await;
        let late = app.check_out(&token, "k", "tok_approve").await;
        assert_eq!((late.status(), late.replayed()), (201, true), "{late}");
        assert_eq!(late.header("location"), first.header("location"));
        assert_eq!(late.text("/access_token"), first.text("/access_token"));
        assert_eq!(app.counts("TEE").await, (4, 0, 1, 4));
        app.close().await;
    }
}

#[tokio::test]
async fn a_checkout_needs_a_key_a_cart_and_something_in_it() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let token = app.guest("TEE", 1).await;
    let body = || details("tok_approve");
    let path = "/api/cart/checkout";
    let keyless = app.call("POST", path, &[("Cart-Token", &token)], body()).await;
    keyless.is_problem(400, "idempotency-key-required");
    let cartless = app.call("POST", path, &[("Idempotency-Key", "k")], body()).await;
    cartless.is_problem(401, "token-required");
    app.set(&token, "TEE", 0).await;
    app.check_out(&token, "k", "tok_approve").await.is_problem(409, "cart-empty");
    app.close().await;
}

#[tokio::test]
async fn a_cart_that_is_checked_out_is_closed() {
    let app = App::sharded(3).await;
    app.stock_up("TEE", 9).await;
    let token = app.guest("TEE", 1).await;
    let headers = [("Cart-Token", token.as_str()), ("Idempotency-Key", "k")];
    let order = app.call("POST", "/api/cart/checkout", &headers, details("tok_slow")).await;
    assert_eq!((order.status(), order.text("/status")), (201, "placed"), "{order}");
    app.add(Some(&token), "TEE", 1).await.is_problem(409, "cart-closed");
    app.set(&token, "TEE", 0).await.is_problem(409, "cart-closed");
    app.check_out(&token, "other", "tok_approve").await.is_problem(409, "cart-closed");
    let replayed = app.check_out(&token, "k", "tok_slow").await;
    assert_eq!((replayed.status(), replayed.text("/status")), (201, "confirmed"), "{replayed}");
    app.set(&token, "TEE", 1).await.is_problem(409, "cart-closed");
    let fresh = app.add(Some(&token), "TEE", 1).await;
    assert_eq!(fresh.status(), 200, "an add after the order's end starts a new cart: {fresh}");
    assert!(!fresh.header("cart-token").is_empty() && fresh.header("cart-token") != token);
    assert_eq!(app.cart(fresh.header("cart-token")).await.at("/items/0/units"), 1);
    app.close().await;
}

#[tokio::test]
async fn a_declined_card_gives_the_units_back_to_the_cart() {
    for shards in [1, 3] {
        let app = App::sharded(shards).await;
        app.stock_up("TEE", 5).await;
        let token = app.guest("TEE", 2).await;
        let until = app.cart(&token).await.at("/items/0/reserved_until");
        let declined = app.check_out(&token, "k", "tok_decline").await;
        assert_eq!(declined.status(), 201, "{declined}");
        let pair = (declined.text("/status"), declined.text("/payment_status"));
        assert_eq!(pair, ("declined", "declined"));
        let order = retried(&app, &token, "new").await;
        assert_eq!(order.text("/status"), "confirmed", "{order}");
        assert_ne!(order.text("/id"), declined.text("/id"));
        assert_eq!(app.counts("TEE").await, (3, 0, 2, 3));
        assert_ne!(until, Value::Null);
        app.close().await;
    }
}

/// Checks out again as soon as the cart has reopened.
async fn retried(app: &App, token: &str, key: &str) -> crate::app::Reply {
    loop {
        let order = app.check_out(token, key, "tok_approve").await;
        if order.text("/code") != "cart-closed" {
            return order;
        }
    }
}

#[tokio::test]
async fn every_token_of_the_simulator_ends_as_it_should() {
    for shards in [1, 3] {
        let app = App::sharded(shards).await;
        app.stock_up("TEE", 50).await;
        for (card, status, payment) in [
            ("tok_approve", "confirmed", "captured"),
            ("tok_slow", "confirmed", "captured"),
            ("tok_unavailable", "confirmed", "captured"),
            ("tok_unknown", "confirmed", "captured"),
            ("tok_capture_fails", "declined", "failed"),
        ] {
            let token = app.guest("TEE", 1).await;
            let order = app.check_out(&token, "k", card).await;
            let ended = (order.text("/status"), order.text("/payment_status"));
            assert_eq!(ended, (status, payment), "{card}: {order}");
        }
        assert_eq!(app.counts("TEE").await, (46, 0, 4, 46));
        app.close().await;
    }
}

#[tokio::test]
async fn a_gift_is_read_by_whoever_has_the_order() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let token = app.guest("TEE", 1).await;
    let headers = [("Cart-Token", token.as_str()), ("Idempotency-Key", "k")];
    let mut body = details("tok_approve");
    body["gift"] = json!({"to": "Ben", "message": "for you"});
    let order = app.call("POST", "/api/cart/checkout", &headers, body).await;
    assert_eq!(app.order(&order).await.at("/gift"), json!({"to": "Ben", "message": "for you"}));
    app.close().await;
}

#[tokio::test]
async fn a_malformed_checkout_is_named_by_its_field() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let token = app.guest("TEE", 1).await;
    let headers = [("Cart-Token", token.as_str()), ("Idempotency-Key", "k")];
    for (pointer, value, field) in [
        ("/email", json!("nobody"), "/email"),
        ("/email", json!("a@b@c.de"), "/email"),
        ("/email", json!(["a@b.de"]), "/email"),
        ("/email", json!("a@.de"), "/email"),
        ("/email", json!("a@de."), "/email"),
        ("/email", json!("a\u{a0}b@c.de"), "/email"),
        ("/address/name", json!(" "), "/address/name"),
        ("/address/city", json!("x".repeat(501)), "/address/city"),
        ("/address/country", json!("usa"), "/address/country"),
        ("/address/country", json!("us"), "/address/country"),
        ("/address", json!("1 Main St"), "/address"),
        ("/payment/method", json!("cash"), "/payment/method"),
        ("/payment/token", json!(""), "/payment/token"),
    ] {
        let mut body = details("tok_approve");
        *body.pointer_mut(pointer).unwrap() = value;
        app.call("POST", "/api/cart/checkout", &headers, body).await.is_invalid(field);
    }
    let mut more = details("tok_approve");
    more["address"]["planet"] = "Earth".into();
    let more = app.call("POST", "/api/cart/checkout", &headers, more).await;
    more.is_invalid("/address/planet");
    let mut less = details("tok_approve");
    less["address"].as_object_mut().unwrap().remove("postal_code");
    let less = app.call("POST", "/api/cart/checkout", &headers, less).await;
    less.is_invalid("/address/postal_code");
    let mut gift = details("tok_approve");
    gift["gift"] = json!({"to": "Ben"});
    app.call("POST", "/api/cart/checkout", &headers, gift).await.is_invalid("/gift/message");
    assert_eq!(app.counts("TEE").await, (5, 1, 0, 4));
    app.close().await;
}

#[tokio::test]
async fn a_door_that_closes_answers_the_checkouts_under_way() {
    use doorbuster::http::{Door, DoorSettings};
    let app = App::new().await;
    app.stock_up("TEE", 50).await;
    let mut tokens = vec![];
    for _ in 0..20 {
        tokens.push(app.guest("TEE", 1).await);
    }
    let door = Door::new(app.shop().clone(), DoorSettings::new("irrelevant-here"));
    let sent = tokens.iter().enumerate().map(|(n, token)| {
        let request = axum::http::Request::post("/api/cart/checkout")
            .header("content-type", "application/json")
            .header("cart-token", token)
            .header("idempotency-key", "k");
        // With and without a wait for an order that takes two seconds to settle.
        let request = if n % 2 == 0 { request } else { request.header("prefer", "wait=30") };
        let request = request.body(details("tok_slow").to_string().into()).unwrap();
        tower::ServiceExt::<axum::extract::Request>::oneshot(door.router(), request)
    });
    let mut answers = Box::pin(futures_util::future::join_all(sent));
    assert!(futures_util::poll!(answers.as_mut()).is_pending());
    door.close();
    for answer in answers.await {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 201);
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        let order: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(order["status"], "placed", "nobody waits for a door that closes");
    }
    app.close().await;
}
