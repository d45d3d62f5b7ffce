//! Doors that a team would build over a rival, as plain as axum makes them: JSON in, one call, JSON
//! out. Each runs in a process of its own: the bench starts itself again with [`ARGUMENT`].

use super::{
    postgres, redis,
    wish::{Held, Wish},
};
use ::redis::aio::MultiplexedConnection;
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::post,
    serve::ListenerExt as _,
};
use deadpool_postgres::Pool;
use doorbuster::load::Target;
use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};
use tokio::net::TcpListener;

/// Makes the bench a door: `--door noop|redis|postgres ADDRESS...`.
pub const ARGUMENT: &str = "--door";

/// Where every such door reserves.
pub const PATH: &str = "/reservations";

/// Connections of the door over PostgreSQL. A hot row takes one after the other, whoever asks.
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
            ["noop"] => Router::new().route(PATH, post(nothing)),
            ["redis", socket, hash] => {
                let connection = redis::connect(Path::new(socket)).await.expect("a connection");
                let shared = (connection, Arc::from(hash));
                Router::new().route(PATH, post(over_redis)).with_state(shared)
            }
            ["postgres", folder] => {
                let pool = postgres::pool(Path::new(folder), POOL);
                Router::new().route(PATH, post(over_postgres)).with_state(pool)
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

fn held(Wish { id, sku, units }: Wish, free: i64) -> Response {
    Json(Held { id, sku, units, free }).into_response()
}

async fn nothing(Json(wish): Json<Wish>) -> Response {
    held(wish, 0)
}

type OverRedis = (MultiplexedConnection, Arc<str>);

async fn over_redis(
    State((mut connection, hash)): State<OverRedis>,
    Json(wish): Json<Wish>,
) -> Response {
    let call = redis::reserve(&hash, &wish.id.to_string(), &wish.sku, wish.units);
    match call.query_async::<i64>(&mut connection).await {
        Ok(free) if free >= 0 => held(wish, free),
        Ok(_) => StatusCode::CONFLICT.into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

async fn over_postgres(State(pool): State<Pool>, Json(wish): Json<Wish>) -> Response {
    let taken = async {
        let client = pool.get().await.map_err(|error| error.to_string())?;
        let statement = client.prepare_cached(postgres::RESERVE).await;
        let statement = statement.map_err(|error| error.to_string())?;
        let units = i64::from(wish.units);
        let row = client.query_opt(&statement, &[&wish.id, &wish.sku, &units]).await;
        row.map_err(|error| error.to_string())
    };
    match taken.await {
        Ok(Some(row)) => held(wish, row.get(0)),
        Ok(None) => StatusCode::CONFLICT.into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, error).into_response(),
    }
}
