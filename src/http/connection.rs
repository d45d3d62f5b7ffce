//! One connection: which HTTP it speaks, and how long it may stay without asking for anything.
//!
//! A client that begins with HTTP/2's preface gets HTTP/2, all others HTTP/1.1 with keep-alive and
//! upgrades. The first bytes are looked at and left where they are, so an HTTP/1.1 connection is
//! read just as if there were no other. Invariant: what one client can make the server keep is
//! bounded: a head, its streams, their bodies, what is not taken yet, and the time without a request
//! or without taking anything of an answer.

use super::{
    opening::Front,
    patience::{Patient, TAKEN_WITHIN},
};
use crate::ports::clock::pause;
use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::{
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, interval_at, timeout},
};

/// How long a client may take to send the head of a request, or stay without one.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// The longest head: 256 SKUs to watch, each with a position, and some headers.
const MAX_HEAD_BYTES: u32 = 48 << 10;

/// Requests of one HTTP/2 connection at once.
const MOST_STREAMS: u32 = 100;

/// Streams that a client has reset before they were looked at; one more ends the connection.
const MOST_RESET: usize = 20;

/// What a client may send of one body ahead of its being read; no body is larger.
const WINDOW_BYTES: u32 = 64 << 10;

/// What may wait for one stream's client to take it.
const SEND_BUFFER_BYTES: usize = 64 << 10;

/// An HTTP/2 client is asked for a sign of life this often, and cut off without one.
const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// How long an HTTP/2 connection that was asked to end may take for what is under way: longer
/// than the longest answer.
const END_WITHIN: Duration = Duration::from_secs(60);

/// What every HTTP/2 connection begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A pause for the rest of a preface that came in parts.
const BREATHER: Duration = Duration::from_millis(5);

/// Serves one connection until it ends; in order once `cutting` changes.
pub(super) async fn answer(
    stream: TcpStream,
    front: Arc<Front>,
    mut cutting: watch::Receiver<bool>,
) {
    // Without it small answers wait for the client's next packet; a broken stream shows below.
    let _ = stream.set_nodelay(true);
    let begun = tokio::select! {
        begun = timeout(HEAD_WITHIN, begins_http2(&stream)) => begun,
        _ = cutting.changed() => return,
    };
    let outcome = match begun {
        Ok(Ok(true)) => http2(stream, front, cutting).await,
        Ok(Ok(false)) => http1(stream, front, cutting).await,
        Ok(Err(error)) => return tracing::debug!(%error, "a connection broke"),
        Err(_) => return tracing::debug!("a connection asked for nothing"),
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection broke");
    }
}

async fn begins_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut bytes = [0; PREFACE.len()];
    loop {
        let count = stream.peek(&mut bytes).await?;
        let seen = bytes.get(..count).unwrap_or_default();
        if seen.is_empty() || seen.len() == PREFACE.len() || !PREFACE.starts_with(seen) {
            return Ok(seen == PREFACE);
        }
        pause(BREATHER).await;
    }
}

async fn http1(
    stream: TcpStream,
    front: Arc<Front>,
    mut cutting: watch::Receiver<bool>,
) -> hyper::Result<()> {
    let service = service_fn(move |request| front.answer(request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_header_size(MAX_HEAD_BYTES as usize)
        .serve_connection(Patient::new(TokioIo::new(stream), TAKEN_WITHIN), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        outcome = connection.as_mut() => outcome,
        _ = cutting.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

async fn http2(
    stream: TcpStream,
    front: Arc<Front>,
    mut cutting: watch::Receiver<bool>,
) -> hyper::Result<()> {
    let requests = Arc::new(AtomicU64::new(0));
    let counted = requests.clone();
    let service = service_fn(move |request| {
        counted.fetch_add(1, Ordering::Relaxed);
        front.answer(request)
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PONG_WITHIN)
        .max_concurrent_streams(MOST_STREAMS)
        .max_pending_accept_reset_streams(MOST_RESET)
        .max_header_list_size(MAX_HEAD_BYTES)
        .initial_stream_window_size(WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .serve_connection(Patient::new(TokioIo::new(stream), TAKEN_WITHIN), service);
    let mut connection = pin!(connection);
    let mut looks = interval_at(Instant::now() + HEAD_WITHIN, HEAD_WITHIN);
    let mut before = 0;
    loop {
        tokio::select! {
            outcome = connection.as_mut() => return outcome,
            _ = cutting.changed() => break,
            _ = looks.tick() => {
                let now = requests.load(Ordering::Relaxed);
                // What is under way is still answered, and who wants more connects again.
                if std::mem::replace(&mut before, now) == now {
                    break;
                }
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    timeout(END_WITHIN, connection).await.unwrap_or(Ok(()))
}
