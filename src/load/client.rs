//! One keep-alive HTTP/1.1 connection, for one worker.
//!
//! Lean because it shares the machine with the server it measures: the connection is driven by
//! the call itself, so an exchange costs no task switch, and a body is parsed only by who reads
//! it. Invariant: every call ends within its deadline, and a connection that failed or was late
//! is never used again.

use super::target::Target;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response,
    body::Incoming,
    client::conn::http1::{Connection, SendRequest, handshake},
    header::{
        AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION,
        RETRY_AFTER,
    },
};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};

/// The key to a guest's cart, sent and received.
pub const CART_TOKEN: HeaderName = HeaderName::from_static("cart-token");
/// The key to an order.
pub const ORDER_TOKEN: HeaderName = HeaderName::from_static("order-token");
/// What makes a repeated command the same command.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// `wait=SECONDS`: how long a checkout may wait until it is settled.
pub const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Longest answer that is read; an order of the largest basket is a tenth of it.
const BODY_BYTES_MAX: usize = 4 << 20;
/// Longer than the longest `Prefer: wait`.
const DEADLINE: Duration = Duration::from_secs(40);
/// Longest time spent on connecting ahead.
const CONNECT_DEADLINE: Duration = Duration::from_secs(1);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing was sent.
    #[error("no server answers at {target}: start one with `doorbuster serve` or name it by --url")]
    Connect {
        /// Who was called.
        target: Target,
        /// What the system said.
        source: std::io::Error,
    },
    /// The connection broke; the server may have done what was asked.
    #[error("the connection broke before the answer was complete")]
    Lost(#[from] hyper::Error),
    /// The answer's body broke off or was too long; the server did what was asked.
    #[error("the answer could not be read to its end")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer in time; the server may still do what was asked.
    #[error("no answer within {deadline:?}")]
    Late {
        /// How long the call was allowed to take.
        deadline: Duration,
    },
    /// A path or header that HTTP can't carry.
    #[error("the request can't be written as HTTP")]
    Request(#[from] hyper::http::Error),
}

/// What the server said.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// All headers, for the few that matter.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The key to the cart that this answer made or moved to.
    pub fn cart_token(&self) -> Option<&HeaderValue> {
        self.headers.get(CART_TOKEN)
    }

    /// Where what was made can be read.
    pub fn location(&self) -> Option<&str> {
        self.headers.get(LOCATION)?.to_str().ok()
    }

    /// How long to wait before asking again, when given in seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get(RETRY_AFTER)?.to_str().ok()?;
        seconds.parse().ok().map(Duration::from_secs)
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.body)
    }
}

/// A worker's connection: opened by the first call, again after a failure.
pub struct Client {
    target: Target,
    host: HeaderValue,
    deadline: Duration,
    link: Option<Link>,
    gone: bool,
}

impl Client {
    /// Connects to nothing yet.
    pub fn new(target: &Target) -> Client {
        let host = HeaderValue::from_str(target.authority())
            .unwrap_or_else(|_| unreachable!("an authority that parsed is a header value"));
        Client { target: target.clone(), host, deadline: DEADLINE, link: None, gone: false }
    }

    /// Whether the server was given up on and has not answered since.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// Gives up on a server that nobody reaches, until it answers again.
    pub fn give_up(&mut self) {
        self.gone = true;
    }

    /// Connects ahead of the first call, which meets and reports what goes wrong here.
    pub async fn connected(target: &Target) -> Client {
        let mut client = Client::new(target);
        if let Ok(Ok(link)) = timeout(CONNECT_DEADLINE, Link::open(target)).await {
            client.link = Some(link);
        }
        client
    }

    /// `GET path`.
    pub async fn get(
        &mut self,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<Answer, Error> {
        self.request(Method::GET, path, headers, Bytes::new()).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(
        &mut self,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: Bytes,
    ) -> Result<Answer, Error> {
        self.request(Method::POST, path, headers, body).await
    }

    /// One exchange. `path` starts with `/`; see
    /// [`path_segment`](super::target::path_segment) for what comes from outside.
    pub async fn request(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: Bytes,
    ) -> Result<Answer, Error> {
        let mut request = Request::builder().method(method).uri(path).body(Full::new(body))?;
        let all = request.headers_mut();
        all.reserve(headers.len() + 2);
        all.insert(HOST, self.host.clone());
        all.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in headers {
            all.insert(name, value.clone());
        }
        let deadline = self.deadline;
        let late = |_| Error::Late { deadline };
        timeout(deadline, self.exchange(request)).await.map_err(late)?
    }

    /// Takes the connection out while it is in use, so whatever goes wrong on the way drops it.
    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Error> {
        let mut link = match self.link.take() {
            Some(link) => link.or_reopened(&self.target).await?,
            None => Link::open(&self.target).await?,
        };
        let answer = link.exchange(request).await?;
        self.link = Some(link);
        self.gone = false;
        Ok(answer)
    }
}

/// An open connection and what drives it.
struct Link {
    sender: SendRequest<Full<Bytes>>,
    /// `None` when the connection has ended.
    wire: Option<Pin<Box<Wire>>>,
}

type Wire = Connection<TokioIo<TcpStream>, Full<Bytes>>;

impl Link {
    async fn open(target: &Target) -> Result<Link, Error> {
        let refused = |source| Error::Connect { target: target.clone(), source };
        let stream = TcpStream::connect(target.authority()).await.map_err(refused)?;
        stream.set_nodelay(true).map_err(refused)?;
        let (sender, wire) = handshake(TokioIo::new(stream)).await?;
        Ok(Link { sender, wire: Some(Box::pin(wire)) })
    }

    /// Looks at the wire first: a server that closed an idle connection is found out here, before
    /// a request is lost to it.
    async fn or_reopened(mut self, target: &Target) -> Result<Link, Error> {
        match drive(&mut self.wire, self.sender.ready()).await {
            Ok(()) => Ok(self),
            Err(_) => Link::open(target).await,
        }
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Error> {
        let Link { sender, wire } = self;
        let answer = async {
            let (head, body) =
                sender.send_request(request).await.map(Response::<Incoming>::into_parts)?;
            let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(Error::Body)?;
            Ok(Answer {
                status: head.status.as_u16(),
                headers: head.headers,
                body: body.to_bytes(),
            })
        };
        drive(wire, answer).await
    }
}

/// Polls the wire along with what waits for it; both in the caller's own task.
async fn drive<F: Future>(wire: &mut Option<Pin<Box<Wire>>>, wanted: F) -> F::Output {
    let mut wanted = pin!(wanted);
    poll_fn(|context| {
        if let Some(running) = wire
            && running.as_mut().poll(context).is_ready()
        {
            *wire = None;
        }
        match wanted.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(answer),
            // What was wanted may have given the wire something to write.
            Poll::Pending => {
                if let Some(running) = wire
                    && running.as_mut().poll(context).is_ready()
                {
                    *wire = None;
                    return wanted.as_mut().poll(context);
                }
                Poll::Pending
            }
        }
    })
    .await
}

/// The header that proves an admin; `None` when the token has bytes that no header can carry.
pub fn bearer(token: &str) -> Option<(HeaderName, HeaderValue)> {
    HeaderValue::from_str(&format!("Bearer {token}")).ok().map(|value| (AUTHORIZATION, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    #[tokio::test]
    async fn nobody_listening_is_said_plainly() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = Client::new(&Target::parse(&url).unwrap()).get("/", &[]).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("no server answers at {url}")), "{error}");
    }

    /// Answers `requests` requests on each connection, then closes it.
    async fn closing_server(requests: usize) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Target::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                for _ in 0..requests {
                    let mut request = [0; 1024];
                    let _ = stream.read(&mut request).await.unwrap();
                    let answer =
                        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nRetry-After: 3\r\n\r\nhi";
                    stream.write_all(answer).await.unwrap();
                }
            }
        });
        target
    }

    #[tokio::test]
    async fn a_connection_closed_between_calls_is_opened_again() {
        let mut client = Client::new(&closing_server(2).await);
        for _ in 0..7 {
            let answer = client.get("/", &[]).await.unwrap();
            assert_eq!((answer.status, &*answer.body), (200, &b"hi"[..]));
            assert_eq!(answer.retry_after(), Some(Duration::from_secs(3)));
            // Lets the close arrive, as between any two calls of a shopper who reads.
            tokio::task::yield_now().await;
            tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_connection_closed_instead_of_an_answer_is_an_error() {
        let mut client = Client::new(&closing_server(0).await);
        let error = client.get("/", &[]).await.unwrap_err();
        assert!(matches!(error, Error::Lost(_)), "{error}");
    }

    #[tokio::test]
    async fn a_silent_server_runs_into_the_deadline() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut client = Client::new(&Target::parse(&url).unwrap());
        client.deadline = Duration::from_millis(20);
        let error = client.get("/", &[]).await.unwrap_err();
        assert!(matches!(error, Error::Late { .. }), "{error}");
    }
}
