//! What happens now, over WebSocket: the stock of SKUs and the course of an order; and commands.
//!
//! Reading order: `frames` encodes each change of a SKU once for everybody; `stock` and `order`
//! are the two kinds of sockets that listen; `commands` is the one that is told what to do. Invariant: a slow client costs nobody else anything: it skips
//! values in between, and is dropped when it takes nothing for 5 s.

mod commands;
mod frames;
mod order;
mod stock;

pub(super) use commands::NAMES;
pub use commands::{MOST_UNDER_WAY, commands};
pub use frames::Frames;
pub use order::order;
pub use stock::stock;

use super::{
    Counted, Door,
    problem::{Code, Problem},
};
use axum::{
    extract::ws::{
        CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code,
        rejection::WebSocketUpgradeRejection,
    },
    response::Response,
};
use futures_util::SinkExt as _;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

/// Most SKUs that one socket watches.
pub const MAX_SKUS: usize = 256;

/// What one socket may take, in bytes.
struct Room {
    /// For what comes; the usual 128 KiB would make ten thousand watchers a gigabyte.
    read: usize,
    /// What is written at once; less waits until it is flushed.
    write: usize,
    /// The longest message of a client.
    message: usize,
}

/// Many sockets that say little, and hear each frame at once.
const LISTENERS: Room = Room { read: 4 << 10, write: 0, message: 16 << 10 };

/// A client that takes nothing for so long is dropped.
const SEND_WITHIN: Duration = Duration::from_secs(5);

/// A client is asked for a sign of life this often, and dropped without one.
const PING_EVERY: Duration = Duration::from_secs(20);

/// Turns a request into a socket.
fn upgrade<F: Future<Output = ()> + Send + 'static>(
    door: &Door,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    room: &Room,
    run: impl FnOnce(Socket) -> F + Send + 'static,
) -> Result<Response, Problem> {
    let upgrade =
        upgrade.map_err(|error| Problem::new(Code::UpgradeRequired, error.body_text()))?;
    // Counted first, so that no two take the last place.
    let counted = door.open_socket();
    if door.sockets() > door.settings().most_sockets {
        return Err(Problem::new(Code::Overloaded, "too many sockets are open; retry later"));
    }
    let upgrade = upgrade
        .read_buffer_size(room.read)
        .write_buffer_size(room.write)
        .max_write_buffer_size(1 << 20)
        .max_message_size(room.message)
        .max_frame_size(room.message);
    Ok(upgrade.on_upgrade(move |socket| run(Socket::new(socket, counted))))
}

/// A socket with a limit on the other side's patience with us, and ours with it.
struct Socket {
    inner: WebSocket,
    pings: Interval,
    alive: bool,
    _counted: Counted,
}

/// The socket is of no more use.
struct Gone;

impl Socket {
    fn new(inner: WebSocket, counted: Counted) -> Socket {
        let mut pings = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Socket { inner, pings, alive: true, _counted: counted }
    }

    async fn send(&mut self, message: Message) -> Result<(), Gone> {
        match timeout(SEND_WITHIN, self.inner.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    /// Writes a message that may wait for others before it is flushed.
    async fn feed(&mut self, message: Message) -> Result<(), Gone> {
        match timeout(SEND_WITHIN, self.inner.feed(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    /// Sends what was fed.
    async fn flush(&mut self) -> Result<(), Gone> {
        match timeout(SEND_WITHIN, self.inner.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    /// The client's next text; keeps the socket alive meanwhile. Can be dropped and called again.
    async fn receive(&mut self) -> Result<Message, Gone> {
        loop {
            tokio::select! {
                message = self.inner.recv() => {
                    self.alive = true;
                    match message {
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Gone),
                        Some(Ok(message)) => return Ok(message),
                    }
                }
                _ = self.pings.tick() => {
                    if !std::mem::replace(&mut self.alive, false) {
                        return Err(Gone);
                    }
                    self.send(Message::Ping(bytes::Bytes::new())).await?;
                }
            }
        }
    }

    /// Says goodbye; whether it is heard doesn't matter.
    async fn close(mut self, reason: &'static str) {
        let frame = CloseFrame { code: close_code::AWAY, reason: reason.into() };
        let _ = self.send(Message::Close(Some(frame))).await;
    }
}
