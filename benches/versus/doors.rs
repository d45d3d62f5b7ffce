//! Doors that a team would build over a rival, as plain as axum makes them: JSON in, one call, JSON
//! out. Each runs in a process of its own: the bench starts itself again with [`ARGUMENT`].

use super::{postgres, redis};
use ::redis::aio::MultiplexedConnection;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{post, put},
    serve::ListenerExt as _,
};
use deadpool_postgres::Pool;
use doorbuster::{
    domain::ReservationId,
    load::{Target, contract::Line},
};
use serde::{Deserialize, Serialize};
use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    sync::Arc,
};
use tokio::net::TcpListener;

/// Makes the bench a door: `--door noop|redis|postgres ADDRESS...`.
pub const ARGUMENT: &str = "--door";

/// Where one does nothing.
pub const NOOP: &str = "/noop";

/// Where the others reserve, as the shop does.
const RESERVE: &str = "/api/inventory/{sku}/reservations/{id}";

/// Connections of the door over `PostgreSQL`. A hot row takes one after the other, whoever asks.
pub const POOL: usize = 16;

/// A door that listens. Gone with its holder, and with its standard input, so with the bench.
pub struct Door {
    child: Child,
    /// Where.
    pub target: Target,
}

impl Door {
    /// Starts one of this kind over a rival.
    pub fn start(kind: &str, address: &[String]) -> Door {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args([ARGUMENT, kind]).args(address);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a door");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("its output"));
        stdout.read_line(&mut line).expect("its first words");
        Door { child, target: Target::parse(line.trim()).expect("an address") }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process: serves until its standard input ends.
pub fn serve(arguments: &[String]) {
    super::support::runtime().block_on(async {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let router = match words[..] {
            ["noop"] => Router::new().route(NOOP, post(nothing)),
            ["redis", socket, hash] => {
                let connection = redis::connect(socket.as_ref()).await.expect("a connection");
                let shared = (connection, Arc::from(hash));
                Router::new().route(RESERVE, put(over_redis)).with_state(shared)
            }
            ["postgres", folder] => {
                let pool = postgres::pool(folder.as_ref(), POOL);
                Router::new().route(RESERVE, put(over_postgres)).with_state(pool)
            }
            _ => panic!("{ARGUMENT} {words:?} is no door"),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("http://{}", listener.local_addr().expect("an address"));
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("an option"));
        std::thread::spawn(|| {
            let _ = std::io::stdin().read_to_end(&mut vec![]);
            std::process::exit(0);
        });
        axum::serve(listener, router).await.expect("it serves");
    });
}

async fn nothing(Json(line): Json<Line>) -> Json<Line> {
    Json(line)
}

/// Of what, and under which id.
type Named = Path<(String, String)>;

#[derive(Deserialize)]
struct Wish {
    units: u32,
}

/// What somebody has now.
#[derive(Serialize)]
struct Held {
    id: String,
    sku: String,
    units: u32,
    /// How many more there are.
    free: i64,
}

fn held(Path((sku, id)): Named, Wish { units }: Wish, free: i64) -> Response {
    (StatusCode::CREATED, Json(Held { id, sku, units, free })).into_response()
}

fn broken(error: impl std::fmt::Display) -> Response {
    (StatusCode::BAD_GATEWAY, error.to_string()).into_response()
}

type OverRedis = (MultiplexedConnection, Arc<str>);

async fn over_redis(
    State((mut connection, hash)): State<OverRedis>,
    named: Named,
    Json(wish): Json<Wish>,
) -> Response {
    let call = redis::reserve(&hash, &named.0.1, &named.0.0, wish.units);
    match call.query_async::<i64>(&mut connection).await {
        Ok(free) if free >= 0 => held(named, wish, free),
        Ok(_) => StatusCode::CONFLICT.into_response(),
        Err(error) => broken(error),
    }
}

async fn over_postgres(State(pool): State<Pool>, named: Named, Json(wish): Json<Wish>) -> Response {
    let Some(ReservationId(id)) = ReservationId::parse(&named.0.1) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let client = match pool.get().await {
        Ok(client) => client,
        Err(error) => return broken(error),
    };
    let statement = match client.prepare_cached(postgres::RESERVE).await {
        Ok(statement) => statement,
        Err(error) => return broken(error),
    };
    match client.query_opt(&statement, &[&id, &named.0.0, &i64::from(wish.units)]).await {
        Ok(Some(row)) => held(named, wish, row.get(0)),
        Ok(None) => StatusCode::CONFLICT.into_response(),
        Err(error) => broken(error),
    }
}
