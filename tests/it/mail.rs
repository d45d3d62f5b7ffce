//! Letters as files and through a real mail server, from a shop that sells meanwhile.

use crate::app::{App, Reply, SOON, details};
use doorbuster::{
    actors::herald,
    ports::mail::{Mailbox, Route},
    shop::mail,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;

/// Waits for something that comes by itself.
async fn wait_until(what: &str, within: Duration, mut come: impl FnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !come() {
        assert!(Instant::now() < deadline, "{what} takes longer than {within:?}");
        doorbuster::ports::clock::pause(Duration::from_millis(10)).await;
    }
}

async fn buy(app: &App, email: &str, language: &str, gift: Value) -> Reply {
    let token = app.guest("TEE", 1).await;
    let headers = [
        ("Cart-Token", token.as_str()),
        ("Idempotency-Key", "k"),
        ("Prefer", "wait=10"),
        ("Accept-Language", language),
    ];
    let mut body = details("tok_approve");
    body["email"] = json!(email);
    if !gift.is_null() {
        body["gift"] = gift;
    }
    let order = app.call("POST", "/api/cart/checkout", &headers, body).await;
    assert_eq!((order.status(), order.text("/status")), (201, "confirmed"), "{order}");
    order
}

fn files(store: &Path) -> BTreeMap<String, String> {
    let read = |item: std::io::Result<fs::DirEntry>| {
        let path = item.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap_or_default())
    };
    let all = fs::read_dir(store.join("mail")).unwrap().map(read);
    all.filter(|(name, _)| !name.starts_with('.')).collect()
}

#[tokio::test]
async fn letters_are_files_of_the_store_unless_something_else_is_set() {
    let options = mail::Options {
        public_url: Some("https://shop.example.com".to_owned()),
        ..mail::Options::default()
    };
    let app = App::with_mail(options).await;
    app.stock_up("TEE", 9).await;
    let gift = json!({"to": "Mum <mum@example.com>", "message": "Feliz d\u{ed}a"});
    let order = buy(&app, "ana@example.com", "de, es-MX;q=0.9, en;q=0.8", gift).await;
    let id = order.text("/id");
    let cancelled = app.admin("POST", &format!("/api/orders/{id}/cancel"), Value::Null).await;
    assert_eq!(cancelled.text("/status"), "cancelled", "{cancelled}");
    let store = app.folder().to_owned();
    wait_until("three letters", SOON, || files(&store).len() == 3).await;
    let files = files(&store);
    let names: Vec<&String> = files.keys().collect();
    let expected = ["cancellation", "confirmation", "gift"];
    assert_eq!(
        names,
        expected.map(|kind| format!("{kind}.{id}@localhost.eml")).iter().collect::<Vec<_>>()
    );
    for (name, text) in &files {
        assert!(text.contains("\nContent-Language: es\r\n"), "{name}: {text}");
        let mum = text.contains("To: Mum <mum@example.com>");
        assert_eq!(mum, name.starts_with("gift"), "{text}");
        assert_eq!(text.contains("19,99 USD"), !mum, "{text}");
    }
    // What the buyer can follow: no head is needed.
    let confirmation = files[names[1]].replace("=\r\n", "").replace("=3D", "=");
    let link = confirmation.split("https://shop.example.com").nth(1).unwrap();
    let path = link.split(|c: char| c.is_whitespace() || c == '"').next().unwrap();
    let read = app.get(path).await;
    assert_eq!((read.status(), read.text("/id")), (200, id), "{read}");
    app.get(&format!("/api/orders/{id}?token=x.y")).await.is_problem(403, "forbidden");
    app.get(&format!("/api/orders/{id}")).await.is_problem(401, "token-required");
    app.close().await;
}

#[tokio::test]
async fn dead_letters_are_the_admins_to_see_and_to_send_again() {
    let app = App::new().await;
    app.stock_up("TEE", 9).await;
    app.get("/api/mail/dead").await.is_problem(401, "token-required");
    let none = app.admin("GET", "/api/mail/dead", Value::Null).await;
    assert_eq!((none.status(), none.body()), (200, json!({"items": [], "next": null})));
    app.admin("GET", "/api/mail/dead?cursor=zz", Value::Null).await.is_invalid("cursor");
    app.admin("GET", "/api/mail/dead?limit=0", Value::Null).await.is_problem(422, "invalid");
    for id in ["mail_0-1-gift", "mail_7-1-gift", "nonsense"] {
        let path = format!("/api/mail/dead/{id}/resend");
        let wrong = [("Authorization", "Bearer wrong")];
        let denied = app.call("POST", &path, &wrong, Value::Null).await;
        let expected = if id == "nonsense" { 404 } else { 403 };
        assert_eq!(denied.status(), expected, "{denied}");
        app.admin("POST", &path, Value::Null).await.is_problem(404, "not-found");
    }
    app.close().await;
}

/// `tests/mail/server.py`, and what it has said.
struct Real {
    child: Child,
    stdin: Option<ChildStdin>,
    port: u64,
    said: Arc<Mutex<Vec<Value>>>,
}

impl Real {
    /// `None`, and a word about it, where the tools are missing.
    fn start(options: &[&str]) -> Option<Real> {
        let Ok(python) = std::env::var("DOORBUSTER_PYTHON") else {
            eprintln!("skipped: DOORBUSTER_PYTHON names no Python; ./test provides it");
            return None;
        };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mail/server.py");
        let mut command = Command::new(python);
        let command = command.arg(script).args(options);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let said = Arc::<Mutex<Vec<Value>>>::default();
        let hears = said.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                hears.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        let (port, stdin) = (first["listening"].as_u64().unwrap(), child.stdin.take());
        Some(Real { child, stdin, port, said })
    }

    fn options(&self) -> mail::Options {
        let route = format!("smtp://127.0.0.1:{}?tls=none", self.port);
        mail::Options {
            route: Route::parse(&route).unwrap(),
            from: Mailbox::find("Shop <shop@example.com>").unwrap(),
            timeout_ms: 500,
            herald: herald::Settings {
                first_pause_ms: 20,
                longest_pause_ms: 200,
                most_attempts: 1_000,
                ..herald::Settings::default()
            },
            ..mail::Options::default()
        }
    }

    /// How often each recipient got a letter.
    fn taken(&self) -> BTreeMap<String, u32> {
        let mut taken = BTreeMap::new();
        for line in self.said.lock().unwrap().iter().filter(|line| line["taken"].is_string()) {
            *taken.entry(line["to"][0].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
        taken
    }

    /// What was said to attempts.
    fn fates(&self) -> BTreeSet<String> {
        let said = self.said.lock().unwrap();
        said.iter().filter_map(|line| Some(line["fate"].as_str()?.to_owned())).collect()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_stalls_drops_and_throttles_gets_every_letter_in_the_end() {
    let Some(real) = Real::start(&["--per-second", "20"]) else { return };
    let app = App::with_mail(real.options()).await;
    app.stock_up("TEE", 999).await;
    let troubles = [
        "ok",
        "later-later",
        "laterdata",
        "stall",
        "stalldata",
        "drop-drop",
        "lost",
        "busy-later",
        "drop-stall-later-lost",
    ];
    let mut expected = BTreeMap::new();
    for round in 0..6 {
        for trouble in troubles {
            let email = format!("{trouble}+{round}@example.com");
            // What the shop promises its buyers does not depend on any of this.
            buy(&app, &email, "en", Value::Null).await;
            let times = if trouble.contains("lost") { 2 } else { 1 };
            expected.insert(email, times);
        }
    }
    let all = || real.taken().len() == expected.len();
    wait_until("every letter arrives", Duration::from_secs(120), all).await;
    // A lost answer means the same message once more, and nothing else does.
    let again = || real.taken() == expected;
    wait_until("each as often as its answer was lost", Duration::from_secs(30), again).await;
    let known = ["busy", "drop", "later", "laterdata", "lost", "ok", "stall", "stalldata"];
    let known = known.iter().chain(&["throttled"]).map(|fate| (*fate).to_owned()).collect();
    assert_eq!(real.fates(), known, "all of it has happened");
    let app = app.restart().await;
    buy(&app, "ok+last@example.com", "en", Value::Null).await;
    wait_until("the last one", SOON, || real.taken().contains_key("ok+last@example.com")).await;
    expected.insert("ok+last@example.com".to_owned(), 1);
    assert_eq!(real.taken(), expected, "none of them comes again after a restart");
    app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_a_real_server_refuses_is_dead_and_can_be_sent_again() {
    let Some(real) = Real::start(&[]) else { return };
    let app = App::with_mail(real.options()).await;
    app.stock_up("TEE", 9).await;
    let order = buy(&app, "refuse-refuse+1@example.com", "en", Value::Null).await;
    let dead = async || loop {
        let dead = app.admin("GET", "/api/mail/dead", Value::Null).await;
        if dead.at("/items/0/id").is_string() {
            break dead;
        }
        doorbuster::ports::clock::pause(Duration::from_millis(10)).await;
    };
    let letter = dead().await;
    assert_eq!(letter.text("/items/0/order"), order.text("/id"), "{letter}");
    assert_eq!(letter.text("/items/0/kind"), "confirmation");
    assert_eq!(letter.text("/items/0/to"), "Ana <refuse-refuse+1@example.com>");
    assert!(letter.text("/items/0/last_error").contains("550"), "{letter}");
    let path = format!("/api/mail/dead/{}/resend", letter.text("/items/0/id"));
    let resend = app.admin_keyed(&path, "again", Value::Null).await;
    assert_eq!((resend.status(), resend.text("/status")), (202, "resending"), "{resend}");
    let repeat = app.admin_keyed(&path, "again", Value::Null).await;
    assert_eq!((repeat.status(), repeat.replayed()), (202, true), "{repeat}");
    let refused = || {
        let said = real.said.lock().unwrap();
        said.iter().filter(|line| line["fate"] == "refuse").count() == 2
    };
    wait_until("it is refused again", SOON, refused).await;
    dead().await;
    let app = app.restart().await;
    let resend = app.admin("POST", &path, Value::Null).await;
    assert_eq!(resend.status(), 202, "{resend}");
    wait_until("the third time is taken", SOON, || real.taken().len() == 1).await;
    let none = app.admin("GET", "/api/mail/dead", Value::Null).await;
    assert_eq!(none.body(), json!({"items": [], "next": null}));
    app.close().await;
}
