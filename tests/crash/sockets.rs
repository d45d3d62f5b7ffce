//! Ten thousand open sockets, readers who do not read, and clients who are gone without a word:
//! the door answers everybody else, keeps little for each, and gets its descriptors back.

use crate::{
    history::{SKUS, body, inventory, stock_up},
    server::{ADMIN, Server},
};
use doorbuster::{load::client::bearer, ports::clock::pause};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::Command,
    time::{Duration, Instant},
};

const SOCKETS: usize = 10_000;

/// What one idle connection may cost the server.
const MOST_BYTES_EACH: u64 = 40 << 10;

/// As many files as this process may have open, from now on; whether that is enough.
fn room_for(sockets: usize) -> bool {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    limit.maximum.is_none_or(|most| most > sockets as u64 + 1_000)
}

fn descriptors(server: &Server) -> usize {
    let folder = format!("/proc/{}/fd", server.pid().as_raw_nonzero());
    fs::read_dir(folder).unwrap().count()
}

fn resident_bytes(server: &Server) -> u64 {
    let status = format!("/proc/{}/status", server.pid().as_raw_nonzero());
    let status = fs::read_to_string(status).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// Waits until the server has at most, or at least, so many descriptors.
async fn comes_to(server: &Server, what: &str, fits: impl Fn(usize) -> bool) {
    let begun = Instant::now();
    while !fits(descriptors(server)) {
        let open = descriptors(server);
        assert!(begun.elapsed() < Duration::from_secs(90), "{what}: {open} are open");
        pause(Duration::from_millis(50)).await;
    }
}

fn address(server: &Server) -> SocketAddr {
    server.target.authority().parse().unwrap()
}

/// It sells, for somebody who comes now.
async fn sells(server: &Server) {
    let mut client = server.client();
    let before = inventory(&mut client, SKUS[0]).await.unwrap();
    let content = body(&json!({"sku": SKUS[0], "units": 1}));
    let added = client.post("/api/cart", &[], content).await.unwrap();
    assert_eq!(added.status, 200, "{added:?}");
    let after = inventory(&mut client, SKUS[0]).await.unwrap();
    assert_eq!(after["free"].as_u64().unwrap() + 1, before["free"].as_u64().unwrap());
}

/// A request whose answer is not read.
fn ask(server: &Server, path: &str, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address(server)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n{head}\r\n").unwrap();
    stream
}

/// A third asked for nothing, a third is half way through a request, a third watches the stock.
fn open_socket(server: &Server, number: usize) -> TcpStream {
    match number % 3 {
        0 => TcpStream::connect(address(server)).unwrap(),
        1 => {
            let mut stream = TcpStream::connect(address(server)).unwrap();
            stream.write_all(b"POST /api/cart HTTP/1.1\r\nhost: x\r\ncontent-le").unwrap();
            stream
        }
        _ => {
            let head = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
            let mut stream = ask(server, &format!("/ws/stock?sku={}", SKUS[0]), head);
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"HTTP/1.1 101");
            stream
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_sockets_cost_little_and_come_back() {
    if !room_for(SOCKETS) {
        println!("skipped: {SOCKETS} sockets; this process may not have so many files open");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::must_start(&folder.path().join("store"), &[]);
    stock_up(&mut server.client()).await.unwrap();
    sells(&server).await;
    let (before, before_bytes) = (descriptors(&server), resident_bytes(&server));
    let mut sockets = vec![];
    for number in 0..SOCKETS {
        sockets.push(open_socket(&server, number));
        if number % 2_500 == 0 {
            sells(&server).await;
        }
    }
    // Half a request is waited for half a minute, which may be over for the first.
    comes_to(&server, "the last sockets", |open| open > before + SOCKETS / 3).await;
    let most = descriptors(&server);
    sells(&server).await;
    let each = resident_bytes(&server).saturating_sub(before_bytes) / SOCKETS as u64;
    println!("{most} descriptors, {each} bytes for each of {SOCKETS} sockets");
    assert!(each < MOST_BYTES_EACH, "{each} bytes for each socket");
    drop(sockets);
    comes_to(&server, "closed sockets", |open| open <= before + 20).await;
    sells(&server).await;
    server.end();
}

/// Products whose list is larger than what the system keeps of an answer.
async fn fill_shelves(server: &Server) {
    let mut client = server.client();
    for n in 0..30 {
        let price = json!({"amount_minor": 100, "currency": "USD"});
        let sku = format!("LONG-{n}");
        let variant = json!({"sku": sku, "title": sku, "price": price, "weight_g": 1, "units": 1});
        let product = json!({"title": sku, "description": "x".repeat(60_000), "category": "",
            "tags": [], "images": [], "variants": [variant]});
        let headers = [bearer(ADMIN).unwrap()];
        let made = client.post("/api/products", &headers, body(&product)).await.unwrap();
        assert_eq!(made.status, 201, "{made:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_who_do_not_read_hold_up_nobody_and_keep_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::must_start(&folder.path().join("store"), &[]);
    stock_up(&mut server.client()).await.unwrap();
    fill_shelves(&server).await;
    sells(&server).await;
    let (before, before_bytes) = (descriptors(&server), resident_bytes(&server));
    let readers: Vec<TcpStream> =
        (0..300).map(|_| ask(&server, "/api/products?limit=50", "")).collect();
    comes_to(&server, "slow readers", |open| open >= before + 250).await;
    for _ in 0..50 {
        sells(&server).await;
    }
    let each = resident_bytes(&server).saturating_sub(before_bytes) / readers.len() as u64;
    println!("{each} bytes for each slow reader of 1.8 MB");
    drop(readers);
    comes_to(&server, "slow readers who left", |open| open <= before + 20).await;
    server.end();
}

/// Clients that vanish: their side of each connection is gone and no packet says so, as when a
/// machine loses its power. By `TCP_REPAIR`, which takes a capability; whether that worked.
fn come_and_vanish(server: &Server, count: usize) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let [source, program] = ["vanish.c", "vanish"].map(|name| folder.path().join(name));
    fs::write(&source, VANISH).unwrap();
    let built = Command::new("cc").arg("-o").arg(&program).arg(&source).status();
    if !built.is_ok_and(|status| status.success()) {
        println!("skipped: half-open connections; it takes a C compiler, `cc`");
        return false;
    }
    let mut command = Command::new(&program);
    let output = command.args([address(server).port().to_string(), count.to_string()]).output();
    let output = output.unwrap();
    if !output.status.success() {
        println!("skipped: half-open connections; {}", String::from_utf8_lossy(&output.stdout));
    }
    output.status.success()
}

const VANISH: &str = r#"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int n, char **words) {
    (void)n;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < atoi(words[2]); i++) {
        int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&to, sizeof to)) return puts("no connection"), 1;
        const char *half = i % 2 ? "GET /api/inventory/DROP HTTP/1.1\r\nho" : "";
        if (write(fd, half, strlen(half)) < 0) return puts("no write"), 1;
        if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof on))
            return puts("this user may not set TCP_REPAIR"), 1;
        close(fd); /* no FIN, no RST */
    }
    return 0;
}
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_connections_are_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::must_start(&folder.path().join("store"), &[]);
    stock_up(&mut server.client()).await.unwrap();
    let before = descriptors(&server);
    if !come_and_vanish(&server, 500) {
        return;
    }
    comes_to(&server, "half-open connections", |open| open >= before + 400).await;
    sells(&server).await;
    // A minute at most: half a request is waited for half a minute.
    comes_to(&server, "half-open connections that stay", |open| open <= before + 20).await;
    sells(&server).await;
    server.end();
}
