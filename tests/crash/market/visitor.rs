//! One visitor with a connection of their own: does one thing after the other and writes down
//! what they asked, when, and what they were told.

use super::{Purchase, Ticks};
use crate::{
    Dice,
    history::{
        History, Reserved, SKUS, Sent, body, check_out, code, header, look, reserved_until, value,
    },
    linear::{Act, Operation, Shelf},
    server::ADMIN,
};
use doorbuster::{
    load::{
        Answer, Client,
        client::{CART_TOKEN, Error, bearer},
    },
    ports::clock::pause,
};
use hyper::{
    Method,
    header::{HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use std::time::Duration;

/// What one visitor has to tell.
#[derive(Default)]
pub(crate) struct Heard {
    pub(super) operations: Vec<(usize, Operation)>,
    pub(super) purchases: Vec<(String, Purchase)>,
    pub(super) history: History,
}

/// What became of a wish.
enum Reply {
    Granted(Answer),
    Refused,
    /// Nobody knows.
    Unknown,
}

/// What is sent.
struct Wish {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Value,
}

pub(super) struct Visitor {
    client: Client,
    dice: Dice,
    ticks: Ticks,
    pub(super) heard: Heard,
}

/// A SKU's counts, as anybody reads them.
pub(super) fn shelf(stock: &Value) -> Shelf {
    let count = |name: &str| stock[name].as_u64().unwrap();
    assert_eq!(count("on_hand"), count("reserved") + count("free"), "{stock}");
    Shelf { received: count("on_hand") + count("sold"), free: count("free"), sold: count("sold") }
}

impl Visitor {
    pub(super) fn new(client: Client, dice: Dice, ticks: &Ticks) -> Visitor {
        Visitor { client, dice, ticks: ticks.clone(), heard: Heard::default() }
    }

    /// Shops until the process is gone.
    pub(super) async fn shop(&mut self) {
        while self.errand().await.is_ok() {}
    }

    /// Receives and takes off the shelf until the process is gone.
    pub(super) async fn keep_stock(&mut self) {
        while self.move_stock().await.is_ok() {}
    }

    fn note(&mut self, sku: usize, act: Act, called: u64, answered: bool) {
        // Without an answer it is open until the process is gone.
        let ended = if answered { self.ticks.next() } else { u64::MAX };
        self.heard.operations.push((sku, Operation { act, called, ended, answered }));
    }

    /// Asks for something that does `act` to a SKU when it is granted.
    async fn ask(&mut self, sku: usize, act: Act, wish: Wish) -> Result<Reply, Error> {
        let called = self.ticks.next();
        let Wish { method, path, headers, body: content } = wish;
        let answer = match self.client.request(method, &path, &headers, body(&content)).await {
            Ok(answer) => answer,
            Err(error) => {
                if !matches!(error, Error::Connect { .. }) {
                    self.note(sku, act, called, false);
                }
                return Err(error);
            }
        };
        if answer.is_success() {
            self.note(sku, act, called, true);
            return Ok(Reply::Granted(answer));
        }
        match (answer.status, &*code(&answer), act) {
            (409, "sold-out", Act::Reserve(units)) => {
                let free = value(&answer)["free"].as_u64().unwrap();
                self.note(sku, Act::SoldOut { units, free }, called, true);
                Ok(Reply::Refused)
            }
            (409, "would-go-negative", Act::Lower(units)) => {
                self.note(sku, Act::TooFew(units), called, true);
                Ok(Reply::Refused)
            }
            // Its order was declined just now; the cart is not open again yet.
            (409, "cart-closed", Act::Release(_)) => Ok(Reply::Refused),
            (429 | 503, _, _) => {
                self.note(sku, act, called, false);
                pause(Duration::from_millis(5)).await;
                Ok(Reply::Unknown)
            }
            _ => panic!("{answer:?} to {act:?}"),
        }
    }

    async fn look(&mut self, sku: usize) -> Result<(), Error> {
        let called = self.ticks.next();
        let answer = self.client.get(&format!("/api/inventory/{}", SKUS[sku]), &[]).await?;
        if answer.status == 200 {
            self.note(sku, Act::Read(shelf(&value(&answer))), called, true);
        } else {
            assert_eq!(answer.status, 503, "{answer:?}");
        }
        Ok(())
    }

    fn any_sku(&mut self) -> usize {
        usize::try_from(self.dice.below(SKUS.len() as u64)).unwrap()
    }

    async fn move_stock(&mut self) -> Result<(), Error> {
        let (sku, units) = (self.any_sku(), 1 + self.dice.below(6));
        let (act, kind, content) = match self.dice.below(3) {
            0 => return self.look(sku).await,
            1 => (Act::Receive(units), "receipts", json!({"units": units})),
            _ => {
                let lower = -i64::try_from(units).unwrap();
                (Act::Lower(units), "adjustments", json!({"units": lower, "reason": "counted"}))
            }
        };
        let path = format!("/api/inventory/{}/{kind}", SKUS[sku]);
        let headers = vec![bearer(ADMIN).unwrap()];
        self.ask(sku, act, Wish { method: Method::POST, path, headers, body: content }).await?;
        Ok(())
    }

    /// Takes something, changes their mind, and buys it or leaves it.
    async fn errand(&mut self) -> Result<(), Error> {
        let sku = self.any_sku();
        if self.dice.below(4) == 0 {
            self.look(sku).await?;
        }
        let mut units = 1 + self.dice.below(3);
        let content = json!({"sku": SKUS[sku], "units": units});
        let path = "/api/cart".to_owned();
        let wish = Wish { method: Method::POST, path, headers: vec![], body: content };
        let Reply::Granted(answer) = self.ask(sku, Act::Reserve(units), wish).await? else {
            return Ok(());
        };
        let cart = answer.cart_token().unwrap().to_str().unwrap().to_owned();
        let mut until = reserved_until(&answer);
        for _ in 0..self.dice.below(3) {
            let wanted = self.dice.below(5);
            match self.set(sku, &cart, units, wanted).await? {
                Some(Reply::Granted(answer)) if wanted > 0 => until = reserved_until(&answer),
                Some(Reply::Granted(_) | Reply::Unknown) => return Ok(()),
                Some(Reply::Refused) | None => continue,
            }
            units = wanted;
        }
        if self.dice.below(3) > 0 {
            return self.buy(sku, cart, units).await;
        }
        self.heard.history.reserved.push(Reserved { cart, sku: SKUS[sku], units, until });
        Ok(())
    }

    /// Wants other units than the cart has; `None` when they are the same.
    async fn set(
        &mut self,
        sku: usize,
        cart: &str,
        units: u64,
        wanted: u64,
    ) -> Result<Option<Reply>, Error> {
        let act = match (wanted.checked_sub(units), units.checked_sub(wanted)) {
            (Some(0), _) => return Ok(None),
            (Some(more), _) => Act::Reserve(more),
            (None, less) => Act::Release(less.unwrap()),
        };
        let path = format!("/api/cart/items/{}", SKUS[sku]);
        let headers = vec![header(CART_TOKEN, cart)];
        let wish = Wish { method: Method::PUT, path, headers, body: json!({"units": wanted}) };
        self.ask(sku, act, wish).await.map(Some)
    }

    async fn buy(&mut self, sku: usize, cart: String, units: u64) -> Result<(), Error> {
        let payment = if self.dice.below(5) == 0 { "tok_decline" } else { "tok_approve" };
        let key = format!("key-{}", self.dice.next());
        let called = self.ticks.next();
        if payment == "tok_approve" {
            self.heard.purchases.push((key.clone(), Purchase { sku, units, called }));
        }
        let sent = Sent { cart: cart.clone(), key, payment, sku: SKUS[sku], units };
        let orders = self.heard.history.orders.len();
        check_out(&mut self.client, sent, &mut self.heard.history).await?;
        let Some(told) = self.heard.history.orders.get(orders).cloned() else { return Ok(()) };
        loop {
            let Some(order) = look(&mut self.client, &told).await? else { return Ok(()) };
            match order["status"].as_str().unwrap() {
                "placed" => pause(Duration::from_millis(2)).await,
                "confirmed" => {
                    self.heard.purchases.pop();
                    self.note(sku, Act::Sell(units), called, true);
                    return Ok(());
                }
                // The units are the cart's again.
                _ => return self.set(sku, &cart, units, 0).await.map(drop),
            }
        }
    }
}
