//! SMTP against a real server (`tests/mail/server.py`), where Python and its packages are there.

use super::{super::contract, *};
use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdin, Command, Stdio},
    sync::Arc,
};
use tempfile::TempDir;

/// Long enough for an answer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// As long as a test waits for a server that says nothing.
const IMPATIENCE: Duration = Duration::from_millis(300);

/// A server and what it has said.
struct Real {
    child: Child,
    stdin: Option<ChildStdin>,
    port: u16,
    folder: TempDir,
    said: Arc<Mutex<Vec<Value>>>,
}

impl Real {
    /// `None`, and a word about it, where the tools are missing.
    fn start(options: &[&str]) -> Option<Real> {
        let Ok(python) = std::env::var("DOORBUSTER_PYTHON") else {
            eprintln!("skipped: DOORBUSTER_PYTHON names no Python; ./test provides it");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mail/server.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg("--ca")
            .arg(folder.path().join("ca.pem"))
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let port = u16::try_from(first["listening"].as_u64().unwrap()).unwrap();
        let said = Arc::<Mutex<Vec<Value>>>::default();
        let hears = said.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                hears.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        let stdin = child.stdin.take();
        Some(Real { child, stdin, port, folder, said })
    }

    fn server(&self, tls: &str) -> Server {
        Server::parse(&format!("smtp://127.0.0.1:{}?tls={tls}", self.port)).unwrap()
    }

    fn mail(&self, server: Server, deadline: Duration) -> Smtp {
        let ca = self.folder.path().join("ca.pem");
        let ca = ca.exists().then_some(ca);
        Smtp::new(server, contract::shop(), ca.as_deref(), deadline, 2).unwrap()
    }

    /// All that was taken, once that is so many: a letter may be faster than its news.
    async fn taken(&self, count: usize) -> Vec<Value> {
        for _ in 0..1_000 {
            if self.so_far().len() >= count {
                break;
            }
            crate::ports::clock::pause(Duration::from_millis(10)).await;
        }
        let taken = self.so_far();
        assert_eq!(taken.len(), count, "{taken:?}");
        taken
    }

    fn so_far(&self) -> Vec<Value> {
        let said = self.said.lock().unwrap();
        said.iter().filter(|line| line.get("taken").is_some()).cloned().collect()
    }

    fn bytes(&self) -> Vec<Vec<u8>> {
        self.so_far().iter().map(|line| base64(line["taken"].as_str().unwrap())).collect()
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

/// RFC 4648, as Python writes it.
fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |byte: u8| DIGITS.iter().position(|known| *known == byte);
    let digits: Vec<usize> = text.bytes().filter_map(digit).collect();
    let mut bytes = vec![];
    for group in digits.chunks(4) {
        let all = group.iter().fold(0_u32, |all, digit| all << 6 | u32::try_from(*digit).unwrap());
        let all = all << (6 * (4 - group.len()));
        bytes.extend(&all.to_be_bytes()[1..group.len()]);
    }
    bytes
}

fn letter(to: &str, id: &str) -> Letter {
    let to = Mailbox { name: None, address: format!("{to}@example.com") };
    Letter { to, ..contract::letter(id) }
}

#[tokio::test]
async fn a_real_server_keeps_the_contract() {
    let Some(real) = Real::start(&[]) else { return };
    let mail = real.mail(real.server("none"), PATIENCE);
    contract::suite(&mail, &|| real.bytes()).await;
    let kept = mail.parked().len();
    assert_eq!(kept, 1, "one connection was enough and is kept");
}

#[tokio::test]
async fn each_trouble_is_called_by_its_name() {
    let Some(real) = Real::start(&[]) else { return };
    let mail = real.mail(real.server("none"), IMPATIENCE);
    let attempt = async |to: &str| mail.send(&letter(to, to)).await;
    assert!(matches!(attempt("later+1").await, Err(Error::Later(why)) if why.contains("451")));
    assert!(matches!(attempt("laterdata+1").await, Err(Error::Later(_))));
    assert!(matches!(attempt("refuse+1").await, Err(Error::Refused(why)) if why.contains("550")));
    for out_of_reach in ["stall+1", "stalldata+1", "drop+1", "busy+1", "lost+1"] {
        let sent = attempt(out_of_reach).await;
        assert!(matches!(sent, Err(Error::Unreachable(_))), "{out_of_reach}: {sent:?}");
    }
    real.taken(1).await;
}

#[tokio::test]
async fn a_connection_that_was_cut_short_is_never_used_again() {
    let Some(real) = Real::start(&[]) else { return };
    let mail = real.mail(real.server("none"), IMPATIENCE);
    mail.send(&letter("ok", "first")).await.unwrap();
    assert_eq!(mail.parked().len(), 1);
    let stalled = mail.send(&letter("stalldata+1", "stalled")).await;
    assert!(matches!(stalled, Err(Error::Unreachable(_))), "{stalled:?}");
    assert_eq!(mail.parked().len(), 0, "what it says next would be about the letter before");
    mail.send(&letter("ok", "second")).await.unwrap();
    mail.send(&letter("stalldata+1", "stalled")).await.unwrap();
    real.taken(3).await;
    let ids = real.bytes().into_iter().map(|bytes| String::from_utf8(bytes).unwrap());
    let ids: Vec<String> = ids
        .filter_map(|text| text.split("Message-ID: <").nth(1)?.split('@').next().map(str::to_owned))
        .collect();
    assert_eq!(ids, ["first", "second", "stalled"]);
}

#[tokio::test]
async fn a_connection_that_the_server_has_closed_is_replaced() {
    let Some(mut real) = Real::start(&[]) else { return };
    let mail = real.mail(real.server("none"), PATIENCE);
    mail.send(&letter("ok", "first")).await.unwrap();
    let port = real.port.to_string();
    drop(real.stdin.take());
    real.child.wait().unwrap();
    let gone = mail.send(&letter("ok", "nobody")).await;
    assert!(matches!(gone, Err(Error::Unreachable(_))), "{gone:?}");
    let again = Real::start(&["--port", &port]).unwrap();
    mail.send(&letter("ok", "second")).await.unwrap();
    again.taken(1).await;
}

#[tokio::test]
async fn letters_are_encrypted_and_the_server_must_be_who_it_says() {
    for tls in ["starttls", "wrapped"] {
        let Some(real) = Real::start(&["--tls", tls]) else { return };
        let route = match tls {
            "wrapped" => format!("smtps://localhost:{}", real.port),
            _ => format!("smtp://localhost:{}?tls=required", real.port),
        };
        let server = Server::parse(&route).unwrap();
        real.mail(server.clone(), PATIENCE).send(&letter("ok", "safe")).await.unwrap();
        assert_eq!(real.taken(1).await[0]["tls"], true);
        let stranger = Smtp::new(server, contract::shop(), None, PATIENCE, 2).unwrap();
        let sent = stranger.send(&letter("ok", "stranger")).await;
        assert!(matches!(sent, Err(Error::Unreachable(_))), "its CA is not known: {sent:?}");
        real.taken(1).await;
    }
}

#[tokio::test]
async fn no_letter_leaves_in_the_clear_where_tls_is_required() {
    let Some(real) = Real::start(&[]) else { return };
    let sent = real.mail(real.server("required"), PATIENCE).send(&letter("ok", "x")).await;
    assert!(matches!(sent, Err(Error::Unreachable(_))), "{sent:?}");
    real.mail(real.server("opportunistic"), PATIENCE).send(&letter("ok", "y")).await.unwrap();
    real.taken(1).await;
}

#[tokio::test]
async fn a_login_is_used_and_a_wrong_one_is_no_letters_fault() {
    let Some(real) = Real::start(&["--tls", "starttls", "--login"]) else { return };
    let server = |login: &str| {
        let route = format!("smtp://{login}@localhost:{}?tls=required", real.port);
        Server::parse(&route).unwrap()
    };
    let wrong = real.mail(server("shop:wrong"), PATIENCE).send(&letter("ok", "x")).await;
    assert!(matches!(wrong, Err(Error::Unreachable(_))), "{wrong:?}");
    let mail = real.mail(server("shop:open%20sesame%21"), PATIENCE);
    mail.send(&letter("ok", "y")).await.unwrap();
    assert_eq!(real.taken(1).await[0]["login"], true);
}

#[test]
fn a_server_is_read_as_it_is_shown() {
    for (text, shown) in [
        ("smtp://mail.example.com", "smtp://mail.example.com:587?tls=opportunistic"),
        ("smtp://mail.example.com?tls=none", "smtp://mail.example.com:25?tls=none"),
        ("smtp://a:b@mail.example.com", "smtp://a:***@mail.example.com:587?tls=required"),
        ("smtp://a:b@localhost:25", "smtp://a:***@localhost:25?tls=opportunistic"),
        ("smtp://[::1]:2525", "smtp://[::1]:2525?tls=opportunistic"),
        ("smtps://mail.example.com/", "smtps://mail.example.com:465"),
    ] {
        assert_eq!(Server::parse(text).unwrap().to_string(), shown);
    }
    let login = Server::parse("smtp://a%40b.co:p%C3%A4ss%25@host").unwrap().login;
    assert_eq!(login, Some(("a@b.co".to_owned(), "päss%".to_owned())));
}
