//! Redis as a team would set it up for this: a script that checks, takes and notes, every answer
//! synced first, over a Unix socket, without a rewrite or a snapshot meanwhile.
//!
//! Over the wire itself each client has a connection of its own, driven by its own task and parsed
//! by hand, so that the generator takes as little of the machine from Redis as it can.

use super::{
    SKU, STOCK,
    process::{self, Process},
    reservation_id,
};
use doorbuster::{
    load::{Outcome, Script, Tally, Turn},
    ports::clock::pause,
};
use redis::{AsyncConnectionConfig, Client, Cmd, aio::MultiplexedConnection};
use rustix::process::Signal;
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

/// One reservation, whose id makes a second call the same one. -1: not enough is free.
const RESERVE: &str = "\
local free = tonumber(redis.call('GET', KEYS[1]))
local units = tonumber(ARGV[2])
if free < units then
  if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return free end
  return -1
end
if redis.call('HSETNX', KEYS[2], ARGV[1], units) == 0 then return free end
return redis.call('DECRBY', KEYS[1], units)";

/// A running server of its own, with an empty append-only file on the disk of all others.
pub struct Redis {
    _process: Process,
    folder: TempDir,
    hash: String,
}

/// Where it is installed.
pub fn installed() -> Option<PathBuf> {
    process::find("redis-server", &[])
}

impl Redis {
    /// Starts it with the SKU in stock.
    pub async fn start(program: &Path) -> Redis {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = process::command(program, false, "KILL").expect("no other user is asked");
        command.args(["--port", "0", "--unixsocket"]).arg(folder.path().join("socket"));
        command.arg("--dir").arg(folder.path());
        command.args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""]);
        command.args(["--auto-aof-rewrite-percentage", "0", "--loglevel", "warning"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut process = Process::start(&mut command, Signal::KILL);
        let socket = folder.path().join("socket");
        let mut connection = loop {
            if let Ok(connection) = connect(&socket).await {
                break connection;
            }
            assert_eq!(process.over(), None, "{command:?} ended");
            pause(Duration::from_millis(5)).await;
        };
        let load = redis::cmd("SCRIPT").arg("LOAD").arg(RESERVE).to_owned();
        let hash = load.query_async(&mut connection).await.expect("the script's hash");
        let set = redis::cmd("SET").arg(stock_key(SKU)).arg(STOCK).to_owned();
        set.query_async::<()>(&mut connection).await.expect("stock");
        Redis { _process: process, folder, hash }
    }

    /// What a door needs to reach it: the socket and the script.
    pub fn address(&self) -> Vec<String> {
        vec![self.socket().display().to_string(), self.hash.clone()]
    }

    /// A client's work without a door.
    pub fn script(&self) -> Direct {
        Direct { socket: self.socket(), hash: self.hash.clone() }
    }

    /// Units that are gone and reservations that are noted.
    pub async fn books(&self) -> (u64, u64) {
        let mut connection = connect(&self.socket()).await.expect("a connection");
        let get = redis::cmd("GET").arg(stock_key(SKU)).to_owned();
        let free: u64 = get.query_async(&mut connection).await.expect("stock");
        let length = redis::cmd("HLEN").arg(notes_key(SKU)).to_owned();
        let noted = length.query_async(&mut connection).await.expect("reservations");
        (STOCK - free, noted)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }
}

fn stock_key(sku: &str) -> String {
    format!("stock:{sku}")
}

fn notes_key(sku: &str) -> String {
    format!("reservations:{sku}")
}

/// The script's call.
pub fn reserve(hash: &str, id: &str, sku: &str, units: u32) -> Cmd {
    let mut call = redis::cmd("EVALSHA");
    call.arg(hash).arg(2).arg(stock_key(sku)).arg(notes_key(sku)).arg(id).arg(units);
    call
}

/// One connection for many callers, with room for all of them in one write.
pub async fn connect(socket: &Path) -> redis::RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(None)
        .set_pipeline_buffer_size(1_024)
        .set_write_backpressure_boundary(64 << 10);
    let client = Client::open(format!("unix://{}", socket.display()))?;
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// Clients with a connection each.
pub struct Direct {
    socket: PathBuf,
    hash: String,
}

impl Script for Direct {
    type Worker = UnixStream;

    async fn worker(&self) -> UnixStream {
        UnixStream::connect(&self.socket).await.expect("a connection")
    }

    async fn perform(&self, stream: &mut UnixStream, turn: Turn, _: &mut Tally) -> Outcome {
        let id = format!("res_{}", reservation_id(turn.index).simple());
        let call = reserve(&self.hash, &id, SKU, 1).get_packed_command();
        match ask(stream, &call).await {
            Ok(answer) if answer.starts_with(b":-") => Outcome::Refused("sold out".into()),
            Ok(answer) if answer.starts_with(b":") => Outcome::Ok,
            Ok(answer) => Outcome::Failed(String::from_utf8_lossy(&answer).into_owned()),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

/// One call and its answer, which is a line.
async fn ask(stream: &mut UnixStream, call: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(call).await?;
    let mut answer = Vec::with_capacity(64);
    while !answer.ends_with(b"\r\n") {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(answer)
}
