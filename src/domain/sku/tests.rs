//! The SKU machine as given, when, then tables.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "a test that overflows has failed, and only some events matter to it"
)]

mod bare;
mod catalogue;

mod limit;
mod marks;
mod orders;
mod property;
mod reserve;
mod returns;
mod sale;
mod stock;

use super::{
    Buyer, Change, Command, Event, MAIN_LOCATION, Refusal, Reserve, ReserveBare, Sale, Sequence,
    State, TakeOver,
};
use crate::domain::{
    CartId, Machine, Money, OrderId, ProductId, ReservationId, Time,
    testing::{Run, START, at, check_machine, usd},
};
use uuid::Uuid;

/// Shoppers: a cart each, which is also the buyer.
const ANA: u128 = 1;
const BEN: u128 = 2;
/// Identities that carts do not have.
const ANAS_ACCOUNT: Buyer = Buyer(100);
const ANAS_EMAIL: Buyer = Buyer(101);

const PRICE: i64 = 1_000;
const SALE_PRICE: i64 = 600;

/// A cart's reservation ends, then an order's.
const UNTIL: Time = Time(START.0 + 600_000);
const ORDER_UNTIL: Time = Time(START.0 + 900_000);
const SOON: Time = Time(START.0 + 1);

fn cart(who: u128) -> CartId {
    CartId(Uuid::from_u128(who))
}

fn order(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(number))
}

fn res(number: u128) -> ReservationId {
    ReservationId(Uuid::from_u128(number))
}

fn product(number: u128) -> ProductId {
    ProductId(Uuid::from_u128(number))
}

fn main() -> String {
    MAIN_LOCATION.to_owned()
}

// Events

fn claimed() -> Event {
    Event::Claimed { product: product(1) }
}

fn listed(revision: u64) -> Event {
    let (product, title) = (product(1), "Tee".to_owned());
    Event::Listed { product, revision, title, price: usd(PRICE) }
}

fn received(units: u64) -> Event {
    received_at("main", units)
}

fn received_at(location: &str, units: u64) -> Event {
    Event::Received { units, location: location.to_owned(), reference: None }
}

/// For sale, with so many units.
fn stocked(units: u64) -> Vec<Event> {
    vec![claimed(), listed(1), received(units)]
}

/// The same with more to come.
fn stocked_and<const N: usize>(units: u64, more: [Event; N]) -> Vec<Event> {
    stocked(units).into_iter().chain(more).collect()
}

fn reserved(who: u128, units: u32) -> Event {
    Event::Reserved {
        cart: cart(who),
        buyer: Buyer(who),
        units,
        until: UNTIL,
        price: usd(PRICE),
        sequence: Sequence(1, 1, 1),
    }
}

fn released(who: u128, keep_units: u32, count: u64) -> Event {
    Event::Released { cart: cart(who), keep_units, sequence: Sequence(1, 1, count) }
}

fn taken_over(who: u128, number: u128, units: u32) -> Event {
    let (cart, order, email) = (cart(who), order(number), Buyer(who + 1_000));
    Event::TakenOver { cart, order, units, email, until: ORDER_UNTIL }
}

fn committed(number: u128, units: u32) -> Event {
    Event::Committed { order: order(number), units, picks: vec![] }
}

fn expired_cart(who: u128, units: u32) -> Event {
    Event::Expired { carts: vec![(cart(who), units)], orders: vec![] }
}

fn expired_order(number: u128, units: u32) -> Event {
    Event::Expired { carts: vec![], orders: vec![(order(number), units)] }
}

fn bare_reserved(number: u128, units: u32, price: i64) -> Event {
    let (reservation, buyer, price) = (res(number), Some(Buyer(ANA)), usd(price));
    Event::BareReserved { reservation, buyer, units, until: UNTIL, price }
}

fn bare_released(number: u128, units: u32) -> Event {
    Event::BareReleased { reservation: res(number), units }
}

fn bare_committed(number: u128, units: u32, reference: &str) -> Event {
    let (reservation, reference) = (res(number), reference.to_owned());
    Event::BareCommitted { reservation, units, picks: vec![], reference }
}

fn bare_expired(number: u128, units: u32) -> Event {
    Event::BareExpired { reservations: vec![(res(number), units)] }
}

fn sale(units_per_buyer: Option<u32>) -> Sale {
    Sale { opens_at: START, closes_at: ORDER_UNTIL, price: usd(SALE_PRICE), units_per_buyer }
}

fn sale_set(units_per_buyer: Option<u32>) -> Event {
    Event::SaleSet { sale: sale(units_per_buyer) }
}

// Commands

/// The `count`th request of a cart's first incarnation.
fn wish(who: u128, change: Change, count: u64) -> Reserve {
    Reserve {
        cart: cart(who),
        buyer: Buyer(who),
        change,
        sequence: Sequence(1, 1, count),
        recorded_units: 0,
        currency: None,
        until: UNTIL,
    }
}

fn add(who: u128, units: u32, count: u64) -> Command {
    Command::Reserve(wish(who, Change::Add(units), count))
}

fn set(who: u128, units: u32, count: u64) -> Command {
    Command::Reserve(wish(who, Change::Set(units), count))
}

/// For Ana, until `UNTIL` when it is asked for at `START`.
fn reserve_bare(number: u128, units: u32) -> Command {
    let (reservation, buyer, ttl_ms) = (res(number), Some(Buyer(ANA)), UNTIL.ms_since(START));
    Command::ReserveBare(ReserveBare { reservation, buyer, units, ttl_ms })
}

fn release_bare(number: u128) -> Command {
    Command::ReleaseBare { reservation: res(number) }
}

fn commit_bare(number: u128, reference: &str) -> Command {
    Command::CommitBare { reservation: res(number), reference: reference.to_owned() }
}

fn take_over(who: u128, number: u128, units: u32) -> Command {
    let (cart, order, email) = (cart(who), order(number), Buyer(who + 1_000));
    Command::TakeOver(TakeOver { cart, order, units, email, until: ORDER_UNTIL })
}

fn hand_back(number: u128) -> Command {
    Command::HandBack { order: order(number) }
}

fn commit(number: u128, units: u32) -> Command {
    Command::Commit { order: order(number), units }
}

fn give_back(number: u128, units: u32) -> Command {
    Command::Return { order: order(number), units }
}

fn take_back(of: u128, number: u32, units: u32, restock: bool) -> Command {
    Command::TakeBack { order: order(of), number, units, restock }
}

fn forget_return(of: u128, number: u32) -> Command {
    Command::ForgetReturn { order: order(of), number }
}

fn forget(number: u128) -> Command {
    Command::Forget { order: order(number) }
}

// Checks

type Answer = Result<Vec<Event>, Refusal>;

#[track_caller]
fn check(given: &[Event], when: &Command, then: &Answer) -> Run<State> {
    check_at(SOON, given, when, then)
}

#[track_caller]
fn check_at(now: Time, given: &[Event], when: &Command, then: &Answer) -> Run<State> {
    check_machine(State::default(), given, &at(now), when, then)
}

/// A SKU for sale with so many units, to be told one command after the other.
fn sku(units: u64) -> Run<State> {
    Run::given(State::default(), &stocked(units))
}

/// Told twice, the second time changes nothing.
#[track_caller]
fn twice(run: &mut Run<State>, now: Time, command: &Command) {
    run.tell(now, command).unwrap();
    let once = run.state.clone();
    assert_eq!(run.tell(now, command), Ok(vec![]));
    assert_eq!(run.state, once);
}

#[track_caller]
fn counts(run: &Run<State>, on_hand: u64, reserved: u64, sold: u64) {
    let state = &run.state;
    assert_eq!((state.on_hand(), state.reserved(), state.sold()), (on_hand, reserved, sold));
    assert_eq!(state.locations().values().sum::<u64>(), on_hand);
}

fn price(amount_minor: i64) -> Money {
    usd(amount_minor)
}
