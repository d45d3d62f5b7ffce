//! Units come, move and go.

use super::*;
use crate::domain::sku::MAX_UNITS;

fn receive(units: u64) -> Command {
    Command::Receive { units, location: main(), reference: None }
}

fn adjust(delta: i64) -> Command {
    Command::Adjust { delta, location: main(), reason: "count".to_owned() }
}

fn adjusted(delta: i64) -> Event {
    Event::Adjusted { delta, location: main(), reason: "count".to_owned() }
}

fn write_off(units: u64) -> Command {
    Command::WriteOff { units, location: main(), reason: "wet".to_owned() }
}

fn transfer(units: u64, from: &str, to: &str) -> Command {
    Command::Transfer { units, from: from.to_owned(), to: to.to_owned() }
}

#[test]
fn nothing_can_be_done_with_a_sku_that_never_was() {
    let commands = [
        receive(1),
        adjust(1),
        transfer(1, "main", "east"),
        write_off(1),
        Command::SetLowStock { units: 1 },
        Command::SetSale(sale(None)),
        Command::EndSale,
        add(ANA, 1, 1),
    ];
    for command in commands {
        check(&[], &command, &Err(Refusal::UnknownSku));
    }
}

#[test]
fn received_units_are_free() {
    let run = check(&stocked(2), &receive(3), &Ok(vec![received(3)]));
    counts(&run, 5, 0, 0);
    assert_eq!(run.state.free(), 5);
}

#[test]
fn counts_stay_in_range() {
    check(&stocked(1), &receive(0), &Err(Refusal::OutOfRange));
    check(&stocked(1), &receive(MAX_UNITS), &Err(Refusal::OutOfRange));
    check(&stocked(1), &receive(u64::MAX), &Err(Refusal::OutOfRange));
    check(&stocked(1), &receive(MAX_UNITS - 1), &Ok(vec![received(MAX_UNITS - 1)]));
    check(&stocked(1), &adjust(0), &Err(Refusal::OutOfRange));
    check(&stocked(1), &adjust(i64::MAX), &Err(Refusal::OutOfRange));
    check(&stocked(1), &write_off(0), &Err(Refusal::OutOfRange));
    check(&stocked(1), &transfer(0, "main", "east"), &Err(Refusal::OutOfRange));
}

#[test]
fn sold_units_count_against_the_range_because_they_may_come_back() {
    let given = stocked_and(2, [reserved(ANA, 2), taken_over(ANA, 1, 2), committed(1, 2)]);
    check(&given, &receive(MAX_UNITS - 1), &Err(Refusal::OutOfRange));
}

#[test]
fn a_full_house_can_still_be_moved_and_written_off() {
    let full = stocked(MAX_UNITS);
    let moved = Event::Transferred { units: 2, from: main(), to: "east".to_owned() };
    check(&full, &transfer(2, "main", "east"), &Ok(vec![moved]));
    let gone = Event::WrittenOff { units: 2, location: main(), reason: "wet".to_owned() };
    check(&full, &write_off(2), &Ok(vec![gone]));
}

#[test]
fn a_count_corrects_up_and_down_but_never_below_what_is_claimed() {
    counts(&check(&stocked(3), &adjust(2), &Ok(vec![adjusted(2)])), 5, 0, 0);
    counts(&check(&stocked(3), &adjust(-2), &Ok(vec![adjusted(-2)])), 1, 0, 0);
    check(&stocked(3), &adjust(-4), &Err(Refusal::WouldGoNegative { free: 3 }));
    check(&stocked(3), &adjust(i64::MIN), &Err(Refusal::WouldGoNegative { free: 3 }));
    let claimed = stocked_and(3, [reserved(ANA, 2)]);
    check(&claimed, &adjust(-2), &Err(Refusal::WouldGoNegative { free: 1 }));
    check(&claimed, &write_off(2), &Err(Refusal::WouldGoNegative { free: 1 }));
}

#[test]
fn broken_units_leave_the_house() {
    let gone = Event::WrittenOff { units: 2, location: main(), reason: "wet".to_owned() };
    counts(&check(&stocked(3), &write_off(2), &Ok(vec![gone])), 1, 0, 0);
    check(&stocked(3), &write_off(4), &Err(Refusal::WouldGoNegative { free: 3 }));
}

#[test]
fn a_transfer_changes_only_where_units_stand() {
    let mut run = sku(3);
    run.tell(SOON, &transfer(2, "main", "east")).unwrap();
    counts(&run, 3, 0, 0);
    assert_eq!(run.state.locations()["east"], 2);
    let refused = run.tell(SOON, &transfer(3, "east", "main"));
    assert_eq!(refused, Err(Refusal::WouldGoNegative { free: 3 }));
    let refused = run.tell(SOON, &transfer(1, "west", "main"));
    assert_eq!(refused, Err(Refusal::WouldGoNegative { free: 3 }));
    run.tell(SOON, &transfer(2, "east", "main")).unwrap();
    assert_eq!(run.state.locations().keys().collect::<Vec<_>>(), ["main"]);
    run.tell(SOON, &transfer(3, "main", "main")).unwrap();
    counts(&run, 3, 0, 0);
    run.check_replay();
}

#[test]
fn claimed_units_may_move_but_not_leave() {
    let given = stocked_and(3, [reserved(ANA, 3)]);
    let moved = Event::Transferred { units: 3, from: main(), to: "east".to_owned() };
    check(&given, &transfer(3, "main", "east"), &Ok(vec![moved]));
}

#[test]
fn sold_units_leave_the_locations_in_the_order_of_their_names() {
    let given = stocked_and(
        1,
        [received_at("east", 2), received_at("west", 9), reserved(ANA, 4), taken_over(ANA, 1, 4)],
    );
    let picks = vec![("east".to_owned(), 2), ("main".to_owned(), 1), ("west".to_owned(), 1)];
    let sold = Event::Committed { order: order(1), units: 4, picks };
    let mut run = check(&given, &commit(1, 4), &Ok(vec![sold]));
    counts(&run, 8, 0, 4);
    assert_eq!(run.state.locations()["west"], 8);
    run.tell(SOON, &give_back(1, 4)).unwrap(); // comes back to the main location
    counts(&run, 12, 0, 0);
    assert_eq!(run.state.locations()["main"], 4);
    run.check_replay();
}

#[test]
fn the_low_stock_threshold_is_set_once() {
    let set = Command::SetLowStock { units: 4 };
    let mut run = check(&stocked(5), &set, &Ok(vec![Event::LowStockSet { units: 4 }]));
    assert_eq!(run.state.low_stock_at(), 4);
    twice(&mut run, SOON, &set);
}
