//! How fast follower and verification fold; run by name with `--ignored --nocapture` in a release
//! build.

use super::*;
use crate::{
    domain::cart,
    journal::{
        Checkpoint, Position,
        fold::{self, Fold},
        state::SledStore,
    },
    views::{self, Follower},
};
use std::{sync::Arc, time::Instant};

const CHECKOUTS: u128 = 100_000;
const SKUS: u128 = 100;

/// Nine events of one cart and its order, as a checkout makes them.
fn checkout(pen: &mut Pen<FileLog>, number: u128) {
    let sku = Sku::parse(&format!("SKU-{}", number % SKUS)).unwrap();
    let cart = CartId(Uuid::from_u128((number << 64) + 1));
    let order = OrderId(Uuid::from_u128((number << 64) + 2));
    let sealed = || Sealed { key: 1, field: 0, bytes: vec![7; 120].into() };
    let (buyer, email, price) = (Buyer(number), Buyer(number + (1 << 90)), usd(500));
    let line = cart::Line { units: 1, until: LATER, price, title: "a title".into() };
    let (contact, payment) = (sealed(), sealed());
    let locale = crate::domain::Locale::En;
    let data = cart::Checkout { email, contact, gift: None, payment, until: LATER, locale };
    let item = Item { sku: sku.clone(), title: "a title".into(), units: 1, price };
    let placement = Placement {
        cart,
        items: vec![item],
        total: price,
        email,
        contact: sealed(),
        gift: None,
        payment: sealed(),
        until: LATER,
        locale,
    };
    let sequence = Sequence::default();
    let (units, until) = (1, LATER);
    pen.write(sku.clone(), sku::Event::Reserved { cart, buyer, units, until, price, sequence });
    let idle_until = LATER;
    pen.write(cart, cart::Event::LineReserved { sku: sku.clone(), line, idle_until });
    pen.write(cart, cart::Event::CheckedOut { order, checkout: data });
    pen.write(sku.clone(), sku::Event::TakenOver { cart, order, units, email, until });
    pen.write(order, order::Event::Placed(Box::new(placement)));
    pen.write(cart, cart::Event::Ordered { order });
    pen.write(order, order::Event::Authorised { reference: "sim_1".into() });
    pen.write(sku, sku::Event::Committed { order, units, picks: vec![] });
    pen.write(order, order::Event::StockCommitted {});
    pen.write(order, order::Event::Captured { reference: "sim_2".into() });
}

#[test]
#[ignore = "a measurement, not a test"]
fn entries_a_second() {
    let mut shop = Shop::new(1);
    for number in 0..SKUS {
        let sku = Sku::parse(&format!("SKU-{number}")).unwrap();
        let units = 1_000_000;
        let event = sku::Event::Received { units, location: "main".into(), reference: None };
        shop.pen.write(sku, event);
    }
    (0..CHECKOUTS).for_each(|number| checkout(&mut shop.pen, number));
    shop.pen.commit();
    let entries = f64::from(u32::try_from(CHECKOUTS * 10 + SKUS).unwrap());
    let log = shop.pen.readers().remove(0);
    println!("{entries} entries, {} bytes", log.end().0);
    let state = shop.folder.path().join("state");
    let store = Arc::new(SledStore::open_or_reset(&state, 64 << 20).unwrap().0);
    let follower = Follower::open(store.clone(), vec![log.clone()], views::all()).unwrap();
    let begin = Instant::now();
    while follower.pass().unwrap() {}
    println!("follower: {:.0} entries/s", entries / begin.elapsed().as_secs_f64());
    for view in views::all() {
        let store = Arc::new(crate::journal::state::MemoryStateStore::default());
        let name = view.name();
        let one = Follower::open(store, vec![log.clone()], vec![view]).unwrap();
        let begin = Instant::now();
        while one.pass().unwrap() {}
        println!("  {name} in memory: {:.0} entries/s", entries / begin.elapsed().as_secs_f64());
    }
    let begin = Instant::now();
    let mut at = Position(0);
    while let Some(batch) = log.batch(at).unwrap() {
        at = batch.view().end();
    }
    println!("  reading alone: {:.0} entries/s", entries / begin.elapsed().as_secs_f64());
    let mut fold = Fold::default();
    let point = fold.read(&*store, &*log, fold::START, u64::MAX).unwrap();
    fold.save(&*store).unwrap();
    let path = shop.folder.path().join("checkpoint");
    Checkpoint { shards: vec![point] }.write(&*store, &path).unwrap();
    drop((fold, follower, store, log));
    let folder = shop.stop();
    let begin = Instant::now();
    let report = check(folder.path(), &|_, _| ()).unwrap();
    println!("verify: {:.0} entries/s", entries / begin.elapsed().as_secs_f64());
    println!("{report}");
}
