//! The catalogue through the door.

use crate::app::{ADMIN, App, product, usd};
use serde_json::{Value, json};

#[tokio::test]
async fn a_product_is_made_read_changed_and_archived() {
    let app = App::new().await;
    let made = app.admin("POST", "/api/products", product(&["TEE-S", "TEE-M"], 5)).await;
    assert_eq!(made.status(), 201, "{made}");
    let path = format!("/api/products/{}", made.text("/id"));
    assert_eq!(made.header("location"), path);
    assert_eq!(app.get(&path).await.body(), made.body());
    assert_eq!(made.at("/variants/1/free"), 5);
    assert_eq!(app.counts("TEE-M").await, (5, 0, 0, 5));

    let mut spec = product(&["TEE-M", "TEE-L"], 7);
    spec["title"] = "Better tee".into();
    let changed = app.admin("PUT", &path, spec).await;
    assert_eq!((changed.status(), changed.text("/title")), (200, "Better tee"), "{changed}");
    assert_eq!(app.counts("TEE-M").await, (5, 0, 0, 5), "units count at creation only");
    assert_eq!(app.counts("TEE-L").await, (7, 0, 0, 7));

    let token = app.guest("TEE-M", 1).await;
    let archived = app.admin("DELETE", &path, Value::Null).await;
    assert_eq!((archived.status(), archived.at("/archived")), (200, true.into()), "{archived}");
    app.add(None, "TEE-M", 1).await.is_problem(409, "not-for-sale");
    app.admin("PUT", &path, product(&["TEE-M"], 1)).await.is_problem(409, "not-for-sale");
    let order = app.check_out(&token, "k", "tok_approve").await;
    assert_eq!(order.text("/status"), "confirmed", "existing reservations stand: {order}");
    app.close().await;
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let app = App::new().await;
    for sku in ["A", "B", "C"] {
        app.stock_up(sku, 1).await;
    }
    let first = app.get("/api/products?limit=2").await;
    assert_eq!(first.at("/items").as_array().unwrap().len(), 2);
    let rest = app.get(&format!("/api/products?limit=2&cursor={}", first.text("/next"))).await;
    let skus = [first.at("/items/0"), first.at("/items/1"), rest.at("/items/0")];
    let skus = skus.map(|item| item["variants"][0]["sku"].clone());
    assert_eq!(skus, ["C", "B", "A"], "newest first, none twice and none left out");
    assert_eq!(rest.at("/next"), Value::Null);
    for limit in ["0", "201", "-1", "x"] {
        app.get(&format!("/api/products?limit={limit}")).await.is_invalid("limit");
    }
    app.close().await;
}

#[tokio::test]
async fn a_parameter_that_a_list_does_not_take_is_refused_by_every_list() {
    let app = App::new().await;
    app.stock_up("A", 1).await;
    let lists =
        ["products", "orders", "mail/dead", "quarantine", "inventory/A/movements"].into_iter();
    for list in lists {
        for (query, field) in [("limt=2", "limt"), ("cursor=a&cursor=b", "cursor")] {
            let path = format!("/api/{list}?{query}");
            app.admin("GET", &path, Value::Null).await.is_invalid(field);
        }
    }
    app.close().await;
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused_by_every_list() {
    let app = App::new().await;
    app.stock_up("A", 1).await;
    app.stock_up("B", 1).await;
    let next = app.get("/api/products?limit=1").await.text("/next");
    let products = [next.replace(char::is_numeric, "z"), next[2..].to_owned(), "1-2-3".to_owned()];
    for foreign in products.iter().map(String::as_str).chain(["", "x", "abc", "%C3%A9"]) {
        app.get(&format!("/api/products?cursor={foreign}")).await.is_invalid("cursor");
    }
    for foreign in [next, "", "x", "1-2-3"] {
        let path = format!("/api/orders?cursor={foreign}");
        app.admin("GET", &path, Value::Null).await.is_invalid("cursor");
        let path = format!("/api/orders?email=ana@example.com&cursor={foreign}");
        app.admin("GET", &path, Value::Null).await.is_invalid("cursor");
    }
    app.close().await;
}

#[tokio::test]
async fn a_sku_belongs_to_one_product() {
    let app = App::sharded(3).await;
    app.stock_up("TEE", 5).await;
    let second = app.admin("POST", "/api/products", product(&["NEW", "TEE"], 1)).await;
    assert_eq!(second.is_problem(409, "sku-taken").at("/sku"), "TEE");
    app.inventory("NEW").await.is_problem(404, "unknown-sku");
    app.stock_up("NEW", 2).await;
    assert_eq!(app.counts("NEW").await, (2, 0, 0, 2));
    app.close().await;
}

#[tokio::test]
async fn the_same_key_makes_the_same_product() {
    let app = App::sharded(3).await;
    let first = app.admin_keyed("/api/products", "k", product(&["TEE"], 5)).await;
    let again = app.admin_keyed("/api/products", "k", product(&["TEE"], 5)).await;
    assert_eq!((again.status(), again.replayed()), (201, true), "{again}");
    assert!(!first.replayed());
    assert_eq!(again.header("location"), first.header("location"));
    let other = app.admin_keyed("/api/products", "k", product(&["TEE"], 6)).await;
    other.is_problem(422, "idempotency-mismatch");
    let app = app.restart().await;
    let again = app.admin_keyed("/api/products", "k", product(&["TEE"], 5)).await;
    assert_eq!((again.status(), again.replayed()), (201, true), "{again}");
    assert_eq!(app.counts("TEE").await, (5, 0, 0, 5));
    app.close().await;
}

fn named(handle: &str, skus: &[&str]) -> Value {
    let mut spec = product(skus, 5);
    spec["handle"] = handle.into();
    spec
}

#[tokio::test]
async fn a_key_makes_one_product_whatever_its_handle() {
    for shards in [1, 3] {
        let app = App::sharded(shards).await;
        let make = |key: &'static str, spec| app.admin_keyed("/api/products", key, spec);
        let first = make("k", named("tee", &["TEE"])).await;
        assert_eq!(first.status(), 201, "{first}");
        make("k", named("mug", &["MUG"])).await.is_problem(422, "idempotency-mismatch");
        make("k", product(&["MUG"], 5)).await.is_problem(422, "idempotency-mismatch");
        assert_eq!(make("own", product(&["CAP"], 5)).await.status(), 201);
        make("own", named("mug", &["MUG"])).await.is_problem(422, "idempotency-mismatch");
        app.inventory("MUG").await.is_problem(404, "unknown-sku");
        let race = |handle: &'static str| make("race", named(handle, &[handle]));
        let (one, two) = tokio::join!(race("one"), race("two"));
        let mut statuses = [one.status(), two.status()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 422], "{one} {two}");
        let app = app.restart().await;
        let make = |key: &'static str, spec| app.admin_keyed("/api/products", key, spec);
        make("k", named("mug", &["MUG"])).await.is_problem(422, "idempotency-mismatch");
        let again = make("k", named("tee", &["TEE"])).await;
        assert_eq!((again.status(), again.replayed()), (201, true), "{again}");
        assert_eq!(again.text("/id"), first.text("/id"));
        app.close().await;
    }
}

#[tokio::test]
async fn a_refused_product_with_a_handle_leaves_its_key_unused() {
    let app = App::sharded(3).await;
    app.stock_up("TEE", 5).await;
    let make = |spec| app.admin_keyed("/api/products", "k", spec);
    for _ in 0..2 {
        make(named("new", &["NEW", "TEE"])).await.is_problem(409, "sku-taken");
    }
    let made = make(named("other", &["NEW"])).await;
    assert_eq!((made.status(), made.replayed()), (201, false), "{made}");
    let again = make(named("other", &["NEW"])).await;
    assert_eq!((again.status(), again.replayed()), (201, true), "{again}");
    make(named("new", &["NEW", "TEE"])).await.is_problem(422, "idempotency-mismatch");
    let taken = app.admin_keyed("/api/products", "l", named("other", &["HAT"])).await;
    taken.is_problem(409, "handle-taken");
    let hat = app.admin_keyed("/api/products", "l", named("hat", &["HAT"])).await;
    assert_eq!((hat.status(), hat.replayed()), (201, false), "{hat}");
    app.close().await;
}

#[tokio::test]
async fn only_the_admin_changes_the_catalogue() {
    let app = App::new().await;
    app.stock_up("TEE", 1).await;
    let id = app.get("/api/products").await.text("/items/0/id");
    let one = format!("/api/products/{id}");
    let addresses = [
        ("POST", "/api/products"),
        ("PUT", &one),
        ("DELETE", &one),
        ("POST", "/api/inventory/TEE/receipts"),
        ("POST", "/api/inventory/TEE/adjustments"),
        ("POST", "/api/inventory/TEE/transfers"),
        ("POST", "/api/inventory/TEE/write-offs"),
        ("PUT", "/api/inventory/TEE/low-stock"),
        ("PUT", "/api/inventory/TEE/sale"),
        ("DELETE", "/api/inventory/TEE/sale"),
        ("GET", "/api/quarantine"),
        ("POST", "/api/quarantine/sku:TEE/release"),
        ("POST", "/api/orders/ord_00000000000000000000000000000000/retry"),
    ];
    for (method, path) in addresses {
        let nobody = app.call(method, path, &[], json!({})).await;
        nobody.is_problem(401, "token-required");
        assert_eq!(nobody.header("www-authenticate"), "Bearer");
        for wrong in ["Bearer x".to_owned(), format!("Bearer {ADMIN}x"), "Bearer ".to_owned()] {
            let other = app.call(method, path, &[("Authorization", &wrong)], json!({})).await;
            assert!([401, 403].contains(&other.status()), "{method} {path} {other}");
        }
        let other = app.call(method, path, &[("Authorization", "Bearer x")], json!({})).await;
        other.is_problem(403, "forbidden");
    }
    app.close().await;
}

#[tokio::test]
async fn a_refused_product_leaves_its_key_unused() {
    for shards in [1, 3] {
        let app = App::sharded(shards).await;
        app.stock_up("TEE", 5).await;
        let make = |skus: &'static [&str]| app.admin_keyed("/api/products", "k", product(skus, 1));
        for _ in 0..3 {
            let refused = make(&["NEW", "TEE"]).await;
            assert_eq!(refused.is_problem(409, "sku-taken").at("/sku"), "TEE");
        }
        let made = make(&["NEW", "OTHER"]).await;
        assert_eq!((made.status(), made.replayed()), (201, false), "{made}");
        let again = make(&["NEW", "OTHER"]).await;
        assert_eq!((again.status(), again.replayed()), (201, true), "{again}");
        assert_eq!(again.text("/id"), made.text("/id"));
        make(&["NEW", "TEE"]).await.is_problem(422, "idempotency-mismatch");
        let app = app.restart().await;
        let again = app.admin_keyed("/api/products", "k", product(&["NEW", "OTHER"], 1)).await;
        assert_eq!((again.status(), again.replayed()), (201, true), "{again}");
        app.close().await;
    }
}

#[tokio::test]
async fn a_malformed_product_is_named_by_its_field() {
    let app = App::new().await;
    let wrong = |pointer: &str, value: Value| {
        let mut spec = product(&["A", "B"], 1);
        *spec.pointer_mut(pointer).unwrap() = value;
        spec
    };
    let long = "x".repeat(501);
    for (pointer, value, field) in [
        ("/title", json!(""), "/title"),
        ("/title", json!(long), "/title"),
        ("/title", json!(7), "/title"),
        ("/variants/1/title", json!("é".repeat(301)), "/variants/1/title"),
        ("/variants", json!([]), "/variants"),
        ("/variants/1/sku", json!("A"), "/variants/1/sku"),
        ("/variants/1/sku", json!("A@B"), "/variants/1/sku"),
        ("/variants/1/sku", json!(""), "/variants/1/sku"),
        ("/variants/0/price", usd(-1), "/variants/0/price/amount_minor"),
        ("/variants/0/price/currency", json!("XYZ"), "/variants/0/price/currency"),
        ("/variants/1/price/currency", json!("EUR"), "/variants/1/price/currency"),
        ("/variants/0/price/amount_minor", json!(19.99), "/variants/0/price/amount_minor"),
        ("/variants/0/units", json!(-1), "/variants/0/units"),
        ("/variants/0/units", json!(1_000_000_000_001_u64), "/variants/0/units"),
        ("/variants/0/weight_g", json!(1_u64 << 40), "/variants/0/weight_g"),
        ("/tags", json!("red"), "/tags"),
    ] {
        let spec = wrong(pointer, value);
        app.admin("POST", "/api/products", spec).await.is_invalid(field);
    }
    let mut more = product(&["A"], 1);
    more["variants"][0]["colour"] = "red".into();
    app.admin("POST", "/api/products", more).await.is_invalid("/variants/0/colour");
    app.admin("POST", "/api/products", json!({"title": "x"})).await.is_invalid("/variants");
    app.close().await;
}

#[tokio::test]
async fn an_unknown_product_is_not_found() {
    let app = App::new().await;
    for id in ["prod_00000000000000000000000000000000", "prod_1", "x"] {
        let path = format!("/api/products/{id}");
        app.get(&path).await.is_problem(404, "not-found");
        app.admin("PUT", &path, product(&["A"], 1)).await.is_problem(404, "not-found");
        app.admin("DELETE", &path, Value::Null).await.is_problem(404, "not-found");
    }
    app.close().await;
}
