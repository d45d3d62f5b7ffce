//! The check of the books after a race: what the shop says it sold against what buyers hold.
//!
//! Pure: facts in, differences out. Nobody else may buy the SKU meanwhile; a sale that is not
//! this race's is indistinguishable from a unit sold twice and is reported as one.

use super::{contract::Inventory, desk::ReadBack};
use crate::domain::{Money, Sku};
use serde::Serialize;

/// What is known after a race.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What was raced for.
    pub sku: &'a Sku,
    /// What a unit costs.
    pub price: Money,
    /// How many each shopper wanted.
    pub units_each: u32,
    /// Stock before the first shopper.
    pub before: &'a Inventory,
    /// Stock after the last.
    pub after: &'a Inventory,
    /// Every order that its buyer was told is confirmed, read again.
    pub confirmed: &'a [ReadBack],
    /// Units left in carts and orders of this race that did not end confirmed.
    pub held_units: u64,
    /// Units that adds without an answer may have reserved.
    pub stray_units: u64,
    /// Shoppers who were told that it is sold out.
    pub sold_out: u64,
}

/// How the books stand.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Books {
    /// Units of the confirmed orders.
    pub confirmed_units: i64,
    /// What is wrong; empty when they balance.
    pub differences: Vec<String>,
    /// What looks odd but has a reason.
    pub notes: Vec<String>,
}

/// Balances the books of one race.
pub fn check(facts: &Facts<'_>) -> Books {
    let mut books = Books::default();
    for order in facts.confirmed {
        books.confirmed_units += check_order(facts, order, &mut books.differences);
    }
    check_stock(facts, &mut books);
    check_reserved(facts, &mut books);
    books
}

/// The units that this order was told to hold.
fn check_order(facts: &Facts<'_>, order: &ReadBack, wrong: &mut Vec<String>) -> i64 {
    let ReadBack { told, read } = order;
    let id = &told.id;
    let units: u32 = told.items.iter().map(|item| item.units).sum();
    if told.items.iter().any(|item| item.sku != *facts.sku) || units != facts.units_each {
        wrong.push(format!("{id}: holds {units} units of {:?}", told.items));
    }
    if facts.price.times(units) != Some(told.total) {
        wrong.push(format!("{id}: {units} units at {} total {}", facts.price, told.total));
    }
    match read {
        Ok(read) if !read.is_settled_well() => wrong
            .push(format!("{id}: told confirmed, reads {}/{}", read.status, read.payment_status)),
        Ok(read) if (&read.id, read.total, &read.items) != (id, told.total, &told.items) => {
            wrong.push(format!("{id}: reads otherwise than its buyer was told"));
        }
        Ok(_) => {}
        Err(reason) => wrong.push(format!("{id}: told confirmed, can't be read: {reason}")),
    }
    i64::from(units)
}

fn check_stock(facts: &Facts<'_>, books: &mut Books) {
    let Facts { before, after, .. } = facts;
    let units = books.confirmed_units;
    let wrong = &mut books.differences;
    let sold = after.sold - before.sold;
    if sold != units {
        wrong.push(format!("the shop counts {sold} units sold, confirmed orders hold {units}"));
    }
    let gone = before.on_hand - after.on_hand;
    if gone != units {
        wrong.push(format!("stock on hand fell by {gone}, confirmed orders hold {units}"));
    }
    if after.free < 0 || after.on_hand < 0 {
        let Inventory { free, on_hand, .. } = after;
        wrong.push(format!("stock is below zero: {free} free, {on_hand} on hand"));
    }
    if after.free != after.on_hand - after.reserved {
        wrong.push(format!(
            "free {} is not on hand {} less reserved {}",
            after.free, after.on_hand, after.reserved
        ));
    }
    let all_settled = facts.held_units + facts.stray_units == 0 && before.reserved == 0;
    if facts.sold_out > 0 && all_settled && after.free >= i64::from(facts.units_each) {
        wrong.push(format!(
            "{} shoppers were told sold-out, yet {} units are free",
            facts.sold_out, after.free
        ));
    }
}

fn check_reserved(facts: &Facts<'_>, books: &mut Books) {
    let Facts { before, after, held_units, stray_units, .. } = facts;
    let left = after.reserved - before.reserved;
    let excused = held_units.saturating_add(*stray_units);
    if left < 0 {
        books.notes.push(format!("{} units reserved before the race lapsed during it", -left));
    } else if u64::try_from(left).is_ok_and(|left| left > excused) {
        books.differences.push(format!(
            "{left} units stay reserved, carts without a confirmed order explain {excused}"
        ));
    } else if left > 0 {
        books.notes.push(format!(
            "{left} units stay reserved by carts of this race that did not end in a confirmed \
             order ({held_units} in known carts, {stray_units} by adds whose answer was lost); \
             they lapse by themselves"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract::{Item, Order};
    use super::*;
    use crate::domain::Currency;

    fn usd(amount_minor: i64) -> Money {
        Money { amount_minor, currency: Currency::parse("USD").unwrap() }
    }

    fn stock(on_hand: i64, reserved: i64, sold: i64) -> Inventory {
        Inventory { on_hand, reserved, sold, free: on_hand - reserved, sale: None }
    }

    fn order(id: &str) -> Order {
        let item = Item { sku: Sku::parse("TEE").unwrap(), units: 2, price: usd(500) };
        Order {
            id: id.to_owned(),
            status: "confirmed".to_owned(),
            payment_status: "captured".to_owned(),
            items: vec![item],
            total: usd(1000),
            returns: vec![],
            access_token: None,
        }
    }

    /// A race for 10 units, two of two bought; `spoil` makes one thing wrong.
    fn differences(spoil: impl FnOnce(&mut Inventory, &mut Vec<ReadBack>, &mut u64)) -> Books {
        let before = stock(10, 0, 3);
        let mut after = stock(6, 0, 7);
        let mut confirmed: Vec<_> = ["a", "b"]
            .map(|id| ReadBack { told: order(id), read: Ok(order(id)) })
            .into_iter()
            .collect();
        let mut held_units = 0;
        spoil(&mut after, &mut confirmed, &mut held_units);
        check(&Facts {
            sku: &Sku::parse("TEE").unwrap(),
            price: usd(500),
            units_each: 2,
            before: &before,
            after: &after,
            confirmed: &confirmed,
            held_units,
            stray_units: 0,
            sold_out: 0,
        })
    }

    fn check_says(
        expected: &str,
        spoil: impl FnOnce(&mut Inventory, &mut Vec<ReadBack>, &mut u64),
    ) {
        let books = differences(spoil);
        assert!(
            books.differences.iter().any(|line| line.contains(expected)),
            "no `{expected}` in {books:?}"
        );
    }

    #[test]
    fn a_clean_race_balances() {
        let books = differences(|_, _, _| ());
        assert_eq!(books, Books { confirmed_units: 4, ..Books::default() });
    }

    #[test]
    fn a_unit_sold_twice_is_found() {
        check_says("fell by 2, confirmed orders hold 4", |after, _, _| *after = stock(8, 0, 7));
        check_says("counts 6 units sold", |after, _, _| *after = stock(6, 0, 9));
        check_says("below zero", |after, _, _| *after = stock(-1, 0, 7));
    }

    #[test]
    fn an_order_that_is_not_what_its_buyer_was_told_is_found() {
        check_says("can't be read", |_, orders, _| orders[0].read = Err("not-found".into()));
        check_says("reads placed/captured", |_, orders, _| {
            orders[0].read.as_mut().unwrap().status = "placed".into();
        });
        check_says("reads otherwise", |_, orders, _| {
            orders[1].read.as_mut().unwrap().total = usd(999);
        });
        check_says("total 9.99 USD", |_, orders, _| orders[1].told.total = usd(999));
    }

    #[test]
    fn units_left_reserved_need_an_excuse() {
        check_says("2 units stay reserved", |after, _, _| *after = stock(6, 2, 7));
        let excused = differences(|after, _, held_units| {
            *after = stock(6, 2, 7);
            *held_units = 2;
        });
        assert!(excused.differences.is_empty() && excused.notes.len() == 1, "{excused:?}");
    }
}
