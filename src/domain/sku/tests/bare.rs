//! Bare reservations: made once, ended once, sold under one name, by the rules that carts have.

use super::*;
use crate::domain::sku::{Reservation, Standing};

const DAY_MS: u64 = 24 * 3_600_000;

fn reserve(number: u128, units: u32) -> Command {
    reserve_bare(number, units)
}

fn standing(run: &Run<State>, number: u128, now: Time) -> Option<Standing> {
    run.state.reservation(res(number), now).map(|reservation| reservation.standing)
}

#[test]
fn units_are_reserved_once_at_the_price_of_the_moment() {
    let mut run = sku(5);
    assert_eq!(run.tell(START, &reserve(1, 2)), Ok(vec![bare_reserved(1, 2, PRICE)]));
    counts(&run, 5, 2, 0);
    run.tell(SOON, &Command::SetSale(sale(None))).unwrap();
    let before = run.state.clone();
    assert_eq!(run.tell(SOON, &reserve(1, 2)), Ok(vec![]), "a repeat changes nothing");
    assert_eq!(run.state, before);
    let standing = Standing::Reserved { until: UNTIL };
    let made = Reservation { units: 2, price: usd(PRICE), standing };
    assert_eq!(run.state.reservation(res(1), SOON), Some(made));
    run.check_replay();
}

#[test]
fn another_wish_under_the_same_id_is_refused() {
    let given = stocked_and(5, [bare_reserved(1, 2, PRICE)]);
    check(&given, &reserve(1, 3), &Err(Refusal::OtherReservation));
    for buyer in [None, Some(Buyer(BEN))] {
        let wish = ReserveBare { reservation: res(1), buyer, units: 2, ttl_ms: 1 };
        check(&given, &Command::ReserveBare(wish), &Err(Refusal::OtherReservation));
    }
}

#[test]
fn never_more_than_is_free_and_the_last_unit_once() {
    let sold_out = vec![bare_reserved(1, 1, PRICE), Event::SoldOut {}];
    check_at(START, &stocked(1), &reserve(1, 1), &Ok(sold_out.clone()));
    let given = [stocked(1), sold_out].concat();
    check(&given, &reserve(2, 1), &Err(Refusal::SoldOut { free: 0 }));
    check(&given, &add(BEN, 1, 1), &Err(Refusal::SoldOut { free: 0 }));
    check(&stocked(3), &reserve(1, 0), &Err(Refusal::OutOfRange));
    check(&stocked(3), &reserve(1, u32::MAX), &Err(Refusal::SoldOut { free: 3 }));
    check(&[], &reserve(1, 1), &Err(Refusal::UnknownSku));
}

#[test]
fn a_limit_counts_what_a_buyer_has_wherever_it_was_reserved() {
    let given = stocked_and(9, [sale_set(Some(3)), reserved(ANA, 1)]);
    check(&given, &reserve(1, 3), &Err(Refusal::LimitPerBuyer { limit: 3 }));
    let mut run = Run::given(State::default(), &given);
    run.tell(START, &reserve(1, 2)).unwrap();
    assert_eq!(run.tell(SOON, &add(ANA, 1, 2)), Err(Refusal::LimitPerBuyer { limit: 3 }));
    run.tell(SOON, &commit_bare(1, "a")).unwrap();
    let more = run.tell(SOON, &reserve(2, 1));
    assert_eq!(more, Err(Refusal::LimitPerBuyer { limit: 3 }), "what was sold counts");
    // A limit that comes later finds what is reserved by then.
    let mut late = Run::given(State::default(), &stocked(9));
    late.tell(START, &reserve(1, 2)).unwrap();
    late.tell(SOON, &Command::SetSale(sale(Some(2)))).unwrap();
    assert_eq!(late.tell(SOON, &reserve(2, 1)), Err(Refusal::LimitPerBuyer { limit: 2 }));
    late.tell(SOON, &release_bare(1)).unwrap();
    assert!(late.tell(SOON, &reserve(2, 2)).is_ok(), "and what was given back counts no more");
    run.check_replay();
    late.check_replay();
}

#[test]
fn without_a_buyer_a_reservation_is_its_own() {
    let given = stocked_and(9, [sale_set(Some(2))]);
    let mut run = Run::given(State::default(), &given);
    let wish = |number, units| {
        let (reservation, ttl_ms) = (res(number), 1_000);
        Command::ReserveBare(ReserveBare { reservation, buyer: None, units, ttl_ms })
    };
    assert_eq!(run.tell(SOON, &wish(1, 3)), Err(Refusal::LimitPerBuyer { limit: 2 }));
    run.tell(SOON, &wish(1, 2)).unwrap();
    run.tell(SOON, &wish(2, 2)).unwrap();
    counts(&run, 9, 4, 0);
}

#[test]
fn a_sale_opens_and_closes_for_everybody() {
    let opens_at = START.plus_ms(10);
    let terms = Sale { opens_at, closes_at: opens_at.plus_ms(10), ..sale(None) };
    let given = stocked_and(9, [Event::SaleSet { sale: terms }]);
    check_at(SOON, &given, &reserve(1, 1), &Err(Refusal::SaleNotOpen { opens_at }));
    check_at(opens_at.plus_ms(10), &given, &reserve(1, 1), &Err(Refusal::SaleClosed));
    assert!(Run::given(State::default(), &given).tell(opens_at, &reserve(1, 1)).is_ok());
}

#[test]
fn at_its_deadline_the_units_are_free_and_can_not_be_sold() {
    let given = stocked_and(2, [bare_reserved(1, 2, PRICE), Event::SoldOut {}]);
    let mut run = Run::given(State::default(), &given);
    assert_eq!(run.state.due(), Some(UNTIL));
    let just_before = Time(UNTIL.0 - 1);
    assert_eq!(run.state.lapse(just_before), vec![]);
    assert!(standing(&run, 1, just_before).is_some() && standing(&run, 1, UNTIL).is_none());
    let freed = vec![bare_expired(1, 2), Event::BackInStock { free: 2 }];
    assert_eq!(run.lapse(UNTIL), freed);
    counts(&run, 2, 0, 0);
    assert_eq!(run.tell(UNTIL, &commit_bare(1, "late")), Err(Refusal::ReservationLapsed));
    assert!(run.tell(UNTIL, &reserve(1, 1)).is_ok(), "it may be made again");
    run.check_replay();
}

#[test]
fn what_is_given_back_stays_so() {
    let mut run = Run::given(State::default(), &stocked_and(5, [bare_reserved(1, 2, PRICE)]));
    assert_eq!(run.tell(SOON, &release_bare(1)), Ok(vec![bare_released(1, 2)]));
    counts(&run, 5, 0, 0);
    assert_eq!(run.tell(SOON, &release_bare(1)), Ok(vec![]));
    assert_eq!(run.tell(SOON, &release_bare(9)), Ok(vec![]), "nobody has it");
    assert_eq!(run.tell(SOON, &reserve(1, 2)), Err(Refusal::ReservationLapsed), "a late repeat");
    assert_eq!(run.tell(SOON, &commit_bare(1, "a")), Err(Refusal::ReservationLapsed));
    run.check_replay();
}

#[test]
fn it_is_sold_once_under_one_name() {
    let mut run = Run::given(State::default(), &stocked_and(5, [bare_reserved(1, 2, PRICE)]));
    assert_eq!(run.tell(SOON, &commit_bare(1, "a")), Ok(vec![bare_committed(1, 2, "a")]));
    counts(&run, 3, 0, 2);
    twice(&mut run, SOON, &commit_bare(1, "a"));
    twice(&mut run, SOON, &reserve(1, 2));
    assert_eq!(run.tell(SOON, &commit_bare(1, "b")), Err(Refusal::OtherReservation));
    assert_eq!(run.tell(SOON, &reserve(1, 1)), Err(Refusal::OtherReservation));
    assert_eq!(run.tell(SOON, &release_bare(1)), Err(Refusal::AlreadySold));
    counts(&run, 3, 0, 2);
    let reference = "a".to_owned();
    assert_eq!(standing(&run, 1, SOON), Some(Standing::Sold { reference }));
    // It is remembered for a day at least, and not for ever.
    let in_a_day = SOON.plus_ms(DAY_MS);
    run.tell(in_a_day, &reserve(2, 1)).unwrap();
    twice(&mut run, in_a_day, &commit_bare(1, "a"));
    let in_two_days = in_a_day.plus_ms(DAY_MS);
    run.lapse(in_two_days);
    run.tell(in_two_days, &reserve(3, 1)).unwrap();
    let forgotten = run.tell(in_two_days, &commit_bare(1, "a"));
    assert_eq!(forgotten, Err(Refusal::ReservationLapsed));
    run.check_replay();
}

#[test]
fn sold_units_leave_from_where_they_stand() {
    let given = stocked_and(1, [received_at("east", 2), bare_reserved(1, 2, PRICE)]);
    let (picks, reference) = (vec![("east".to_owned(), 2)], "a".to_owned());
    let sold = Event::BareCommitted { reservation: res(1), units: 2, picks, reference };
    let run = check(&given, &commit_bare(1, "a"), &Ok(vec![sold]));
    counts(&run, 1, 0, 2);
}
