//! Listening and draining.
//!
//! One task for each connection, and no more connections than there is room for: others wait in
//! the system's queue until one ends. At the end of the day nothing new is taken, what is under way
//! is answered, and after [`DRAIN_WITHIN`] the rest is cut off: whoever gets no answer repeats with
//! the same key.

use super::{Door, connection, opening::Front};
use crate::ports::clock::pause;
use axum::Router;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::{Instant, timeout_at},
};

/// The longest that a shop takes to close.
pub const DRAIN_WITHIN: Duration = Duration::from_secs(10);

/// What the kernel keeps of answers that a client does not take: small, so that a slow listener
/// skips old stock frames instead of finding them in a buffer.
const SEND_BUFFER_BYTES: u32 = 64 << 10;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 4_096;

/// A pause after the system had no file for another connection.
const BREATHER: Duration = Duration::from_millis(20);

/// Takes an address, without serving it yet.
///
/// # Errors
/// It is taken, or not this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// An address that answers: first that the shop is opening, then for the shop.
pub struct Server {
    front: Arc<Front>,
    connections: Arc<Semaphore>,
    most_connections: usize,
    cut: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Takes connections from now on, and says that the shop is opening.
    pub fn start(listener: TcpListener, most_connections: usize) -> Server {
        let most_connections = most_connections.min(Semaphore::MAX_PERMITS >> 32);
        let connections = Arc::new(Semaphore::new(most_connections));
        let (cut, cutting) = watch::channel(false);
        let front = Arc::<Front>::default();
        let accepting = accept(listener, front.clone(), connections.clone(), cutting);
        let accepting = tokio::spawn(accepting);
        Server { front, connections, most_connections, cut, accepting }
    }

    /// Lets everybody in: from here on the shop answers.
    pub fn open(&self, router: Router) {
        self.front.open(router);
    }

    /// Serves until `stop` comes back, then drains.
    pub async fn serve(self, door: Door, stop: impl Future<Output = ()>) {
        stop.await;
        let end = Instant::now() + DRAIN_WITHIN;
        tracing::info!(under_way = door.under_way(), "closing: no new work is taken");
        door.close();
        let idle = async {
            while door.under_way() > 0 {
                pause(Duration::from_millis(5)).await;
            }
        };
        if timeout_at(end, idle).await.is_err() {
            tracing::warn!(
                under_way = door.under_way(),
                "closing without having answered everybody"
            );
        }
        self.accepting.abort();
        self.cut.send_replace(true);
        // What is answered is not always written yet.
        let all = u32::try_from(self.most_connections).unwrap_or(u32::MAX);
        let written = timeout_at(
            end.max(Instant::now() + Duration::from_millis(200)),
            self.connections.acquire_many(all),
        );
        if written.await.is_err() {
            tracing::warn!("closing with connections still open");
        }
    }
}

async fn accept(
    listener: TcpListener,
    front: Arc<Front>,
    connections: Arc<Semaphore>,
    cutting: watch::Receiver<bool>,
) {
    let mut failing = false;
    loop {
        let Ok(permit) = connections.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                failing = false;
                let answered = connection::answer(stream, front.clone(), cutting.clone());
                tokio::spawn(async move {
                    answered.await;
                    drop(permit);
                });
            }
            Err(error) => {
                // One line for a row of failures: they come by the dozen each second.
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "connections can't be accepted; they wait");
                }
                pause(BREATHER).await;
            }
        }
    }
}
