//! Random buyers: impatient ones, who ask twice, hoard, cancel, or pay too late.

use super::{
    dice::Dice,
    history::{Fact, Intent},
    process::Process,
    stage::Record,
};
use crate::{
    domain::{By, CartId, Locale, ReservationId, Sku, sku::Standing},
    shop::{
        Key,
        orders::{Address, Details, Payment},
        reservations::{Sale, Wish},
    },
};
use std::time::Duration;

/// How cards behave; most of them well.
const TOKENS: [&str; 10] = [
    "tok_approve",
    "tok_approve",
    "tok_approve",
    "tok_approve",
    "tok_approve",
    "tok_approve",
    "tok_decline",
    "tok_capture_fails",
    "tok_slow",
    "tok_late",
];

/// How long somebody waits for an answer; some hardly at all.
fn patience_ms(dice: &mut Dice) -> u64 {
    if dice.chance(150) { dice.below(30) } else { 20_000 }
}

fn details(email: &str, token: &str) -> Details {
    let address = Address {
        name: "Ana".into(),
        line1: "1 Main St".into(),
        line2: None,
        city: "Springfield".into(),
        region: None,
        postal_code: "12345".into(),
        country: "US".into(),
    };
    let payment = Payment { method: "card".into(), token: token.into() };
    Details { email: email.into(), address, gift: None, payment, locale: Locale::En }
}

impl Process {
    fn buyer(&self, dice: &mut Dice) -> usize {
        dice.place(self.stage.plan.buyers)
    }

    fn a_sku(&self, dice: &mut Dice) -> Option<Sku> {
        dice.pick(&self.stage.record().history.skus).cloned()
    }

    /// One of a buyer's carts, most likely the last one.
    fn cart_of(&self, buyer: usize, dice: &mut Dice) -> Option<CartId> {
        let record = self.stage.record();
        let carts = record.history.carts.get(&buyer)?;
        if dice.chance(850) { carts.last().copied() } else { dice.pick(carts).copied() }
    }

    /// Units into a cart, a new one at times.
    pub(super) fn add(&mut self, dice: &mut Dice, number: u64) {
        let (buyer, Some(sku)) = (self.buyer(dice), self.a_sku(dice)) else { return };
        let cart = self.cart_of(buyer, dice).filter(|_| !dice.chance(250));
        let units = dice.units(self.stage.plan.units + 3);
        let keyed = dice.chance(300).then(|| format!("add-{number}"));
        let times = if keyed.is_some() && dice.chance(300) { 2 } else { 1 };
        for _ in 0..times {
            let (shop, code, keyed) = (self.shop.clone(), sku.clone(), keyed.clone());
            let what = format!("buyer {buyer} adds {units} of {sku} to {cart:?}");
            let asked = async move {
                let key = keyed.as_deref().map(|text| Key { text, route: "add", body: b"{}" });
                shop.add_to_cart(cart, &code, units, key).await
            };
            let sku = sku.clone();
            self.client(what, patience_ms(dice), asked, move |record, cart| {
                record.history.told_cart(buyer, &sku, &cart);
            });
        }
    }

    /// More or fewer units of a line, none at times.
    pub(super) fn set(&mut self, dice: &mut Dice) {
        let (buyer, Some(sku)) = (self.buyer(dice), self.a_sku(dice)) else { return };
        let Some(cart) = self.cart_of(buyer, dice) else { return };
        let units = if dice.chance(400) { 0 } else { dice.units(10) };
        let (shop, code) = (self.shop.clone(), sku.clone());
        let what = format!("buyer {buyer} sets {units} of {sku} in {cart}");
        let asked = async move { shop.set_units(cart, &code, units).await };
        self.client(what, patience_ms(dice), asked, move |record, cart| {
            record.history.told_cart(buyer, &sku, &cart);
        });
    }

    /// A checkout under a new key.
    pub(super) fn check_out(&mut self, dice: &mut Dice, number: u64) {
        let buyer = self.buyer(dice);
        let Some(cart) = self.cart_of(buyer, dice) else { return };
        let token = dice.pick(&TOKENS).copied().unwrap_or("tok_approve");
        // Two buyers share an address: a limit counts them as one.
        let email = format!("buyer{}@example.com", buyer / 2);
        let key = format!("checkout-{number}");
        let intent = {
            let mut record = self.stage.record();
            record.history.intents.push(Intent { cart, key, token, email, order: None });
            record.history.intents.len() - 1
        };
        let times = if dice.chance(150) { 2 } else { 1 };
        for _ in 0..times {
            self.ask_checkout(intent, dice);
        }
    }

    /// A checkout that was asked for before, under the same key.
    pub(super) fn again(&mut self, dice: &mut Dice) {
        let intents = self.stage.record().history.intents.len();
        let back = dice.place(intents.min(4));
        if let Some(intent) = intents.checked_sub(1 + back) {
            self.ask_checkout(intent, dice);
        }
    }

    fn ask_checkout(&mut self, number: usize, dice: &mut Dice) {
        let intent = self.stage.record().history.intents.get(number).cloned();
        let Some(Intent { cart, key, token, email, .. }) = intent else { return };
        let settle = dice.chance(300).then(|| Duration::from_millis(dice.below(8_000)));
        let shop = self.shop.clone();
        let what = format!("{key} of {cart} with {token} for {email}");
        let asked = async move {
            let key = Key { text: &key, route: "checkout", body: b"{}" };
            shop.check_out(cart, &details(&email, token), key, settle).await
        };
        self.client(what, patience_ms(dice), asked, move |record, order| {
            let Record { model, history, .. } = record;
            history.told_checkout(number, &order, model);
        });
    }

    fn an_order(&self, dice: &mut Dice) -> Option<crate::domain::OrderId> {
        let record = self.stage.record();
        let orders = &record.history.orders;
        let back = dice.place(orders.len().min(6));
        orders.len().checked_sub(1 + back).and_then(|place| orders.get(place)).copied()
    }

    pub(super) fn cancel(&mut self, dice: &mut Dice) {
        let Some(order) = self.an_order(dice) else { return };
        let shop = self.shop.clone();
        let by = if dice.chance(500) { By::Admin } else { By::Order(order) };
        let asked = async move { shop.cancel_order(order, by, None).await };
        let what = format!("{order} is cancelled");
        self.client(what, patience_ms(dice), asked, |record, order| {
            record.history.told_order(&order);
        });
    }

    /// An order, or a cart, or a SKU, as it is now.
    pub(super) fn look(&mut self, dice: &mut Dice) {
        if let Some(order) = self.an_order(dice).filter(|_| dice.chance(600)) {
            let shop = self.shop.clone();
            let asked = async move { shop.order_by_id(order).await };
            self.client(format!("{order} is read"), patience_ms(dice), asked, |record, order| {
                record.history.told_order(&order);
            });
            return;
        }
        let buyer = self.buyer(dice);
        if let Some(cart) = self.cart_of(buyer, dice) {
            let shop = self.shop.clone();
            let asked = async move { shop.cart(cart).await };
            self.client(format!("{cart} is read"), patience_ms(dice), asked, |_, _| {});
        }
    }

    /// Whoever keeps a cart elsewhere: reserves, now and then twice, and sells or gives back.
    pub(super) fn hold(&mut self, dice: &mut Dice) {
        let Some(sku) = self.a_sku(dice) else { return };
        let holder = ReservationId(self.shop.system().new_uuid());
        let units = dice.units(6);
        let buyer = dice.chance(500).then(|| format!("till-{}@example.com", dice.below(3)));
        for _ in 0..=dice.below(2) {
            let (shop, code) = (self.shop.clone(), sku.clone());
            let wish = Wish { units, buyer: buyer.clone(), ttl_ms: None };
            let asked = async move { shop.reserve(holder, &code, &wish).await };
            let (what, sku) = (format!("{holder} holds {units} of {sku}"), sku.clone());
            self.client(what, patience_ms(dice), asked, move |record, step| {
                if let Standing::Reserved { until } = step.reservation.standing {
                    let units = step.reservation.units;
                    record.history.learn(Fact::Held { holder, sku, units, until });
                }
            });
        }
        let (shop, code) = (self.shop.clone(), sku.clone());
        match dice.below(3) {
            0 => {
                let reference = format!("receipt {holder}");
                let sale = Sale { reference: reference.clone() };
                let asked = async move { shop.commit(holder, &code, sale).await };
                self.client(
                    format!("{holder} is sold"),
                    patience_ms(dice),
                    asked,
                    move |record, _| {
                        record.history.learn(Fact::Sold { holder, sku, reference });
                    },
                );
            }
            1 => {
                let asked = async move { shop.release(holder, &code).await };
                let what = format!("{holder} is given back");
                self.client(what, patience_ms(dice), asked, |_, ()| {});
            }
            _ => {}
        }
    }

    pub(super) fn retry(&mut self, dice: &mut Dice) {
        let Some(order) = self.an_order(dice) else { return };
        let shop = self.shop.clone();
        let asked = async move { shop.retry_order(order).await };
        self.client(format!("{order} is retried"), patience_ms(dice), asked, |_, _| {});
    }
}
