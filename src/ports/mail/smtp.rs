//! Letters by SMTP, over connections that are kept for the next one.
//!
//! The pool is our own: a connection goes back only after a whole conversation. One whose letter
//! was cut short by the deadline is closed, since whatever it says next belongs to that letter.
//! Invariant: no attempt takes longer than two deadlines, one to connect and one to send.

#[cfg(test)]
mod tests;

use super::{Error, Letter, Mail, Mailbox, format};
use futures_util::future::{BoxFuture, FutureExt as _};
use lettre::transport::smtp::{
    self,
    authentication::{Credentials, Mechanism},
    client::{AsyncSmtpConnection, Certificate, TlsParameters},
    extension::ClientId,
};
use std::{
    fmt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// A connection that nobody used for so long is closed; servers hang up after some minutes.
const IDLE_FOR: Duration = Duration::from_secs(30);

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte on.
    Wrapped,
    /// By STARTTLS, or no letter leaves.
    Required,
    /// By STARTTLS where the server offers it.
    Opportunistic,
    /// Not at all.
    None,
}

/// Which server, and how to talk to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    host: String,
    port: u16,
    tls: Tls,
    login: Option<(String, String)>,
}

impl Server {
    /// Reads `smtp://user:pass@host:port?tls=required|opportunistic|none` or `smtps://…`, user and
    /// password percent-encoded. Where nothing is said, TLS is used if it is offered, and required
    /// of another machine before it gets a password.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn parse(text: &str) -> Result<Server, String> {
        let url = reqwest::Url::parse(text).map_err(|error| format!("no address: {error}"))?;
        let mut tls = None;
        for (name, value) in url.query_pairs() {
            if name != "tls" {
                return Err(format!("`{name}` is no parameter; there is only `tls`"));
            }
            tls = Some(value.into_owned());
        }
        let (tls, port) = match (url.scheme(), tls.as_deref()) {
            ("smtps", None) => (Tls::Wrapped, 465),
            ("smtp", None) if url.password().is_some() && !is_near(&url) => (Tls::Required, 587),
            ("smtp", Some("required")) => (Tls::Required, 587),
            ("smtp", None | Some("opportunistic")) => (Tls::Opportunistic, 587),
            ("smtp", Some("none")) => (Tls::None, 25),
            ("smtp", Some(_)) => return Err("tls is required, opportunistic or none".to_owned()),
            ("smtps", Some(_)) => return Err("smtps is always encrypted; leave out tls".to_owned()),
            (scheme, _) => return Err(format!("`{scheme}` is neither smtp nor smtps")),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("the host is missing")?;
        if !matches!(url.path(), "" | "/") {
            return Err("nothing may stand between host and parameters".to_owned());
        }
        let user = decoded(url.username())?;
        let login = match url.password() {
            Some(password) => Some((user, decoded(password)?)),
            None if user.is_empty() => None,
            None => return Err("a user without a password".to_owned()),
        };
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(Server { host, port: url.port().unwrap_or(port), tls, login })
    }
}

/// Whether the host is this machine.
fn is_near(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let address: Option<std::net::IpAddr> = host.parse().ok();
    host == "localhost" || address.is_some_and(|address| address.is_loopback())
}

fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        let digits = (*first == b'%').then(|| more.split_at_checked(2)).flatten();
        let byte = digits
            .and_then(|(digits, _)| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (byte, digits) {
            (Some(byte), Some((_, more))) => {
                bytes.push(byte);
                rest = more;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).map_err(|_| "user and password must be text".to_owned())
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, tls) = match self.tls {
            Tls::Wrapped => ("smtps", ""),
            Tls::Required => ("smtp", "?tls=required"),
            Tls::Opportunistic => ("smtp", "?tls=opportunistic"),
            Tls::None => ("smtp", "?tls=none"),
        };
        let login = self.login.as_ref().map_or(String::new(), |(user, _)| format!("{user}:***@"));
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        write!(f, "{scheme}://{login}{host}:{}{tls}", self.port)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a server can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file of certificates.
    #[error("{path}: {why}; it must hold the CA's certificate as PEM")]
    Ca {
        /// Which file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The name is none that a certificate can be for.
    #[error("the mail server's name can't be checked: {0}")]
    Tls(String),
}

struct Parked {
    connection: AsyncSmtpConnection,
    since: Instant,
}

/// A mail server.
pub struct Smtp {
    server: Server,
    from: Mailbox,
    tls: TlsParameters,
    hello: ClientId,
    deadline: Duration,
    most_parked: usize,
    parked: Mutex<Vec<Parked>>,
}

impl Smtp {
    /// Letters from `from` through `server`, whose certificate may also be signed by the CA in
    /// the file `ca`. Keeps at most so many connections, and waits `deadline` for each step.
    ///
    /// # Errors
    /// The CA's file can't be read.
    pub fn new(
        server: Server,
        from: Mailbox,
        ca: Option<&Path>,
        deadline: Duration,
        most_parked: usize,
    ) -> Result<Smtp, OpenError> {
        let mut tls = TlsParameters::builder(server.host.clone());
        if let Some(path) = ca {
            let failed = |why: String| OpenError::Ca { path: path.display().to_string(), why };
            let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
            let certificate = Certificate::from_pem(&pem);
            tls = tls.add_root_certificate(certificate.map_err(|error| failed(said(&error)))?);
        }
        let tls = tls.build_rustls().map_err(|error| OpenError::Tls(said(&error)))?;
        let (hello, parked) = (ClientId::default(), Mutex::default());
        Ok(Smtp { server, from, tls, hello, deadline, most_parked, parked })
    }

    async fn hand_over(&self, letter: &Letter) -> Result<(), Error> {
        let message = format::message(letter, &self.from)?;
        let connecting = timeout(self.deadline, self.connection()).await;
        let connection = connecting.map_err(|_| self.silent("to connect"))?;
        let mut connection = connection.map_err(|error| Error::Unreachable(said(&error)))?;
        let bytes = message.formatted();
        let sending = connection.send(message.envelope(), &bytes);
        let sent = timeout(self.deadline, sending).await.map_err(|_| self.silent("to send"))?;
        match sent {
            Ok(_) => {
                self.park(connection);
                Ok(())
            }
            Err(error) => Err(judged(&error)),
        }
    }

    fn silent(&self, what: &str) -> Error {
        let seconds = self.deadline.as_secs_f64();
        Error::Unreachable(format!("no answer in {seconds} s {what}"))
    }

    /// One that is parked and still answers, else a new one.
    async fn connection(&self) -> Result<AsyncSmtpConnection, smtp::Error> {
        loop {
            let parked = self.parked().pop();
            let Some(Parked { mut connection, since }) = parked else {
                return self.connect().await;
            };
            if since.elapsed() < IDLE_FOR && connection.test_connected().await {
                return Ok(connection);
            }
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, smtp::Error> {
        let Server { host, port, tls, login } = &self.server;
        let wrapped = (*tls == Tls::Wrapped).then(|| self.tls.clone());
        let server = (host.as_str(), *port);
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            server,
            Some(self.deadline),
            &self.hello,
            wrapped,
            None,
        )
        .await?;
        let offered = *tls == Tls::Opportunistic && connection.can_starttls();
        if *tls == Tls::Required || offered {
            connection.starttls(self.tls.clone(), &self.hello).await?;
        }
        if let Some((user, password)) = login {
            let credentials = Credentials::new(user.clone(), password.clone());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await?;
        }
        Ok(connection)
    }

    fn park(&self, connection: AsyncSmtpConnection) {
        let mut parked = self.parked();
        if parked.len() < self.most_parked {
            parked.push(Parked { connection, since: Instant::now() });
        }
    }

    fn parked(&self) -> MutexGuard<'_, Vec<Parked>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a conversation about one letter has come to. A server that closes (421) says nothing about
/// the letter; what this side can't say to that server (SMTPUTF8) it never can.
fn judged(error: &smtp::Error) -> Error {
    let why = said(error);
    let closing = error.status().is_some_and(|code| u16::from(code) == 421);
    if error.is_permanent() || error.is_client() {
        Error::Refused(why)
    } else if error.is_transient() && !closing {
        Error::Later(why)
    } else {
        Error::Unreachable(why)
    }
}

/// With all that lies beneath, on one line.
fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    format::one_line(&text)
}

impl Mail for Smtp {
    fn send<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), Error>> {
        self.hand_over(letter).boxed()
    }
}
