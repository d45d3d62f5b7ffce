//! One shopper: fills a cart, checks out, and waits until the order is settled.
//!
//! Honest about retries: what is repeated is repeated with the same key, never sooner than the
//! shop asked for, and never without end; a clear no is taken for an answer. A guest's first add
//! has no key (there is no caller yet), so if its answer is lost, the units it may have reserved
//! are nobody's until they lapse: these are counted as stray.

use super::{
    client::{Answer, CART_TOKEN, Client, Error, IDEMPOTENCY_KEY, ORDER_TOKEN, PREFER},
    contract::{Checkout, Line, Order, Problem},
    report::{Outcome, Tally},
    target::path_segment,
};
use bytes::Bytes;
use hyper::{
    Method,
    header::{HeaderName, HeaderValue},
};
use std::time::Duration;
use tokio::time::Instant;

/// Most repeats of one call.
const REPEATS_MAX: u32 = 40;
/// Longest time spent on repeating one call. Once it was spent on a server that nobody reaches,
/// the worker's next calls are tried once: a rush against a dead shop ends.
const PATIENCE: Duration = Duration::from_secs(30);
/// First pause when the shop named none; it doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(25);
/// Longest pause, unless the shop asks for a longer one.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How long an order that was placed may take to be settled.
const SETTLE: Duration = Duration::from_secs(60);

/// What a call without a server ends in.
const NO_CONNECTION: &str = "no connection";

/// What one shopper is out for.
#[derive(Clone, Copy, Debug)]
pub struct Errand<'a> {
    /// What goes into the cart, one add for each.
    pub lines: &'a [Line],
    /// Who buys.
    pub email: &'a str,
    /// Which way the payment goes.
    pub payment_token: &'a str,
}

/// How an errand ended.
#[derive(Debug)]
pub struct Visit {
    /// `Ok` when the order is confirmed.
    pub outcome: Outcome,
    /// The order, when one was placed: as it was last read, with its access token.
    pub order: Option<Order>,
    /// Units added to the cart.
    pub added_units: u64,
    /// Units that an add without an answer may have reserved for nobody.
    pub stray_units: u64,
}

/// A shopper at the door. Steps are noted as `add` and `checkout`.
pub struct Shopper<'a> {
    client: &'a mut Client,
    tally: &'a mut Tally,
    /// What the next step's latency counts from.
    begun: Instant,
    cart: Option<HeaderValue>,
    stray_units: u64,
}

impl<'a> Shopper<'a> {
    /// A shopper whose first step counts from `begun`.
    pub fn new(client: &'a mut Client, tally: &'a mut Tally, begun: Instant) -> Shopper<'a> {
        Shopper { client, tally, begun, cart: None, stray_units: 0 }
    }

    /// Runs the errand to its end.
    pub async fn buy(mut self, errand: &Errand<'_>) -> Visit {
        let mut visit = Visit { outcome: Outcome::Ok, order: None, added_units: 0, stray_units: 0 };
        for (index, line) in errand.lines.iter().enumerate() {
            visit.outcome = self.add(index, line).await;
            self.end_step("add", &visit.outcome);
            visit.stray_units = self.stray_units;
            if visit.outcome != Outcome::Ok {
                return visit;
            }
            visit.added_units += u64::from(line.units);
        }
        (visit.outcome, visit.order) = self.check_out(errand).await;
        self.end_step("checkout", &visit.outcome);
        visit
    }

    fn end_step(&mut self, step: &'static str, outcome: &Outcome) {
        self.tally.note(step, self.begun.elapsed(), outcome);
        self.begun = Instant::now();
    }

    async fn add(&mut self, index: usize, line: &Line) -> Outcome {
        let headers = match &self.cart {
            Some(cart) => vec![(CART_TOKEN, cart.clone()), key("add", index)],
            None => Vec::new(),
        };
        let (answer, unknown) = self.persist("/api/cart", &headers, json(line)).await;
        if self.cart.is_none() {
            self.stray_units += u64::from(unknown) * u64::from(line.units);
        }
        match answer {
            Ok(answer) => {
                // An add to an ended cart starts another; the last token given is the key.
                self.cart = answer.cart_token().cloned().or_else(|| self.cart.take());
                match self.cart {
                    Some(_) => Outcome::Ok,
                    None => Outcome::Failed("no cart token".to_owned()),
                }
            }
            Err(outcome) => outcome,
        }
    }

    async fn check_out(&mut self, errand: &Errand<'_>) -> (Outcome, Option<Order>) {
        let Some(cart) = self.cart.clone() else {
            return (Outcome::Refused("cart-empty".to_owned()), None);
        };
        let headers =
            [(CART_TOKEN, cart), key("checkout", 0), (PREFER, HeaderValue::from_static("wait=30"))];
        let body = json(&Checkout::new(errand.email, errand.payment_token));
        let (answer, _) = self.persist("/api/cart/checkout", &headers, body).await;
        let order = match answer.map(|answer| answer.json::<Order>()) {
            Ok(Ok(order)) => order,
            Ok(Err(error)) => return (Outcome::Failed(format!("unreadable order: {error}")), None),
            Err(outcome) => return (outcome, None),
        };
        let order = self.settled(order).await;
        let outcome = match &*order.status {
            "confirmed" => Outcome::Ok,
            "placed" => Outcome::Failed("order not settled in time".to_owned()),
            ended => Outcome::Refused(ended.to_owned()),
        };
        (outcome, Some(order))
    }

    /// Reads a placed order again until it is settled or [`SETTLE`] is over.
    async fn settled(&mut self, mut order: Order) -> Order {
        let end = Instant::now() + SETTLE;
        let mut pause = PAUSE;
        while order.status == "placed" && Instant::now() < end {
            let Some(token) = order.access_token.clone() else { break };
            wait(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
            match read_order(self.client, self.tally, &order.id, &token).await {
                Ok(read) => order = Order { access_token: Some(token), ..read },
                Err(_) => break,
            }
        }
        order
    }

    async fn persist(
        &mut self,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: Bytes,
    ) -> (Result<Answer, Outcome>, u32) {
        persist(self.client, self.tally, Method::POST, path, headers, body).await
    }
}

/// Reads an order with its token.
pub async fn read_order(
    client: &mut Client,
    tally: &mut Tally,
    id: &str,
    token: &str,
) -> Result<Order, Outcome> {
    let token = HeaderValue::from_str(token)
        .map_err(|_| Outcome::Failed("unreadable order token".to_owned()))?;
    let path = format!("/api/orders/{}", path_segment(id));
    let headers = [(ORDER_TOKEN, token)];
    let (answer, _) = persist(client, tally, Method::GET, &path, &headers, Bytes::new()).await;
    answer?.json().map_err(|error| Outcome::Failed(format!("unreadable order: {error}")))
}

/// Reads an order again until all that came back of it is refunded, or [`SETTLE`] is over.
pub(super) async fn settle_returns(
    client: &mut Client,
    tally: &mut Tally,
    mut order: Order,
    token: &str,
) -> Outcome {
    let end = Instant::now() + SETTLE;
    let mut pause = PAUSE;
    while order.returns.iter().any(|back| !back.refunded) {
        if Instant::now() >= end {
            return Outcome::Failed("a return was not refunded in time".to_owned());
        }
        wait(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
        match read_order(client, tally, &order.id, token).await {
            Ok(read) => order = read,
            Err(outcome) => return outcome,
        }
    }
    Outcome::Ok
}

/// Makes a call and repeats it while that can help; the same call, so a key in it stays the same.
/// Also tells how many times its outcome stayed unknown.
pub async fn persist(
    client: &mut Client,
    tally: &mut Tally,
    method: Method,
    path: &str,
    headers: &[(HeaderName, HeaderValue)],
    body: Bytes,
) -> (Result<Answer, Outcome>, u32) {
    let begun = Instant::now();
    let patience = if client.is_gone() { Duration::ZERO } else { PATIENCE };
    let mut pause = PAUSE;
    let mut unknown = 0;
    for repeats in 0.. {
        let answer = client.request(method.clone(), path, headers, body.clone()).await;
        let (outcome, asked) = match judge(answer) {
            Verdict::Done(answer) => return (Ok(answer), unknown),
            Verdict::Final(outcome) => return (Err(outcome), unknown),
            Verdict::Again { outcome, pause, was_unknown } => {
                unknown += u32::from(was_unknown);
                (outcome, pause)
            }
        };
        let next = asked.unwrap_or(pause);
        if repeats == REPEATS_MAX || begun.elapsed() + next > patience {
            if outcome.name() == NO_CONNECTION {
                client.give_up();
            }
            return (Err(outcome), unknown);
        }
        tally.retry(outcome.name());
        wait(next).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
    unreachable!("the loop returns at its last repeat")
}

/// What to make of an answer.
enum Verdict {
    Done(Answer),
    Final(Outcome),
    Again { outcome: Outcome, pause: Option<Duration>, was_unknown: bool },
}

fn judge(answer: Result<Answer, Error>) -> Verdict {
    let answer = match answer {
        Ok(answer) if answer.is_success() => return Verdict::Done(answer),
        Ok(answer) => answer,
        Err(error) => {
            let (name, was_unknown) = match error {
                Error::Connect { .. } => (NO_CONNECTION, false),
                Error::Lost(_) => ("connection lost", true),
                Error::Body(_) => ("answer cut off", true),
                // It has waited longer than any patience; asking again would hide a hang.
                Error::Late { .. } => return Verdict::Final(Outcome::Failed("timed out".into())),
                Error::Request(_) => {
                    return Verdict::Final(Outcome::Failed(error.to_string()));
                }
            };
            let outcome = Outcome::Failed(name.to_owned());
            return Verdict::Again { outcome, pause: None, was_unknown };
        }
    };
    let problem: Problem = answer.json().unwrap_or_default();
    let outcome = outcome_of(answer.status, &problem.code);
    let again = match answer.status {
        409 => problem.code == "in-progress",
        429 => true,
        503 => problem.code != "quarantined",
        _ => false,
    };
    if !again {
        return Verdict::Final(outcome);
    }
    let pause = problem.retry_after_ms.map(Duration::from_millis).or(answer.retry_after());
    Verdict::Again { outcome, pause, was_unknown: problem.code == "unavailable" }
}

/// A 4xx with a code is a clear no; everything else that is no success is a failure.
pub fn outcome_of(status: u16, code: &str) -> Outcome {
    match status {
        200..300 => Outcome::Ok,
        429 => Outcome::Failed(format!("http {status} {code}")),
        400..500 if code != "in-progress" && !code.is_empty() => Outcome::Refused(code.to_owned()),
        _ => Outcome::Failed(format!("http {status} {code}").trim_end().to_owned()),
    }
}

fn key(what: &str, index: usize) -> (HeaderName, HeaderValue) {
    // Keys are scoped by cart and route, so they need to be unique within this cart only.
    let value = HeaderValue::from_str(&format!("{what}-{index}"));
    (IDEMPOTENCY_KEY, value.unwrap_or_else(|_| unreachable!("letters and digits only")))
}

/// A body of the contract's shapes.
pub fn json<T: serde::Serialize>(value: &T) -> Bytes {
    match serde_json::to_vec(value) {
        Ok(bytes) => bytes.into(),
        Err(error) => unreachable!("these shapes have text keys only: {error}"),
    }
}

#[expect(clippy::disallowed_methods, reason = "a shopper waits as long as the shop asked for")]
pub(super) async fn wait(pause: Duration) {
    tokio::time::sleep(pause).await;
}

#[cfg(test)]
mod tests {
    use super::{super::target::Target, *};
    use hyper::header::HeaderMap;

    fn judged(status: u16, body: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_static("3"));
        match judge(Ok(Answer { status, headers, body: body.into() })) {
            Verdict::Done(_) => "done".to_owned(),
            Verdict::Final(outcome) => format!("{outcome:?}"),
            Verdict::Again { pause, was_unknown, .. } => format!("{pause:?} {was_unknown}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_gone_is_waited_for_once() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let mut client = Client::new(&Target::parse(&url).unwrap());
        let mut tally = Tally::default();
        let mut took = vec![];
        for _ in 0..2 {
            let begun = Instant::now();
            let call = persist(&mut client, &mut tally, Method::GET, "/", &[], Bytes::new());
            assert_eq!(call.await.0.unwrap_err().name(), NO_CONNECTION);
            took.push(begun.elapsed());
        }
        assert!(took[0] + PAUSE_MAX > PATIENCE && took[1] < PAUSE, "{took:?}");
    }

    #[test]
    fn only_what_a_repeat_can_help_is_repeated() {
        for (status, body, expected) in [
            (201, "{}", "done"),
            (409, r#"{"code": "sold-out", "free": 0}"#, r#"Refused("sold-out")"#),
            (409, r#"{"code": "in-progress", "retry_after_ms": 20}"#, "Some(20ms) false"),
            (429, r#"{"code": "overloaded"}"#, "Some(3s) false"),
            (503, r#"{"code": "unavailable", "retry_after_ms": 5}"#, "Some(5ms) true"),
            (503, r#"{"code": "quarantined"}"#, r#"Failed("http 503 quarantined")"#),
            (500, r#"{"code": "internal"}"#, r#"Failed("http 500 internal")"#),
            (502, "<html>", r#"Failed("http 502")"#),
            (404, "not json", r#"Failed("http 404")"#),
        ] {
            assert_eq!(judged(status, body), expected, "{status} {body}");
        }
    }
}
