//! Parts of an order that came back: units and money, each cooked once.

use super::*;
use order::Back;

const PART: Step = Step::RefundPart(1);

fn accepted(number: u32, units: u32, amount: i64) -> Line {
    let items = vec![Back { sku: tee(), units }];
    let (reason, restock, amount) = (None, true, usd(amount));
    Line::Order(order::Event::ReturnAccepted { number, items, amount, reason, restock })
}

fn taken_back(number: u32, units: u32, restock: bool) -> Line {
    Line::Sku(sku::Event::TakenBack { order: order(), number, units, restock })
}

fn refunded(number: u32) -> Line {
    Line::Order(order::Event::ReturnRefunded { number })
}

fn stocked(number: u32) -> Line {
    Line::Order(order::Event::ReturnStocked { number })
}

/// One of the two comes back, is paid for and in stock again.
fn back() -> [Line; 5] {
    [accepted(1, 1, 500), Line::Paid(PART, 500), refunded(1), taken_back(1, 1, true), stocked(1)]
}

/// The honest return with `lines` in place of its lines `from..to`.
fn cooked_back(from: usize, to: usize, lines: impl IntoIterator<Item = Line>) -> Vec<Line> {
    let mut all = back().to_vec();
    all.splice(from..to, lines);
    then(all)
}

#[test]
fn an_honest_return_of_a_part_balances() {
    let report = Shop::with(&then(back())).report();
    assert_eq!(told(&report), [""; 0]);
    let money = report.money["USD"];
    assert_eq!((money.captured, money.refunded, money.confirmed), (1000, 500, 500));
    assert_eq!(report.units_sold, 1);
    assert_eq!(findings(&cooked_back(3, 4, [taken_back(1, 1, false)])), [""; 0], "written off");
}

#[test]
fn an_honest_cancellation_of_the_rest_balances() {
    let mut lines = then(back());
    lines.extend([
        Line::Order(order::Event::Cancelled {}),
        Line::Paid(Step::Refund, 500),
        Line::Order(order::Event::Refunded {}),
        returned(1),
        Line::Order(order::Event::StockReturned {}),
    ]);
    let report = Shop::with(&lines).report();
    assert_eq!(told(&report), [""; 0]);
    assert_eq!(report.money["USD"].refunded, 1000);
}

#[test]
fn what_is_still_owed_of_a_return_is_noted() {
    let report = Shop::with(&then([accepted(1, 1, 500)])).report();
    assert_eq!(told(&report), [""; 0]);
    let notes = report.notes().join("\n");
    assert!(notes.contains("still refunds 5.00 USD"), "{notes}");
    assert!(notes.contains("still gives 1 units of TEE back"), "{notes}");
    assert_eq!(report.money["USD"].to_be_refunded, 500);
    let ahead = Shop::with(&then([accepted(1, 1, 500), Line::Paid(PART, 500)])).report();
    assert_eq!(told(&ahead), [""; 0]);
    assert!(ahead.notes().join("\n").contains("did refund-1, which is still owed"));
}

#[test]
fn units_that_came_back_and_were_never_sold_are_found() {
    let words = ["return: ord_", "has 3 units of a line with 2"];
    check_finds(&cooked_back(0, 1, [accepted(1, 3, 1500)]), &words);
    check_finds(&then([accepted(1, 2, 1000), accepted(2, 1, 500)]), &["a line with 0"]);
    check_finds(&then([accepted(1, 1, 500), accepted(1, 1, 500)]), &["accepted twice"]);
    check_finds(
        &then([taken_back(1, 1, true)]),
        &["is confirmed, but 1 of 2 units", "0 came back"],
    );
    check_finds(&cooked_back(3, 4, []), &["sale: ord_", "2 of 2 units of TEE", "1 came back"]);
    let mut unpaid = sale();
    unpaid.truncate(8);
    unpaid.push(accepted(1, 1, 500));
    check_finds(&unpaid, &["return: ord_", "an order that is not confirmed"]);
}

#[test]
fn a_part_of_another_price_is_found() {
    check_finds(&cooked_back(0, 1, [accepted(1, 1, 499)]), &["is 499, its units cost 500"]);
}

#[test]
fn parts_that_went_back_twice_or_never_are_found() {
    check_finds(&then([refunded(1)]), &["money: ord_", "refunded and never accepted"]);
    check_finds(&cooked_back(2, 3, [refunded(1), refunded(1)]), &["refunded twice"]);
    check_finds(&cooked_back(2, 3, [refunded(1), refunded(1)]), &["0.00 USD are left"]);
    let whole = Line::Order(order::Event::Refunded {});
    check_finds(&cooked_back(2, 3, [refunded(1), whole]), &["money: ord_", "0.00 USD are left"]);
}

#[test]
fn a_provider_that_gave_other_parts_back_is_found() {
    check_finds(&cooked_back(1, 2, []), &["provider: ord_", "has no refund-1"]);
    let less = cooked_back(1, 2, [Line::Paid(PART, 400)]);
    check_finds(&less, &["provider: ord_", "refund-1 is 4.00 USD, the order's 5.00 USD"]);
    let twice = cooked_back(1, 1, [Line::Paid(PART, 500)]);
    check_finds(&twice, &["provider: ord_", "did refund-1 2 times"]);
    let stray = cooked_back(1, 1, [Line::Paid(Step::RefundPart(7), 1)]);
    check_finds(&stray, &["provider: ord_", "did refund-7, which the order does not know"]);
}
