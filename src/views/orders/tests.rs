//! Orders are listed newest first, all and by buyer.

use super::*;
use crate::{
    domain::{CartId, Currency, Money, Sealed, order::Placement},
    journal::{MemoryLog, handmade::Pen, state::MemoryStateStore},
    views::Follower,
};
use std::sync::Arc;

fn id(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(number << 96))
}

fn placed(buyer: u128) -> order::Event {
    let sealed = || Sealed { key: 1, field: 0, bytes: vec![1].into() };
    let total = Money { amount_minor: 5, currency: Currency::parse("USD").unwrap() };
    order::Event::Placed(Box::new(Placement {
        cart: CartId(Uuid::from_u128(1)),
        items: vec![],
        total,
        email: Buyer(buyer),
        contact: sealed(),
        gift: None,
        payment: sealed(),
        until: Time(9),
        locale: crate::domain::Locale::En,
    }))
}

/// Seven orders in three shards, one a second, of two buyers in turn.
fn folded() -> Arc<MemoryStateStore> {
    folded_every(1000)
}

fn folded_every(pause_ms: i64) -> Arc<MemoryStateStore> {
    let mut pen: Pen<MemoryLog> = Pen::memory(3);
    for number in 1..=7 {
        pen.now = Time(i64::try_from(number).unwrap() * pause_ms);
        pen.write(id(number), placed(number % 2));
        pen.write(id(number), order::Event::Authorised { reference: "x".into() });
    }
    let readers = pen.commit().readers();
    let store = Arc::new(MemoryStateStore::default());
    let follower = Follower::open(store.clone(), readers, vec![Box::new(Orders)]).unwrap();
    while follower.pass().unwrap() {}
    store
}

fn of(store: &MemoryStateStore, buyer: Option<Buyer>, cursor: Option<&str>, limit: usize) -> Page {
    let cursor = cursor.map(|text| Cursor::parse(text, buyer).unwrap());
    page(store, buyer, cursor.as_ref(), limit).unwrap()
}

fn walk(mut page: impl FnMut(Option<&str>) -> Page) -> Vec<OrderId> {
    let (mut all, mut cursor) = (vec![], None);
    loop {
        let (orders, next) = page(cursor.as_deref());
        all.extend(orders.iter().map(|placed| placed.order));
        if next.is_none() {
            return all;
        }
        cursor = next;
    }
}

#[test]
fn all_orders_are_listed_newest_first_over_all_shards() {
    let store = folded();
    let all: Vec<OrderId> = (1..=7).rev().map(id).collect();
    for limit in [1, 3, 7, 50] {
        assert_eq!(walk(|cursor| of(&store, None, cursor, limit)), all);
    }
}

#[test]
fn orders_of_one_moment_share_a_put_and_are_listed_all_the_same() {
    for pause_ms in [1, 30, 60, 128] {
        let store = folded_every(pause_ms);
        let all: Vec<OrderId> = (1..=7).rev().map(id).collect();
        for limit in 1..=8 {
            assert_eq!(walk(|cursor| of(&store, None, cursor, limit)), all);
        }
        let his = |cursor: Option<&str>| of(&store, Some(Buyer(1)), cursor, 1);
        assert_eq!(walk(his), [7, 5, 3, 1].map(id));
    }
    let keys = folded_every(1).scan_prefix(Tree::Orders, &[], Order::Ascending, 9).unwrap();
    assert!(keys.len() <= 3, "one for each shard at most: {}", keys.len());
}

#[test]
fn a_pass_folded_again_lists_nothing_twice() {
    let mut pen: Pen<MemoryLog> = Pen::memory(1);
    let store = Arc::new(MemoryStateStore::default());
    for number in 1..=5 {
        pen.now = Time(number);
        pen.write(id(number.unsigned_abs().into()), placed(1));
        let readers = pen.commit().readers();
        let follower = Follower::open(store.clone(), readers, vec![Box::new(Orders)]).unwrap();
        while follower.pass().unwrap() {}
        // As after a crash that lost the position but not the data.
        store.clear(Tree::Positions).unwrap();
    }
    let all: Vec<OrderId> = (1..=5).rev().map(id).collect();
    assert_eq!(walk(|cursor| of(&store, None, cursor, 2)), all);
}

#[test]
fn a_buyer_finds_only_his_own_orders() {
    let store = folded();
    let his = |cursor: Option<&str>| of(&store, Some(Buyer(1)), cursor, 2);
    assert_eq!(walk(his), [7, 5, 3, 1].map(id));
    let (_, foreign) = of(&store, Some(Buyer(0)), None, 1);
    assert_eq!(Cursor::parse(&foreign.unwrap(), Some(Buyer(1))), None, "another buyer's");
    let (_, next) = his(None);
    assert_eq!(Cursor::parse(&next.unwrap(), None), None, "another list's");
}
