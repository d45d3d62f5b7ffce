//! Sold units that come back one by one, while their order keeps the others.

use super::*;

/// Five units, of which order 1 has bought three.
fn bought() -> Run<State> {
    let mut run = sku(5);
    run.tell(SOON, &add(ANA, 3, 1)).unwrap();
    run.tell(SOON, &super::take_over(ANA, 1, 3)).unwrap();
    run.tell(SOON, &commit(1, 3)).unwrap();
    run
}

fn taken_back(number: u32, units: u32, restock: bool) -> Event {
    Event::TakenBack { order: order(1), number, units, restock }
}

#[test]
fn units_come_back_once_under_each_number() {
    let mut run = bought();
    let first = take_back(1, 1, 1, true);
    assert_eq!(run.tell(SOON, &first), Ok(vec![taken_back(1, 1, true)]));
    counts(&run, 3, 0, 2);
    assert_eq!(run.tell(SOON, &first), Ok(vec![]));
    run.tell(SOON, &take_back(1, 2, 1, true)).unwrap();
    counts(&run, 4, 0, 1);
    assert_eq!(run.tell(SOON, &commit(1, 3)), Ok(vec![]), "a late repeat sells nothing");
    run.check_replay();
}

#[test]
fn what_cannot_be_sold_again_is_written_off() {
    let mut run = bought();
    let torn = take_back(1, 1, 2, false);
    assert_eq!(run.tell(SOON, &torn), Ok(vec![taken_back(1, 2, false)]));
    counts(&run, 2, 0, 1);
    assert_eq!(run.tell(SOON, &torn), Ok(vec![]));
}

#[test]
fn a_return_that_is_recorded_is_forgotten() {
    let mut run = bought();
    run.tell(SOON, &take_back(1, 1, 1, true)).unwrap();
    let forgotten = Event::ReturnForgotten { order: order(1), number: 1 };
    assert_eq!(run.tell(SOON, &forget_return(1, 1)), Ok(vec![forgotten]));
    assert_eq!(run.tell(SOON, &forget_return(1, 1)), Ok(vec![]));
    assert!(run.state.taken_back.is_empty(), "a SKU stays small");
}

#[test]
fn what_was_not_sold_does_not_come_back() {
    check(&stocked(5), &take_back(9, 1, 1, true), &Ok(vec![]));
    let mut run = bought();
    assert_eq!(run.tell(SOON, &take_back(1, 1, 4, true)), Ok(vec![]));
    assert_eq!(run.tell(SOON, &take_back(1, 1, 0, true)), Ok(vec![]));
    counts(&run, 2, 0, 3);
}

#[test]
fn a_cancellation_gives_the_rest_back() {
    let mut run = bought();
    run.tell(SOON, &take_back(1, 1, 1, true)).unwrap();
    let returned = Event::Returned { order: order(1), units: 2 };
    assert_eq!(run.tell(SOON, &give_back(1, 2)), Ok(vec![returned]));
    counts(&run, 5, 0, 0);
}

#[test]
fn units_that_came_back_do_not_count_for_their_buyer() {
    let mut run = Run::given(State::default(), &stocked_and(9, [sale_set(Some(3))]));
    run.tell(SOON, &add(ANA, 3, 1)).unwrap();
    run.tell(SOON, &super::take_over(ANA, 1, 3)).unwrap();
    run.tell(SOON, &commit(1, 3)).unwrap();
    let more = |units| add(ANA, units, 9);
    assert_eq!(run.tell(SOON, &more(1)), Err(Refusal::LimitPerBuyer { limit: 3 }));
    run.tell(SOON, &take_back(1, 1, 2, false)).unwrap();
    assert_eq!(run.tell(SOON, &more(3)), Err(Refusal::LimitPerBuyer { limit: 3 }));
    run.tell(SOON, &more(2)).unwrap();
    run.tell(SOON, &give_back(1, 1)).unwrap();
    run.check_replay();
    let own: u64 = run.state.taken.values().copied().max().unwrap();
    assert_eq!(own, 2, "what is in the cart, and nothing of what came back");
}

#[test]
fn units_that_came_back_are_in_stock_again() {
    let mut run = sku(2);
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(SOON, &super::take_over(ANA, 1, 2)).unwrap();
    run.tell(SOON, &commit(1, 2)).unwrap();
    assert_eq!(run.tell(SOON, &take_back(1, 1, 1, false)).unwrap().len(), 1, "still sold out");
    let back = run.tell(SOON, &take_back(1, 2, 1, true)).unwrap();
    assert_eq!(back, [taken_back(2, 1, true), Event::BackInStock { free: 1 }]);
}
