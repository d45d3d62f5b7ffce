//! The books of all orders: what was ordered, what was sold to them, and what they paid.
//!
//! Invariant: every sold unit has its order, a confirmed order has all its units and has paid for
//! them once, and an ended one has neither, or still owes it.

use super::{
    replay::Facts,
    report::{Findings, Report},
    returns::{Return, gives_back, money},
    stock::Stock,
};
use crate::{
    domain::{EntityId, Kind, Money, OrderId, Sku, machine, order::Event, sku},
    journal::{BatchRef, EntryRef, codec},
};
use std::collections::HashMap;
use uuid::Uuid;

/// All books.
#[derive(Default)]
pub(super) struct Books {
    stocks: HashMap<Sku, Stock>,
    pub(super) orders: HashMap<OrderId, Order>,
    names: Vec<Sku>,
    numbers: HashMap<Sku, u32>,
}

/// One order.
#[derive(Default)]
pub(super) struct Order {
    pub(super) total: Option<Money>,
    pub(super) items: Box<[Item]>,
    /// SKU by number, and units sold less returned.
    sold: Vec<(u32, i64)>,
    pub(super) authorised: u32,
    pub(super) captured: u32,
    pub(super) voided: u32,
    pub(super) refunded: u32,
    pub(super) confirmed: bool,
    pub(super) ended: bool,
    pub(super) returns: Vec<Return>,
}

/// One line of an order.
pub(super) struct Item {
    /// By number.
    pub(super) sku: u32,
    pub(super) units: u32,
    pub(super) price_minor: i64,
}

impl Books {
    pub(super) fn batch(&mut self, shard: usize, batch: &BatchRef<'_>, findings: &mut Findings) {
        for entry in batch.entries() {
            // What does not decode was named by the replay.
            match entry.kind {
                Kind::Sku => drop(self.sku(shard, &entry, findings)),
                Kind::Order => drop(self.order(shard, &entry, findings)),
                Kind::Cart | Kind::Product | Kind::Post => {}
            }
        }
    }

    fn sku(&mut self, shard: usize, entry: &EntryRef<'_>, findings: &mut Findings) -> Option<()> {
        let event: sku::Event = decode(entry)?;
        let Ok(EntityId::Sku(sku)) = entry.entity() else { return None };
        let stock = self.stocks.entry(sku.clone()).or_default();
        let sale = stock.apply(&event, entry.context.now, &mut |check, what| {
            let place = format!("sku:{sku}, position {} of shard {shard}", entry.position);
            findings.add(check, place, what);
        });
        let (order, units) = sale?;
        let number = self.number(&sku);
        let sold = &mut self.orders.entry(order).or_default().sold;
        match sold.iter_mut().find(|(known, _)| *known == number) {
            Some((_, net)) => *net += units,
            None => sold.push((number, units)),
        }
        Some(())
    }

    fn number(&mut self, sku: &Sku) -> u32 {
        if let Some(number) = self.numbers.get(sku) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(sku.clone());
        self.numbers.insert(sku.clone(), number);
        number
    }

    fn name(&self, number: u32) -> &str {
        let name = usize::try_from(number).ok().and_then(|number| self.names.get(number));
        name.map_or("?", Sku::as_str)
    }

    fn order(&mut self, shard: usize, entry: &EntryRef<'_>, findings: &mut Findings) -> Option<()> {
        let event: Event = decode(entry)?;
        let id = OrderId(Uuid::from_slice(entry.id).ok()?);
        let mut ill = |check, what: String| {
            findings.add(
                check,
                format!("{id}, position {} of shard {shard}", entry.position),
                what,
            );
        };
        if let Event::Placed(placement) = &event {
            let items = placement.items.iter().map(|item| Item {
                sku: self.number(&item.sku),
                units: item.units,
                price_minor: item.price.amount_minor,
            });
            let items = items.collect();
            let mut prices = placement.items.iter().map(|item| item.price.times(item.units));
            let zero = Money { amount_minor: 0, ..placement.total };
            let sum = prices.try_fold(zero, |sum, price| sum.plus(price?));
            if sum != Some(placement.total) {
                ill("order", "its total is not the sum of its items".to_owned());
            }
            let order = self.orders.entry(id).or_default();
            if order.total.replace(placement.total).is_some() {
                ill("order", "was placed twice".to_owned());
            }
            order.items = items;
            return Some(());
        }
        if let Event::ReturnAccepted { number, items, amount, .. } = &event {
            let items = items.iter().map(|back| (self.number(&back.sku), back.units)).collect();
            let (number, amount_minor) = (*number, amount.amount_minor);
            let back = Return { number, items, amount_minor, refunded: 0 };
            self.orders.entry(id).or_default().accept(back, &mut ill);
            return Some(());
        }
        let order = self.orders.entry(id).or_default();
        if order.total.is_none() {
            ill("order", "something happened to it before it was placed".to_owned());
        }
        match event {
            Event::Authorised { .. } => order.authorised += 1,
            Event::Captured { .. } => {
                order.captured += 1;
                order.confirmed |= !order.ended;
            }
            Event::Voided {} => order.voided += 1,
            Event::Refunded {} => order.refunded += 1,
            Event::ReturnRefunded { number } => order.refund_part(number, &mut ill),
            Event::PaymentDeclined { .. } | Event::CaptureFailed { .. } => {
                order.ended |= !order.confirmed;
            }
            Event::StockLost { .. } | Event::Cancelled {} | Event::Expired {} => {
                order.ended = true;
            }
            Event::Placed(_)
            | Event::ReturnAccepted { .. }
            | Event::ReturnStocked { .. }
            | Event::ReturnForgotten { .. }
            | Event::PaymentUnknown { .. }
            | Event::PaymentNotSeen { .. }
            | Event::StockCommitted {}
            | Event::NothingToVoid {}
            | Event::VoidRefused { .. }
            | Event::StockReturned {}
            | Event::StockForgotten {}
            | Event::CartReopened {}
            | Event::FlaggedForReview { .. } => {}
        }
        Some(())
    }

    /// Draws the balance.
    pub(super) fn finish(&self, facts: &Facts, report: &mut Report) {
        for (sku, stock) in &self.stocks {
            stock.finish(&format!("sku:{sku}"), facts.skus.get(sku), &mut report.findings);
            report.units_sold += stock.sold_bare;
            report.units_sold_bare += stock.sold_bare;
        }
        for (id, order) in &self.orders {
            report.units_sold += order.sold.iter().map(|(_, units)| units).sum::<i64>();
            match order.total {
                Some(total) => {
                    report.orders += 1;
                    self.units(*id, order, facts, report);
                    money(*id, order, total, facts, report);
                }
                None => self.never_was(*id, order, &mut report.findings),
            }
        }
        for (currency, sums) in &report.money {
            let left = sums.captured - sums.refunded;
            if left != sums.confirmed + sums.to_be_refunded {
                let what = "captured - refunded is not what confirmed orders cost and others owe";
                report.findings.add("money", currency, what);
            }
        }
    }

    fn never_was(&self, id: OrderId, order: &Order, findings: &mut Findings) {
        for (sku, units) in order.sold.iter().filter(|(_, units)| *units != 0) {
            let what = format!(
                "{units} units of {} were sold to an order that never was",
                self.name(*sku)
            );
            findings.add("sale", id, what);
        }
    }

    fn units(&self, id: OrderId, order: &Order, facts: &Facts, report: &mut Report) {
        let ordered = |sku: u32| order.items.iter().find(|item| item.sku == sku);
        for (sku, units) in order.sold.iter().filter(|(sku, _)| ordered(*sku).is_none()) {
            let what = format!("{units} units of {} were sold to it unordered", self.name(*sku));
            report.findings.add("sale", id, what);
        }
        for Item { sku, units, .. } in &order.items {
            let sold = order.sold.iter().find(|(known, _)| known == sku).map_or(0, |(_, net)| *net);
            let (back, units, name) = (order.came_back(*sku), i64::from(*units), self.name(*sku));
            let what =
                || format!("{sold} of {units} units of {name} are sold to it, {back} came back");
            let keeps = if order.ended { 0 } else { units - back };
            if sold < 0 || sold > units {
                report.findings.add("sale", id, what());
            } else if !order.ended && !order.confirmed || sold == keeps {
                // Not sold yet, or as it should be.
            } else if sold > keeps && gives_back(id, facts) {
                let more = sold - keeps;
                report.notes.add(format!("{id} still gives {more} units of {name} back"));
            } else if order.ended {
                report.findings.add("sale", id, format!("has ended, but {}", what()));
            } else {
                report.findings.add("sale", id, format!("is confirmed, but {}", what()));
            }
        }
    }
}

fn decode<E: machine::Event>(entry: &EntryRef<'_>) -> Option<E> {
    codec::decode(entry).ok()
}
