//! Low, sold out, back in stock: each said exactly once per crossing.

use super::*;

fn low_at(units: u64) -> Event {
    Event::LowStockSet { units }
}

fn marks(run: &mut Run<State>, now: Time, command: &Command) -> Vec<Event> {
    let events = run.tell(now, command).unwrap();
    let mark = |event: &Event| {
        matches!(event, Event::LowStock { .. } | Event::SoldOut {} | Event::BackInStock { .. })
    };
    events.into_iter().filter(mark).collect()
}

#[test]
fn each_crossing_is_marked_once() {
    let mut run = Run::given(State::default(), &stocked_and(5, [low_at(2)]));
    assert_eq!(marks(&mut run, SOON, &set(ANA, 2, 1)), vec![]);
    assert_eq!(marks(&mut run, SOON, &set(ANA, 3, 2)), vec![Event::LowStock { free: 2 }]);
    assert_eq!(marks(&mut run, SOON, &set(ANA, 4, 3)), vec![]);
    assert_eq!(marks(&mut run, SOON, &set(ANA, 5, 4)), vec![Event::SoldOut {}]);
    assert_eq!(marks(&mut run, SOON, &set(ANA, 4, 5)), vec![Event::BackInStock { free: 1 }]);
    assert_eq!(marks(&mut run, SOON, &set(ANA, 3, 6)), vec![]);
    assert_eq!(marks(&mut run, SOON, &set(ANA, 2, 7)), vec![]); // above the threshold again
    assert_eq!(marks(&mut run, SOON, &set(ANA, 3, 8)), vec![Event::LowStock { free: 2 }]);
}

#[test]
fn a_mark_set_above_the_free_units_is_announced_at_once() {
    let mark = |units| Command::SetLowStock { units };
    let mut run = sku(5);
    assert_eq!(marks(&mut run, SOON, &mark(4)), vec![]);
    assert_eq!(marks(&mut run, SOON, &mark(5)), vec![Event::LowStock { free: 5 }]);
    assert_eq!(marks(&mut run, SOON, &mark(5)), vec![], "set again");
    assert_eq!(marks(&mut run, SOON, &mark(9)), vec![], "low already");
    assert_eq!(marks(&mut run, SOON, &set(ANA, 1, 1)), vec![]);
    // Below the free units it is over, and comes again.
    assert_eq!(marks(&mut run, SOON, &mark(3)), vec![]);
    assert_eq!(marks(&mut run, SOON, &set(ANA, 2, 2)), vec![Event::LowStock { free: 3 }]);
    assert_eq!(marks(&mut run, SOON, &mark(2)), vec![]);
    assert_eq!(marks(&mut run, SOON, &mark(3)), vec![Event::LowStock { free: 3 }]);
    run.check_replay();
    // What is sold out has been announced as that.
    let mut run = sku(1);
    run.tell(SOON, &add(ANA, 1, 1)).unwrap();
    assert_eq!(marks(&mut run, SOON, &mark(9)), vec![]);
}

#[test]
fn the_first_receipt_is_no_return() {
    let mut run = Run::given(State::default(), &[claimed(), listed(1)]);
    let receive = Command::Receive { units: 1, location: main(), reference: None };
    assert_eq!(marks(&mut run, SOON, &receive), vec![]);
}

#[test]
fn every_way_back_to_free_units_is_marked() {
    let receive = Command::Receive { units: 1, location: main(), reference: None };
    let adjust = Command::Adjust { delta: 1, location: main(), reason: String::new() };
    let back = vec![Event::BackInStock { free: 1 }];
    for command in [receive, adjust, Command::Release { cart: cart(ANA), keep_units: 1 }] {
        let mut run = sku(2);
        assert_eq!(marks(&mut run, SOON, &add(ANA, 2, 1)), vec![Event::SoldOut {}]);
        assert_eq!(marks(&mut run, SOON, &command), back, "{command:?}");
    }
    let mut run = sku(2);
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    assert_eq!(marks(&mut run, SOON, &take_over(ANA, 1, 1)), back, "excess");
    let both = vec![Event::BackInStock { free: 1 }];
    let mut other = run.clone();
    other.tell(SOON, &set(BEN, 1, 1)).unwrap();
    assert_eq!(marks(&mut other, SOON, &give_back(1, 1)), both, "an order gives back");
    other.tell(SOON, &set(BEN, 2, 2)).unwrap();
    assert_eq!(other.lapse(UNTIL)[1], Event::BackInStock { free: 2 }, "an expiry");
    run.tell(SOON, &set(BEN, 1, 1)).unwrap();
    run.tell(SOON, &commit(1, 1)).unwrap();
    assert_eq!(marks(&mut run, SOON, &give_back(1, 1)), both, "a sold unit comes back");
}

#[test]
fn a_hand_back_frees_units_only_after_the_carts_deadline() {
    let mut run = sku(2);
    run.tell(SOON, &add(ANA, 2, 1)).unwrap();
    run.tell(SOON, &take_over(ANA, 1, 2)).unwrap();
    let mut late = run.clone();
    assert_eq!(marks(&mut run, SOON, &hand_back(1)), vec![]);
    assert_eq!(marks(&mut late, UNTIL, &hand_back(1)), vec![Event::BackInStock { free: 2 }]);
}

#[test]
fn every_way_to_the_last_unit_is_marked() {
    let sold_out = vec![Event::SoldOut {}];
    let adjust = Command::Adjust { delta: -1, location: main(), reason: String::new() };
    let write_off = Command::WriteOff { units: 1, location: main(), reason: String::new() };
    for command in [add(ANA, 1, 1), set(ANA, 1, 1), adjust, write_off] {
        assert_eq!(marks(&mut sku(1), SOON, &command), sold_out, "{command:?}");
    }
    // A late payment takes the last unit.
    let mut run = sku(1);
    run.tell(SOON, &add(ANA, 1, 1)).unwrap();
    run.tell(SOON, &take_over(ANA, 1, 1)).unwrap();
    assert_eq!(run.lapse(ORDER_UNTIL)[1], Event::BackInStock { free: 1 });
    assert_eq!(marks(&mut run, ORDER_UNTIL, &commit(1, 1)), sold_out);
}

#[test]
fn a_sale_of_claimed_units_crosses_nothing() {
    let mut run = Run::given(State::default(), &stocked_and(3, [low_at(2)]));
    run.tell(SOON, &add(ANA, 1, 1)).unwrap();
    run.tell(SOON, &take_over(ANA, 1, 1)).unwrap();
    assert_eq!(marks(&mut run, SOON, &commit(1, 1)), vec![]);
}
