//! What keeps a catalogue whole while several edit it: handles, clean texts, ETags, the archive.

use crate::app::{ADMIN, App, Reply, product, usd};
use serde_json::{Value, json};

fn named(handle: &str, skus: &[&str]) -> Value {
    let mut spec = product(skus, 5);
    spec["handle"] = handle.into();
    spec
}

/// A change by the admin, from the revision in `etag`.
async fn change(app: &App, method: &str, path: &str, etag: &str, body: Value) -> Reply {
    let bearer = format!("Bearer {ADMIN}");
    let headers = [("Authorization", bearer.as_str()), ("If-Match", etag)];
    app.call(method, path, &headers, body).await
}

/// What was read, without what only the shop says.
fn as_written(read: &Reply) -> Value {
    let mut body = read.body();
    for only_read in ["id", "archived", "created_at", "revision"] {
        assert!(body.as_object_mut().unwrap().remove(only_read).is_some(), "{only_read}");
    }
    for variant in body["variants"].as_array_mut().unwrap() {
        assert!(variant.as_object_mut().unwrap().remove("free").is_some());
    }
    body
}

#[tokio::test]
async fn a_handle_names_one_product_for_ever() {
    let app = App::sharded(3).await;
    let made = app.admin_keyed("/api/products", "k", named("tee", &["TEE"])).await;
    assert_eq!((made.status(), made.text("/handle")), (201, "tee"), "{made}");
    let again = app.admin_keyed("/api/products", "k", named("tee", &["TEE"])).await;
    assert_eq!((again.status(), again.replayed()), (201, true), "{again}");
    app.admin_keyed("/api/products", "k", named("tee", &["CAP"])).await;
    for spec in [named("tee", &["TEE"]), named("tee", &["CAP"])] {
        let taken = app.admin("POST", "/api/products", spec).await;
        assert_eq!(taken.is_problem(409, "handle-taken").at("/id"), made.at("/id"));
    }
    app.inventory("CAP").await.is_problem(404, "unknown-sku");
    assert_eq!(app.get("/api/products/tee").await.body(), made.body(), "found by its handle");
    app.admin("DELETE", "/api/products/tee", Value::Null).await;
    let app = app.restart().await;
    let taken = app.admin("POST", "/api/products", named("tee", &["CAP"])).await;
    assert_eq!(taken.is_problem(409, "handle-taken").at("/id"), made.at("/id"));
    app.close().await;
}

#[tokio::test]
async fn a_race_for_a_handle_has_one_winner() {
    let app = App::sharded(3).await;
    let one = |number: usize| {
        let spec = named("drop", &[["A", "B", "C", "D", "E", "F", "G", "H"][number]]);
        app.admin("POST", "/api/products", spec)
    };
    let all = futures_util::future::join_all((0..8).map(one)).await;
    let won = all.iter().filter(|reply| reply.status() == 201).count();
    assert_eq!(won, 1);
    for lost in all.iter().filter(|reply| reply.status() != 201) {
        assert!(["handle-taken", "in-progress"].contains(&lost.text("/code")), "{lost}");
    }
    assert_eq!(app.get("/api/products").await.at("/items").as_array().unwrap().len(), 1);
    app.close().await;
}

#[tokio::test]
async fn a_handle_of_a_refused_product_is_free_again() {
    let app = App::new().await;
    app.stock_up("TEE", 1).await;
    let refused = app.admin("POST", "/api/products", named("cap", &["TEE"])).await;
    refused.is_problem(409, "sku-taken");
    let made = app.admin("POST", "/api/products", named("cap", &["CAP"])).await;
    assert_eq!(made.status(), 201, "{made}");
    app.close().await;
}

#[tokio::test]
async fn a_handle_stays_with_its_product() {
    let app = App::new().await;
    let made = app.admin("POST", "/api/products", named("tee", &["TEE"])).await;
    let path = format!("/api/products/{}", made.text("/id"));
    app.admin("PUT", &path, named("cap", &["TEE"])).await.is_invalid("/handle");
    let kept = app.admin("PUT", &path, product(&["TEE", "CAP"], 5)).await;
    assert_eq!((kept.status(), kept.text("/handle")), (200, "tee"), "{kept}");
    app.stock_up("MUG", 1).await;
    let mug = app.get("/api/products?limit=1").await.text("/items/0/id");
    let mug = format!("/api/products/{mug}");
    app.admin("PUT", &mug, named("mug", &["MUG"])).await.is_invalid("/handle");
    app.close().await;
}

#[tokio::test]
async fn what_was_read_can_be_written_and_changes_nothing() {
    let app = App::new().await;
    let mut spec = named("tee", &["TEE-S", "TEE-M"]);
    spec["description"] = "a < b & c <b onclick=\"x()\">bold</b><script>alert(1)</script>".into();
    spec["category"] = "Apparel>  Shirts > ".into();
    spec["vendor"] = " North ".into();
    spec["tags"] = json!([" red", "red", "new"]);
    spec["images"] = json!(["https://example.com/tee.jpg"]);
    spec["image_alts"] = json!({"https://example.com/tee.jpg": "a tee"});
    spec["options"] = json!(["Size"]);
    spec["variants"][0]["options"] = json!(["S"]);
    spec["variants"][0]["compare_at"] = usd(2_500);
    spec["variants"][0]["barcode"] = "4006381333931".into();
    spec["variants"][0]["image"] = "http://example.com/s.jpg".into();
    let made = app.admin("POST", "/api/products", spec).await;
    assert_eq!(made.text("/description"), "a &lt; b &amp; c <b>bold</b>", "{made}");
    assert_eq!((made.text("/category"), made.text("/vendor")), ("Apparel > Shirts", "North"));
    assert_eq!(made.at("/tags"), json!(["red", "new"]));
    assert_eq!(made.at("/revision"), 1);
    let path = format!("/api/products/{}", made.text("/id"));
    let written = app.admin("PUT", &path, as_written(&made)).await;
    assert_eq!((written.status(), written.at("/revision")), (200, 1.into()), "{written}");
    assert_eq!(written.body(), made.body());
    assert_eq!(written.header("etag"), made.header("etag"));
    app.close().await;
}

#[tokio::test]
async fn a_change_happens_only_to_the_revision_it_was_made_from() {
    let app = App::new().await;
    let made = app.admin("POST", "/api/products", product(&["TEE"], 5)).await;
    let path = format!("/api/products/{}", made.text("/id"));
    let first = made.header("etag");
    assert!(first.starts_with("\"1-"), "{first}");
    assert_eq!(app.get(&path).await.header("etag"), first);

    app.guest("TEE", 1).await;
    let moved = app.get(&path).await;
    assert_ne!(moved.header("etag"), first, "stock is in the body");
    let spec = product(&["TEE", "CAP"], 5);
    let changed = change(&app, "PUT", &path, first, spec.clone()).await;
    assert_eq!(changed.status(), 200, "stock is nobody's change: {changed}");
    assert!(changed.header("etag").starts_with("\"2-"));
    for (method, body) in [("PUT", spec.clone()), ("DELETE", Value::Null)] {
        let stale = change(&app, method, &path, first, body).await;
        stale.is_problem(412, "precondition-failed");
    }
    let restore = format!("{path}/restore");
    let stale = change(&app, "POST", &restore, first, Value::Null).await;
    stale.is_problem(412, "precondition-failed");
    for bad in ["", "2", "\"x\"", "\"1-a\", \"2-b\""] {
        change(&app, "PUT", &path, bad, spec.clone()).await.is_invalid("If-Match");
        change(&app, "DELETE", &path, bad, Value::Null).await.is_invalid("If-Match");
    }
    let archived = change(&app, "DELETE", &path, changed.header("etag"), Value::Null).await;
    assert_eq!((archived.status(), archived.at("/revision")), (200, 3.into()), "{archived}");
    let restored = change(&app, "POST", &restore, archived.header("etag"), Value::Null).await;
    assert_eq!((restored.status(), restored.at("/revision")), (200, 4.into()), "{restored}");
    let any = change(&app, "PUT", &path, "*", product(&["TEE"], 5)).await;
    assert_eq!(any.status(), 200, "{any}");
    let nobody = "/api/products/prod_00000000000000000000000000000000";
    change(&app, "PUT", nobody, "*", spec).await.is_problem(404, "not-found");
    app.close().await;
}

#[tokio::test]
async fn of_two_editors_one_is_told_to_read_again() {
    let app = App::sharded(3).await;
    let made = app.admin("POST", "/api/products", product(&["TEE"], 5)).await;
    let path = format!("/api/products/{}", made.text("/id"));
    let edit = |number: usize| {
        let mut spec = product(&["TEE"], 5);
        spec["title"] = format!("Tee {number}").into();
        change(&app, "PUT", &path, made.header("etag"), spec)
    };
    let all = futures_util::future::join_all((0..8).map(edit)).await;
    assert_eq!(all.iter().filter(|reply| reply.status() == 200).count(), 1);
    for lost in all.iter().filter(|reply| reply.status() != 200) {
        assert!(["precondition-failed", "in-progress"].contains(&lost.text("/code")), "{lost}");
    }
    assert_eq!(app.get(&path).await.at("/revision"), 2);
    app.close().await;
}

#[tokio::test]
async fn who_has_it_already_is_told_so() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let id = app.get("/api/products").await.text("/items/0/id");
    for path in [format!("/api/products/{id}"), "/api/products".to_owned()] {
        let read = app.get(&path).await;
        let etag = read.header("etag");
        assert!(!etag.is_empty(), "{path}");
        let again = app.call("GET", &path, &[("If-None-Match", etag)], Value::Null).await;
        assert_eq!((again.status(), again.0.body.len()), (304, 0), "{again}");
        assert_eq!(again.header("etag"), etag);
        app.guest("TEE", 1).await;
        let moved = app.call("GET", &path, &[("If-None-Match", etag)], Value::Null).await;
        assert_eq!(moved.status(), 200, "{moved}");
    }
    app.close().await;
}

#[tokio::test]
async fn an_archived_product_can_be_sold_again() {
    let app = App::sharded(3).await;
    let made = app.admin("POST", "/api/products", product(&["TEE-S", "TEE-M"], 5)).await;
    let path = format!("/api/products/{}", made.text("/id"));
    let restore = format!("{path}/restore");
    app.admin("DELETE", &path, Value::Null).await;
    assert_eq!(app.get(&path).await.at("/archived"), true);
    assert_eq!(app.get("/api/products").await.at("/items"), json!([]));
    let restored = app.admin_keyed(&restore, "k", Value::Null).await;
    assert_eq!((restored.status(), restored.at("/archived")), (200, false.into()), "{restored}");
    app.guest("TEE-S", 1).await;
    app.guest("TEE-M", 1).await;
    assert_eq!(app.get("/api/products").await.text("/items/0/id"), made.text("/id"));
    let again = app.admin_keyed(&restore, "k", Value::Null).await;
    assert!(again.replayed(), "{again}");
    let app = app.restart().await;
    assert_eq!(app.counts("TEE-S").await, (5, 1, 0, 4), "units are counted once");
    app.close().await;
}

/// Whichever comes last, no SKU is left behind.
#[tokio::test]
async fn archive_and_restore_at_once_leave_every_sku_alike() {
    let app = App::sharded(3).await;
    let skus = ["A", "B", "C", "D", "E", "F"];
    let made = app.admin("POST", "/api/products", product(&skus, 50)).await;
    let path = format!("/api/products/{}", made.text("/id"));
    let restore = format!("{path}/restore");
    for _ in 0..10 {
        let archive = app.admin("DELETE", &path, Value::Null);
        let restore = app.admin("POST", &restore, Value::Null);
        let ((one, other), third) = tokio::join!(
            async { tokio::join!(archive, restore) },
            app.admin("DELETE", &path, Value::Null)
        );
        for reply in [one, other, third] {
            assert_eq!(reply.status(), 200, "{reply}");
        }
        let archived = app.get(&path).await.at("/archived");
        for sku in skus {
            let added = app.add(None, sku, 1).await;
            let expected = if archived == true { 409 } else { 200 };
            assert_eq!(added.status(), expected, "{sku} {added}");
        }
    }
    app.close().await;
}

#[tokio::test]
async fn each_field_of_a_product_has_its_limits() {
    let app = App::new().await;
    let mut spec = product(&["A", "B"], 1);
    spec["options"] = json!(["Size", "Colour"]);
    spec["images"] = json!(["https://example.com/1.jpg"]);
    for variant in spec["variants"].as_array_mut().unwrap() {
        variant["options"] = json!(["S", "red"]);
        variant["compare_at"] = usd(2_500);
    }
    let many = |count| (0..count).map(|number| format!("t{number}")).collect::<Vec<_>>();
    let nine = many(9).join(" > ");
    for (pointer, value, field) in [
        ("/handle", json!("Tee"), "/handle"),
        ("/handle", json!("a b"), "/handle"),
        ("/handle", json!("prod_00000000000000000000000000000000"), "/handle"),
        ("/vendor", json!("x".repeat(256)), "/vendor"),
        ("/category", json!(nine), "/category"),
        ("/category", json!("x".repeat(101)), "/category"),
        ("/tags", json!(many(251)), "/tags"),
        ("/tags", json!(["a", " "]), "/tags/1"),
        ("/tags", json!(["x".repeat(256)]), "/tags/0"),
        ("/images/0", json!("ftp://example.com/1.jpg"), "/images/0"),
        ("/images/0", json!("javascript:alert(1)"), "/images/0"),
        ("/images/0", json!("/1.jpg"), "/images/0"),
        (
            "/image_alts",
            json!({"https://example.com/2.jpg": "x"}),
            "/image_alts/https:~1~1example.com~12.jpg",
        ),
        (
            "/image_alts",
            json!({"https://example.com/1.jpg": "x".repeat(513)}),
            "/image_alts/https:~1~1example.com~11.jpg",
        ),
        ("/options", json!(["a", "b", "c", "d"]), "/options"),
        ("/options", json!(["Size", "Size"]), "/options/1"),
        ("/options", json!(["Size", ""]), "/options/1"),
        ("/options", json!(["Size"]), "/variants/0/options"),
        ("/variants/1/options", json!(["S"]), "/variants/1/options"),
        ("/variants/1/options", json!(["S", ""]), "/variants/1/options/1"),
        ("/variants/1/compare_at", usd(-1), "/variants/1/compare_at/amount_minor"),
        ("/variants/1/compare_at/currency", json!("EUR"), "/variants/1/compare_at/currency"),
        ("/variants/0/barcode", json!("x".repeat(256)), "/variants/0/barcode"),
        ("/variants/0/image", json!("x.png"), "/variants/0/image"),
    ] {
        let mut wrong = spec.clone();
        wrong["handle"] = "tee".into();
        wrong["vendor"] = "".into();
        wrong["image_alts"] = json!({});
        wrong["variants"][0]["barcode"] = "".into();
        wrong["variants"][0]["image"] = Value::Null;
        *wrong.pointer_mut(pointer).unwrap() = value;
        app.admin("POST", "/api/products", wrong).await.is_invalid(field);
    }
    let escaped = json!("<".repeat(40_000));
    spec["description"] = escaped;
    app.admin("POST", "/api/products", spec.clone()).await.is_invalid("/description");
    spec["description"] = "fine".into();
    let made = app.admin("POST", "/api/products", spec).await;
    assert_eq!(made.status(), 201, "{made}");
    app.close().await;
}
