//! The whole door over a real shop: requests with their paths, queries, tokens, keys and bodies;
//! messages and raw frames of a WebSocket.

use crate::harness::attack;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderName, HeaderValue, Method, Request, Uri},
};
use doorbuster::{
    http::{self, DoorSettings, Server, server},
    shop::{Opened, Options, open},
};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::Message;
use tower::ServiceExt as _;

const ADMIN: &str = "the-admin-token-of-the-fuzz";
const SOON: Duration = Duration::from_secs(10);

/// A shop with one product, two SKUs and one cart.
struct Shop {
    runtime: Runtime,
    router: Router,
    opened: Opened,
    _folder: TempDir,
    product: String,
    cart: String,
}

/// One request as lines: method and path, headers, an empty line, the body.
fn lines(first: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let headers = headers.iter().flat_map(|(name, value)| {
        [
            name, ": ", value, "
",
        ]
    });
    let lines: String = [
        first, "
",
    ]
    .into_iter()
    .chain(headers)
    .chain([
        "
", body,
    ])
    .collect();
    lines.into_bytes()
}

/// What the lines say, if HTTP can carry it at all.
fn request(bytes: &[u8]) -> Option<Request<Body>> {
    let mut rest = bytes;
    let mut line = || {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let (line, behind) = rest.split_at(end);
        rest = behind.get(1..).unwrap_or_default();
        line
    };
    let first = std::str::from_utf8(line()).ok()?;
    let (method, path) = first.split_once(' ')?;
    let mut request = Request::new(Body::empty());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
    *request.uri_mut() = path.parse::<Uri>().ok().filter(|uri| uri.path().starts_with('/'))?;
    loop {
        let header = line();
        let Some(at) = header.windows(2).position(|part| part == b": ") else { break };
        let name = HeaderName::from_bytes(&header[..at]).ok()?;
        let value = HeaderValue::from_bytes(&header[at + 2..]).ok()?;
        request.headers_mut().append(name, value);
    }
    *request.body_mut() = Body::from(rest.to_vec());
    Some(request)
}

impl Shop {
    fn open() -> Shop {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let options = Options { cache_bytes: 4 << 20, ..Options::default() };
        let opened = runtime.block_on(open::open(folder.path(), options)).unwrap();
        let router = http::router(opened.shop.clone(), DoorSettings::new(ADMIN));
        let (product, cart) = (String::new(), String::new());
        let mut shop = Shop { runtime, router, opened, _folder: folder, product, cart };
        let price = json!({"amount_minor": 1999, "currency": "USD"});
        let variant = |sku: &str| json!({"sku": sku, "title": sku, "price": price, "weight_g": 1, "units": 1_000_000});
        let body = json!({"title": "Tee", "description": "of cotton", "category": "shirts",
            "tags": ["red"], "images": [], "variants": [variant("TEE-S"), variant("TEE-M")]});
        let (_, _, made) = shop.ask(&admin("POST /api/products", &body)).unwrap();
        made["id"].as_str().unwrap().clone_into(&mut shop.product);
        let add = json!({"sku": "TEE-S", "units": 2});
        let (status, token, said) = shop.ask(&json_lines("POST /api/cart", &[], &add)).unwrap();
        assert_eq!(status, 200, "{said}");
        shop.cart = token;
        shop
    }

    /// Status, cart token and JSON of an answer.
    fn ask(&self, bytes: &[u8]) -> Option<(u16, String, Value)> {
        let request = request(bytes)?;
        let router = self.router.clone();
        let answer = async {
            let answer = router.oneshot(request).await.unwrap();
            let (head, body) = answer.into_parts();
            let body = to_bytes(body, 16 << 20).await.unwrap();
            let token = head.headers.get("cart-token").and_then(|token| token.to_str().ok());
            let said = serde_json::from_slice(&body).unwrap_or_default();
            (head.status.as_u16(), token.unwrap_or_default().to_owned(), said)
        };
        let answer = async { tokio::time::timeout(SOON, answer).await };
        Some(self.runtime.block_on(answer).expect("an answer comes"))
    }

    fn requests(&self) -> Vec<Vec<u8>> {
        let cart = ("cart-token", self.cart.as_str());
        let cookie = format!("a=b; cart_token={}", self.cart);
        let page = "GET /api/products?limit=2&category=shirts&tag=red&sort=price&in_stock=true";
        let checkout = json!({
            "email": "ana@example.com",
            "address": {"name": "Ana", "line1": "1 Main St", "line2": "b", "city": "Springfield",
                "region": "IL", "postal_code": "12345", "country": "US"},
            "gift": {"to": "Ben", "message": "Enjoy"},
            "payment": {"method": "card", "token": "tok_decline"},
        });
        let sale = json!({"opens_at": "2026-05-01T10:00:00Z", "closes_at": "2036-05-02T10:00:00Z",
            "units_per_buyer": 2, "price": {"amount_minor": 999, "currency": "USD"}});
        let product = format!("/api/products/{}", self.product);
        let keyed = [cart, ("idempotency-key", "key-1"), ("accept-language", "es-MX,en;q=0.5")];
        vec![
            json_lines("POST /api/cart", &[], &json!({"sku": "TEE-S", "units": 1})),
            json_lines("POST /api/cart", &keyed, &json!({"sku": "TEE-M", "units": 1})),
            json_lines("PUT /api/cart/items/TEE-S", &[cart], &json!({"units": 3})),
            lines("DELETE /api/cart/items/TEE-M", &[("cookie", &cookie)], ""),
            lines("GET /api/cart", &[("cookie", &cookie), ("x-request-id", "mine-1")], ""),
            json_lines("POST /api/cart/checkout", &keyed, &checkout),
            lines(page, &[("if-none-match", "W/\"7-00\", *"), ("accept-encoding", "br, gzip")], ""),
            lines("GET /api/products?limit=1&cursor=AAAAAAAA&q=tee", &[], ""),
            lines(&format!("GET {product}"), &[], ""),
            admin("POST /api/inventory/TEE-S/receipts", &json!({"units": 5, "reference": "r"})),
            admin("POST /api/inventory/TEE-S/adjustments", &json!({"units": -1, "reason": "x"})),
            admin(
                "POST /api/inventory/TEE-S/transfers",
                &json!({"units": 1, "from": "main", "to": "b"}),
            ),
            admin("PUT /api/inventory/TEE-M/low-stock", &json!({"units": 3})),
            admin("PUT /api/inventory/TEE-M/sale", &sale),
            admin("GET /api/inventory/TEE-S/movements?limit=3", &json!(null)),
            admin("GET /api/orders?limit=3&email=ana@example.com", &json!(null)),
            admin(
                &format!("PUT {product}"),
                &json!({"title": "Tee", "variants": [{"sku": "TEE-S"}]}),
            ),
            lines(
                "GET /api/orders/ord_018f3c4e5d6a7b8c9d0e1f2a3b4c5d6e",
                &[("order-token", "ord_1.00")],
                "",
            ),
            lines("GET /api/inventory/TEE-S", &[], ""),
            lines("OPTIONS /api/cart", &[("origin", "https://shop.example")], ""),
        ]
    }

    fn close(self) {
        let Shop { runtime, router, opened, .. } = self;
        drop(router);
        runtime.block_on(opened.close());
    }
}

fn admin(first: &str, body: &Value) -> Vec<u8> {
    json_lines(first, &[("authorization", &format!("Bearer {ADMIN}"))], body)
}

fn json_lines(first: &str, headers: &[(&str, &str)], body: &Value) -> Vec<u8> {
    let json = [("content-type", "application/json")];
    let headers: Vec<_> = json.iter().chain(headers).copied().collect();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    lines(first, &headers, &body)
}

#[test]
fn requests() {
    let shop = Shop::open();
    let seeds = shop.requests();
    let mut statuses = std::collections::BTreeMap::<u16, u64>::new();
    attack("requests", 1, &seeds, |bytes| {
        let Some((status, _, said)) = shop.ask(bytes) else { return };
        *statuses.entry(status).or_default() += 1;
        assert_ne!(status, 500, "a rule or the door panicked: {said}");
        assert_ne!(status, 503, "{said}");
        let head = bytes.starts_with(b"HEAD ");
        assert!(status < 400 || head || said["code"].is_string(), "{status} is no problem: {said}");
    });
    let served = statuses.get(&200).copied().unwrap_or_default();
    assert!(served > 10, "too few come through to say anything: {statuses:?}");
    shop.close();
}

/// The same shop on a port, for sockets.
fn listening(shop: &Shop) -> (Server, SocketAddr) {
    let _inside = shop.runtime.enter();
    let listener = server::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::start(listener, 100);
    server.open(shop.router.clone());
    (server, address)
}

#[test]
fn messages_of_a_socket() {
    let shop = Shop::open();
    let (_server, address) = listening(&shop);
    let url = format!("ws://{address}/ws/stock");
    let connect = async || tokio_tungstenite::connect_async(&url).await.unwrap().0;
    let mut socket = shop.runtime.block_on(connect());
    let seeds = [
        r#"{"type": "watch", "sku": ["TEE-S", "TEE-M@12", "NOBODY"]}"#,
        r#"{"type": "unwatch", "sku": ["TEE-S"]}"#,
    ];
    let seeds = seeds.map(|seed| seed.as_bytes().to_vec());
    attack("messages", 2, &seeds, |bytes| {
        let message = match std::str::from_utf8(bytes) {
            Ok(text) => Message::text(text),
            Err(_) => Message::binary(bytes.to_vec()),
        };
        let heeded = async {
            // One that is too long ends the socket; any other is followed by an answer to a ping.
            socket.send(message).await.ok()?;
            socket.send(Message::Ping(b"well?"[..].into())).await.ok()?;
            loop {
                match socket.next().await?.ok()? {
                    Message::Pong(_) => return Some(()),
                    Message::Text(text) => drop(serde_json::from_str::<Value>(&text).unwrap()),
                    Message::Close(_) => return None,
                    Message::Binary(_) | Message::Ping(_) | Message::Frame(_) => {}
                }
            }
        };
        let heeded = async { tokio::time::timeout(SOON, heeded).await };
        if shop.runtime.block_on(heeded).expect("an answer or an end").is_none() {
            assert!(bytes.len() > 16 << 10, "only what is too long ends a socket");
            socket = shop.runtime.block_on(connect());
        }
    });
}

#[test]
fn frames_of_a_socket() {
    let shop = Shop::open();
    let (_server, address) = listening(&shop);
    let text = br#"{"type": "watch", "sku": ["TEE-S"]}"#;
    let masked = |first: u8, payload: &[u8]| {
        let length = 0x80 | u8::try_from(payload.len()).unwrap();
        [&[first, length, 0, 0, 0, 0][..], payload].concat()
    };
    let seeds = [
        masked(0x81, text),
        [masked(0x01, &text[..9]), masked(0x89, b"ping"), masked(0x80, &text[9..])].concat(),
        masked(0x88, &[3, 0xE8, b'b', b'y', b'e']),
        [&[0x82, 0xFE, 0x01, 0x00, 1, 2, 3, 4][..], &[9; 256]].concat(),
    ];
    let upgrade = "GET /ws/stock HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    attack("frames", 10, &seeds, |bytes| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.write_all(upgrade.as_bytes()).unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 101");
        // It may be cut off before all is said, and by a reset.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let end = stream.read_to_end(&mut vec![]);
        let hangs = end.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!hangs, "the socket neither ends nor answers");
    });
    shop.runtime
        .block_on(tokio_tungstenite::connect_async(format!("ws://{address}/ws/stock")))
        .unwrap();
}
