//! Every book is cooked once, and the verification names it.

mod bare;
mod claims;
mod derived;
mod files;
mod returns;
mod speed;

use super::*;
use crate::{
    domain::{
        CartId, Currency, EntityId, OrderId, Sealed, Sku, Time,
        order::{self, Item, Placement, Step},
        sku::{self, Buyer, Sale, Sequence},
    },
    journal::{FileLog, handmade::Pen, shard_of},
    ports::payments::{Books as Provider, Outcome, Request, books::Record},
};
use std::fs;
use uuid::Uuid;

const LATER: Time = Time(1_900_000_000_000);

/// One line of a history.
#[derive(Clone)]
enum Line {
    Sku(sku::Event),
    Order(order::Event),
    /// The provider does a step for the order, of so much.
    Paid(Step, i64),
}

fn tee() -> Sku {
    Sku::parse("TEE").unwrap()
}

fn cart() -> CartId {
    CartId(Uuid::from_u128(7))
}

fn order() -> OrderId {
    OrderId(Uuid::from_u128(8))
}

fn usd(amount_minor: i64) -> crate::domain::Money {
    crate::domain::Money { amount_minor, currency: Currency::parse("USD").unwrap() }
}

fn received(units: u64) -> Line {
    Line::Sku(sku::Event::Received { units, location: "main".into(), reference: None })
}

fn reserved(units: u32) -> Line {
    let (buyer, sequence) = (Buyer(1), Sequence::default());
    let (cart, until, price) = (cart(), LATER, usd(500));
    Line::Sku(sku::Event::Reserved { cart, buyer, units, until, price, sequence })
}

fn taken_over(units: u32) -> Line {
    let (cart, order, email, until) = (cart(), order(), Buyer(2), LATER);
    Line::Sku(sku::Event::TakenOver { cart, order, units, email, until })
}

fn committed(units: u32) -> Line {
    Line::Sku(sku::Event::Committed { order: order(), units, picks: vec![] })
}

fn returned(units: u32) -> Line {
    Line::Sku(sku::Event::Returned { order: order(), units })
}

fn placed(units: u32, total: i64) -> Line {
    let sealed = || Sealed { key: 0, field: 0, bytes: vec![].into() };
    let item = Item { sku: tee(), title: "tee".into(), units, price: usd(500) };
    Line::Order(order::Event::Placed(Box::new(Placement {
        cart: cart(),
        items: vec![item],
        total: usd(total),
        email: Buyer(2),
        contact: sealed(),
        gift: None,
        payment: sealed(),
        until: LATER,
        locale: crate::domain::Locale::En,
    })))
}

fn authorised() -> Line {
    Line::Order(order::Event::Authorised { reference: "a".into() })
}

fn captured() -> Line {
    Line::Order(order::Event::Captured { reference: "c".into() })
}

/// Two of ten units are sold for ten dollars.
fn sale() -> Vec<Line> {
    vec![
        received(10),
        reserved(2),
        taken_over(2),
        placed(2, 1000),
        Line::Paid(Step::Authorise, 1000),
        authorised(),
        committed(2),
        Line::Order(order::Event::StockCommitted {}),
        Line::Paid(Step::Capture, 1000),
        captured(),
    ]
}

/// The sale, with `lines` in place of its lines `from..to`.
fn cooked(from: usize, to: usize, lines: impl IntoIterator<Item = Line>) -> Vec<Line> {
    let mut sale = sale();
    sale.splice(from..to, lines);
    sale
}

fn then(lines: impl IntoIterator<Item = Line>) -> Vec<Line> {
    let end = sale().len();
    cooked(end, end, lines)
}

/// A store in a folder, with a history.
struct Shop {
    folder: tempfile::TempDir,
    pen: Pen<FileLog>,
}

impl Shop {
    fn new(shards: usize) -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let about = format!(r#"{{"format":1,"shards":{shards}}}"#);
        fs::write(folder.path().join("store.json"), about).unwrap();
        let pen = Pen::files(&folder.path().join("log"), shards);
        Shop { folder, pen }
    }

    fn with(lines: &[Line]) -> Shop {
        let mut shop = Shop::new(2);
        shop.write(lines);
        shop
    }

    fn write(&mut self, lines: &[Line]) {
        let path = self.folder.path().join("payments.jsonl");
        let mut provider = Provider::open(&path, |_| ()).unwrap();
        for line in lines.iter().cloned() {
            match line {
                Line::Sku(event) => drop(self.pen.write(tee(), event)),
                Line::Order(event) => drop(self.pen.write(order(), event)),
                Line::Paid(step, amount) => {
                    let (order, amount) = (order(), usd(amount));
                    let request = Request { order, step, amount, token: String::new() };
                    let record = Record::new(Time(0), &request, Outcome::Approved);
                    provider.append(&record).unwrap();
                }
            }
        }
        self.pen.commit();
    }

    /// Stops the shop.
    fn stop(self) -> tempfile::TempDir {
        self.folder
    }

    fn report(self) -> Report {
        let folder = self.stop();
        check(folder.path(), &|_, _| ()).unwrap()
    }
}

/// What is found in this history: each finding in one line.
fn findings(lines: &[Line]) -> Vec<String> {
    told(&Shop::with(lines).report())
}

fn told(report: &Report) -> Vec<String> {
    let tell = |f: &Finding| format!("{}: {}: {}", f.check, f.place, f.what);
    report.findings().iter().map(tell).collect()
}

/// Some finding says all of `words`, and without the cooked part there is none.
#[track_caller]
fn check_finds(lines: &[Line], words: &[&str]) {
    let found = findings(lines);
    let says = |finding: &&String| words.iter().all(|word| finding.contains(word));
    assert!(found.iter().any(|finding| says(&finding)), "{words:?} is not in {found:#?}");
}

#[test]
fn an_honest_sale_balances() {
    let report = Shop::with(&sale()).report();
    assert_eq!(
        (told(&report), report.notes()),
        (vec![], ["there is no state folder; a start derives it again".to_owned()].as_slice())
    );
    assert_eq!((report.orders, report.units_sold, report.entities), (1, 2, 2));
    let money = report.money["USD"];
    assert_eq!((money.captured, money.confirmed, money.refunded), (1000, 1000, 0));
    assert!(report.to_string().ends_with("all books balance\n"));
    let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!((json["finding_count"].as_u64(), json["orders"].as_u64()), (Some(0), Some(1)));
}

#[test]
fn an_honest_return_balances() {
    let back = [
        Line::Order(order::Event::Cancelled {}),
        Line::Paid(Step::Refund, 1000),
        Line::Order(order::Event::Refunded {}),
        returned(2),
        Line::Order(order::Event::StockReturned {}),
    ];
    assert_eq!(findings(&then(back)), [""; 0]);
}

#[test]
fn a_sale_from_nowhere_is_found() {
    check_finds(&cooked(6, 7, [committed(3)]), &["sale:", "claimed 2 units and was sold 3"]);
    check_finds(&then([committed(2)]), &["sale:", "sold to", "without a claim"]);
    check_finds(&then([committed(2)]), &["sale:", "4 of 2 units of TEE"]);
}

#[test]
fn a_sale_whose_units_left_from_elsewhere_is_found() {
    let picks = vec![("main".to_owned(), 1)];
    let event = sku::Event::Committed { order: order(), units: 2, picks };
    let words = ["stock: sku:TEE", "received 10 + adjusted 0 is not on hand 9 + sold 2"];
    check_finds(&cooked(6, 7, [Line::Sku(event)]), &words);
}

#[test]
fn more_reserved_than_there_is_is_found() {
    check_finds(&cooked(0, 1, [received(1)]), &["oversold: sku:TEE", "2 reserved of 1 on hand"]);
}

#[test]
fn stock_below_nothing_is_found() {
    let (from, to) = ("main".to_owned(), "back".to_owned());
    let event = sku::Event::Transferred { units: 11, from, to };
    check_finds(&[received(10), Line::Sku(event.clone())], &["stock:", "-1 units at main"]);
    check_finds(&[received(10), Line::Sku(event)], &["locations: sku:TEE"]);
}

#[test]
fn the_machines_counts_are_held_against_the_events() {
    // The machine stops at zero where the books go below.
    let event = sku::Event::WrittenOff { units: 11, location: "main".into(), reason: "x".into() };
    check_finds(&[received(10), Line::Sku(event)], &["0 on hand, but its events make -1"]);
}

#[test]
fn claims_that_never_were_are_found() {
    let sequence = Sequence::default();
    let released = sku::Event::Released { cart: cart(), keep_units: 0, sequence };
    let expired = |units| sku::Event::Expired { carts: vec![(cart(), units)], orders: vec![] };
    check_finds(&[received(1), Line::Sku(released)], &["claims:", "released what it did not"]);
    check_finds(&[received(9), reserved(2), taken_over(3)], &["claims:", "took over what"]);
    check_finds(&[received(9), reserved(2), Line::Sku(expired(1))], &["claims:", "1 units of"]);
    for event in [
        sku::Event::HandedBack { order: order() },
        sku::Event::OrderReleased { order: order(), units: 1 },
        sku::Event::Expired { carts: vec![], orders: vec![(order(), 1)] },
    ] {
        check_finds(&[received(9), Line::Sku(event)], &["claims:", "did not have"]);
    }
}

#[test]
fn a_buyer_beyond_the_limit_is_found() {
    let terms =
        Sale { opens_at: Time(0), closes_at: LATER, price: usd(500), units_per_buyer: Some(2) };
    let limited = Line::Sku(sku::Event::SaleSet { sale: terms });
    let fine = cooked(1, 1, [limited.clone()]);
    assert_eq!(findings(&fine), [""; 0]);
    let words = ["limit: sku:TEE", "one buyer has 3 units, the limit is 2"];
    check_finds(&[received(9), limited.clone(), reserved(3)], &words);
    let mut again = fine;
    again.push(reserved(1));
    check_finds(&again, &words);
}

#[test]
fn an_order_that_never_was_is_found() {
    let lines = &sale()[..];
    let without: Vec<Line> = lines
        .iter()
        .filter(|line| !matches!(line, Line::Order(_) | Line::Paid(..)))
        .cloned()
        .collect();
    check_finds(&without, &["sale: ord_", "2 units of TEE", "an order that never was"]);
    check_finds(&cooked(3, 4, []), &["order: ord_", "before it was placed"]);
    check_finds(&cooked(3, 4, []), &["provider: ord_", "an order that never was"]);
}

#[test]
fn an_order_that_says_something_odd_is_found() {
    check_finds(&cooked(3, 4, [placed(2, 999)]), &["order: ord_", "not the sum of its items"]);
    check_finds(&cooked(4, 4, [placed(2, 1000)]), &["order: ord_", "placed twice"]);
    check_finds(&cooked(6, 7, []), &["sale: ord_", "is confirmed, but 0 of 2 units"]);
    let other = Line::Order(order::Event::Cancelled {});
    let words = ["sale: ord_", "has ended, but 2 of 2 units"];
    let paid_back = [Line::Paid(Step::Refund, 1000), Line::Order(order::Event::Refunded {})];
    let mut lines = then([other]);
    lines.extend(paid_back);
    lines.push(Line::Order(order::Event::StockReturned {}));
    check_finds(&lines, &words);
}

#[test]
fn units_sold_to_an_order_that_did_not_want_them_are_found() {
    let mut shop = Shop::with(&sale());
    let other = Sku::parse("MUG").unwrap();
    shop.pen.write(
        other.clone(),
        sku::Event::Received { units: 1, location: "main".into(), reference: None },
    );
    shop.pen
        .write(other, sku::Event::Committed { order: order(), units: 1, picks: vec![] })
        .commit();
    let found = told(&shop.report()).join("\n");
    assert!(found.contains("1 units of MUG were sold to it unordered"), "{found}");
}

#[test]
fn money_that_moved_twice_is_found() {
    check_finds(&then([captured()]), &["money: ord_", "was captured 2 times"]);
    let refund = || Line::Order(order::Event::Refunded {});
    check_finds(&then([refund()]), &["money: ord_", "0.00 USD are left"]);
    check_finds(&then([refund(), refund()]), &["money: ord_", "refunded 2 times"]);
    check_finds(&then([refund()]), &["money: USD", "is not what confirmed orders cost"]);
}

#[test]
fn a_provider_that_says_otherwise_is_found() {
    let twice = then([Line::Paid(Step::Capture, 1000)]);
    check_finds(&twice, &["provider: ord_", "did capture 2 times"]);
    check_finds(&cooked(8, 9, []), &["provider: ord_", "has no capture"]);
    check_finds(&cooked(4, 5, []), &["provider: ord_", "has no authorise"]);
    let less = cooked(8, 9, [Line::Paid(Step::Capture, 900)]);
    check_finds(&less, &["provider: ord_", "capture is 9.00 USD", "the order's 10.00 USD"]);
    let refunded = then([Line::Paid(Step::Refund, 1000)]);
    check_finds(&refunded, &["provider: ord_", "did refund, which the order does not know"]);
}

#[test]
fn a_provider_that_is_ahead_of_what_is_owed_is_noted() {
    let mut lines = sale();
    lines.truncate(9);
    let report = Shop::with(&lines).report();
    assert_eq!(told(&report), [""; 0]);
    assert!(report.notes().iter().any(|note| note.contains("did capture, which is still owed")));
    let report = Shop::with(&then([Line::Order(order::Event::Cancelled {})])).report();
    assert_eq!(told(&report), [""; 0]);
    let notes = report.notes().join("\n");
    assert!(
        notes.contains("still refunds 10.00 USD") && notes.contains("still gives 2 units of TEE")
    );
    assert_eq!(report.money["USD"].to_be_refunded, 1000);
}

#[test]
fn an_entity_in_another_shard_is_found() {
    let mut shop = Shop::with(&[]);
    let wrong = 1 - shard_of(&EntityId::from(tee()), 2);
    let event = sku::Event::Received { units: 1, location: "main".into(), reference: None };
    shop.pen.write_to(wrong, tee(), event).commit();
    let found = told(&shop.report());
    assert!(found[0].contains(&format!("sku:TEE belongs to shard {}", 1 - wrong)), "{found:?}");
}

#[test]
fn a_gap_in_an_entitys_events_is_found() {
    let mut shop = Shop::with(&[received(1)]);
    shop.pen.skip_one(tee());
    shop.write(&[received(1)]);
    let found = told(&shop.report());
    assert!(found[0].contains("event 3 of sku:TEE follows event 1"), "{found:?}");
}
