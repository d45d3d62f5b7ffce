//! `/ws/commands`: many commands under way on one socket, each answered by its id.
//!
//! A message becomes the call that a request would have been, and goes to the same handler: there
//! is one set of rules, bodies and problems. All commands of a socket are polled by its one task,
//! so answers that come out of one batch of the log leave in one write. Reading order: `told` is a
//! message, `answer` what comes back. Invariants: a socket has at most [`MOST_UNDER_WAY`] commands
//! under way, and what is beyond is refused; a client that takes no answers is not read; every
//! command that was begun is answered before a closing shop says goodbye.

mod answer;
mod told;

use self::told::{Command, Names, id_of};
use super::{Gone, Room, Socket, upgrade};
use crate::http::{
    Door, cart,
    counts::Counts,
    extract::Call,
    middleware::{given_id, note, within},
    orders,
    problem::{Code, Problem},
    reply::Answer,
    reservations,
};
use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, Utf8Bytes, rejection::WebSocketUpgradeRejection},
    },
    http::{
        HeaderMap, HeaderValue, Method,
        header::{ACCEPT_LANGUAGE, AUTHORIZATION},
    },
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use std::{future::ready, panic::AssertUnwindSafe, pin::pin};

/// Commands of one socket that are not answered yet.
pub const MOST_UNDER_WAY: usize = 256;

/// Answers, in bytes, that wait for others before they are written.
const MOST_UNFLUSHED: usize = 32 << 10;

/// A gateway has few sockets, and each has much to say. A message is a body and what goes with it.
const GATEWAYS: Room = Room { read: 16 << 10, write: 64 << 10, message: 128 << 10 };

/// All commands: what a client calls them, what counts them, the request that each would have been,
/// and who answers it.
macro_rules! commands {
    ($($name:literal $kind:literal $method:ident $route:literal $names:ident $handler:path;)*) => {
        /// Their names, for the document.
        pub(in crate::http) const NAMES: &[&str] = &[$($name),*];

        const KINDS: &[&str] = &[$($kind),*];

        fn place_of(name: &str) -> Option<usize> {
            NAMES.iter().position(|known| *known == name)
        }

        fn call(place: usize, command: Command, head: &HeaderMap) -> Result<(Method, Call), Problem> {
            let all = [$((Method::$method, $route, Names::$names)),*];
            let known = all.into_iter().nth(place);
            let (method, route, names) = known.ok_or_else(unknown)?;
            Ok((method, command.call(route, names, head)?))
        }

        async fn perform(place: usize, door: Door, call: Call) -> Answer {
            let handlers: &[fn(Door, Call) -> BoxFuture<'static, Answer>] =
                &[$(|door, call| Box::pin($handler(door, call))),*];
            let handler = handlers.get(place).ok_or_else(unknown)?;
            handler(door, call).await
        }
    };
}

commands! {
    "cart.read" "read" GET "/api/cart" Nothing cart::read;
    "cart.add" "add" POST "/api/cart" Nothing cart::add;
    "cart.set" "set" PUT "/api/cart/items/{}" Sku cart::set;
    "cart.remove" "remove" DELETE "/api/cart/items/{}" Sku cart::remove;
    "checkout" "check-out" POST "/api/cart/checkout" Nothing cart::check_out;
    "order.read" "read" GET "/api/orders/{}" Order orders::read;
    "order.cancel" "cancel" POST "/api/orders/{}/cancel" Order orders::cancel;
    "reserve" "reserve" PUT "/api/inventory/{}/reservations/{}" Reservation reservations::reserve;
    "commit" "commit" POST "/api/inventory/{}/reservations/{}/commit" Reservation reservations::commit;
    "release" "release-bare" DELETE "/api/inventory/{}/reservations/{}" Reservation reservations::release;
    "reservation.read" "read" GET "/api/inventory/{}/reservations/{}" Reservation reservations::read;
}

fn unknown() -> Problem {
    Problem::invalid("/do", format!("must be one of {}", NAMES.join(", ")))
}

/// `GET /ws/commands`, as whoever wants; with the admin token for what needs it.
pub async fn commands(
    State(door): State<Door>,
    headers: HeaderMap,
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer {
    if headers.contains_key(AUTHORIZATION) {
        door.admin(&headers)?;
    }
    let gateway = Gateway::new(door.clone(), &headers);
    upgrade(&door, socket, &GATEWAYS, move |socket| gateway.run(socket))
}

type UnderWay = FuturesUnordered<BoxFuture<'static, Utf8Bytes>>;

/// One socket.
struct Gateway {
    door: Door,
    /// What the client said of itself.
    head: HeaderMap,
    request_id: HeaderValue,
    counts: Vec<Counts>,
    under_way: UnderWay,
}

impl Gateway {
    fn new(door: Door, headers: &HeaderMap) -> Gateway {
        let request_id = given_id(headers).unwrap_or_else(|| door.new_request_id());
        // A page's cookies say nothing here: another page may have opened this socket.
        let kept = [AUTHORIZATION, ACCEPT_LANGUAGE].map(|name| (headers.get(&name).cloned(), name));
        let head = kept.into_iter().filter_map(|(value, name)| Some((name, value?))).collect();
        let counts = KINDS.iter().copied().map(Counts::of).collect();
        Gateway { door, head, request_id, counts, under_way: UnderWay::new() }
    }

    async fn run(mut self, mut socket: Socket) {
        let door = self.door.clone();
        let mut closed = pin!(door.closed());
        let (mut open, mut unflushed) = (true, 0_usize);
        let ended = async {
            loop {
                let answer = tokio::select! {
                    biased;
                    () = &mut closed, if open => {
                        open = false;
                        continue;
                    }
                    Some(answer) = self.under_way.next(), if !self.under_way.is_empty() => answer,
                    message = socket.receive(), if open => match self.begin(message?) {
                        Some(refusal) => refusal,
                        None => continue,
                    },
                    // Nothing else is ready, so nothing is gained by waiting for more.
                    () = ready(()), if unflushed > 0 => {
                        socket.flush().await?;
                        unflushed = 0;
                        continue;
                    }
                    else => return Ok::<(), Gone>(()),
                };
                unflushed += answer.len();
                socket.feed(Message::Text(answer)).await?;
                if unflushed >= MOST_UNFLUSHED {
                    socket.flush().await?;
                    unflushed = 0;
                }
            }
        };
        if ended.await.is_ok() {
            socket.close("the shop is closing").await;
        }
    }

    /// Begins what a message asks for; an answer at once where nothing is to be done.
    fn begin(&mut self, message: Message) -> Option<Utf8Bytes> {
        let Message::Text(text) = message else {
            let problem = Problem::new(Code::NotJson, "send text messages");
            return Some(answer::written(b"null", problem.into_response()));
        };
        let text = Bytes::from(text);
        let id = id_of(&text);
        match self.admit(&text) {
            Ok((place, method, call)) => {
                let (door, request_id) = (self.door.clone(), self.request_id.clone());
                let counts = self.counts.get(place).filter(|_| method != Method::GET).cloned();
                self.under_way.push(Box::pin(async move {
                    let done = finish(place, door, request_id.clone(), method, call, counts);
                    answer::written(&id, within(request_id, done).await)
                }));
                None
            }
            Err(problem) => Some(answer::written(&id, problem.into_response())),
        }
    }

    fn admit(&self, text: &Bytes) -> Result<(usize, Method, Call), Problem> {
        if self.under_way.len() >= MOST_UNDER_WAY {
            let detail =
                format!("this socket has {MOST_UNDER_WAY} commands under way; wait for one");
            return Err(Problem::new(Code::Overloaded, detail));
        }
        let command = Command::read(text)?;
        let place = place_of(command.name()).ok_or_else(unknown)?;
        let (method, call) = call(place, command, &self.head)?;
        Ok((place, method, call))
    }
}

/// As a request is answered: counted, noted, and a panic caught.
async fn finish(
    place: usize,
    door: Door,
    request_id: HeaderValue,
    method: Method,
    call: Call,
    counts: Option<Counts>,
) -> Response {
    let uri = call.uri().clone();
    let answer = AssertUnwindSafe(perform(place, door, call)).catch_unwind().await;
    let answer = answer
        .unwrap_or_else(|_| Err(Problem::new(Code::Internal, "the door failed; nothing changed")));
    if let Some(counts) = counts {
        counts.count(&answer);
    }
    let response = answer.unwrap_or_else(Problem::into_response);
    note(&request_id, &method, &uri, &response);
    response
}

#[cfg(test)]
mod tests;
