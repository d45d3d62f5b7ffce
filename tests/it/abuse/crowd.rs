//! Ten thousand connections from one address, or as many as this machine lets a process have.

use crate::program::{Program, read_all, status};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};
use tokio::net::TcpSocket;

/// Files of the test itself, and of the server beside its connections.
const SPARE: u64 = 1_000;

/// Who comes too late for the address.
const TOO_MANY: usize = 300;

/// As many as fit here and there.
fn most() -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let room = maximum.unwrap_or(u64::MAX).saturating_sub(SPARE);
    usize::try_from(room).unwrap_or(usize::MAX).min(10_000)
}

/// Somebody at another address of the loopback.
fn neighbour(shop: &Program) -> TcpStream {
    let authority: SocketAddr = shop.authority.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        socket.connect(authority).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream
}

/// Opens them all, and tells apart who was let in.
fn come(shop: &Program, connections: usize) -> (Vec<TcpStream>, usize) {
    let all: Vec<TcpStream> = (0..connections).map(|_| shop.connect()).collect();
    let (mut open, mut refused) = (vec![], 0);
    for mut stream in all {
        // Who is refused is told so without having asked anything.
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        if &first == b"HTTP/1.1 429" {
            let said = read_all(&mut stream).to_lowercase();
            assert!(said.contains("retry-after: 1\r\n") && said.contains("overloaded"), "{said}");
            refused += 1;
        } else {
            assert_eq!(&first, b"HTTP/1.1 200");
            open.push(stream);
        }
    }
    (open, refused)
}

#[test]
fn ten_thousand_connections_from_one_address_leave_room_for_others_and_nothing_behind() {
    let most = most();
    if most < 1_000 {
        return eprintln!("skipped: {most} connections are no crowd; raise `ulimit -Hn`");
    }
    let limit = most - TOO_MANY;
    let (all, each) = ((most + 200).to_string(), limit.to_string());
    let flags = ["--most-connections", &all, "--most-per-address", &each, "--most-sockets", "100"];
    let shop = Program::start(&flags);
    shop.is_well();
    let files = shop.files();
    let mut memory = vec![];
    for _ in 0..3 {
        let (open, refused) = come(&shop, most);
        assert_eq!((open.len(), refused), (limit, TOO_MANY));
        let mut other = neighbour(&shop);
        let add = r#"{"sku": "TEE-RED-M", "units": 1}"#;
        let request = format!(
            "POST /api/cart HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{add}",
            add.len()
        );
        other.write_all(request.as_bytes()).unwrap();
        let said = read_all(&mut other);
        assert_eq!(status(&said), 200, "{said}");
        drop(open);
        shop.wait_for_files(files + 8);
        memory.push(shop.memory());
    }
    let kept = memory[2].saturating_sub(memory[1]);
    assert!(kept < 64 << 20, "{most} connections more left {kept} bytes: {memory:?}");
    shop.is_well();
    let said = shop.end();
    assert!(!said.contains("panic"), "{said}");
}
