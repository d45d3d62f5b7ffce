//! Watchers in a process of their own: the bench runs itself again with [`ARGUMENT`].
//!
//! They speak just enough WebSocket to be cheap, since they share the machine with the server they
//! measure: a handshake, whole text frames, an answer to each ping. The bench tells them what to do
//! by lines on their standard input, they say what came of it by lines on their standard output.

use bytes::{Buf as _, BytesMut};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    rc::Rc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    sync::Semaphore,
    task::LocalSet,
};

/// Makes the bench the watchers' process: `--watchers ADDRESS PATH SOCKETS`.
pub const ARGUMENT: &str = "--watchers";

/// Files that a process needs beside its sockets.
const SPARE_FILES: u64 = 200;
/// Handshakes at once while nobody hurries.
const CALMLY: usize = 200;
/// Without an answer by then a handshake is begun anew.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// Microseconds on the clock that all processes of this machine share.
#[expect(clippy::disallowed_methods, reason = "two processes compare what they note")]
pub fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_micros() as u64
}

/// As many sockets of `wanted` as this process may open.
pub fn sockets_of(wanted: usize) -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let room = maximum.unwrap_or(u64::MAX).saturating_sub(SPARE_FILES);
    wanted.min(usize::try_from(room).unwrap_or(usize::MAX))
}

/// Frames that arrived: by what they said is free, when each came.
pub type Seen = BTreeMap<u64, Vec<u64>>;

/// The watchers' process, as the bench holds it.
pub struct Watchers {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Watchers {
    /// Starts it; it connects when it is told to.
    pub fn start(address: &str, path: &str, sockets: usize) -> Watchers {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args([ARGUMENT, address, path, &sockets.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the watchers");
        let stdin = child.stdin.take().expect("their input");
        let stdout = BufReader::new(child.stdout.take().expect("their output"));
        Watchers { child, stdin, stdout }
    }

    /// Asks for something and hears what came of it.
    pub fn ask(&mut self, what: &str) -> String {
        self.tell(what);
        self.hear()
    }

    /// Asks for something that takes a while; [`Watchers::hear`] waits for it.
    pub fn tell(&mut self, what: &str) {
        writeln!(self.stdin, "{what}").expect("they listen");
    }

    /// Their next line.
    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("they answer");
        line.trim().to_owned()
    }

    /// The frames since `measure`.
    pub fn seen(&mut self) -> Seen {
        let lines = self.ask("stop").parse().expect("a number of lines");
        let line = |_| {
            let line = self.hear();
            let (free, times) = line.split_once(' ').expect("a value and times");
            let times = times.split(' ').map(|time| time.parse().expect("a time"));
            (free.parse().expect("a value"), times.collect())
        };
        (0..lines).map(line).collect()
    }

    /// Processor time that they have used.
    pub fn cpu(&self) -> Duration {
        super::cpu_of(&self.child.id().to_string())
    }
}

impl Drop for Watchers {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What all sockets of the process share.
#[derive(Default)]
struct Shared {
    measuring: bool,
    seen: Seen,
    /// Sockets that have seen a frame since they connected.
    connected: usize,
    /// Answers other than 101.
    refused: usize,
    /// Connections that broke, or were begun anew.
    broken: usize,
}

type State = Rc<RefCell<Shared>>;

/// The process: does what its standard input says until that ends.
pub fn serve(arguments: &[String]) {
    let [address, path, sockets] = arguments else { panic!("{ARGUMENT} ADDRESS PATH SOCKETS") };
    let address: SocketAddr = address.parse().expect("an address");
    let sockets: usize = sockets.parse().expect("a number");
    assert_eq!(sockets_of(sockets), sockets, "the bench asked how many fit");
    let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), async {
        let state = State::default();
        let mut tasks = vec![];
        while let Some(line) = lines.recv().await {
            match line.as_str() {
                "connect" => tasks = connect(address, path, sockets, CALMLY, &state).await,
                "storm" => {
                    tasks.drain(..).for_each(|task: tokio::task::JoinHandle<()>| task.abort());
                    tokio::task::yield_now().await;
                    tasks = connect(address, path, sockets, sockets, &state).await;
                }
                "measure" => {
                    let mut state = state.borrow_mut();
                    (state.measuring, state.broken) = (true, 0);
                    state.seen.clear();
                    println!("measuring");
                }
                "stop" => report(&state),
                other => panic!("{other} is nothing that watchers do"),
            }
        }
    });
}

/// Connects all and says when each has its first frame: seconds, refusals, broken connections.
async fn connect(
    address: SocketAddr,
    path: &str,
    sockets: usize,
    at_once: usize,
    state: &State,
) -> Vec<tokio::task::JoinHandle<()>> {
    {
        let mut state = state.borrow_mut();
        (state.connected, state.refused, state.broken) = (0, 0, 0);
    }
    let (begun, gate) = (now_us(), Rc::new(Semaphore::new(at_once)));
    let start = |n| {
        let (path, state, gate) = (path.to_owned(), state.clone(), gate.clone());
        tokio::task::spawn_local(async move { stay(n, address, &path, &gate, &state).await })
    };
    let tasks = (0..sockets).map(start).collect();
    while state.borrow().connected < sockets {
        tokio::time::timeout(Duration::from_millis(5), std::future::pending::<()>())
            .await
            .unwrap_or_default();
    }
    let state = state.borrow();
    let seconds = Duration::from_micros(now_us() - begun).as_secs_f64();
    println!("{seconds:.3} {} {}", state.refused, state.broken);
    tasks
}

fn report(state: &State) {
    let mut state = state.borrow_mut();
    state.measuring = false;
    assert_eq!(state.broken, 0, "sockets broke while they were measured");
    let mut text = format!("{}\n", state.seen.len());
    for (free, times) in std::mem::take(&mut state.seen) {
        text.push_str(&free.to_string());
        for time in times {
            text.push(' ');
            text.push_str(&time.to_string());
        }
        text.push('\n');
    }
    std::io::stdout().lock().write_all(text.as_bytes()).expect("the bench listens");
}

/// One watcher, who comes back whenever the connection ends.
async fn stay(n: usize, address: SocketAddr, path: &str, gate: &Semaphore, state: &State) {
    loop {
        let handshake = tokio::time::timeout(HANDSHAKE_WITHIN, async {
            let _turn = gate.acquire().await;
            let mut stream = open(n, address).await?;
            let answer = shake_hands(&mut stream, address, path).await?;
            Ok::<_, std::io::Error>((stream, answer))
        });
        match handshake.await {
            Ok(Ok((stream, Some(buffer)))) => {
                let _ = watch(stream, buffer, state).await;
                state.borrow_mut().broken += 1;
            }
            Ok(Ok((_, None))) => {
                state.borrow_mut().refused += 1;
                tokio::time::timeout(Duration::from_secs(1), std::future::pending::<()>())
                    .await
                    .unwrap_or_default();
            }
            Ok(Err(_)) | Err(_) => state.borrow_mut().broken += 1,
        }
    }
}

/// From one of several loopback addresses, so that there are ports for two rounds of everybody.
async fn open(n: usize, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let from = Ipv4Addr::new(127, 0, 0, 2 + (n % 8) as u8);
    socket.bind(SocketAddr::from((from, 0)))?;
    socket.connect(address).await
}

/// What came behind the answer's head; `None` when it was no 101.
async fn shake_hands(
    stream: &mut TcpStream,
    address: SocketAddr,
    path: &str,
) -> std::io::Result<Option<BytesMut>> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = BytesMut::with_capacity(512);
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let switched = buffer.starts_with(b"HTTP/1.1 101 ");
            buffer.advance(end + 4);
            return Ok(switched.then_some(buffer));
        }
    }
}

async fn watch(mut stream: TcpStream, mut buffer: BytesMut, state: &State) -> std::io::Result<()> {
    let mut first = true;
    loop {
        while let Some((kind, payload)) = take_frame(&mut buffer) {
            match kind {
                1 => {
                    let free = number_behind(&payload, b"\"free\":");
                    let mut state = state.borrow_mut();
                    if state.measuring {
                        state.seen.entry(free).or_default().push(now_us());
                    }
                    state.connected += usize::from(std::mem::take(&mut first));
                }
                // An empty pong, masked by zeros.
                9 => stream.write_all(&[0x8A, 0x80, 0, 0, 0, 0]).await?,
                _ => return Ok(()),
            }
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
    }
}

/// Kind and payload of the first frame, once it is whole; the server sends short ones only.
fn take_frame(buffer: &mut BytesMut) -> Option<(u8, BytesMut)> {
    let [kind, short, ..] = buffer[..] else { return None };
    let (head, length) = match short {
        126 if buffer.len() >= 4 => (4, usize::from(u16::from_be_bytes([buffer[2], buffer[3]]))),
        126 => return None,
        _ => (2, usize::from(short)),
    };
    if buffer.len() < head + length {
        return None;
    }
    buffer.advance(head);
    Some((kind & 0x0F, buffer.split_to(length)))
}

fn number_behind(text: &[u8], name: &[u8]) -> u64 {
    let at = text.windows(name.len()).position(|window| window == name).expect("a stock frame");
    let digits = text[at + name.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}
