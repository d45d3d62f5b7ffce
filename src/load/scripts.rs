//! What workers perform: the same call over and over, or whole purchases.

use super::{
    client::Client,
    contract::{Line, Order, Problem},
    report::{Outcome, Tally},
    run::{Script, Turn},
    shopper::{Errand, Shopper, Visit, json, outcome_of},
    target::Target,
};
use crate::domain::Sku;
use bytes::Bytes;
use hyper::{
    Method,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
};

/// Sends neighbouring numbers far apart.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The same `POST` every turn, never repeated: what a route can take.
pub struct Post {
    target: Target,
    path: &'static str,
    body: Bytes,
}

impl Post {
    /// Posts `body` to `path`, such as a route that does nothing: the ceiling of the rest.
    pub fn new(target: &Target, path: &'static str, body: Bytes) -> Post {
        Post { target: target.clone(), path, body }
    }

    /// Adds to a cart as a new guest each turn; on a SKU without stock, probes for `sold-out`.
    pub fn add(target: &Target, sku: Sku, units: u32) -> Post {
        Post::new(target, "/api/cart", json(&Line { sku, units }))
    }
}

impl Script for Post {
    type Worker = Client;

    async fn worker(&self) -> Client {
        Client::connected(&self.target).await
    }

    async fn perform(&self, client: &mut Client, _: Turn, _: &mut Tally) -> Outcome {
        match client.post(self.path, &[], self.body.clone()).await {
            Ok(answer) if answer.is_success() => Outcome::Ok,
            Ok(answer) => {
                let problem: Problem = answer.json().unwrap_or_default();
                outcome_of(answer.status, &problem.code)
            }
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

/// A new bare reservation of one unit every turn, as a service makes it.
pub struct Reserve {
    target: Target,
    sku: Sku,
    bearer: HeaderValue,
    body: Bytes,
}

impl Reserve {
    /// Of this SKU, with the admin token; one that no header can hold opens nothing.
    pub fn new(target: &Target, token: &str, sku: Sku) -> Reserve {
        let bearer = HeaderValue::try_from(format!("Bearer {token}"));
        let bearer = bearer.unwrap_or(HeaderValue::from_static("Bearer"));
        let body = Bytes::from_static(br#"{"units":1}"#);
        Reserve { target: target.clone(), sku, bearer, body }
    }
}

impl Script for Reserve {
    type Worker = Client;

    async fn worker(&self) -> Client {
        Client::connected(&self.target).await
    }

    async fn perform(&self, client: &mut Client, turn: Turn, _: &mut Tally) -> Outcome {
        let id = format!("{:016x}{:016x}", turn.index.wrapping_mul(SPREAD), turn.index);
        let path = format!("/api/inventory/{}/reservations/res_{id}", self.sku);
        let headers = [(AUTHORIZATION, self.bearer.clone())];
        match client.request(Method::PUT, &path, &headers, self.body.clone()).await {
            Ok(answer) if answer.is_success() => Outcome::Ok,
            Ok(answer) => {
                let problem: Problem = answer.json().unwrap_or_default();
                outcome_of(answer.status, &problem.code)
            }
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

/// The same `GET` every turn: what reading costs.
pub struct Get {
    target: Target,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    status: u16,
}

impl Get {
    /// Gets `path` with these headers, and takes this status for an answer.
    pub fn new(
        target: &Target,
        path: impl Into<String>,
        headers: &[(HeaderName, HeaderValue)],
        status: u16,
    ) -> Get {
        Get { target: target.clone(), path: path.into(), headers: headers.to_vec(), status }
    }
}

impl Script for Get {
    type Worker = Client;

    async fn worker(&self) -> Client {
        Client::connected(&self.target).await
    }

    async fn perform(&self, client: &mut Client, _: Turn, _: &mut Tally) -> Outcome {
        match client.get(&self.path, &self.headers).await {
            Ok(answer) if answer.status == self.status => Outcome::Ok,
            Ok(answer) => Outcome::Failed(format!("{} instead of {}", answer.status, self.status)),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }
}

/// Complete purchases: each turn a new guest adds, checks out and waits until it is confirmed.
pub struct Buy {
    target: Target,
    baskets: Baskets,
    /// Who buys: an e-mail of its own for each turn.
    run_id: String,
    payment_token: String,
}

/// What goes into the carts.
pub enum Baskets {
    /// The same for everybody.
    Same(Vec<Line>),
    /// Turn by turn; turns beyond them are refused.
    Each(Vec<Vec<Line>>),
}

/// A buying worker: its connection and what came of its turns.
pub struct Buyer {
    client: Client,
    /// Orders that were placed, however they ended.
    pub orders: Vec<Order>,
    /// Units in carts or orders that did not end confirmed: reserved until they lapse.
    pub held_units: u64,
    /// See [`Visit::stray_units`].
    pub stray_units: u64,
}

impl Buy {
    /// `run_id` sets these buyers apart from those of other runs.
    pub fn new(target: &Target, baskets: Baskets, run_id: &str, payment_token: &str) -> Buy {
        Buy {
            target: target.clone(),
            baskets,
            run_id: run_id.to_owned(),
            payment_token: payment_token.to_owned(),
        }
    }
}

impl Script for Buy {
    type Worker = Buyer;

    async fn worker(&self) -> Buyer {
        let client = Client::connected(&self.target).await;
        Buyer { client, orders: Vec::new(), held_units: 0, stray_units: 0 }
    }

    async fn perform(&self, buyer: &mut Buyer, turn: Turn, tally: &mut Tally) -> Outcome {
        let lines: &[Line] = match &self.baskets {
            Baskets::Same(lines) => lines,
            Baskets::Each(baskets) => {
                let index = usize::try_from(turn.index).unwrap_or(usize::MAX);
                baskets.get(index).map_or(&[], Vec::as_slice)
            }
        };
        let email = format!("shopper-{}-{}@example.com", self.run_id, turn.index);
        let errand = Errand { lines, email: &email, payment_token: &self.payment_token };
        let shopper = Shopper::new(&mut buyer.client, tally, turn.intended);
        let Visit { outcome, order, added_units, stray_units } = shopper.buy(&errand).await;
        if outcome != Outcome::Ok {
            buyer.held_units += added_units;
        }
        buyer.stray_units += stray_units;
        buyer.orders.extend(order);
        outcome
    }
}
