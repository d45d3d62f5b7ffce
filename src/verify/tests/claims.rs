//! Claims and limits as the machine counts them, and never more kindly.

use super::*;

fn limited() -> Line {
    let terms =
        Sale { opens_at: Time(0), closes_at: LATER, price: usd(500), units_per_buyer: Some(2) };
    Line::Sku(sku::Event::SaleSet { sale: terms })
}

/// The sale under a limit, and the way back.
fn returned_under_a_limit() -> Vec<Line> {
    let mut lines = cooked(1, 1, [limited()]);
    lines.extend([
        Line::Order(order::Event::Cancelled {}),
        Line::Paid(Step::Refund, 1000),
        Line::Order(order::Event::Refunded {}),
        returned(2),
        Line::Order(order::Event::StockReturned {}),
    ]);
    lines
}

#[test]
fn returned_units_do_not_count_for_their_buyer() {
    let mut lines = returned_under_a_limit();
    lines.push(reserved(2));
    assert_eq!(findings(&lines), [""; 0]);
    lines.push(reserved(3));
    check_finds(&lines, &["limit: sku:TEE", "one buyer has 3 units, the limit is 2"]);
}

#[test]
fn a_return_of_what_was_sold_before_the_limit_takes_nothing_off() {
    let mut lines = then([limited(), reserved(2), returned(2)]);
    lines.push(reserved(3));
    check_finds(&lines, &["limit: sku:TEE", "one buyer has 3 units, the limit is 2"]);
}

#[test]
fn a_hand_back_drops_what_the_cart_claimed_meanwhile() {
    let mut lines = sale();
    lines.truncate(4);
    lines.extend([
        reserved(3),
        Line::Order(order::Event::PaymentDeclined { reason: "no".into() }),
        Line::Sku(sku::Event::HandedBack { order: order() }),
        Line::Order(order::Event::StockReturned {}),
    ]);
    assert_eq!(findings(&lines), [""; 0]);
}

#[test]
fn units_that_came_back_do_not_count_for_their_buyer() {
    let back = |number, units| {
        Line::Sku(sku::Event::TakenBack { order: order(), number, units, restock: true })
    };
    let mut lines = cooked(1, 1, [limited()]);
    lines.extend([back(1, 1), reserved(1)]);
    let limits = |lines: &[Line]| findings(lines).iter().any(|found| found.contains("limit:"));
    assert!(!limits(&lines));
    lines.push(reserved(2));
    assert!(limits(&lines));
}
