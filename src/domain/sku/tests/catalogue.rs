//! A SKU belongs to one product, which lists and delists it.

use super::*;
use crate::domain::sku::MAX_UNITS;

fn list(number: u128, revision: u64, units: u64) -> Command {
    let (product, title) = (product(number), "Tee".to_owned());
    Command::List { product, revision, title, price: price(PRICE), units }
}

#[test]
fn a_sku_belongs_to_the_first_product_that_claims_it() {
    check(&[], &Command::Claim { product: product(1) }, &Ok(vec![claimed()]));
    check(&[claimed()], &Command::Claim { product: product(1) }, &Ok(vec![]));
    check(&[claimed()], &Command::Claim { product: product(2) }, &Err(Refusal::SkuTaken));
}

#[test]
fn only_a_sku_that_was_never_listed_leaves_its_product() {
    let unclaim = |number| Command::Unclaim { product: product(number) };
    let unclaimed = Event::Unclaimed { product: product(1) };
    let run = check(&[claimed()], &unclaim(1), &Ok(vec![unclaimed]));
    assert_eq!(run.state.product(), None);
    check(&[], &unclaim(1), &Ok(vec![]));
    check(&[claimed()], &unclaim(2), &Ok(vec![]));
    check(&stocked(1), &unclaim(1), &Ok(vec![]));
    let delisted = Event::Delisted { product: product(1), revision: 2 };
    check(&stocked_and(1, [delisted]), &unclaim(1), &Ok(vec![]));
}

#[test]
fn the_first_listing_receives_the_units() {
    let receipt =
        Event::Received { units: 7, location: main(), reference: Some(product(1).to_string()) };
    let run = check(&[claimed()], &list(1, 1, 7), &Ok(vec![listed(1), receipt]));
    counts(&run, 7, 0, 0);
    assert!(run.state.listed());
    assert_eq!((run.state.title(), run.state.price()), ("Tee", Some(price(PRICE))));
    check(&[claimed()], &list(1, 1, 0), &Ok(vec![listed(1)]));
    check(&[claimed(), listed(1)], &list(1, 2, 7), &Ok(vec![listed(2)]));
}

#[test]
fn an_older_or_repeated_listing_changes_nothing() {
    check(&[claimed(), listed(2)], &list(1, 2, 7), &Ok(vec![]));
    check(&[claimed(), listed(2)], &list(1, 1, 7), &Ok(vec![]));
}

#[test]
fn a_listing_needs_the_owner_and_sane_numbers() {
    check(&[], &list(1, 1, 7), &Err(Refusal::SkuTaken));
    check(&[claimed()], &list(2, 1, 7), &Err(Refusal::SkuTaken));
    check(&[claimed()], &list(1, 1, MAX_UNITS + 1), &Err(Refusal::OutOfRange));
    let negative = Command::List {
        product: product(1),
        revision: 1,
        title: String::new(),
        price: price(-1),
        units: 0,
    };
    check(&[claimed()], &negative, &Err(Refusal::OutOfRange));
}

#[test]
fn a_first_listing_refills_what_was_sold_out() {
    let empty = [
        claimed(),
        received(1),
        Event::WrittenOff { units: 1, location: main(), reason: "wet".to_owned() },
        Event::SoldOut {},
    ];
    let run = check(
        &empty,
        &list(1, 1, 2),
        &Ok(vec![
            listed(1),
            Event::Received { units: 2, location: main(), reference: Some(product(1).to_string()) },
            Event::BackInStock { free: 2 },
        ]),
    );
    counts(&run, 2, 0, 0);
}

#[test]
fn a_delisted_sku_takes_no_new_reservation_and_keeps_the_old_ones() {
    let delist = |number, revision| Command::Delist { product: product(number), revision };
    let delisted = Event::Delisted { product: product(1), revision: 2 };
    let given = stocked_and(5, [reserved(ANA, 2)]);
    let mut run = check(&given, &delist(1, 2), &Ok(vec![delisted.clone()]));
    assert_eq!(run.tell(SOON, &add(BEN, 1, 1)), Err(Refusal::NotForSale));
    assert_eq!(run.tell(SOON, &add(ANA, 1, 2)), Err(Refusal::NotForSale));
    assert_eq!(run.tell(SOON, &take_over(ANA, 1, 2)), Ok(vec![taken_over(ANA, 1, 2)]));
    assert_eq!(run.tell(SOON, &commit(1, 2)), Ok(vec![committed(1, 2)]));
    check(&stocked(5), &delist(2, 2), &Ok(vec![]));
    check(&[claimed(), listed(3)], &delist(1, 2), &Ok(vec![]));
    check(&stocked_and(5, [delisted]), &delist(1, 2), &Ok(vec![]));
}

#[test]
fn a_sku_that_is_listed_again_is_for_sale_again() {
    let delisted = Event::Delisted { product: product(1), revision: 2 };
    let given = stocked_and(5, [delisted]);
    let mut run = check(&given, &list(1, 3, 9), &Ok(vec![listed(3)]));
    counts(&run, 5, 0, 0);
    assert_eq!(run.tell(SOON, &add(BEN, 1, 1)), Ok(vec![reserved(BEN, 1)]));
}
