//! The order saga as given, when, then tables.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "a test that overflows has failed, and only some events matter to it"
)]

mod news;
mod pay;
mod property;
mod returns;
mod undo;

use super::{
    Back, Command, Event, Item, Obligation, Outcome, Payment, Placement, Refusal, State, Status,
    Step,
};
use crate::domain::{
    CartId, Locale, Machine, Sealed, Time,
    cart::Lapsed,
    sku::Buyer,
    testing::{Run, START, at, check_machine, sku, usd},
};
use uuid::Uuid;

const UNTIL: Time = Time(START.0 + 600_000);
/// What its two units cost.
const TOTAL: i64 = 1_000;
const SOON: Time = Time(START.0 + 1);

fn placement() -> Placement {
    let sealed = |field| Sealed { key: 1, field, bytes: vec![1, 2, 3].into() };
    Placement {
        cart: CartId(Uuid::from_u128(1)),
        items: vec![Item { sku: sku("A"), title: "Tee".to_owned(), units: 2, price: usd(500) }],
        total: usd(TOTAL),
        email: Buyer(7),
        contact: sealed(1),
        gift: Some(sealed(2)),
        payment: sealed(3),
        until: UNTIL,
        locale: Locale::Pt,
    }
}

// Events

fn placed() -> Event {
    Event::Placed(Box::new(placement()))
}

fn authorised() -> Event {
    Event::Authorised { reference: "auth".to_owned() }
}

fn captured() -> Event {
    Event::Captured { reference: "cap".to_owned() }
}

fn unknown(step: Step) -> Event {
    Event::PaymentUnknown { step }
}

const SOLD: Event = Event::StockCommitted {};

// Commands

fn place() -> Command {
    Command::Place(Box::new(placement()))
}

/// The provider's references are always the same: order and step make them.
fn approved(step: Step) -> Command {
    let reference = match step {
        Step::Authorise => "auth",
        Step::Capture => "cap",
        Step::Void | Step::Refund | Step::RefundPart(_) => "undo",
    };
    Command::Record { step, outcome: Outcome::Approved { reference: reference.to_owned() } }
}

fn declined(step: Step) -> Command {
    Command::Record { step, outcome: Outcome::Declined { reason: "no".to_owned() } }
}

fn nothing_to_void() -> Command {
    Command::Record { step: Step::Void, outcome: Outcome::NothingToVoid }
}

fn no_answer(step: Step) -> Command {
    Command::Record { step, outcome: Outcome::Unknown }
}

fn not_seen(step: Step) -> Command {
    Command::Record { step, outcome: Outcome::NotSeen }
}

fn take_back(units: u32) -> Command {
    let items = vec![Back { sku: sku("A"), units }];
    Command::TakeBack { items, reason: Some("torn".to_owned()), restock: true }
}

fn stock_lost() -> Command {
    Command::RecordStockLost { sku: sku("A") }
}

fn flag() -> Command {
    Command::FlagForReview { reason: "slow".to_owned() }
}

fn reason() -> String {
    "no".to_owned()
}

// Checks

type Answer = Result<Vec<Event>, Refusal>;

#[track_caller]
fn check(given: &[Event], when: &Command, then: &Answer) -> Run<State> {
    check_machine(State::default(), given, &at(SOON), when, then)
}

fn order(events: &[Event]) -> Run<State> {
    Run::given(State::default(), &[&[placed()], events].concat())
}

/// What it answers, each told twice: the second time changes nothing.
#[track_caller]
fn tell(run: &mut Run<State>, command: &Command) -> Vec<Event> {
    let events = run.tell(SOON, command).unwrap();
    let once = run.state.clone();
    assert_eq!(run.tell(SOON, command), Ok(vec![]), "{command:?} again");
    assert_eq!(run.state, once);
    run.check_replay();
    events
}

#[track_caller]
fn stands(run: &Run<State>, status: Status, payment: Payment, owed: &[Obligation]) {
    assert_eq!((run.state.status(), run.state.payment()), (status, payment));
    assert_eq!(run.state.obligations(), owed);
}

fn history(run: &Run<State>) -> Vec<&str> {
    run.state.timeline().iter().map(|milestone| milestone.what.as_ref()).collect()
}
