//! A cart reserves: never more than is free, at the price of the first moment, once per request.

use super::*;
use crate::domain::testing::eur;

fn newer(who: u128, change: Change, recorded_units: u32) -> Command {
    let sequence = Sequence(1, 2, 1);
    Command::Reserve(Reserve { sequence, recorded_units, ..wish(who, change, 0) })
}

fn units_of(run: &Run<State>, who: u128, now: Time) -> Option<u32> {
    run.state.claim_of(cart(who), now).map(|claim| claim.units)
}

#[test]
fn the_last_unit_is_reserved_once() {
    let sold_out = vec![reserved(ANA, 1), Event::SoldOut {}];
    check(&stocked(1), &add(ANA, 1, 1), &Ok(sold_out.clone()));
    let given = [stocked(1), sold_out].concat();
    check(&given, &add(BEN, 1, 1), &Err(Refusal::SoldOut { free: 0 }));
}

#[test]
fn a_refusal_says_what_is_free() {
    let given = stocked_and(5, [reserved(ANA, 2)]);
    check(&given, &add(BEN, 4, 1), &Err(Refusal::SoldOut { free: 3 }));
    check(&given, &set(BEN, 4, 1), &Err(Refusal::SoldOut { free: 3 }));
    check(&given, &set(ANA, 6, 2), &Err(Refusal::SoldOut { free: 3 }));
    check(&given, &add(BEN, u32::MAX, 1), &Err(Refusal::SoldOut { free: 3 }));
}

#[test]
fn zero_units_and_sums_that_do_not_fit_are_refused() {
    let given = stocked_and(5, [reserved(ANA, 2)]);
    check(&given, &add(ANA, 0, 2), &Err(Refusal::OutOfRange));
    check(&given, &add(ANA, u32::MAX, 2), &Err(Refusal::OutOfRange));
}

#[test]
fn an_add_adds_and_a_set_sets() {
    let mut run = sku(9);
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(SOON, &add(ANA, 3, 2)).unwrap();
    assert_eq!(units_of(&run, ANA, SOON), Some(5));
    run.tell(SOON, &set(ANA, 7, 3)).unwrap();
    assert_eq!(units_of(&run, ANA, SOON), Some(7));
    assert_eq!(run.tell(SOON, &set(ANA, 4, 4)), Ok(vec![released(ANA, 4, 4)]));
    assert_eq!(units_of(&run, ANA, SOON), Some(4));
    counts(&run, 9, 4, 0);
    assert_eq!(run.tell(SOON, &set(ANA, 0, 5)), Ok(vec![released(ANA, 0, 5)]));
    assert_eq!(units_of(&run, ANA, SOON), None);
    counts(&run, 9, 0, 0);
    run.check_replay();
}

#[test]
fn a_later_add_keeps_the_deadline_and_the_price() {
    let mut run = sku(9);
    run.tell(SOON, &add(ANA, 1, 1)).unwrap();
    run.tell(SOON, &Command::SetSale(sale(None))).unwrap();
    let late = Command::Reserve(Reserve { until: ORDER_UNTIL, ..wish(ANA, Change::Add(1), 2) });
    run.tell(Time(SOON.0 + 5), &late).unwrap();
    let claim = run.state.claim_of(cart(ANA), SOON).unwrap();
    assert_eq!((claim.units, claim.until, claim.price), (2, UNTIL, price(PRICE)));
    // Once it has lapsed, today's price and a new deadline.
    let again = Command::Reserve(Reserve { until: ORDER_UNTIL, ..wish(ANA, Change::Set(2), 3) });
    run.tell(UNTIL, &again).unwrap();
    let claim = run.state.claim_of(cart(ANA), UNTIL).unwrap();
    assert_eq!((claim.units, claim.until, claim.price), (2, ORDER_UNTIL, price(SALE_PRICE)));
    run.check_replay();
}

#[test]
fn the_price_of_a_line_stands_through_a_new_list_price() {
    let mut run = sku(9);
    run.tell(SOON, &add(ANA, 1, 1)).unwrap();
    let (product, title) = (product(1), "Tee".to_owned());
    let dearer = Command::List { product, revision: 2, title, price: price(9_000), units: 0 };
    run.tell(SOON, &dearer).unwrap();
    run.tell(SOON, &add(ANA, 1, 2)).unwrap();
    run.tell(SOON, &add(BEN, 1, 1)).unwrap();
    let price_of = |who| run.state.claim_of(cart(who), SOON).unwrap().price;
    assert_eq!((price_of(ANA), price_of(BEN)), (price(PRICE), price(9_000)));
}

#[test]
fn repeats_and_overtaken_requests_change_nothing() {
    let mut run = sku(9);
    run.tell(SOON, &add(ANA, 2, 3)).unwrap();
    for command in [add(ANA, 2, 3), add(ANA, 5, 2), set(ANA, 0, 3), set(ANA, 9, 1)] {
        assert_eq!(run.tell(SOON, &command), Ok(vec![]));
    }
    assert_eq!(units_of(&run, ANA, SOON), Some(2));
}

#[test]
fn a_repeat_after_the_release_does_not_reserve_again() {
    let mut run = sku(9);
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(SOON, &set(ANA, 0, 2)).unwrap();
    assert_eq!(run.tell(SOON, &add(ANA, 2, 1)), Ok(vec![]));
    assert_eq!(run.tell(SOON, &set(ANA, 0, 2)), Ok(vec![]));
    assert_eq!(run.tell(SOON, &add(ANA, 1, 3)).unwrap().len(), 1);
}

#[test]
fn a_release_is_remembered_from_its_own_instant() {
    let mut run = sku(9);
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(SOON, &set(ANA, 0, 2)).unwrap();
    let later = Time(SOON.0 + 300_000);
    run.tell(later, &add(ANA, 2, 3)).unwrap();
    run.tell(later, &set(ANA, 0, 4)).unwrap();
    // The memory of the first release would have ended here, and that of the second has not.
    let first_forgotten = Time(SOON.0 + 600_000);
    run.tell(first_forgotten, &add(BEN, 1, 1)).unwrap();
    assert_eq!(run.tell(first_forgotten, &add(ANA, 2, 3)), Ok(vec![]));
    run.check_replay();
}

#[test]
fn a_newer_incarnation_starts_from_what_the_cart_recorded() {
    let mut run = sku(9);
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(SOON, &add(ANA, 3, 2)).unwrap(); // its answer was lost
    run.tell(SOON, &newer(ANA, Change::Add(1), 2)).unwrap();
    assert_eq!(units_of(&run, ANA, SOON), Some(3));
    assert_eq!(run.tell(SOON, &newer(ANA, Change::Add(1), 2)), Ok(vec![]));
    assert_eq!(run.tell(SOON, &add(ANA, 3, 9)), Ok(vec![])); // the old incarnation is over
    counts(&run, 9, 3, 0);
}

#[test]
fn a_newer_incarnation_never_starts_from_more_than_is_held() {
    let mut run = sku(9);
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(
        UNTIL,
        &Command::Reserve(Reserve {
            until: ORDER_UNTIL,
            sequence: Sequence(1, 2, 1),
            recorded_units: 2,
            ..wish(ANA, Change::Add(1), 0)
        }),
    )
    .unwrap();
    assert_eq!(units_of(&run, ANA, UNTIL), Some(1));
}

#[test]
fn lines_of_one_cart_have_one_currency() {
    let other = Some(eur(1).currency);
    let command = |change| Command::Reserve(Reserve { currency: other, ..wish(ANA, change, 1) });
    check(&stocked(5), &command(Change::Add(1)), &Err(Refusal::MixedCurrencies));
    check(&stocked(5), &command(Change::Set(1)), &Err(Refusal::MixedCurrencies));
    let same = Some(price(1).currency);
    let command = Command::Reserve(Reserve { currency: same, ..wish(ANA, Change::Add(1), 1) });
    check(&stocked(5), &command, &Ok(vec![reserved(ANA, 1)]));
}

#[test]
fn a_cart_gives_back_what_it_could_not_record() {
    let release = |keep_units| Command::Release { cart: cart(ANA), keep_units };
    let given = stocked_and(5, [reserved(ANA, 3)]);
    check(&given, &release(1), &Ok(vec![released(ANA, 1, 1)]));
    check(&given, &release(0), &Ok(vec![released(ANA, 0, 1)]));
    check(&given, &release(3), &Ok(vec![]));
    check(&given, &release(9), &Ok(vec![]));
    check(&stocked(5), &release(0), &Ok(vec![]));
    let mut run = Run::given(State::default(), &given);
    twice(&mut run, SOON, &release(1));
    counts(&run, 5, 1, 0);
}

#[test]
fn a_reservation_is_over_at_its_deadline_whether_or_not_a_timer_fired() {
    let given = stocked_and(1, [reserved(ANA, 1), Event::SoldOut {}]);
    let before = Time(UNTIL.0 - 1);
    check_at(before, &given, &add(BEN, 1, 1), &Err(Refusal::SoldOut { free: 0 }));
    let later = Command::Reserve(Reserve { until: ORDER_UNTIL, ..wish(BEN, Change::Add(1), 1) });
    let mut run = Run::given(State::default(), &given);
    assert_eq!(run.state.due(), Some(UNTIL));
    let lapsed = run.lapse(UNTIL);
    assert_eq!(lapsed, vec![expired_cart(ANA, 1), Event::BackInStock { free: 1 }]);
    assert_eq!(run.state.due(), None);
    run.tell(UNTIL, &later).unwrap();
    assert_eq!(units_of(&run, ANA, UNTIL), None);
    assert_eq!(units_of(&run, BEN, UNTIL), Some(1));
    run.check_replay();
}

#[test]
fn many_claims_expire_in_several_decisions() {
    let mut run = sku(20_000);
    for who in 0..5_001 {
        run.tell(SOON, &add(who, 1, 1)).unwrap();
    }
    let events = run.lapse(UNTIL);
    assert_eq!(events.len(), 2, "one batch's worth each");
    counts(&run, 20_000, 0, 0);
}
