//! Newcomers in a process of their own, who come at a rate whatever the shop answers.
//!
//! The bench runs itself again with [`ARGUMENT`]. The crowd shares the machine with the server that
//! it overruns, so it is as cheap as a client can be: one thread, prepared bytes, an answer read for
//! its status and length. Each connection carries one request at a time; who is due while all are
//! busy comes as soon as one is free, or never. Latency counts from when a request was sent.

use doorbuster::load::Target;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::{
    cell::{Cell, RefCell},
    io::Read as _,
    process::{Child, Command, Stdio},
    rc::Rc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::LocalSet,
    time::{Instant, sleep_until, timeout},
};

/// Makes the bench the crowd's process: `--crowd ADDRESS BODY CONNECTIONS RATE MILLISECONDS`.
pub const ARGUMENT: &str = "--crowd";

/// What comes later counts as no answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What came of a crowd.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Came {
    /// Turns that were due; as many as were sent without a rate.
    pub due: u64,
    /// Answers by status.
    pub ok: u64,
    /// 429 or 503 with a Retry-After.
    pub refused: u64,
    /// Neither, broken connections among them.
    pub failed: u64,
    /// Of the served and of the refused, in microseconds.
    pub ok_p50_us: u64,
    pub ok_p99_us: u64,
    pub refused_p50_us: u64,
    pub refused_p99_us: u64,
    /// From the first request to the last answer.
    pub seconds: f64,
    /// What the first one that failed was told.
    pub oddity: String,
}

impl Came {
    /// Requests that were sent.
    pub fn sent(&self) -> u64 {
        self.ok + self.refused + self.failed
    }

    fn fail(&mut self, why: &str) {
        self.failed += 1;
        if self.oddity.is_empty() {
            why.clone_into(&mut self.oddity);
        }
    }

    /// Served in a second.
    pub fn goodput(&self) -> f64 {
        self.ok as f64 / self.seconds
    }
}

/// A crowd's process, at work.
pub struct Crowd(Child);

impl Crowd {
    /// `POST /api/cart` of one unit of `sku` each; a `rate` of zero is as fast as they are answered.
    pub fn start(
        target: &Target,
        sku: &str,
        connections: usize,
        rate: u64,
        time: Duration,
    ) -> Crowd {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args([ARGUMENT, target.authority(), sku, &connections.to_string()]);
        command.args([&rate.to_string(), &time.as_millis().to_string()]);
        Crowd(command.stdout(Stdio::piped()).spawn().expect("a crowd"))
    }

    /// Waits until it is over.
    pub fn came(mut self) -> Came {
        let mut said = String::new();
        self.0.stdout.take().expect("its output").read_to_string(&mut said).expect("text");
        self.0.wait().expect("its end");
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error} in {said}"))
    }
}

/// What all connections of the process share.
struct Shared {
    request: Vec<u8>,
    begun: Instant,
    end: Instant,
    rate: u64,
    next: Cell<u64>,
    came: RefCell<Came>,
    ok: RefCell<Histogram<u64>>,
    refused: RefCell<Histogram<u64>>,
}

/// The process: comes, and says what came of it.
pub fn come(arguments: &[String]) {
    let [address, sku, connections, rate, ms] = arguments else { panic!("{arguments:?}") };
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let connections = super::watchers::sockets_of(number(connections) as usize);
    let body = format!("{{\"sku\":\"{sku}\",\"units\":1}}");
    let request = format!(
        "POST /api/cart HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let local = LocalSet::new();
    let shared = local.block_on(&runtime.expect("a runtime"), async {
        let mut streams = vec![];
        for _ in 0..connections {
            // One after the other: a storm of them is another bench's.
            streams.push(connect(address).await);
        }
        let (begun, empty) = (Instant::now(), || Histogram::new(2).expect("two digits"));
        let shared = Rc::new(Shared {
            request: request.into_bytes(),
            begun,
            end: begun + Duration::from_millis(number(ms)),
            rate: number(rate),
            next: Cell::new(0),
            came: RefCell::default(),
            ok: RefCell::new(empty()),
            refused: RefCell::new(empty()),
        });
        let tasks = streams.into_iter().map(|stream| {
            let (shared, address) = (shared.clone(), address.clone());
            tokio::task::spawn_local(async move { turns(&shared, stream, &address).await })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.expect("a worker");
        }
        shared
    });
    let mut came = shared.came.borrow().clone();
    came.seconds = shared.begun.elapsed().as_secs_f64();
    let due = shared.rate * number(ms) / 1_000;
    came.due = if shared.rate == 0 { came.sent() } else { due };
    let (ok, refused) = (shared.ok.borrow(), shared.refused.borrow());
    (came.ok_p50_us, came.ok_p99_us) = (ok.value_at_quantile(0.5), ok.value_at_quantile(0.99));
    came.refused_p50_us = refused.value_at_quantile(0.5);
    came.refused_p99_us = refused.value_at_quantile(0.99);
    println!("{}", serde_json::to_string(&came).expect("JSON"));
}

async fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).await.expect("the server listens");
    stream.set_nodelay(true).expect("an option");
    stream
}

/// One connection's requests, each when it is due or when the last is answered.
async fn turns(shared: &Shared, mut stream: TcpStream, address: &str) {
    let mut buffer = Vec::with_capacity(4_096);
    loop {
        let index = shared.next.replace(shared.next.get() + 1);
        // Without a rate nobody waits.
        let due_ns = (index * 1_000_000_000).checked_div(shared.rate);
        let due = due_ns.map(|due| shared.begun + Duration::from_nanos(due));
        if let Some(due) = due.filter(|due| *due > Instant::now()) {
            sleep_until(due.min(shared.end)).await;
        }
        let sent = Instant::now();
        if sent >= shared.end {
            return;
        }
        let answer = timeout(ANSWER_WITHIN, exchange(shared, &mut stream, &mut buffer)).await;
        let took = sent.elapsed().as_micros() as u64;
        if !shared.note(&answer, took) {
            shared
                .came
                .borrow_mut()
                .fail(&format!("{answer:?} {}", String::from_utf8_lossy(&buffer)));
            stream = connect(address).await;
        }
    }
}

impl Shared {
    /// Counts an answer; false when it is none to count.
    fn note<E>(&self, answer: &Result<std::io::Result<(u16, bool)>, E>, took_us: u64) -> bool {
        let mut came = self.came.borrow_mut();
        match answer {
            Ok(Ok((200, _))) => {
                came.ok += 1;
                self.ok.borrow_mut().record(took_us).expect("it grows");
            }
            Ok(Ok((429 | 503, true))) => {
                came.refused += 1;
                self.refused.borrow_mut().record(took_us).expect("it grows");
            }
            _ => return false,
        }
        true
    }
}

/// Status, and whether it said when to come again.
async fn exchange(
    shared: &Shared,
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> std::io::Result<(u16, bool)> {
    stream.write_all(&shared.request).await?;
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok());
        if buffer.len() >= end + 4 + length.expect("a length") {
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
            return Ok((status.expect("a status"), head.contains("retry-after: ")));
        }
    }
}
