//! Calls from web pages of other origins.

use crate::app::{App, Reply};
use doorbuster::{
    actors::Settings,
    http::{DoorSettings, cors::Origins},
};
use serde_json::{Value, json};

const OURS: &str = "https://shop.example";

async fn app(origins: &str) -> App {
    let origins = Origins::parse(origins).unwrap();
    let settings = move |settings| DoorSettings { cors_origins: origins.clone(), ..settings };
    App::furnished(Settings::default(), settings).await
}

async fn preflight(app: &App, origin: &str) -> Reply {
    let headers = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "cart-token,content-type,idempotency-key,prefer"),
    ];
    app.call("OPTIONS", "/api/cart/checkout", &headers, Value::Null).await
}

fn names(reply: &Reply, header: &str) -> Vec<String> {
    reply.header(header).split(',').map(|name| name.trim().to_lowercase()).collect()
}

#[tokio::test]
async fn without_a_setting_no_page_is_let_in() {
    let app = app("").await;
    app.stock_up("TEE", 5).await;
    preflight(&app, OURS).await.is_problem(405, "method-not-allowed");
    let read = app.call("GET", "/api/products", &[("Origin", OURS)], Value::Null).await;
    assert_eq!(read.status(), 200);
    assert!(!read.0.headers.keys().any(|name| name.as_str().starts_with("access-control")));
    app.close().await;
}

#[tokio::test]
async fn a_named_origin_may_send_and_read_what_a_shop_needs() {
    let app = app("https://shop.example, http://localhost:3000").await;
    for n in 0..5 {
        app.stock_up(&format!("TEE-{n}"), 5).await;
    }
    for origin in [OURS, "http://localhost:3000"] {
        let allowed = preflight(&app, origin).await;
        assert_eq!(allowed.status(), 200, "{allowed}");
        assert_eq!(allowed.header("access-control-allow-origin"), origin);
        assert_eq!(allowed.header("access-control-allow-credentials"), "true");
        assert!(!allowed.header("access-control-max-age").is_empty());
        let methods = names(&allowed, "access-control-allow-methods");
        assert!(
            ["get", "post", "put", "delete"].iter().all(|one| methods.contains(&(*one).into()))
        );
        let sent = names(&allowed, "access-control-allow-headers");
        for name in [
            "authorization",
            "content-type",
            "cart-token",
            "order-token",
            "idempotency-key",
            "prefer",
            "if-match",
            "if-none-match",
            "x-request-id",
        ] {
            assert!(sent.contains(&name.to_owned()), "{name} of {sent:?}");
        }
        let body = json!({"sku": "TEE-0", "units": 1});
        let added = app.call("POST", "/api/cart", &[("Origin", origin)], body).await;
        assert_eq!(added.header("access-control-allow-origin"), origin);
        let shown = names(&added, "access-control-expose-headers");
        for name in [
            "cart-token",
            "location",
            "etag",
            "idempotency-replayed",
            "preference-applied",
            "retry-after",
            "x-request-id",
        ] {
            assert!(shown.contains(&name.to_owned()), "{name} of {shown:?}");
        }
    }
    let missing = app.call("GET", "/nothing", &[("Origin", OURS)], Value::Null).await;
    let missing = missing.is_problem(404, "not-found");
    assert_eq!(missing.header("access-control-allow-origin"), OURS);
    // A cache between must tell origins apart, and codings, too.
    let read = app.call("GET", "/api/products", &[("Origin", OURS)], Value::Null).await;
    let vary: Vec<_> = read.0.headers.get_all("vary").iter().collect();
    let vary = vary.iter().map(|line| line.to_str().unwrap()).collect::<Vec<_>>().join(", ");
    assert!(vary.contains("origin") && vary.contains("accept-encoding"), "{vary}");
    app.close().await;
}

#[tokio::test]
async fn another_origin_is_not_let_in() {
    let app = app(OURS).await;
    for other in ["https://evil.example", "http://shop.example", "https://shop.example:444", "null"]
    {
        let refused = preflight(&app, other).await;
        assert_eq!(refused.header("access-control-allow-origin"), "", "{other}");
    }
    app.close().await;
}

#[tokio::test]
async fn any_origin_comes_without_cookies() {
    let app = app("*").await;
    let allowed = preflight(&app, "https://anybody.example").await;
    assert_eq!(allowed.header("access-control-allow-origin"), "*");
    assert_eq!(allowed.header("access-control-allow-credentials"), "");
    app.close().await;
}
