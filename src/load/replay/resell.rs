//! The script of a replay: invoices are bought and come back in the order of the file.
//!
//! Invariant: a return is asked for only when its order is confirmed. A buyer waits for nobody, so
//! whoever waits for an order waits for somebody who goes on.

use super::super::{
    client::{Client, IDEMPOTENCY_KEY},
    contract::{Line, Order, Parcel},
    report::{Outcome, Tally},
    run::{Script, Turn},
    shopper::{Errand, Shopper, Visit, json, persist, settle_returns},
    target::{Target, path_segment},
    trace::{Deed, Trace},
};
use hyper::{
    Method,
    header::{HeaderName, HeaderValue},
};
use tokio::{sync::SetOnce, time::Instant};

/// How one basket is bought and paid, and what a return is asked with.
pub(super) struct Terms {
    pub(super) target: Target,
    pub(super) run_id: String,
    pub(super) payment_token: String,
    pub(super) admin: (HeaderName, HeaderValue),
}

/// All of a trace, a turn for each deed.
pub(super) struct Resell {
    terms: Terms,
    deeds: Vec<Deed>,
    baskets: Vec<Vec<Line>>,
    returns: Vec<(usize, Vec<Line>)>,
    /// The confirmed order of each basket; `None` when it got none.
    orders: Vec<SetOnce<Option<Key>>>,
}

/// What opens an order.
#[derive(Clone)]
struct Key {
    id: String,
    token: String,
}

/// A worker: its connection, and the orders it was told of.
pub(super) struct Seller {
    client: Client,
    pub(super) orders: Vec<Order>,
}

impl Resell {
    pub(super) fn new(terms: Terms, trace: &Trace) -> Resell {
        let lines = |lines: &[(crate::domain::Sku, u32)]| -> Vec<Line> {
            lines.iter().map(|(sku, units)| Line { sku: sku.clone(), units: *units }).collect()
        };
        let returns = trace.returns.iter().map(|back| (back.invoice, lines(&back.lines)));
        Resell {
            terms,
            deeds: trace.deeds.iter().map(|(deed, _)| *deed).collect(),
            baskets: trace.invoices.iter().map(|invoice| lines(&invoice.lines)).collect(),
            returns: returns.collect(),
            orders: trace.invoices.iter().map(|_| SetOnce::new()).collect(),
        }
    }

    async fn buy(
        &self,
        basket: usize,
        seller: &mut Seller,
        begun: Instant,
        tally: &mut Tally,
    ) -> Outcome {
        let lines = self.baskets.get(basket).map_or(&[][..], Vec::as_slice);
        let Terms { run_id, payment_token, .. } = &self.terms;
        let email = format!("shopper-{run_id}-{basket}@example.com");
        let errand = Errand { lines, email: &email, payment_token };
        let shopper = Shopper::new(&mut seller.client, tally, begun);
        let Visit { outcome, order, .. } = shopper.buy(&errand).await;
        let bought = order.as_ref().filter(|_| outcome == Outcome::Ok);
        let key = bought.and_then(|order| {
            Some(Key { id: order.id.clone(), token: order.access_token.clone()? })
        });
        if let Some(told) = self.orders.get(basket) {
            let _ = told.set(key); // each basket is bought in one turn
        }
        seller.orders.extend(order);
        outcome
    }

    async fn bring_back(&self, number: usize, seller: &mut Seller, tally: &mut Tally) -> Outcome {
        let Some((basket, lines)) = self.returns.get(number) else {
            return Outcome::Failed("no such return".to_owned());
        };
        let Some(order) = self.orders.get(*basket) else {
            return Outcome::Failed("no such basket".to_owned());
        };
        let Some(Key { id, token }) = order.wait().await.clone() else {
            return Outcome::Refused("its basket was not bought".to_owned());
        };
        let begun = Instant::now();
        let key = HeaderValue::from_str(&format!("{}-return-{number}", self.terms.run_id));
        let Ok(key) = key else { return Outcome::Failed("no key".to_owned()) };
        let headers = [self.terms.admin.clone(), (IDEMPOTENCY_KEY, key)];
        let path = format!("/api/orders/{}/returns", path_segment(&id));
        let body = json(&Parcel { items: lines });
        let client = &mut seller.client;
        let (answer, _) = persist(client, tally, Method::POST, &path, &headers, body).await;
        let outcome = match answer.map(|answer| answer.json::<Order>()) {
            Ok(Ok(order)) => settle_returns(client, tally, order, &token).await,
            Ok(Err(error)) => Outcome::Failed(format!("unreadable order: {error}")),
            Err(outcome) => outcome,
        };
        tally.note("return", begun.elapsed(), &outcome);
        outcome
    }
}

impl Script for Resell {
    type Worker = Seller;

    async fn worker(&self) -> Seller {
        Seller { client: Client::connected(&self.terms.target).await, orders: Vec::new() }
    }

    async fn perform(&self, seller: &mut Seller, turn: Turn, tally: &mut Tally) -> Outcome {
        let deed = usize::try_from(turn.index).ok().and_then(|index| self.deeds.get(index));
        match deed {
            Some(Deed::Buy(basket)) => self.buy(*basket, seller, turn.intended, tally).await,
            Some(Deed::Return(number)) => self.bring_back(*number, seller, tally).await,
            None => Outcome::Failed("no such turn".to_owned()),
        }
    }
}
