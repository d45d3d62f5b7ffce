//! The same door over HTTP/2, and what one client can't do to it.

use crate::app::{App, Reply, SOON, details};
use bytes::Bytes;
use doorbuster::load::Answer;
use futures_util::{StreamExt as _, future::join_all, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    Request, Version,
    body::Frame,
    client::conn::http2::{SendRequest, handshake},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use std::convert::Infallible;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

type Body = BoxBody<Bytes, Infallible>;

/// A connection of one client.
struct Link {
    sender: SendRequest<Body>,
    authority: String,
    wire: JoinHandle<hyper::Result<()>>,
}

impl Link {
    async fn open(app: &App) -> Link {
        let authority = app.target().authority().to_owned();
        let stream = TcpStream::connect(&authority).await.unwrap();
        let (sender, wire) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        Link { sender, authority, wire: tokio::spawn(wire) }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Reply {
        let uri = format!("http://{}{path}", self.authority);
        let mut request = Request::builder().method(method).uri(uri);
        request = request.header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.sender.clone().send_request(request.body(body).unwrap());
        let answer = timeout(SOON, answer).await.unwrap().unwrap();
        assert_eq!(answer.version(), Version::HTTP_2);
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }

    async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, headers, Full::from(body).boxed()).await
    }
}

#[tokio::test]
async fn one_connection_carries_many_requests_at_once() {
    let app = App::new().await;
    app.stock_up("TEE", 150).await;
    let link = Link::open(&app).await;
    let adds =
        (0..200).map(|_| link.call("POST", "/api/cart", &[], json!({"sku": "TEE", "units": 1})));
    let adds = join_all(adds).await;
    let added = adds.iter().filter(|add| add.status() == 200).count();
    assert_eq!(added, 150);
    let refused = adds.iter().find(|add| add.status() != 200).unwrap();
    assert_eq!(refused.is_problem(409, "sold-out").at("/free"), 0);
    let token = adds.iter().find(|add| add.status() == 200).unwrap().header("cart-token");
    let cart = link.call("GET", "/api/cart", &[("Cart-Token", token)], Value::Null).await;
    assert_eq!(cart.at("/items/0/units"), 1, "{cart}");
    let named = link.call("GET", "/nothing", &[("X-Request-Id", "mine")], Value::Null).await;
    assert_eq!(named.is_problem(404, "not-found").header("x-request-id"), "mine");
    let live = link.call("GET", "/ws/stock?sku=TEE", &[], Value::Null).await;
    live.is_problem(426, "upgrade-required");
    app.close().await;
}

#[tokio::test]
async fn a_body_has_the_same_limit_whether_or_not_it_says_its_length() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let link = Link::open(&app).await;
    let whole = |bytes: usize| {
        let mut body = json!({"sku": "TEE", "units": 1}).to_string();
        body.push_str(&" ".repeat(bytes - body.len()));
        body
    };
    let parts = |bytes: usize| {
        let parts: Vec<Bytes> =
            whole(bytes).as_bytes().chunks(1_000).map(Bytes::copy_from_slice).collect();
        let parts = parts.into_iter().map(|part| Ok(Frame::data(part)));
        BodyExt::boxed(StreamBody::new(stream::iter(parts)))
    };
    let most = 64 << 10;
    for (bytes, status) in [(most, 200), (most + 1, 413), (4 * most, 413)] {
        let said = link.send("POST", "/api/cart", &[], Full::from(whole(bytes)).boxed()).await;
        assert_eq!(said.status(), status, "{said}");
        let unsaid = link.send("POST", "/api/cart", &[], parts(bytes)).await;
        assert_eq!(unsaid.status(), status, "{unsaid}");
    }
    // The connection has room for others all the same.
    assert_eq!(link.call("GET", "/healthz", &[], Value::Null).await.status(), 200);
    app.close().await;
}

#[tokio::test]
async fn a_head_has_a_limit_in_both_versions() {
    let app = App::new().await;
    let link = Link::open(&app).await;
    for (bytes, status) in [(30_000, 200), (100_000, 431)] {
        let long = "x".repeat(bytes);
        let headers = [("X-Long", long.as_str())];
        assert_eq!(app.call("GET", "/healthz", &headers, Value::Null).await.status(), status);
        let answer = link.call("GET", "/healthz", &headers, Value::Null).await;
        assert_eq!(answer.status(), status);
    }
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_is_answered_before_the_connection_ends() {
    let app = App::new().await;
    app.stock_up("TEE", 5).await;
    let token = app.guest("TEE", 1).await;
    let link = Link::open(&app).await;
    let headers = [("Cart-Token", &*token), ("Idempotency-Key", "k"), ("Prefer", "wait=5")];
    let order = link.call("POST", "/api/cart/checkout", &headers, details("tok_slow"));
    let stopping = async {
        // Only once the order is known: whoever comes later than the end is refused.
        while app.counts("TEE").await.1 == 0 || app.shop().system().live()[2] == 0 {
            tokio::task::yield_now().await;
        }
        app.close().await;
    };
    let (order, ()) = tokio::join!(order, stopping);
    assert_eq!(order.status(), 201, "{order}");
    timeout(SOON, link.wire).await.unwrap().unwrap().unwrap();
}

/// A frame's head: length, type, flags, stream.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The next frame: its type and payload.
async fn next(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 9];
    timeout(SOON, stream.read_exact(&mut head)).await.unwrap().ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    timeout(SOON, stream.read_exact(&mut payload)).await.unwrap().ok()?;
    Some((head[3], payload))
}

const SETTINGS: u8 = 4;

#[tokio::test]
async fn a_preface_may_come_in_parts_and_so_may_a_request_that_begins_like_one() {
    let app = App::new().await;
    let authority = app.target().authority();
    for cut in [1, 2, 3, 10, PREFACE.len() - 1] {
        let mut stream = TcpStream::connect(authority).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (first, rest) = PREFACE.split_at(cut);
        for part in [first, rest, &frame(SETTINGS, 0, 0, &[])] {
            stream.write_all(part).await.unwrap();
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(next(&mut stream).await.unwrap().0, SETTINGS);
    }
    let request = b"PUT /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    for cut in [1, 2, 5] {
        let mut stream = TcpStream::connect(authority).await.unwrap();
        let (first, rest) = request.split_at(cut);
        stream.write_all(first).await.unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        stream.write_all(rest).await.unwrap();
        let mut answer = String::new();
        timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    }
    app.close().await;
}

#[tokio::test]
async fn whoever_resets_stream_after_stream_is_cut_off_and_nobody_else() {
    const HEADERS: u8 = 1;
    const RESET: u8 = 3;
    const GO_AWAY: u8 = 7;
    const ENHANCE_YOUR_CALM: u32 = 11;
    let app = App::new().await;
    let mut stream = TcpStream::connect(app.target().authority()).await.unwrap();
    // GET / over http at authority x, from the static table and one literal.
    let block = [0x82, 0x86, 0x84, 0x01, 0x01, b'x'];
    let mut flood = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    for id in (1..20_000).step_by(2) {
        flood.extend(frame(HEADERS, 0b101, id, &block));
        flood.extend(frame(RESET, 0, id, &8_u32.to_be_bytes()));
    }
    // It may be cut off before all is said.
    let _ = stream.write_all(&flood).await;
    let mut code = None;
    while let Some((kind, payload)) = next(&mut stream).await {
        if kind == GO_AWAY {
            code = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
    }
    assert!(code.is_none_or(|code| code == ENHANCE_YOUR_CALM), "{code:?}");
    assert_eq!(app.get("/healthz").await.status(), 200);
    let link = Link::open(&app).await;
    let all = stream::iter(0..100).map(|_| link.call("GET", "/healthz", &[], Value::Null));
    let all: Vec<Reply> = all.buffer_unordered(100).collect().await;
    assert!(all.iter().all(|answer| answer.status() == 200));
    app.close().await;
}

#[tokio::test]
async fn a_head_without_end_in_many_frames_is_cut_off() {
    const HEADERS: u8 = 1;
    const CONTINUATION: u8 = 9;
    let app = App::new().await;
    let mut stream = TcpStream::connect(app.target().authority()).await.unwrap();
    // GET / over http at authority x, then literals that are never indexed; no frame ends the head.
    let block = [0x82, 0x86, 0x84, 0x01, 0x01, b'x'];
    let more: Vec<u8> = (0..500).flat_map(|_| *b"\x00\x01a\x10bbbbbbbbbbbbbbbb").collect();
    let begin = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &frame(HEADERS, 1, 1, &block)].concat();
    stream.write_all(&begin).await.unwrap();
    let flood = frame(CONTINUATION, 0, 1, &more);
    let mut sent = 0_usize;
    // 100 MB: a server that takes them all keeps them all.
    while sent < 100 << 20 && timeout(SOON, stream.write_all(&flood)).await.unwrap().is_ok() {
        sent += flood.len();
    }
    assert!(sent < 10 << 20, "{sent} bytes of one head were taken");
    assert_eq!(app.get("/healthz").await.status(), 200);
    app.close().await;
}
