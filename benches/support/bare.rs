//! The machine's own limit for a fan-out: writes of one frame to many sockets, and nothing else.

use super::watchers::now_us;
use std::{collections::HashMap, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    time::Instant,
};

/// As long as a frame of the server's.
const FRAME_BYTES: usize = 96;

/// Sockets that get the same bytes, one after the other.
pub struct Fan {
    /// Where it listens.
    pub address: SocketAddr,
    listener: TcpListener,
    sockets: Vec<TcpStream>,
}

impl Fan {
    /// Takes a free port.
    pub async fn listen() -> Fan {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let listener = socket.listen(4_096).expect("it listens");
        Fan { address: listener.local_addr().expect("an address"), listener, sockets: vec![] }
    }

    /// Greets so many as a server of WebSockets does, with a first frame.
    pub async fn accept(&mut self, sockets: usize) {
        while self.sockets.len() < sockets {
            let (mut stream, _) = self.listener.accept().await.expect("a watcher");
            stream.set_nodelay(true).expect("an option");
            let mut request = [0; 1_024];
            let _ = stream.read(&mut request).await.expect("a request");
            let mut answer = b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec();
            answer.extend(frame(0));
            stream.write_all(&answer).await.expect("it listens");
            self.sockets.push(stream);
        }
    }

    /// Round after round; when each began, by the number in its frames.
    pub async fn write(&mut self, time: Duration) -> HashMap<u64, u64> {
        let (begun, mut rounds) = (Instant::now(), HashMap::new());
        while begun.elapsed() < time {
            let number = rounds.len() as u64 + 1;
            rounds.insert(number, now_us());
            let frame = frame(number);
            for socket in &mut self.sockets {
                socket.write_all(&frame).await.expect("it listens");
            }
        }
        rounds
    }
}

fn frame(number: u64) -> Vec<u8> {
    let text = format!("{{\"free\":{number},");
    let mut frame = vec![0x81, FRAME_BYTES as u8];
    frame.extend(text.as_bytes());
    frame.resize(2 + FRAME_BYTES, b' ');
    frame
}
