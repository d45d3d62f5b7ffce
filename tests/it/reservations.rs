//! Bare reservations: stock for services that keep carts and orders of their own.

use crate::app::{ADMIN, App, Reply, usd};
use doorbuster::{domain::Time, verify};
use serde_json::{Value, json};

/// A reservation's address; the digit tells one from another.
pub(crate) fn at(sku: &str, digit: char) -> String {
    format!("/api/inventory/{sku}/reservations/res_{}", digit.to_string().repeat(32))
}

async fn reserve(app: &App, digit: char, wish: Value) -> Reply {
    app.admin("PUT", &at("TEE", digit), wish).await
}

async fn commit(app: &App, digit: char, reference: &str) -> Reply {
    let sale = json!({ "reference": reference });
    app.admin("POST", &format!("{}/commit", at("TEE", digit)), sale).await
}

async fn release(app: &App, digit: char) -> Reply {
    app.admin("DELETE", &at("TEE", digit), Value::Null).await
}

/// All books of what the shop leaves behind balance.
async fn balances(app: App) -> verify::Report {
    let folder = app.stop().await;
    let report = verify::check(folder.path(), &|_, _| ()).unwrap();
    assert_eq!(report.findings(), [], "{report}");
    report
}

#[tokio::test]
async fn a_reservation_is_made_read_and_given_back() {
    let app = App::sharded(3).await;
    app.stock_up("TEE", 5).await;
    let made = reserve(&app, 'a', json!({"units": 2})).await;
    assert_eq!((made.status(), made.replayed()), (201, false), "{made}");
    let until = made.at("/until");
    let expected = json!({
        "id": format!("res_{}", "a".repeat(32)), "sku": "TEE", "units": 2, "price": usd(1_999),
        "status": "reserved", "until": until,
    });
    assert_eq!(made.body(), expected);
    assert_eq!(app.counts("TEE").await, (5, 2, 0, 3));
    let read = app.admin("GET", &at("TEE", 'a'), Value::Null).await;
    assert_eq!((read.status(), read.body()), (200, expected));
    let given = release(&app, 'a').await;
    assert_eq!((given.status(), given.0.body.len()), (204, 0), "{given}");
    assert_eq!(app.counts("TEE").await, (5, 0, 0, 5));
    app.admin("GET", &at("TEE", 'a'), Value::Null).await.is_problem(404, "not-found");
    assert_eq!(release(&app, 'a').await.status(), 204, "it holds nothing, as was wanted");
    // What comes late of the first request reserves nothing for nobody.
    reserve(&app, 'a', json!({"units": 2})).await.is_problem(409, "reservation-lapsed");
    assert_eq!(app.counts("TEE").await, (5, 0, 0, 5));
    balances(app).await;
}

#[tokio::test]
async fn an_id_names_one_wish_also_after_a_restart() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let wish = || json!({"units": 2, "buyer": "ana@example.com", "ttl_ms": 60_000});
    let made = reserve(&app, 'a', wish()).await;
    let app = app.restart().await;
    let again = reserve(&app, 'a', wish()).await;
    assert_eq!((again.status(), again.replayed()), (201, true), "{again}");
    assert_eq!(again.body(), made.body(), "a repeat never extends it");
    let written = json!({"units": 2, "buyer": " Ana@Example.com", "ttl_ms": 9});
    assert!(reserve(&app, 'a', written).await.replayed(), "the same buyer, the same wish");
    for other in [json!({"units": 3, "buyer": "ana@example.com"}), json!({"units": 2})] {
        reserve(&app, 'a', other).await.is_problem(409, "reservation-differs");
    }
    assert_eq!(app.counts("TEE").await, (5, 2, 0, 3));
    app.close().await;
}

#[tokio::test]
async fn a_committed_reservation_is_a_sale_under_its_reference() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    reserve(&app, 'a', json!({"units": 2})).await;
    let sold = commit(&app, 'a', "order 4711").await;
    assert_eq!((sold.status(), sold.replayed()), (200, false), "{sold}");
    let said = (sold.text("/status"), sold.text("/reference"), sold.at("/until"));
    assert_eq!(said, ("sold", "order 4711", Value::Null));
    assert_eq!(app.counts("TEE").await, (3, 0, 2, 3));
    let app = app.restart().await;
    let again = commit(&app, 'a', "order 4711").await;
    assert_eq!((again.status(), again.replayed(), again.body()), (200, true, sold.body()));
    commit(&app, 'a', "order 4712").await.is_problem(409, "reservation-differs");
    release(&app, 'a').await.is_problem(409, "already-sold");
    let repeated = reserve(&app, 'a', json!({"units": 2})).await;
    assert_eq!((repeated.status(), repeated.text("/status")), (201, "sold"), "{repeated}");
    commit(&app, 'b', "order 1").await.is_problem(409, "reservation-lapsed");
    assert_eq!(app.counts("TEE").await, (3, 0, 2, 3));
    let ledger = app.admin("GET", "/api/inventory/TEE/movements", Value::Null).await;
    let line = |n: usize| ledger.body()["items"][n].clone();
    let id = format!("res_{}", "a".repeat(32));
    for (n, kind, units, reason) in
        [(0, "sale", -2, json!("order 4711")), (1, "reservation", 2, Value::Null)]
    {
        let shown = (&line(n)["kind"], &line(n)["units"], &line(n)["holder"], &line(n)["reason"]);
        assert_eq!(shown, (&json!(kind), &json!(units), &json!(id), &reason), "{ledger}");
    }
    let report = balances(app).await;
    assert_eq!((report.units_sold, report.units_sold_bare, report.orders), (2, 2, 0));
}

#[tokio::test]
async fn the_rules_of_a_sale_hold_for_services_and_shoppers_alike() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let hour = 3_600_000;
    app.put_on_sale("TEE", hour, 2 * hour, json!(3)).await;
    let early = reserve(&app, 'a', json!({"units": 1})).await;
    assert!(!early.is_problem(409, "sale-not-open").text("/opens_at").is_empty());
    app.put_on_sale("TEE", -2 * hour, -hour, json!(3)).await;
    reserve(&app, 'a', json!({"units": 1})).await.is_problem(409, "sale-closed");
    app.put_on_sale("TEE", -hour, hour, json!(3)).await;
    let made = reserve(&app, 'a', json!({"units": 2, "buyer": "ana@example.com"})).await;
    assert_eq!(made.at("/price"), usd(999), "{made}");
    let more = reserve(&app, 'b', json!({"units": 2, "buyer": "ana@example.com"})).await;
    assert_eq!(more.is_problem(409, "limit-per-buyer").at("/limit"), 3);
    // A sold unit counts as a reserved one, and the shop's own orders by the same address count.
    commit(&app, 'a', "order 1").await;
    reserve(&app, 'b', json!({"units": 2, "buyer": "ana@example.com"}))
        .await
        .is_problem(409, "limit-per-buyer");
    let guest = app.guest("TEE", 2).await;
    app.check_out(&guest, "k", "tok_approve").await.is_problem(409, "limit-per-buyer");
    app.set(&guest, "TEE", 1).await;
    assert_eq!(app.check_out(&guest, "k2", "tok_approve").await.text("/status"), "confirmed");
    let all = reserve(&app, 'c', json!({"units": 3})).await;
    assert_eq!(all.is_problem(409, "sold-out").at("/free"), 2);
    assert_eq!(balances(app).await.units_sold, 3);
}

#[tokio::test]
async fn a_reservation_ends_at_its_deadline_and_may_be_made_again() {
    let app = App::new().await;
    app.stock_up("TEE", 2).await;
    let made = reserve(&app, 'a', json!({"units": 2, "ttl_ms": 1})).await;
    let until = Time::parse(made.text("/until")).unwrap();
    while app.shop().now() < until {
        tokio::task::yield_now().await;
    }
    // No timer needs to have fired.
    commit(&app, 'a', "order 1").await.is_problem(409, "reservation-lapsed");
    assert_eq!(app.counts("TEE").await, (2, 0, 0, 2));
    let again = reserve(&app, 'a', json!({"units": 1})).await;
    assert_eq!((again.status(), again.replayed()), (201, false), "{again}");
    let ledger = app.admin("GET", "/api/inventory/TEE/movements", Value::Null).await;
    assert!(ledger.to_string().contains("\"kind\":\"expiry\",\"units\":2"), "{ledger}");
    balances(app).await;
}

#[tokio::test]
async fn what_is_wrong_with_a_wish_is_named() {
    let app = App::new().await;
    app.stock_up("TEE", 2).await;
    for (wish, field) in [
        (json!({"units": 0}), "/units"),
        (json!({"units": 1_000_001}), "/units"),
        (json!({"units": 1, "ttl_ms": 0}), "/ttl_ms"),
        (json!({"units": 1, "ttl_ms": 86_400_001}), "/ttl_ms"),
        (json!({"units": 1, "buyer": ""}), "/buyer"),
        (json!({"units": 1, "buyer": "x".repeat(255)}), "/buyer"),
        (json!({"units": 1, "more": 1}), "/more"),
    ] {
        reserve(&app, 'a', wish).await.is_invalid(field);
    }
    reserve(&app, 'a', json!({"units": 1})).await;
    commit(&app, 'a', " \n").await.is_invalid("/reference");
    let badly_named = "/api/inventory/TEE/reservations/mine";
    app.admin("PUT", badly_named, json!({"units": 1})).await.is_invalid("id");
    let wish = json!({"units": 1});
    app.admin("PUT", &at("NONE", 'a'), wish.clone()).await.is_problem(404, "unknown-sku");
    app.call("PUT", &at("TEE", 'b'), &[], wish.clone()).await.is_problem(401, "token-required");
    let other = format!("Bearer {ADMIN}x");
    let headers = [("Authorization", other.as_str())];
    app.call("PUT", &at("TEE", 'b'), &headers, wish).await.is_problem(403, "forbidden");
    assert_eq!(app.counts("TEE").await, (2, 1, 0, 1));
    app.close().await;
}
