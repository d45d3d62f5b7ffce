//! Asking the server that has a store to cut its logs.

use super::{Home, Take};
use crate::{
    journal::{Layout, backup::Cut},
    load::{Client, Target, client},
};
use bytes::Bytes;
use serde_json::Value;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
};

/// Why there is no cut.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("{} is in use, but its server was not found: {source}", store.display())]
    Unreached { store: PathBuf, source: client::Error },
    #[error("{} is in use by a server on a port of the system's choice; name it by --url", .0.display())]
    NoPort(PathBuf),
    #[error(
        "no admin token: pass --admin-token or set DOORBUSTER_ADMIN_TOKEN (can't read {}: {source})",
        path.display()
    )]
    NoToken { path: PathBuf, source: io::Error },
    #[error("the admin token has bytes that no header can carry")]
    Token,
    #[error("the server at {target} made no cut ({status}): {detail}")]
    Refused { target: Target, status: u16, detail: String },
    #[error("the server at {target} answers with something else than a cut: {source}")]
    Odd { target: Target, source: serde_json::Error },
}

/// Asks for a cut.
pub(super) async fn cut(home: &Home, args: &Take) -> Result<Cut, Error> {
    let target = match &args.url {
        Some(url) => url.clone(),
        None => target(home)?,
    };
    let admin = client::bearer(&token(home, args)?).ok_or(Error::Token)?;
    let mut client = Client::new(&target);
    let answer = client.post("/api/cut", &[admin], Bytes::new()).await;
    let answer = answer.map_err(|source| Error::Unreached { store: home.store.clone(), source })?;
    if answer.is_success() {
        return answer.json().map_err(|source| Error::Odd { target, source });
    }
    let problem: Value = answer.json().unwrap_or_default();
    let detail = problem.get("detail").and_then(Value::as_str);
    let detail = detail.unwrap_or("is it a Doorbuster of this version?").to_owned();
    Err(Error::Refused { target, status: answer.status, detail })
}

/// Where a server with these settings can be reached from here.
fn target(home: &Home) -> Result<Target, Error> {
    let ip = match home.listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    let address = SocketAddr::new(ip, home.listen.port());
    let known = Target::parse(&format!("http://{address}")).ok().filter(|_| address.port() != 0);
    known.ok_or_else(|| Error::NoPort(home.store.clone()))
}

fn token(home: &Home, args: &Take) -> Result<String, Error> {
    if let Some(token) = args.admin_token.as_ref().or(home.admin_token.as_ref()) {
        return Ok(token.clone());
    }
    let layout = Layout(home.store.clone());
    let path = layout.admin_token();
    layout.read_admin_token().map_err(|source| Error::NoToken { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_from_here() {
        for (listen, reached) in [
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:8080", "http://[::1]:8080"),
            ("10.0.0.7:1", "http://10.0.0.7:1"),
        ] {
            let listen = listen.parse().unwrap();
            let home = Home { store: PathBuf::from("store"), listen, admin_token: None };
            assert_eq!(target(&home).unwrap().to_string(), reached);
        }
        let listen = "127.0.0.1:0".parse().unwrap();
        let home = Home { store: PathBuf::from("store"), listen, admin_token: None };
        assert!(matches!(target(&home), Err(Error::NoPort(_))));
    }
}
