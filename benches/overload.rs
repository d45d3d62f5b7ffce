//! What is left of a shop when ten times as many come as it can serve.
//!
//! Three processes: the server as it is in production; the crowd, see `support/crowd.rs`; and this
//! one, which looks at the server's memory. The peak is measured first, by the same crowd without a
//! rate; then newcomers are due at ten times that rate. A machine that serves a crowd with half of
//! itself can't also send ten times as many requests, so the table says how many were sent: a
//! connection that waits for its refusal sends nothing else. Nothing is lost: in the end as many
//! units are reserved as adds were answered with 200, also after a restart.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a bench prints rounded figures and may end where it can't go on"
)]

mod support;

use doorbuster::{
    actors::Settings,
    load::{Client, Target},
};
use std::{path::Path, time::Duration};
use support::{
    House, count,
    crowd::{self, Came, Crowd},
    median,
    server::Server,
    table,
};

/// What the peak is measured with.
const CONNECTIONS: usize = 256;

/// Of crowds that are too large.
const CROWDS: [usize; 2] = [2_048, 8_192];

const SKU: &str = "SKU-0";

fn ms(us: u64) -> String {
    format!("{:.1} ms", us as f64 / 1e3)
}

fn reached(what: &str, yes: bool) -> String {
    format!("{what}: {}", if yes { "yes" } else { "NO" })
}

/// Units in carts, as the server says.
fn reserved(target: &Target) -> u64 {
    support::runtime().block_on(async {
        let answer = Client::new(target).get(&format!("/api/inventory/{SKU}"), &[]).await;
        let stock: serde_json::Value = answer.expect("an answer").json().expect("JSON");
        stock["reserved"].as_u64().expect("a number")
    })
}

/// The most memory that the server had while a crowd came.
fn watched(server: &Server, crowd: Crowd) -> (Came, u64) {
    let (done, over) = std::sync::mpsc::channel();
    let came = std::thread::spawn(move || {
        let came = crowd.came();
        let _ = done.send(());
        came
    });
    let mut most = server.resident();
    while over.recv_timeout(Duration::from_millis(50)).is_err() {
        most = most.max(server.resident());
    }
    (came.join().expect("a crowd"), most)
}

struct Row {
    what: String,
    came: Came,
    most_bytes: u64,
}

impl Row {
    fn cells(&self, peak: f64) -> Vec<String> {
        let Row { what, came, most_bytes } = self;
        let share = came.goodput() / peak;
        let overrun = came.due as f64 / came.seconds / peak > 2.0;
        vec![
            what.clone(),
            count(came.due as f64 / came.seconds),
            count(came.sent() as f64 / came.seconds),
            count(came.goodput()),
            if overrun {
                reached(&format!("{share:.2}x, at least 0.9"), share >= 0.9)
            } else {
                format!("{share:.2}x")
            },
            format!("{} / {}", ms(came.ok_p50_us), ms(came.ok_p99_us)),
            if came.refused == 0 {
                "nobody".to_owned()
            } else {
                format!("{} / {}", ms(came.refused_p50_us), ms(came.refused_p99_us))
            },
            count(came.failed as f64),
            format!("{} MiB", most_bytes >> 20),
        ]
    }
}

fn measure(server: &Server, what: String, connections: usize, rate: f64, time: Duration) -> Row {
    let crowd = Crowd::start(&server.target, SKU, connections, rate as u64, time);
    let (came, most_bytes) = watched(server, crowd);
    if came.failed > 0 {
        println!("{what}: {} without an answer to use, the first: {}", came.failed, came.oddity);
    }
    Row { what, came, most_bytes }
}

fn overrun(store: &Path, time: Duration, rounds: usize, crowds: &[usize]) {
    let server = Server::start(store, &["--most-connections", "10000"]);
    let mut served = 0;
    let mut all = vec![];
    let mut peaks = vec![];
    for _ in 0..rounds {
        let row = measure(&server, "as fast as they are answered".into(), CONNECTIONS, 0.0, time);
        peaks.push(row.came.goodput());
        served += row.came.ok;
        all.push(row);
    }
    let peak = median(peaks);
    let rest = format!("70 % of the peak, {CONNECTIONS} connections");
    let mut plans = vec![(rest, CONNECTIONS, 0.7)];
    plans.extend(crowds.iter().map(|connections| {
        (format!("10x the peak, {} connections", count(*connections as f64)), *connections, 10.0)
    }));
    for (what, connections, times) in plans {
        for _ in 0..rounds {
            let row = measure(&server, what.clone(), connections, peak * times, time);
            served += row.came.ok;
            all.push(row);
        }
    }
    let title = "overload: newcomers' adds, client in its own process on the same machine";
    let header = [
        "crowd",
        "due/s",
        "sent/s",
        "served/s",
        "of the peak",
        "served p50 / p99",
        "refused p50 / p99",
        "failed",
        "memory",
    ];
    let rows: Vec<_> = all.iter().map(|row| row.cells(peak)).collect();
    table(title, &header, &rows);
    judge(&all);
    println!("{}", kept("reserved", served, reserved(&server.target)));
    server.end();
    let again = Server::start(store, &[]);
    println!("{}", kept("reserved after a restart", served, reserved(&again.target)));
    again.end();
}

fn judge(all: &[Row]) {
    let most = |of: fn(&Came) -> u64, of_them: &dyn Fn(&&Row) -> bool| {
        all.iter().filter(of_them).map(|row| of(&row.came)).max().unwrap_or_default()
    };
    let calm = most(|came| came.ok_p99_us, &|row| row.what.starts_with("70 %"));
    let first = format!("10x the peak, {} connections", count(CROWDS[0] as f64));
    let served = most(|came| came.ok_p99_us, &|row| row.what == first);
    let refused = most(|came| came.refused_p99_us, &|row| row.what == first);
    println!("{}", reached(&format!("p99 at 70 % {}, at most 5 ms", ms(calm)), calm <= 5_000));
    let (served, refused) = (
        reached(&format!("p99 of the served {}, at most 250 ms", ms(served)), served <= 250_000),
        reached(&format!("of the refused {}, at most 50 ms", ms(refused)), refused <= 50_000),
    );
    println!("{first}: {served}; {refused}");
}

fn kept(what: &str, served: u64, reserved: u64) -> String {
    reached(&format!("{what}: {} of {} served", count(reserved as f64), count(served as f64)), {
        served == reserved
    })
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == crowd::ARGUMENT) {
        return crowd::come(&arguments[at + 1..]);
    }
    let length = support::length();
    let folder = tempfile::tempdir().expect("a temporary folder");
    support::runtime().block_on(async {
        let house = House::open(folder.path(), Settings::default()).await;
        house.stock(1).await;
        house.close().await;
    });
    let crowds = if support::smoke() { &CROWDS[..1] } else { &CROWDS };
    let time = if support::smoke() { length.each } else { length.each.max(Duration::from_secs(5)) };
    overrun(folder.path(), time, length.rounds, crowds);
}
