//! An order takes units over; then they are sold, or find their way back.

use super::*;

const LAPSED: Refusal = Refusal::ReservationLapsed;

fn handed_back(number: u128) -> Event {
    Event::HandedBack { order: order(number) }
}

/// Five units, of which Ana's order 1 holds two.
fn ordered() -> Run<State> {
    let mut run = sku(5);
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(SOON, &take_over(ANA, 1, 2)).unwrap();
    run
}

#[test]
fn an_order_takes_over_what_the_cart_holds() {
    let given = stocked_and(5, [reserved(ANA, 2)]);
    let run = check(&given, &take_over(ANA, 1, 2), &Ok(vec![taken_over(ANA, 1, 2)]));
    counts(&run, 5, 2, 0);
    assert_eq!(run.state.claim_of(cart(ANA), SOON), None);
    let (number, claim) = run.state.order_claims().next().unwrap();
    assert_eq!((number, claim.units, claim.until), (order(1), 2, ORDER_UNTIL));
    assert_eq!(run.state.cart_claims().count(), 0);
    assert_eq!(run.state.due(), Some(ORDER_UNTIL));
}

#[test]
fn units_beyond_the_order_become_free() {
    let given = stocked_and(5, [reserved(ANA, 4)]);
    counts(&check(&given, &take_over(ANA, 1, 1), &Ok(vec![taken_over(ANA, 1, 1)])), 5, 1, 0);
}

#[test]
fn a_take_over_needs_a_live_claim_of_enough_units() {
    let given = stocked_and(5, [reserved(ANA, 2)]);
    check(&given, &take_over(ANA, 1, 3), &Err(LAPSED));
    check(&given, &take_over(BEN, 1, 1), &Err(LAPSED));
    check(&given, &take_over(ANA, 1, 0), &Err(Refusal::OutOfRange));
    check_at(UNTIL, &given, &take_over(ANA, 1, 2), &Err(LAPSED));
    check_at(Time(UNTIL.0 - 1), &given, &take_over(ANA, 1, 2), &Ok(vec![taken_over(ANA, 1, 2)]));
    let late = Command::TakeOver(TakeOver {
        cart: cart(ANA),
        order: order(1),
        units: 2,
        email: ANAS_EMAIL,
        until: SOON,
    });
    check(&given, &late, &Err(LAPSED));
}

#[test]
fn a_hand_back_restores_the_carts_claim_as_it_was() {
    let mut run = sku(5);
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    let before = run.state.claim_of(cart(ANA), SOON).cloned();
    run.tell(SOON, &take_over(ANA, 1, 2)).unwrap();
    assert_eq!(run.tell(SOON, &hand_back(1)), Ok(vec![handed_back(1)]));
    assert_eq!(run.state.claim_of(cart(ANA), SOON).cloned(), before);
    counts(&run, 5, 2, 0);
    assert_eq!(run.state.due(), Some(UNTIL));
    run.check_replay();
}

#[test]
fn a_hand_back_after_the_carts_deadline_frees_the_units() {
    let mut run = ordered();
    assert_eq!(run.tell(UNTIL, &hand_back(1)), Ok(vec![handed_back(1)]));
    counts(&run, 5, 0, 0);
}

#[test]
fn what_a_closed_cart_claimed_meanwhile_ends_with_the_hand_back() {
    let mut run = ordered();
    run.tell(SOON, &add(ANA, 3, 7)).unwrap(); // overtaken by the checkout
    assert_eq!(
        run.tell(SOON, &hand_back(1)),
        Ok(vec![handed_back(1), Event::BackInStock { free: 3 }])
    );
    assert_eq!(run.state.claim_of(cart(ANA), SOON).unwrap().units, 2);
    counts(&run, 5, 2, 0);
    assert_eq!(run.tell(SOON, &add(ANA, 3, 7)), Ok(vec![]), "and its repeat changes nothing");
}

#[test]
fn a_request_released_meanwhile_stays_released_after_the_hand_back() {
    let mut run = ordered();
    run.tell(SOON, &add(ANA, 3, 7)).unwrap();
    run.tell(SOON, &Command::Release { cart: cart(ANA), keep_units: 0 }).unwrap();
    run.tell(SOON, &hand_back(1)).unwrap();
    assert_eq!(run.tell(SOON, &add(ANA, 3, 7)), Ok(vec![]));
    counts(&run, 5, 2, 0);
}

#[test]
fn a_late_take_over_does_not_take_handed_back_units() {
    let mut run = ordered();
    run.tell(SOON, &hand_back(1)).unwrap();
    assert_eq!(run.tell(SOON, &take_over(ANA, 1, 2)), Err(LAPSED));
    run.tell(SOON, &take_over(ANA, 2, 2)).unwrap(); // the next attempt may
    assert_eq!(run.tell(SOON, &hand_back(1)), Ok(vec![]));
    assert_eq!(run.tell(ORDER_UNTIL, &take_over(ANA, 1, 2)), Err(LAPSED));
}

#[test]
fn neither_a_commit_nor_a_return_moves_handed_back_units() {
    let mut run = ordered();
    run.tell(SOON, &hand_back(1)).unwrap();
    assert_eq!(run.tell(SOON, &commit(1, 2)), Err(LAPSED));
    assert_eq!(run.tell(SOON, &give_back(1, 2)), Ok(vec![]));
    counts(&run, 5, 2, 0);
}

#[test]
fn committed_units_are_sold() {
    let mut run = ordered();
    assert_eq!(run.tell(SOON, &commit(1, 2)), Ok(vec![committed(1, 2)]));
    counts(&run, 3, 0, 2);
    assert_eq!(run.tell(SOON, &commit(1, 2)), Ok(vec![]));
    counts(&run, 3, 0, 2);
    run.check_replay();
}

#[test]
fn a_commit_sells_exactly_what_was_taken_over() {
    let mut run = ordered();
    assert_eq!(run.tell(SOON, &commit(1, 3)), Err(Refusal::OutOfRange));
    assert_eq!(run.tell(SOON, &commit(1, 1)), Err(Refusal::OutOfRange));
    assert_eq!(run.tell(ORDER_UNTIL, &commit(1, 3)), Err(Refusal::OutOfRange));
    counts(&run, 5, 0, 0);
}

#[test]
fn a_commit_after_the_deadline_claims_the_units_again_if_they_are_free() {
    let mut run = ordered();
    assert_eq!(run.lapse(ORDER_UNTIL), vec![expired_order(1, 2)]);
    assert_eq!(run.tell(ORDER_UNTIL, &commit(1, 2)), Ok(vec![committed(1, 2)]));
    counts(&run, 3, 0, 2);
    assert_eq!(run.tell(ORDER_UNTIL, &commit(1, 2)), Ok(vec![]));
    counts(&run, 3, 0, 2);
}

#[test]
fn a_commit_after_the_deadline_is_refused_when_somebody_else_has_the_units() {
    let mut run = ordered();
    let everything = Reserve { until: Time::MAX, ..wish(BEN, Change::Set(4), 1) };
    run.tell(ORDER_UNTIL, &Command::Reserve(everything)).unwrap();
    assert_eq!(run.tell(ORDER_UNTIL, &commit(1, 2)), Err(LAPSED));
    counts(&run, 5, 4, 0);
    run.tell(ORDER_UNTIL, &give_back(1, 2)).unwrap();
    run.tell(ORDER_UNTIL, &Command::Release { cart: cart(BEN), keep_units: 0 }).unwrap();
    assert_eq!(run.tell(ORDER_UNTIL, &give_back(1, 2)), Ok(vec![]));
    counts(&run, 5, 0, 0);
}

#[test]
fn an_order_gives_reserved_units_back_once() {
    let mut run = ordered();
    let released = Event::OrderReleased { order: order(1), units: 2 };
    assert_eq!(run.tell(SOON, &give_back(1, 9)), Ok(vec![released]), "what it holds counts");
    counts(&run, 5, 0, 0);
    assert_eq!(run.tell(SOON, &give_back(1, 2)), Ok(vec![]));
    assert_eq!(run.tell(SOON, &commit(1, 2)), Err(LAPSED));
    assert_eq!(run.tell(SOON, &take_over(ANA, 1, 2)), Err(LAPSED));
    counts(&run, 5, 0, 0);
    run.check_replay();
}

#[test]
fn an_order_gives_sold_units_back_once() {
    let mut run = ordered();
    run.tell(SOON, &commit(1, 2)).unwrap();
    let returned = Event::Returned { order: order(1), units: 2 };
    assert_eq!(run.tell(SOON, &give_back(1, 2)), Ok(vec![returned]));
    counts(&run, 5, 0, 0);
    assert_eq!(run.tell(SOON, &give_back(1, 2)), Ok(vec![]));
    assert_eq!(run.tell(SOON, &commit(1, 2)), Err(LAPSED));
    counts(&run, 5, 0, 0);
    run.check_replay();
}

#[test]
fn a_return_never_makes_units() {
    check(&stocked(5), &give_back(9, 1), &Ok(vec![]));
    let mut run = ordered();
    run.tell(SOON, &commit(1, 2)).unwrap();
    assert_eq!(run.tell(SOON, &give_back(1, 3)), Ok(vec![]));
    assert_eq!(run.tell(SOON, &give_back(1, 0)), Ok(vec![]));
    counts(&run, 3, 0, 2);
}

#[test]
fn a_lapsed_order_has_nothing_to_give() {
    let mut run = ordered();
    assert_eq!(run.tell(ORDER_UNTIL, &give_back(1, 2)), Ok(vec![]));
    counts(&run, 5, 0, 0);
}

#[test]
fn nothing_of_an_order_stays_once_its_end_is_recorded() {
    let clean = |run: &Run<State>| run.state.ended.is_empty() && run.state.forget.is_empty();
    let forgotten = Event::Forgotten { order: order(1) };
    let mut run = ordered();
    run.tell(SOON, &give_back(1, 2)).unwrap();
    assert!(!clean(&run));
    assert_eq!(run.tell(SOON, &forget(1)), Ok(vec![forgotten.clone()]));
    assert_eq!(run.tell(SOON, &forget(1)), Ok(vec![]));
    assert!(clean(&run), "returned");

    let mut run = ordered();
    assert_eq!(run.tell(ORDER_UNTIL, &hand_back(1)), Ok(vec![forgotten]));
    assert!(clean(&run), "handed back after it lapsed");
    assert_eq!(run.tell(ORDER_UNTIL, &hand_back(1)), Ok(vec![]));

    let mut run = ordered();
    run.tell(SOON, &hand_back(1)).unwrap();
    run.tell(ORDER_UNTIL, &Command::SetLowStock { units: 1 }).unwrap();
    assert!(clean(&run), "handed back, and the order's deadline is over");

    let mut run = ordered();
    run.tell(ORDER_UNTIL, &commit(1, 2)).unwrap();
    assert!(clean(&run), "sold late");
}

#[test]
fn every_command_about_an_order_is_done_once() {
    let mut run = sku(9);
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    twice(&mut run, SOON, &take_over(ANA, 1, 2));
    twice(&mut run, SOON, &hand_back(1));
    twice(&mut run, SOON, &take_over(ANA, 2, 2));
    twice(&mut run, SOON, &commit(2, 2));
    twice(&mut run, SOON, &give_back(2, 2));
    twice(&mut run, SOON, &forget(2));
    run.check_replay();
}
