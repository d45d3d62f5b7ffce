//! Clients that take their time: each is let go within the door's own patience, and nobody waits for
//! them meanwhile. All at once, since the longest patience is most of a minute.

use crate::program::{Program, read_all, status};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread::{JoinHandle, park_timeout, spawn},
    time::{Duration, Instant},
};

/// Longer than any patience of the door's.
const AT_LAST: Duration = Duration::from_secs(120);

fn connect(shop: &Program) -> TcpStream {
    let stream = shop.connect();
    stream.set_read_timeout(Some(AT_LAST)).unwrap();
    stream
}

/// Sends `head` and then a byte every now and then until the connection ends; what it heard.
fn drip(shop: &Program, head: &'static [u8], byte: &'static [u8]) -> JoinHandle<String> {
    let mut stream = connect(shop);
    let mut writing = stream.try_clone().unwrap();
    spawn(move || {
        writing.write_all(head).unwrap();
        let dripping = spawn(move || {
            while !byte.is_empty() && writing.write_all(byte).is_ok() {
                park_timeout(Duration::from_millis(500));
            }
        });
        let said = read_all(&mut stream);
        drop(stream);
        dripping.join().unwrap();
        said
    })
}

/// Asks for much and reads none of it: done once the server has given up.
fn takes_nothing(shop: &Program) -> TcpStream {
    let mut stream = connect(shop);
    let request = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
    // More than all buffers between us hold.
    stream.write_all(&request.repeat(1_000)).unwrap();
    stream
}

fn watch(shop: &Program) -> TcpStream {
    let mut stream = connect(shop);
    let upgrade = "GET /ws/stock?sku=TEE-RED-M HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(upgrade.as_bytes()).unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 101");
    stream
}

#[test]
fn whoever_is_slow_is_let_go_and_holds_nobody_up() {
    let shop = Program::start(&[]);
    shop.is_well();
    let before = shop.files();
    let cart = "POST /api/cart HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let sized: &'static str = format!("{cart}Content-Length: 60000\r\n\r\n").leak();
    let chunked: &'static str = format!("{cart}Transfer-Encoding: chunked\r\n\r\n").leak();
    let heads = [
        drip(&shop, b"GET / HTTP/1.1\r\nX: ", b"x"),
        drip(&shop, b"", b"G"),
        drip(&shop, b"PRI * HTTP/2.0\r\n", b""),
    ];
    let bodies =
        [drip(&shop, sized.as_bytes(), b" "), drip(&shop, chunked.as_bytes(), b"1\r\n \r\n")];
    let mut silent = connect(&shop);
    let silent = spawn(move || read_all(&mut silent));
    // A second request that never comes, on a connection that was good for one.
    let idle = drip(&shop, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"");
    let stuck: Vec<TcpStream> = (0..4).map(|_| takes_nothing(&shop)).collect();
    let mut deaf = watch(&shop);
    // Takes every frame and answers no ping.
    let deaf = spawn(move || read_all(&mut deaf));
    let mut half = watch(&shop);
    half.write_all(&[0x81, 0xFE]).unwrap();
    let half = spawn(move || read_all(&mut half));
    shop.is_well();
    for body in bodies {
        let said = body.join().unwrap();
        assert_eq!(status(&said), 408, "{said}");
        assert!(said.contains("too-slow"), "{said}");
    }
    for head in heads {
        let said = head.join().unwrap();
        assert!([0, 408].contains(&status(&said)), "{said}");
    }
    assert_eq!(status(&idle.join().unwrap()), 200);
    silent.join().unwrap();
    deaf.join().unwrap();
    half.join().unwrap();
    // The server's end of those who take nothing is closed, though they never read a byte.
    let begun = Instant::now();
    while shop.files() > before {
        assert!(begun.elapsed() < AT_LAST, "{} files, {before} before", shop.files());
        park_timeout(Duration::from_millis(50));
    }
    drop(stuck);
    shop.is_well();
    let said = shop.end();
    assert!(!said.contains("panic"), "{said}");
}
