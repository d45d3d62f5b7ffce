//! A gateway: a few sockets with many commands under way on each.

use super::{Figure, cpu};
use doorbuster::load::Target;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

/// An answer that takes longer is none.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Sockets so far, and one.
static OPENED: AtomicU64 = AtomicU64::new(1);

/// What each command does, by its number: the message without its id, which comes first.
pub type Say = fn(u64) -> String;

/// So many sockets that keep so many commands under way, each a new one for each answer. What is not
/// answered 2xx ends the bench.
pub async fn rate(
    target: &Target,
    token: &str,
    say: Say,
    (sockets, under_way): (u64, u64),
    time: Duration,
) -> Figure {
    let (before, begun) = (cpu(), Instant::now());
    let mut all = JoinSet::new();
    for _ in 0..sockets {
        let mut request = format!("ws://{}/ws/commands", target.authority())
            .into_client_request()
            .expect("an address");
        let bearer = format!("Bearer {token}").parse().expect("a header");
        request.headers_mut().insert("authorization", bearer);
        // Numbers of one socket are no other's.
        let numbers = (OPENED.fetch_add(1, Ordering::Relaxed) << 32)..;
        all.spawn(async move {
            let (stream, _) = connect_async(request).await.expect("a socket");
            drive(stream, numbers, say, under_way, begun + time).await
        });
    }
    let mut done = 0;
    while let Some(one) = all.join_next().await {
        done += one.expect("a socket that is answered");
    }
    let elapsed = begun.elapsed().as_secs_f64();
    let used = cpu().saturating_sub(before).as_secs_f64();
    Figure { per_second: done as f64 / elapsed, cpu_us: used * 1e6 / done as f64 }
}

async fn drive(
    mut stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    mut numbers: impl Iterator<Item = u64>,
    say: Say,
    most: u64,
    end: Instant,
) -> u64 {
    let (mut under_way, mut done) = (0, 0);
    loop {
        while under_way < most && Instant::now() < end {
            let number = numbers.next().expect("a number");
            let text = format!("{{\"id\":{number},{}}}", say(number));
            stream.feed(Message::text(text)).await.expect("it listens");
            under_way += 1;
        }
        stream.flush().await.expect("it listens");
        if under_way == 0 {
            return done;
        }
        // What came in one piece is answered in one piece.
        let mut next =
            timeout_at(Instant::now() + ANSWER_WITHIN, stream.next()).await.expect("an answer");
        loop {
            let message = next.expect("an answer").expect("an answer");
            if let Message::Text(text) = message {
                assert!(text.contains(",\"status\":20"), "{text}");
                under_way -= 1;
                done += 1;
            }
            match stream.next().now_or_never() {
                Some(more) => next = more,
                None => break,
            }
        }
    }
}
