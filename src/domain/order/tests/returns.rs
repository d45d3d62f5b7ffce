//! Units that come back: how many may, what they are worth, and how a cancellation ends the rest.

use super::*;
use Obligation::{Forget, ForgetReturn, Pay, Return, TakeBack};

fn bought() -> Run<State> {
    order(&[authorised(), SOLD, captured()])
}

fn accepted(number: u32, units: u32) -> Event {
    Event::ReturnAccepted {
        number,
        items: vec![Back { sku: sku("A"), units }],
        amount: usd(500 * i64::from(units)),
        reason: Some("torn".to_owned()),
        restock: true,
    }
}

const FIRST: Step = Step::RefundPart(1);
const SECOND: Step = Step::RefundPart(2);

fn stocked(number: u32) -> Command {
    Command::RecordStocked { number }
}

fn forgotten(number: u32) -> Command {
    Command::RecordReturnForgotten { number }
}

#[track_caller]
fn takes_back(run: &mut Run<State>, number: u32, units: u32) {
    assert_eq!(run.tell(SOON, &take_back(units)), Ok(vec![accepted(number, units)]));
    run.check_replay();
}

#[test]
fn a_part_comes_back_and_the_order_stays_confirmed() {
    let mut run = bought();
    takes_back(&mut run, 1, 1);
    stands(&run, Status::Confirmed, Payment::Captured, &[Pay(FIRST), TakeBack(1)]);
    assert!(!run.state.settled(), "money is moving");
    assert_eq!(run.state.amount_of(FIRST), Some(usd(500)));
    assert_eq!(tell(&mut run, &stocked(1)), vec![Event::ReturnStocked { number: 1 }]);
    assert_eq!(tell(&mut run, &approved(FIRST)), vec![Event::ReturnRefunded { number: 1 }]);
    stands(&run, Status::Confirmed, Payment::Captured, &[ForgetReturn(1)]);
    assert!(run.state.settled());
    assert_eq!(tell(&mut run, &forgotten(1)), vec![Event::ReturnForgotten { number: 1 }]);
    stands(&run, Status::Confirmed, Payment::Captured, &[]);
    assert_eq!((run.state.left_of(&sku("A")), run.state.rest()), (1, Some(usd(500))));
    let [back] = run.state.returns() else { panic!("one return") };
    assert!(back.refunded && back.stocked());
    assert_eq!(
        history(&run)[4..],
        ["confirmed", "return 1 accepted", "return 1 stocked", "return 1 refunded"]
    );
}

#[test]
fn all_units_in_two_returns_make_it_returned_and_refunded() {
    let mut run = bought();
    takes_back(&mut run, 1, 1);
    takes_back(&mut run, 2, 1);
    stands(&run, Status::Returned, Payment::Captured, &[Pay(FIRST), TakeBack(1)]);
    // One after the other, the oldest first.
    assert_eq!(tell(&mut run, &approved(SECOND)), vec![]);
    assert_eq!(tell(&mut run, &stocked(2)), vec![]);
    tell(&mut run, &approved(FIRST));
    for number in [1, 2] {
        tell(&mut run, &stocked(number));
        tell(&mut run, &forgotten(number));
    }
    stands(&run, Status::Returned, Payment::Captured, &[Pay(SECOND)]);
    tell(&mut run, &approved(SECOND));
    stands(&run, Status::Returned, Payment::Refunded, &[]);
    assert_eq!(history(&run)[5..8], ["return 1 accepted", "return 2 accepted", "returned"]);
    assert_eq!(history(&run).last(), Some(&"refunded"));
    assert_eq!(tell(&mut run, &Command::Cancel), vec![], "nothing is left to call off");
    let nothing = Err(Refusal::NotReturnable { sku: sku("A"), left: 0 });
    assert_eq!(run.tell(SOON, &take_back(1)), nothing);
}

#[test]
fn no_more_comes_back_than_is_left() {
    let none = |code: &str, left| Err(Refusal::NotReturnable { sku: sku(code), left });
    let mut run = bought();
    for (units, answer) in [(3, none("A", 2)), (0, none("A", 2)), (u32::MAX, none("A", 2))] {
        assert_eq!(run.tell(SOON, &take_back(units)), answer);
    }
    let back = |code: &str, units| Back { sku: sku(code), units };
    let with = |items| Command::TakeBack { items, reason: None, restock: true };
    assert_eq!(run.tell(SOON, &with(vec![back("A", 1), back("B", 1)])), none("B", 0));
    assert_eq!(run.tell(SOON, &with(vec![back("A", 1), back("A", 2)])), none("A", 2));
    assert_eq!(run.tell(SOON, &with(vec![])), Ok(vec![]));
    takes_back(&mut run, 1, 1);
    assert_eq!(run.tell(SOON, &take_back(2)), none("A", 1));
    assert_eq!(run.state.returns().len(), 1);
}

#[test]
fn what_is_not_confirmed_does_not_come_back() {
    let pasts: [&[Event]; 5] = [
        &[],
        &[authorised(), SOLD],
        &[Event::PaymentDeclined { reason: reason() }],
        &[Event::Cancelled {}],
        &[authorised(), SOLD, captured(), Event::Cancelled {}],
    ];
    for past in pasts {
        let mut run = order(past);
        assert_eq!(run.tell(SOON, &take_back(1)), Err(Refusal::NotConfirmed), "{past:?}");
    }
    let never = Run::<State>::new(State::default()).tell(SOON, &take_back(1));
    assert_eq!(never, Err(Refusal::UnknownOrder));
}

#[test]
fn a_cancellation_after_a_return_gives_the_rest_back_and_no_more() {
    let mut run = bought();
    takes_back(&mut run, 1, 1);
    tell(&mut run, &approved(FIRST));
    tell(&mut run, &Command::Cancel);
    stands(&run, Status::Cancelled, Payment::Captured, &[Pay(Step::Refund), TakeBack(1)]);
    assert_eq!(run.state.amount_of(Step::Refund), Some(usd(500)));
    tell(&mut run, &approved(Step::Refund));
    tell(&mut run, &stocked(1));
    tell(&mut run, &forgotten(1));
    stands(&run, Status::Cancelled, Payment::Refunded, &[Return]);
    assert_eq!(run.state.units_of(Return), [(sku("A"), 1)]);
    tell(&mut run, &Command::RecordReturned);
    stands(&run, Status::Cancelled, Payment::Refunded, &[Forget]);
    tell(&mut run, &Command::RecordForgotten);
    stands(&run, Status::Cancelled, Payment::Refunded, &[]);
}

#[test]
fn the_money_of_a_return_is_owed_before_the_rest() {
    let mut run = bought();
    takes_back(&mut run, 1, 1);
    tell(&mut run, &Command::Cancel);
    stands(&run, Status::Cancelled, Payment::Captured, &[Pay(FIRST), TakeBack(1)]);
    assert_eq!(tell(&mut run, &approved(Step::Refund)), vec![], "not owed yet");
    tell(&mut run, &approved(FIRST));
    assert_eq!(run.state.obligations()[0], Pay(Step::Refund));
}

#[test]
fn a_refund_that_is_refused_or_silent_stays_owed_and_is_reviewed() {
    let mut run = bought();
    takes_back(&mut run, 1, 1);
    for answer in [declined(FIRST), no_answer(FIRST), not_seen(FIRST)] {
        assert_eq!(tell(&mut run, &answer), vec![]);
        stands(&run, Status::Confirmed, Payment::Captured, &[Pay(FIRST), TakeBack(1)]);
    }
    tell(&mut run, &flag());
    assert!(run.state.needs_review());
    tell(&mut run, &approved(FIRST));
    tell(&mut run, &stocked(1));
    tell(&mut run, &forgotten(1));
    assert!(!run.state.needs_review());
}
