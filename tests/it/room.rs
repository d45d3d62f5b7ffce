//! A shop that may have few files open: it says how many sockets fit, and more of them wait.

use crate::app::SOON;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Instant,
};

const FILES: usize = 256;

/// The program with few files; killed when dropped.
struct Shop {
    child: Child,
    authority: String,
    /// Connections and sockets that fit.
    room: (usize, usize),
}

impl Shop {
    fn start(store: &std::path::Path) -> Shop {
        let program = env!("CARGO_BIN_EXE_doorbuster");
        let line = format!("ulimit -n {FILES} && exec {program} serve --listen 127.0.0.1:0");
        let mut command = Command::new("sh");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DOORBUSTER_")) {
            command.env_remove(name);
        }
        command.args(["-c", &line]).env("DOORBUSTER_STORE", store).env("DOORBUSTER_LOG", "warn");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let url = said.find_map(|line| Some(line.split_once("http://")?.1.to_owned())).unwrap();
        let authority = url.split_whitespace().next().unwrap().to_owned();
        let fit = said.find(|line| line.starts_with("up to ")).unwrap();
        let numbers = fit.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok());
        let numbers: Vec<usize> = numbers.collect();
        let [all, connections, sockets, files] = numbers[..] else { panic!("{fit}") };
        assert_eq!((connections + sockets, files), (all, FILES), "{fit}");
        Shop { child, authority, room: (connections, sockets) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.authority).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
    }

    /// Ends it and returns what it wrote to standard error.
    fn end(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(mut stream: &TcpStream, head: &str, body: &str) {
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
}

/// The status of the next answer, whose body is read, too.
fn status(stream: &TcpStream) -> u16 {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    first.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn more_connections_than_files_wait_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start(folder.path());
    let (connections, _) = shop.room;
    assert!(connections >= 20, "{connections}");
    let mut open: Vec<TcpStream> = (0..connections).map(|_| shop.connect()).collect();
    for stream in &open {
        ask(stream, "GET /healthz", "");
        assert_eq!(status(stream), 200);
    }
    // All that fit are in. More than there could ever be files for are not refused: they wait.
    let waiting: Vec<TcpStream> = (0..FILES).map(|_| shop.connect()).collect();
    for stream in &waiting {
        ask(stream, "GET /healthz", "");
    }
    let add = json!({"sku": "TEE-RED-M", "units": 1}).to_string();
    for stream in &open {
        ask(stream, "POST /api/cart", &add);
        assert_eq!(status(stream), 200, "the store has the files that it needs");
    }
    for stream in waiting {
        drop(open.pop());
        assert_eq!(status(&stream), 200);
    }
    let said = shop.end();
    assert!(said.contains("256 files") && said.contains("ulimit -Hn"), "{said}");
    assert!(!said.contains("can't be accepted"), "{said}");
}

#[test]
fn a_shop_opens_though_nobody_reads_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DOORBUSTER_")) {
        command.env_remove(name);
    }
    let store = folder.path().to_str().unwrap();
    command.args(["serve", "--listen", &address.to_string(), "--store", store, "--log", "error"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut shop = Shop { child, authority: address.to_string(), room: (0, 0) };
    let begun = Instant::now();
    let ready = || {
        let Ok(stream) = TcpStream::connect(address) else { return false };
        ask(&stream, "GET /readyz", "");
        status(&stream) == 200
    };
    while !ready() {
        assert!(begun.elapsed() < SOON, "it never opens");
        std::thread::yield_now();
    }
    // It is announced right behind that, and ends only when it is told to.
    let pid = Pid::from_raw(i32::try_from(shop.child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(shop.child.wait().unwrap().code(), Some(0));
}

#[test]
fn more_websockets_than_fit_are_told_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop::start(folder.path());
    let (connections, sockets) = shop.room;
    let watch = || {
        let stream = shop.connect();
        let upgrade = "GET /ws/stock?sku=TEE-RED-M HTTP/1.1\r\nHost: shop\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        (&stream).write_all(upgrade.as_bytes()).unwrap();
        let status = status(&stream);
        (stream, status)
    };
    let watching: Vec<_> = (0..sockets).map(|_| watch()).collect();
    assert!(watching.iter().all(|(_, status)| *status == 101));
    assert_eq!(watch().1, 503);
    // Watchers take no connection's place.
    let buyers: Vec<TcpStream> = (0..connections).map(|_| shop.connect()).collect();
    for stream in &buyers {
        ask(stream, "GET /healthz", "");
        assert_eq!(status(stream), 200);
    }
    let said = shop.end();
    assert!(!said.contains("can't be accepted"), "{said}");
}
