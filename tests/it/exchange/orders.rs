//! Orders out: the same lines from a server and from a stopped store.

use super::{Desk, at};
use crate::app::App;
use doorbuster::domain::OrderId;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_and_a_stopped_store_give_the_same_lines() {
    let app = App::sharded(3).await;
    let desk = Desk::new();
    app.stock_up("A", 9).await;
    app.stock_up("B", 9).await;
    for (key, card) in [("one", "tok_approve"), ("two", "tok_decline"), ("three", "tok_approve")] {
        let token = app.guest("A", 2).await;
        app.add(Some(&token), "B", 1).await;
        app.check_out(&token, key, card).await;
    }
    let lines = |flags: &str, place: &str| {
        let said = desk.run(&format!("export orders {flags} {place}"));
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.out
    };
    let jsonl = lines("--format jsonl", &at(&app));
    let csv = lines("", &at(&app));
    assert_eq!((jsonl.lines().count(), csv.lines().count()), (3, 7));
    let orders: Vec<Value> =
        jsonl.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(orders[0]["email"], "ana@example.com");
    assert_eq!(orders[0]["address"]["postal_code"], "12345");
    assert_eq!(orders[1]["status"], "declined");
    assert!(csv.contains(",ana@example.com,Ana,\"1 Main St, Springfield, 12345, US\",A,"), "{csv}");

    let second = orders[1]["placed_at"].as_str().unwrap();
    let part = lines(&format!("--format jsonl --from {second}"), &at(&app));
    assert!(jsonl.starts_with(&part) && part.lines().count() == 2, "{part}");
    let folder = app.stop().await;
    let store = format!("--store {}", folder.path().display());
    assert_eq!(lines("--format jsonl", &store), jsonl);
    assert_eq!(lines("", &store), csv);
    assert_eq!(lines(&format!("--format jsonl --from {second}"), &store), part);
    let rest = lines(&format!("--format jsonl --until {second}"), &store);
    assert_eq!([part, rest].concat(), jsonl);
    assert_eq!(lines("--from 2999-01-01", &store).lines().count(), 1);
    desk.run(&format!("export orders {store} -o orders.csv"));
    assert_eq!(desk.read("orders.csv"), csv);
}

#[tokio::test]
async fn who_bought_is_for_the_admin_only() {
    let app = App::new().await;
    app.stock_up("A", 9).await;
    let token = app.guest("A", 1).await;
    let placed = app.check_out(&token, "k", "tok_approve").await;
    let path = format!("/api/orders/{}", placed.text("/id"));
    let contact = json!({"email": "ana@example.com", "address": {
        "name": "Ana", "line1": "1 Main St", "city": "Springfield", "postal_code": "12345",
        "country": "US",
    }});
    assert_eq!(app.admin("GET", &path, Value::Null).await.at("/contact"), contact);
    let list = app.admin("GET", "/api/orders", Value::Null).await;
    assert_eq!(list.at("/items/0/contact"), contact);
    for seen in [placed.body(), app.order(&placed).await.body()] {
        assert!(seen.get("contact").is_none(), "{seen}");
    }
    let id = OrderId::parse(placed.text("/id")).unwrap();
    let order = app.shop().order_by_id(id).await.unwrap();
    let key = order.state.placement().unwrap().contact.key;
    app.shop().system().keyring.erase(key).unwrap();
    assert_eq!(
        app.admin("GET", &path, Value::Null).await.body().get("contact"),
        Some(&Value::Null)
    );
    app.close().await;
}
