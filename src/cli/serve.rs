//! `doorbuster serve`: from settings to a shop that answers, and back.
//!
//! Invariant: what was acknowledged is durable when this ends, whichever way it ends.

use super::{
    demo::{self, Brought},
    fail, log,
    room::Room,
    settings::Settings,
};
use crate::{
    actors,
    http::{self, Door, DoorSettings, Server, server},
    journal::{self, Layout},
    ports,
    shop::{self, Options, open},
};
use std::{
    fs,
    io::{self, Write as _},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    process::ExitCode,
    sync::Arc,
};
use tokio::signal::unix::{SignalKind, signal};

/// Why a shop can't start.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}")]
    Open(#[from] open::Error),
    #[error("can't listen on {address}: {source}; choose another with --listen")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("{path}: {source}", path = path.display())]
    Token { path: std::path::PathBuf, source: io::Error },
    #[error("no entropy from the system: {0}")]
    Entropy(getrandom::Error),
    #[error("the demo catalogue could not be made: {0}; start with --demo false")]
    Demo(shop::Error),
    #[error("no signals: {0}")]
    Signals(io::Error),
}

/// Serves until a signal comes.
pub async fn run(settings: Settings) -> ExitCode {
    log::start(&settings.log);
    match open_and_serve(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

async fn open_and_serve(settings: Settings) -> Result<(), Error> {
    let metrics = http::install_metrics();
    let stop = stop_signal().map_err(Error::Signals)?;
    // The address first: a second server on it should not wait for a replay to learn that.
    let listen =
        |address| server::listen(address).map_err(|source| Error::Listen { address, source });
    let listener = listen(settings.listen)?;
    let address = listener.local_addr().unwrap_or(settings.listen);
    let room = room(&settings);
    let server = Server::start(listener, room.connections);
    let clock = Arc::new(ports::clock::System::new());
    let opened =
        open::open_with(&settings.store, options(&settings), clock, Arc::new(fatal)).await?;
    if opened.unmarked {
        tracing::warn!(
            "no mark vouches for the log's end: rot in its last batch could pass as torn"
        );
    }
    let brought =
        if settings.demo { demo::bring(&opened.shop).await } else { Ok(Brought::default()) };
    let brought = match brought {
        Ok(brought) => brought,
        Err(error) => {
            opened.close().await;
            return Err(Error::Demo(error));
        }
    };
    let (admin_token, at) = admin_token(&settings)?;
    let door_settings = DoorSettings {
        admin_token,
        cookie_secure: settings.cookie_secure,
        cors_origins: settings.cors_origins.clone(),
        metrics,
        most_sockets: room.sockets,
    };
    let door = Door::new(opened.shop.clone(), door_settings);
    // Whoever reads the announcement is let in.
    server.open(door.router());
    announce(address, &at, &brought, room);
    server.serve(door, stop).await;
    opened.close().await;
    tracing::info!("closed: all that was accepted is on disk");
    Ok(())
}

/// What fits beside the logs: those that the store has, or will have.
fn room(settings: &Settings) -> Room {
    let shards = Layout(settings.store.clone()).logs_made().max(settings.shards);
    let room = Room::make(settings.most_connections, settings.most_sockets, shards);
    if let Some(why) = room.warning() {
        tracing::warn!("{why}");
    }
    room
}

pub(super) fn options(settings: &Settings) -> Options {
    let behaviour = actors::Settings {
        reservation_ttl_ms: settings.reservation_ttl_ms,
        payment_ttl_ms: settings.payment_ttl_ms,
        abandon_after_ms: settings.abandon_after_ms,
        idle_ms: settings.idle_ms,
        ..actors::Settings::default()
    };
    Options {
        settings: behaviour,
        shards: settings.shards,
        most_commands: settings.most_commands,
        allow_future: settings.allow_future,
        mail: settings.mail.clone(),
        ..Options::default()
    }
}

/// A shard can't write: memory is ahead of the disk, so only a replay is honest.
fn fatal(error: &journal::Error) {
    tracing::error!(%error, "the log can't be written: mend the disk and start again");
    std::process::exit(open::FATAL);
}

/// The admin token and what to say about where it is.
fn admin_token(settings: &Settings) -> Result<(String, String), Error> {
    if let Some(token) = &settings.admin_token {
        return Ok((token.clone(), "as you set it".to_owned()));
    }
    let path = Layout(settings.store.clone()).admin_token();
    let token = match fs::read_to_string(&path) {
        Ok(token) if !token.trim().is_empty() => token.trim().to_owned(),
        Ok(_) => make_token(&path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_token(&path)?,
        Err(source) => return Err(Error::Token { path, source }),
    };
    Ok((token, format!("in {}", path.display())))
}

fn make_token(path: &Path) -> Result<String, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Error::Entropy)?;
    let token = format!("adm_{:032x}", u128::from_be_bytes(bytes));
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        writeln!(file, "{token}")?;
        file.sync_all()
    };
    write().map_err(|source| Error::Token { path: path.to_owned(), source })?;
    Ok(token)
}

/// Says where the shop is. Whoever reads that may have gone, and is no reason not to open.
fn announce(address: SocketAddr, token_at: &str, brought: &Brought, room: Room) {
    let said = announcement(address, token_at, brought, room);
    let mut out = io::stdout();
    let _ = out.write_all(said.as_bytes()).and_then(|()| out.flush());
}

fn announcement(address: SocketAddr, token_at: &str, brought: &Brought, room: Room) -> String {
    let url = format!("http://{address}");
    let json = "-H 'Content-Type: application/json'";
    let mut lines = vec![
        format!("doorbuster listens on {url} (live stock: ws://{address}/ws/stock?sku=TEE-RED-M)"),
        format!("the admin token is {token_at}"),
        room.to_string(),
    ];
    if brought.products > 0 {
        lines.push(format!("a new store: {} demo products are on sale", brought.products));
    }
    for (sku, opens_at) in &brought.drops {
        let watch = format!("watch ws://{address}/ws/stock?sku={sku}");
        lines.push(format!("the drop of {sku} opens at {opens_at}: {watch}"));
    }
    lines.push(format!(
        "\ntry it:\n\
         curl -s {url}/api/inventory/TEE-RED-M\n\
         CART=$(curl -si {url}/api/cart {json} -d '{{\"sku\":\"TEE-RED-M\",\"units\":1}}' \
         | sed -n 's/^cart-token: //p' | tr -d '\\r')\n\
         curl -s {url}/api/cart/checkout {json} -H \"Cart-Token: $CART\" \
         -H \"Idempotency-Key: first-$CART\" -H 'Prefer: wait=5' \
         -d '{{\"email\":\"ana@example.com\",\"address\":{{\"name\":\"Ana\",\"line1\":\"1 Main St\",\
         \"city\":\"Springfield\",\"postal_code\":\"12345\",\"country\":\"US\"}},\
         \"payment\":{{\"method\":\"card\",\"token\":\"tok_approve\"}}}}'\n\n"
    ));
    lines.join("\n")
}

/// Comes back on SIGTERM or SIGINT. Registered at once, so that none is missed while opening.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
