//! A shop on a free port, a client for it, and the few things that most tests buy.

use bytes::Bytes;
use doorbuster::{
    actors::Settings,
    http::{self, Door, DoorSettings, Server, server},
    load::{Answer, Client, Target},
    shop::{Opened, Options, Shop, open},
};
use hyper::{
    Method,
    header::{HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

/// The admin token of every test shop.
pub(crate) const ADMIN: &str = "the-admin-token-of-tests";

/// Long enough for any answer on a busy machine, short enough for a test that waits in vain.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A shop that answers.
pub(crate) struct App {
    folder: TempDir,
    options: Options,
    opened: Opened,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    target: Target,
}

impl App {
    /// A shop with usual settings and one shard.
    pub(crate) async fn new() -> App {
        App::with(1, Settings::default()).await
    }

    /// A shop with this many shards.
    pub(crate) async fn sharded(shards: usize) -> App {
        App::with(shards, Settings::default()).await
    }

    /// A shop whose carts hold their units only so long.
    pub(crate) async fn with_ttl_ms(reservation_ttl_ms: u64) -> App {
        App::with(1, Settings { reservation_ttl_ms, ..Settings::default() }).await
    }

    pub(crate) async fn with(shards: usize, settings: Settings) -> App {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { settings, shards, cache_bytes: 4 << 20, ..Options::default() };
        App::start(folder, options).await
    }

    async fn start(folder: TempDir, options: Options) -> App {
        let opened = open::open(folder.path(), options.clone()).await.unwrap();
        let listener = server::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let target = Target::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let metrics = http::install_metrics();
        let settings = DoorSettings { metrics, ..DoorSettings::new(ADMIN) };
        let door = Door::new(opened.shop.clone(), settings);
        let server = Server::start(listener, 1_000);
        server.open(door.router());
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let serving = tokio::spawn(server.serve(door, stopped));
        App { folder, options, opened, stop, serving, target }
    }

    /// Closes the shop and opens it again in the same folder.
    pub(crate) async fn restart(self) -> App {
        let App { folder, options, opened, stop, serving, .. } = self;
        drop(stop);
        serving.await.unwrap();
        opened.close().await;
        App::start(folder, options).await
    }

    /// Closes the shop in order.
    pub(crate) async fn close(self) {
        drop(self.stop().await);
    }

    /// As `close`; what is left is the folder.
    pub(crate) async fn stop(self) -> TempDir {
        drop(self.stop);
        self.serving.await.unwrap();
        self.opened.close().await;
        self.folder
    }

    /// The shop in this folder.
    pub(crate) async fn at(folder: TempDir) -> App {
        App::start(folder, Options { cache_bytes: 4 << 20, ..Options::default() }).await
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn shop(&self) -> &Shop {
        &self.opened.shop
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// One request; an empty body for `Value::Null`.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, headers, body).await
    }

    /// One request with any bytes as its body.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let headers = headers.iter().map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
        });
        let headers: Vec<_> = headers.collect();
        let mut client = Client::new(&self.target);
        Reply(client.request(method, path, &headers, body.into()).await.unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &[], Value::Null).await
    }

    /// As the admin.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Value) -> Reply {
        self.call(method, path, &[("Authorization", &format!("Bearer {ADMIN}"))], body).await
    }

    /// As the admin, with an Idempotency-Key.
    pub(crate) async fn admin_keyed(&self, path: &str, key: &str, body: Value) -> Reply {
        let bearer = format!("Bearer {ADMIN}");
        let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", key)];
        self.call("POST", path, &headers, body).await
    }

    /// Makes a product of one SKU at 19.99 USD.
    pub(crate) async fn stock_up(&self, sku: &str, units: u64) {
        let made = self.admin("POST", "/api/products", product(&[sku], units)).await;
        assert_eq!(made.status(), 201, "{made}");
    }

    /// Puts a SKU on sale from `from_ms` to `to_ms` after now, at 9.99 USD.
    pub(crate) async fn put_on_sale(&self, sku: &str, from_ms: i64, to_ms: i64, each: Value) {
        let at = |ms| doorbuster::domain::Time(self.shop().now().0 + ms).to_string();
        let terms = json!({
            "opens_at": at(from_ms), "closes_at": at(to_ms), "price": usd(999),
            "units_per_buyer": each,
        });
        let put = self.admin("PUT", &format!("/api/inventory/{sku}/sale"), terms).await;
        assert_eq!(put.status(), 200, "{put}");
    }

    /// Adds as a new guest, who gets a token.
    pub(crate) async fn guest(&self, sku: &str, units: u32) -> String {
        let added = self.add(None, sku, units).await;
        assert_eq!(added.status(), 200, "{added}");
        added.header("cart-token").to_owned()
    }

    pub(crate) async fn add(&self, token: Option<&str>, sku: &str, units: u32) -> Reply {
        let token = token.map(|token| ("Cart-Token", token));
        let body = json!({"sku": sku, "units": units});
        self.call("POST", "/api/cart", token.as_slice(), body).await
    }

    pub(crate) async fn cart(&self, token: &str) -> Reply {
        self.call("GET", "/api/cart", &[("Cart-Token", token)], Value::Null).await
    }

    pub(crate) async fn set(&self, token: &str, sku: &str, units: u32) -> Reply {
        let path = format!("/api/cart/items/{sku}");
        self.call("PUT", &path, &[("Cart-Token", token)], json!({"units": units})).await
    }

    /// Checks out and waits until the order is settled.
    pub(crate) async fn check_out(&self, token: &str, key: &str, card: &str) -> Reply {
        let headers = [("Cart-Token", token), ("Idempotency-Key", key), ("Prefer", "wait=10")];
        self.call("POST", "/api/cart/checkout", &headers, details(card)).await
    }

    pub(crate) async fn order(&self, order: &Reply) -> Reply {
        let path = format!("/api/orders/{}", order.text("/id"));
        let headers = [("Order-Token", order.text("/access_token"))];
        self.call("GET", &path, &headers, Value::Null).await
    }

    pub(crate) async fn inventory(&self, sku: &str) -> Reply {
        self.get(&format!("/api/inventory/{sku}")).await
    }

    /// `(on_hand, reserved, sold, free)`.
    pub(crate) async fn counts(&self, sku: &str) -> (u64, u64, u64, u64) {
        let stock = self.inventory(sku).await;
        let count = |name: &str| stock.at(name).as_u64().unwrap();
        (count("/on_hand"), count("/reserved"), count("/sold"), count("/free"))
    }
}

/// What the shop said.
pub(crate) struct Reply(pub(crate) Answer);

impl Reply {
    pub(crate) fn status(&self) -> u16 {
        self.0.status
    }

    pub(crate) fn body(&self) -> Value {
        self.0.json().unwrap_or(Value::Null)
    }

    /// The value at a JSON pointer.
    pub(crate) fn at(&self, pointer: &str) -> Value {
        self.body().pointer(pointer).cloned().unwrap_or(Value::Null)
    }

    pub(crate) fn text(&self, pointer: &str) -> &'static str {
        // A test's few texts may live as long as it.
        self.at(pointer).as_str().unwrap_or("").to_owned().leak()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.0.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn replayed(&self) -> bool {
        self.header("idempotency-replayed") == "true"
    }

    /// Asserts that this is a whole problem of this kind.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, code: &str) -> &Reply {
        assert_eq!((self.status(), self.text("/code")), (status, code), "{self}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.at("/status"), status);
        for field in ["/type", "/title", "/detail"] {
            assert!(!self.text(field).is_empty(), "{field} is missing in {self}");
        }
        self
    }

    /// Asserts that a field is not what it must be.
    #[track_caller]
    pub(crate) fn is_invalid(&self, field: &str) {
        self.is_problem(422, "invalid");
        assert_eq!(self.at("/field"), field, "{self}");
    }
}

impl std::fmt::Display for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.0.status, String::from_utf8_lossy(&self.0.body))
    }
}

pub(crate) fn usd(amount_minor: i64) -> Value {
    json!({"amount_minor": amount_minor, "currency": "USD"})
}

/// A product with a variant for each SKU, at 19.99 USD.
pub(crate) fn product(skus: &[&str], units: u64) -> Value {
    let variants = skus.iter().map(|sku| {
        json!({"sku": sku, "title": sku, "price": usd(1_999), "weight_g": 200, "units": units})
    });
    json!({
        "title": "Tee", "description": "of cotton", "category": "shirts", "tags": ["red"],
        "images": [], "variants": variants.collect::<Vec<_>>(),
    })
}

/// What a checkout needs.
pub(crate) fn details(card: &str) -> Value {
    json!({
        "email": "ana@example.com",
        "address": {
            "name": "Ana", "line1": "1 Main St", "city": "Springfield", "postal_code": "12345",
            "country": "US",
        },
        "payment": {"method": "card", "token": card},
    })
}
