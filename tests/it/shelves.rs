//! Lists of products: filters, orders, pages, the tree of categories.

use crate::app::{ADMIN, App, Reply, product, usd};
use serde_json::{Value, json};

/// A product of one SKU.
async fn sell(app: &App, sku: &str, units: u64, more: Value) -> Reply {
    let mut spec = product(&[sku], units);
    spec["title"] = sku.to_lowercase().into();
    for (name, value) in more.as_object().unwrap() {
        if name == "price" {
            spec["variants"][0]["price"] = value.clone();
        } else {
            spec[name] = value.clone();
        }
    }
    let made = app.admin("POST", "/api/products", spec).await;
    assert_eq!(made.status(), 201, "{made}");
    made
}

async fn fair() -> App {
    let app = App::new().await;
    for (sku, units, category, vendor, tags, price) in [
        ("APRON", 5, "Home > Kitchen", "North", ["new", "red"], 900),
        ("BOWL", 1, "Home", "North", ["new", "blue"], 300),
        ("CAP", 0, "Apparel > Hats", "South & Co", ["red", "wool"], 900),
        ("DRESS", 5, "Apparel", "South & Co", ["red", "new"], 4_000),
    ] {
        let more = json!({"category": category, "vendor": vendor, "tags": tags,
                          "price": usd(price)});
        sell(&app, sku, units, more).await;
    }
    app
}

/// The first letters of what a list has, a page of `limit` after the other.
async fn list(app: &App, query: &str, limit: usize) -> String {
    let (mut all, mut cursor) = (String::new(), String::new());
    loop {
        let page = app.get(&format!("/api/products?limit={limit}&{query}{cursor}")).await;
        assert_eq!(page.status(), 200, "{page}");
        for item in page.at("/items").as_array().unwrap() {
            all.push_str(&item["title"].as_str().unwrap()[..1]);
        }
        match page.at("/next") {
            Value::Null => return all,
            next => cursor = format!("&cursor={}", next.as_str().unwrap()),
        }
    }
}

#[tokio::test]
async fn a_list_is_filtered_and_sorted() {
    let app = fair().await;
    for (query, expected) in [
        ("", "dcba"),
        ("sort=newest", "dcba"),
        ("sort=oldest", "abcd"),
        ("sort=price", "bacd"),
        ("sort=-price", "dcab"),
        ("sort=title", "abcd"),
        ("sort=-title", "dcba"),
        ("category=Home", "ba"),
        ("category=%20Home%3EKitchen", "a"),
        ("category=Hom", ""),
        ("category=", "dcba"),
        ("vendor=South%20%26%20Co", "dc"),
        ("tag=red", "dca"),
        ("tag=red&tag=new", "da"),
        ("price_min=900", "dca"),
        ("price_min=301&price_max=900", "ca"),
        ("currency=USD", "dcba"),
        ("currency=EUR", ""),
        ("in_stock=true", "dba"),
        ("in_stock=false", "c"),
        ("tag=red&in_stock=true&category=Apparel&sort=title", "d"),
        ("archived=false", "dcba"),
    ] {
        for limit in [1, 50] {
            let mut found = list(&app, query, limit).await;
            // Two have one price: which comes first is for their ids to say.
            if query.ends_with("price") {
                found = found.replace("bca", "bac").replace("dac", "dca");
            }
            assert_eq!(found, expected, "{query}");
        }
    }
    app.close().await;
}

#[tokio::test]
async fn what_a_list_does_not_know_is_refused() {
    let app = fair().await;
    for (query, field) in [
        ("colour=red", "colour"),
        ("sort=cheapest", "sort"),
        ("sort=price&sort=title", "sort"),
        ("price_min=-1", "price_min"),
        ("price_max=19.99", "price_max"),
        ("currency=usd", "currency"),
        ("in_stock=yes", "in_stock"),
        ("archived=1", "archived"),
        ("limit=201", "limit"),
        ("limit=", "limit"),
        ("cursor=00", "cursor"),
    ] {
        app.get(&format!("/api/products?{query}")).await.is_invalid(field);
    }
    let many = "tag=red&".repeat(21);
    app.get(&format!("/api/products?{many}")).await.is_invalid("tag");
    let next = app.get("/api/products?limit=1&sort=price").await.text("/next");
    for other in ["sort=-price", "sort=title", "sort=price&tag=red", ""] {
        let other = app.get(&format!("/api/products?cursor={next}&{other}")).await;
        other.is_invalid("cursor");
    }
    let rest = app.get(&format!("/api/products?cursor={next}&sort=price")).await;
    assert_eq!(rest.at("/items").as_array().unwrap().len(), 3, "{rest}");
    app.close().await;
}

#[tokio::test]
async fn stock_counts_as_it_is_now() {
    let app = fair().await;
    let token = app.guest("BOWL", 1).await;
    assert_eq!(list(&app, "in_stock=true", 50).await, "da");
    app.set(&token, "BOWL", 0).await;
    assert_eq!(list(&app, "in_stock=true", 50).await, "dba");
    app.close().await;
}

#[tokio::test]
async fn archived_products_are_the_admins_to_list() {
    let app = fair().await;
    let id = app.get("/api/products?sort=title").await.text("/items/1/id");
    app.admin("DELETE", &format!("/api/products/{id}"), Value::Null).await;
    assert_eq!(list(&app, "", 50).await, "dca");
    app.get("/api/products?archived=true").await.is_problem(401, "token-required");
    let archived = app.admin("GET", "/api/products?archived=true", Value::Null).await;
    assert_eq!((archived.at("/items/0/id"), archived.at("/items/1")), (id.into(), Value::Null));
    assert_eq!(archived.at("/items/0/archived"), true);
    let app = app.restart().await;
    let archived = app.admin("GET", "/api/products?archived=true", Value::Null).await;
    assert_eq!(archived.text("/items/0/id"), id);
    assert_eq!(list(&app, "", 50).await, "dca");
    app.close().await;
}

#[tokio::test]
async fn a_page_does_not_move_under_new_products() {
    let app = fair().await;
    let first = app.get("/api/products?limit=2").await;
    sell(&app, "EGG", 1, json!({})).await;
    let rest = app.get(&format!("/api/products?limit=2&cursor={}", first.text("/next"))).await;
    let titles = ["/items/0/title", "/items/1/title"].map(|title| rest.text(title));
    assert_eq!((titles, rest.at("/next")), (["bowl", "apron"], Value::Null));
    app.close().await;
}

#[tokio::test]
async fn whoever_changed_something_finds_it_in_every_list() {
    let app = App::sharded(3).await;
    for number in 0..20 {
        let sku = format!("S{number}");
        let made = sell(&app, &sku, 1, json!({"category": format!("C{number}")})).await;
        let newest = app.get("/api/products?limit=1").await;
        assert_eq!(newest.text("/items/0/id"), made.text("/id"));
        let tree = app.get("/api/categories").await;
        assert_eq!(tree.at("/items").as_array().unwrap().len(), number + 1);
    }
    app.close().await;
}

#[tokio::test]
async fn categories_are_a_tree() {
    let app = fair().await;
    let tree = app.get("/api/categories").await;
    let kitchen = json!({"path": "Home > Kitchen", "name": "Kitchen", "products": 1,
                         "children": []});
    let home = json!({"path": "Home", "name": "Home", "products": 2, "children": [kitchen]});
    assert_eq!((tree.status(), tree.at("/items/1")), (200, home), "{tree}");
    assert_eq!(tree.text("/items/0/children/0/path"), "Apparel > Hats");
    let etag = tree.header("etag");
    let again = app.call("GET", "/api/categories", &[("If-None-Match", etag)], Value::Null).await;
    assert_eq!(again.status(), 304, "{again}");
    app.close().await;
}

/// A cursor lives as long as its list: a restart does not end it.
#[tokio::test]
async fn a_cursor_outlives_a_restart() {
    let app = fair().await;
    let next = app.get("/api/products?limit=3&sort=title").await.text("/next");
    let app = app.restart().await;
    let rest = app.get(&format!("/api/products?sort=title&cursor={next}")).await;
    assert_eq!(rest.text("/items/0/title"), "dress", "{rest}");
    let bearer = format!("Bearer {ADMIN}");
    let admin = [("Authorization", bearer.as_str())];
    let path = format!("/api/products?archived=true&cursor={next}");
    app.call("GET", &path, &admin, Value::Null).await.is_invalid("cursor");
    app.close().await;
}
