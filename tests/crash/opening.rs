//! A store that takes long to open: the process says that it lives, and lets nobody in too early.
//!
//! The store's description is a pipe here, so it opens when the test writes into it.

use crate::server::{ADMIN, doorbuster};
use bytes::Bytes;
use doorbuster::load::{Answer, Client, Target};
use hyper::Method;
use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::{Pid, Signal, kill_process},
};
use std::{
    fs,
    net::TcpListener,
    process::{Child, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// Tries before something that should come is given up; a tenth of a second each.
const MOST_TRIES: u32 = 300;

struct Opening {
    folder: TempDir,
    child: Child,
    client: Client,
}

impl Opening {
    fn start() -> Opening {
        let folder = tempfile::tempdir().unwrap();
        let mode = Mode::RUSR | Mode::WUSR;
        mknodat(CWD, folder.path().join("store.json"), FileType::Fifo, mode, 0).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = doorbuster(["serve", "--demo", "false", "--log", "error", "--listen"]);
        command.arg(free.to_string()).args(["--admin-token", ADMIN, "--store"]).arg(folder.path());
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let client = Client::new(&Target::parse(&format!("http://{free}")).unwrap());
        Opening { folder, child, client }
    }

    async fn ask(&mut self, method: Method, path: &str) -> Option<Answer> {
        self.client.request(method, path, &[], Bytes::new()).await.ok()
    }

    async fn becomes(&mut self, path: &str, status: u16) {
        for _ in 0..MOST_TRIES {
            let answer = self.ask(Method::GET, path).await;
            if answer.is_some_and(|answer| answer.status == status) {
                return;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "it ended");
            tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(100)))
                .await
                .unwrap();
        }
        panic!("{path} never is {status}");
    }

    fn let_on(&self, about: &str) {
        fs::write(self.folder.path().join("store.json"), about).unwrap();
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn while_the_store_opens_the_door_says_so() {
    let mut opening = Opening::start();
    opening.becomes("/healthz", 200).await;
    for (method, path) in [
        (Method::GET, "/readyz"),
        (Method::GET, "/metrics"),
        (Method::GET, "/nowhere"),
        (Method::POST, "/api/cart"),
    ] {
        let answer = opening.ask(method, path).await.unwrap();
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.headers["retry-after"], "1");
        assert!(answer.headers.contains_key("x-request-id"));
        assert_eq!(answer.json::<serde_json::Value>().unwrap()["code"], "unavailable");
    }
    opening.let_on(r#"{"format":1,"shards":1}"#);
    opening.becomes("/readyz", 200).await;
    assert_eq!(opening.ask(Method::GET, "/nowhere").await.unwrap().status, 404);
    let pid = Pid::from_raw(i32::try_from(opening.child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(opening.child.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_store_that_does_not_open_ends_the_process() {
    let mut opening = Opening::start();
    opening.becomes("/healthz", 200).await;
    opening.let_on("rubbish");
    assert_eq!(opening.child.wait().unwrap().code(), Some(2));
    let mut said = String::new();
    std::io::Read::read_to_string(&mut opening.child.stderr.take().unwrap(), &mut said).unwrap();
    assert!(said.contains("store.json: is not readable"), "{said}");
}
