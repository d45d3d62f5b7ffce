//! The cart machine as given, when, then tables.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "a test that overflows has failed, and only some events matter to it"
)]

use super::{Checkout, Command, Event, Lapsed, Line, MAX_LINES, Obligation, Phase, Refusal, State};
use crate::domain::{
    By, CartId, CommandId, Context, Fingerprint, Locale, Machine, Money, OrderId, Sealed, Time,
    sku::Buyer,
    testing::{Run, START, at, check_machine, eur, sku, usd},
};
use uuid::Uuid;

const UNTIL: Time = Time(START.0 + 600_000);
const IDLE: Time = Time(START.0 + 3_600_000);
const SOON: Time = Time(START.0 + 1);

fn cart() -> CartId {
    CartId(Uuid::from_u128(0xabcd_0000_0000_0000_0000_0000_0000_0001))
}

fn key(number: u128) -> CommandId {
    CommandId(Uuid::from_u128(number))
}

/// A client's command under an Idempotency-Key.
fn keyed(now: Time, number: u128) -> Context {
    let fingerprint = Some(Fingerprint(5));
    Context { now, by: By::Cart(cart()), command: key(number), fingerprint }
}

fn line(units: u32) -> Line {
    Line { units, until: UNTIL, price: usd(500), title: "Tee".to_owned() }
}

fn line_of(price: Money) -> Line {
    Line { price, ..line(1) }
}

fn record(code: &str, line: Option<Line>) -> Command {
    Command::RecordLine { sku: sku(code), line, idle_until: IDLE }
}

fn reserved(code: &str, line: Line) -> Event {
    Event::LineReserved { sku: sku(code), line, idle_until: IDLE }
}

fn checkout() -> Checkout {
    let sealed = |field| Sealed { key: 1, field, bytes: vec![1].into() };
    Checkout {
        email: Buyer(7),
        contact: sealed(1),
        gift: None,
        payment: sealed(3),
        until: UNTIL,
        locale: Locale::Es,
    }
}

fn check_out() -> Command {
    Command::CheckOut(checkout())
}

fn order(number: u128, attempt: u32) -> OrderId {
    OrderId::of(cart(), key(number), attempt)
}

fn checked_out(order: OrderId) -> Event {
    Event::CheckedOut { order, checkout: checkout() }
}

#[track_caller]
fn check(given: &[Event], when: &Command, then: &Result<Vec<Event>, Refusal>) -> Run<State> {
    check_machine(State::new(cart()), given, &keyed(SOON, 1), when, then)
}

fn given(events: &[Event]) -> Run<State> {
    Run::given(State::new(cart()), events)
}

/// Two lines, checked out under key 1, placed.
fn ordered() -> Run<State> {
    let mut run = given(&[reserved("A", line(2)), reserved("B", line(1))]);
    run.tell_as(&keyed(SOON, 1), &check_out()).unwrap();
    run.tell(SOON, &Command::RecordPlaced { order: order(1, 0) }).unwrap();
    run
}

#[test]
fn a_line_is_what_the_sku_answered() {
    let run = check(&[], &record("A", Some(line(2))), &Ok(vec![reserved("A", line(2))]));
    assert_eq!(run.state.lines()[&sku("A")], line(2));
    assert_eq!(run.state.total(), Some(usd(1_000)));
    assert_eq!(run.state.currency(), Some(usd(1).currency));
    assert_eq!(run.state.units_of(&sku("A"), Time(UNTIL.0 - 1)), 2);
    assert_eq!(run.state.units_of(&sku("A"), UNTIL), 0, "a lapsed line stays, with no units");
    assert_eq!(run.state.units_of(&sku("B"), SOON), 0);
    let given = [reserved("A", line(2))];
    check(&given, &record("A", Some(line(3))), &Ok(vec![reserved("A", line(3))]));
    check(&given, &record("A", Some(line(2))), &Ok(vec![]));
    assert_eq!(State::new(cart()).total(), None);
}

#[test]
fn no_units_remove_the_line() {
    let removed = Event::LineRemoved { sku: sku("A"), idle_until: IDLE };
    let run = check(&[reserved("A", line(2))], &record("A", None), &Ok(vec![removed]));
    assert!(run.state.lines().is_empty());
    check(&[], &record("A", None), &Ok(vec![]));
}

#[test]
fn lines_have_one_currency_and_a_sum_that_fits() {
    let given = [reserved("A", line(2))];
    let foreign = record("B", Some(line_of(eur(1))));
    check(&given, &foreign, &Err(Refusal::MixedCurrencies));
    let same_sku = line_of(eur(1));
    let replaced = Ok(vec![reserved("A", same_sku.clone())]);
    check(&given, &record("A", Some(same_sku)), &replaced);
    let huge = record("B", Some(line_of(usd(i64::MAX))));
    check(&given, &huge, &Err(Refusal::OutOfRange));
    let many = Line { units: 3, ..line_of(usd(i64::MAX / 2)) };
    check(&[], &record("A", Some(many)), &Err(Refusal::OutOfRange));
    check(&[], &record("A", Some(line(0))), &Err(Refusal::OutOfRange));
}

#[test]
fn a_cart_has_at_most_a_thousand_lines() {
    let full: Vec<Event> =
        (0..MAX_LINES).map(|number| reserved(&format!("S{number}"), line(1))).collect();
    check(&full, &record("A", Some(line(1))), &Err(Refusal::OutOfRange));
    check(&full, &record("S7", Some(line(2))), &Ok(vec![reserved("S7", line(2))]));
}

#[test]
fn a_checkout_makes_an_order_and_closes_the_cart() {
    let lines = [reserved("A", line(2))];
    let mut run = check(&lines, &check_out(), &Ok(vec![checked_out(order(1, 0))]));
    assert_eq!(run.state.obligations(), [Obligation::Place { order: order(1, 0) }]);
    assert_eq!(run.state.phase().order(), Some(order(1, 0)));
    assert_eq!(run.state.due(), None);
    for command in [record("A", Some(line(3))), record("A", None)] {
        assert_eq!(run.tell(SOON, &command), Err(Refusal::CartClosed));
    }
    assert_eq!(run.tell_as(&keyed(SOON, 2), &check_out()), Err(Refusal::CartClosed));
    let placed = Command::RecordPlaced { order: order(1, 0) };
    assert_eq!(run.tell(SOON, &placed), Ok(vec![Event::Ordered { order: order(1, 0) }]));
    assert_eq!(run.tell(SOON, &placed), Ok(vec![]));
    assert_eq!(run.state.obligations(), []);
    assert_eq!(run.tell(SOON, &record("A", None)), Err(Refusal::CartClosed));
    run.check_replay();
}

#[test]
fn only_a_cart_with_live_lines_is_checked_out() {
    check(&[], &check_out(), &Err(Refusal::CartEmpty));
    let mut run = given(&[reserved("A", line(1)), reserved("B", Line { until: SOON, ..line(1) })]);
    let lapsed = Err(Refusal::ReservationLapsed { sku: sku("B") });
    assert_eq!(run.tell_as(&keyed(SOON, 1), &check_out()), lapsed);
    assert!(run.tell_as(&keyed(START, 1), &check_out()).is_ok(), "a moment before it was live");
}

#[test]
fn the_same_key_makes_the_same_order_for_ever() {
    let mut run = ordered();
    assert_eq!(run.tell_as(&keyed(SOON, 1), &check_out()), Ok(vec![]));
    let fingerprint = keyed(SOON, 1).fingerprint;
    assert_eq!(run.state.order_of(key(1), fingerprint), Ok(Some(order(1, 0))));
    assert_eq!(run.state.order_of(key(2), fingerprint), Ok(None));
    let other = Some(Fingerprint(6));
    assert_eq!(run.state.order_of(key(1), other), Err(Refusal::KeyMismatch));
    let changed = Context { fingerprint: other, ..keyed(SOON, 1) };
    assert_eq!(run.tell_as(&changed, &check_out()), Err(Refusal::KeyMismatch));
    // The order was declined: its key still finds it, a new key makes a new one.
    let reopen = Command::Reopen { order: order(1, 0), lapsed: Lapsed::These(vec![]) };
    run.tell(SOON, &reopen).unwrap();
    assert_eq!(run.tell_as(&keyed(SOON, 1), &check_out()), Ok(vec![]));
    assert_eq!(run.tell_as(&keyed(SOON, 2), &check_out()), Ok(vec![checked_out(order(2, 0))]));
    assert_eq!(run.state.order_of(key(1), fingerprint), Ok(Some(order(1, 0))));
    run.check_replay();
}

#[test]
fn a_refused_attempt_never_was_and_the_next_one_is_another_order() {
    let mut run = given(&[reserved("A", line(2)), reserved("B", line(1))]);
    run.tell_as(&keyed(SOON, 1), &check_out()).unwrap();
    let refuse = Command::Refuse { order: order(1, 0), lapsed: vec![sku("B")] };
    let refused = Event::CheckoutRefused { order: order(1, 0), lapsed: vec![sku("B")] };
    assert_eq!(run.tell(SOON, &refuse), Ok(vec![refused]));
    assert_eq!(run.tell(SOON, &refuse), Ok(vec![]));
    assert_eq!(*run.state.phase(), Phase::Open);
    assert_eq!((run.state.units_of(&sku("A"), SOON), run.state.units_of(&sku("B"), SOON)), (2, 0));
    assert_eq!(run.state.order_of(key(1), keyed(SOON, 1).fingerprint), Ok(None));
    let lapsed = Err(Refusal::ReservationLapsed { sku: sku("B") });
    assert_eq!(run.tell_as(&keyed(SOON, 1), &check_out()), lapsed);
    run.tell(SOON, &record("B", None)).unwrap();
    let again = run.tell_as(&keyed(SOON, 1), &check_out());
    assert_eq!(again, Ok(vec![checked_out(order(1, 1))]), "the same key, another attempt");
    run.check_replay();
}

#[test]
fn an_ended_order_gives_the_lines_back_lapsed_or_not() {
    let reopen = |lapsed| Command::Reopen { order: order(1, 0), lapsed };
    for (lapsed, left) in [
        (Lapsed::All, (0, 0)),
        (Lapsed::These(vec![]), (2, 1)),
        (Lapsed::These(vec![sku("A"), sku("Z")]), (0, 1)),
    ] {
        let mut run = ordered();
        let event = Event::Reopened { order: order(1, 0), lapsed: lapsed.clone() };
        assert_eq!(run.tell(SOON, &reopen(lapsed.clone())), Ok(vec![event]));
        assert_eq!(run.tell(SOON, &reopen(lapsed)), Ok(vec![]));
        let units = |code| run.state.units_of(&sku(code), SOON);
        assert_eq!((units("A"), units("B")), left);
        assert_eq!(run.state.lines().len(), 2, "a lapsed line stays visible");
        assert_eq!(run.state.lines()[&sku("B")].until, if left.1 == 0 { SOON } else { UNTIL });
        assert!(run.tell(SOON, &record("A", Some(line(3)))).is_ok());
        run.check_replay();
    }
}

#[test]
fn an_earlier_deadline_stands_when_a_line_lapses() {
    let mut run = ordered();
    let late = Time(UNTIL.0 + 5);
    run.tell(late, &Command::Reopen { order: order(1, 0), lapsed: Lapsed::All }).unwrap();
    assert_eq!(run.state.lines()[&sku("A")].until, UNTIL);
}

#[test]
fn answers_about_other_orders_change_nothing() {
    let other = order(9, 0);
    let about_others = [
        Command::RecordPlaced { order: other },
        Command::Refuse { order: other, lapsed: vec![] },
        Command::Reopen { order: other, lapsed: Lapsed::All },
    ];
    let mut closed = given(&[reserved("A", line(2))]);
    closed.tell_as(&keyed(SOON, 1), &check_out()).unwrap();
    for command in about_others {
        for mut run in [given(&[reserved("A", line(2))]), closed.clone(), ordered()] {
            assert_eq!(run.tell(SOON, &command), Ok(vec![]));
        }
    }
    let refuse = Command::Refuse { order: order(1, 0), lapsed: vec![] };
    assert_eq!(ordered().tell(SOON, &refuse), Ok(vec![]), "it was placed");
}

#[test]
fn a_cart_that_is_left_alone_is_abandoned_once() {
    let mut run = given(&[reserved("A", line(2))]);
    assert_eq!(run.state.due(), Some(IDLE));
    assert_eq!(run.lapse(Time(IDLE.0 - 1)), vec![]);
    assert_eq!(run.lapse(IDLE), vec![Event::Abandoned {}]);
    assert_eq!(run.state.due(), None);
    let later = Time(IDLE.0 + 10);
    let line = Some(Line { until: Time::MAX, ..line(3) });
    run.tell(IDLE, &Command::RecordLine { sku: sku("A"), line, idle_until: later }).unwrap();
    assert_eq!(run.lapse(later), vec![Event::Abandoned {}], "and again after it was used");
    run.check_replay();
}

#[test]
fn an_empty_or_ordered_cart_is_not_abandoned() {
    assert_eq!(given(&[]).lapse(Time::MAX), vec![]);
    let removed = Event::LineRemoved { sku: sku("A"), idle_until: IDLE };
    assert_eq!(given(&[reserved("A", line(2)), removed]).lapse(Time::MAX), vec![]);
    assert_eq!(ordered().lapse(Time::MAX), vec![]);
}

#[test]
fn a_cart_without_an_id_makes_no_order() {
    let events = [reserved("A", line(1))];
    let mut run = Run::given(State::default(), &events);
    assert_eq!(run.tell_as(&at(SOON), &check_out()), Err(Refusal::CartEmpty));
}
