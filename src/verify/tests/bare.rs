//! Reservations without a cart: every unit sold to one has its claim, its time and its count.

use super::*;
use crate::domain::ReservationId;

const UNTIL: Time = Time(LATER.0 - 1);

fn res() -> ReservationId {
    ReservationId(Uuid::from_u128(9))
}

fn bare(units: u32, until: Time) -> Line {
    let (reservation, buyer, price) = (res(), Some(Buyer(1)), usd(500));
    Line::Sku(sku::Event::BareReserved { reservation, buyer, units, until, price })
}

fn sold(units: u32) -> Line {
    let (reservation, picks, reference) = (res(), vec![], "receipt 1".to_owned());
    Line::Sku(sku::Event::BareCommitted { reservation, units, picks, reference })
}

fn given_back(units: u32) -> Line {
    Line::Sku(sku::Event::BareReleased { reservation: res(), units })
}

fn expired(units: u32) -> Line {
    Line::Sku(sku::Event::BareExpired { reservations: vec![(res(), units)] })
}

#[test]
fn honest_reservations_balance_and_what_they_sold_is_told_apart() {
    let lines = then([bare(2, LATER), given_back(2), bare(3, LATER), sold(3)]);
    let report = Shop::with(&lines).report();
    assert_eq!(told(&report), [""; 0]);
    assert_eq!((report.units_sold, report.units_sold_bare), (5, 3));
    assert!(report.to_string().contains("5 units sold, 3 of them without an order"), "{report}");
    assert_eq!(findings(&then([bare(2, Time(0)), expired(2)])), [""; 0]);
}

#[test]
fn what_a_reservation_does_not_have_it_can_not_sell_give_back_or_lose() {
    let twice = ["sale:", "were sold that it did not have"];
    check_finds(&then([sold(1)]), &twice);
    check_finds(&then([bare(2, LATER), sold(2), sold(2)]), &twice);
    check_finds(&then([bare(2, LATER), sold(1)]), &twice);
    check_finds(&then([given_back(1)]), &["claims:", "released 1 units that it did not have"]);
    check_finds(&then([bare(2, LATER), expired(1)]), &["claims:", "1 units of res_"]);
    check_finds(&then([bare(1, LATER), bare(1, LATER)]), &["claims:", "reserved twice"]);
    check_finds(&[received(1), bare(2, LATER)], &["oversold:", "2 reserved of 1 on hand"]);
}

#[test]
fn a_deadline_is_kept_from_both_sides() {
    check_finds(&then([bare(1, UNTIL), expired(1)]), &["claims:", "or too early"]);
    check_finds(&then([bare(1, Time(0)), sold(1)]), &["sale:", "or too late"]);
}

#[test]
fn a_limit_counts_reservations_and_what_they_sold() {
    let terms =
        Sale { opens_at: Time(0), closes_at: LATER, price: usd(500), units_per_buyer: Some(2) };
    let limited = Line::Sku(sku::Event::SaleSet { sale: terms });
    let words = ["limit: sku:TEE", "one buyer has 3 units, the limit is 2"];
    check_finds(&[received(9), limited.clone(), bare(3, LATER)], &words);
    // The same buyer, with a cart.
    let sold = [received(9), limited, bare(2, LATER), sold(2), reserved(1)];
    check_finds(&sold, &words);
}
