//! Shoppers and an admin at a few SKUs, whatever happens to the process; each keeps a history of
//! what they were told.
//!
//! When it is up again, all of it is held against the store: every answer about a SKU fits into
//! one order, every order is there once, every reservation stands. Reservations last for days
//! here, so that nothing moves without one of them.

mod visitor;

use crate::{
    Dice,
    history::{
        History, SKUS, Told, UNITS, check_out, find, inventory, is_the_same, still_holds, stock_up,
    },
    kills::charges,
    linear::{Act, Operation, Shelf, check},
    server::{Server, balances},
};
use doorbuster::{load::Client, ports::clock::pause};
use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;
use visitor::{Heard, Visitor};

const SHOPPERS: u64 = 8;

/// No reservation lapses; actors go to rest and come back.
pub(crate) const FLAGS: [&str; 4] = ["--reservation-ttl-ms", "604800000", "--idle-ms", "300"];

/// One clock for all visitors: each call and each answer has a tick of its own.
#[derive(Clone, Default)]
struct Ticks(Arc<AtomicU64>);

impl Ticks {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// Units that somebody is buying, since that tick.
#[derive(Clone, Copy)]
struct Purchase {
    sku: usize,
    units: u64,
    called: u64,
}

/// What everybody did and was told.
pub(crate) struct Market {
    ticks: Ticks,
    /// Since the last look back, by SKU.
    operations: [Vec<Operation>; SKUS.len()],
    /// By the checkout's key: not known to be sold yet.
    purchases: BTreeMap<String, Purchase>,
    /// What each shelf may be, by the last look back.
    shelves: [HashSet<Shelf>; SKUS.len()],
    history: History,
    /// Orders and reservations that were looked for already.
    known: (usize, usize),
    /// Orders that were confirmed.
    confirmed: BTreeMap<String, u32>,
    checked: usize,
}

impl Market {
    pub(crate) fn new() -> Market {
        let full = UNITS.map(|units| Shelf { received: units, free: units, sold: 0 });
        Market {
            ticks: Ticks::default(),
            operations: Default::default(),
            purchases: BTreeMap::new(),
            shelves: full.map(|shelf| HashSet::from([shelf])),
            history: History::default(),
            known: (0, 0),
            confirmed: BTreeMap::new(),
            checked: 0,
        }
    }

    /// Lets everybody in; they stay until the process is gone.
    pub(crate) fn rush(&self, server: &Server, dice: &mut Dice) -> Vec<JoinHandle<Heard>> {
        let mut visit = |n| {
            let mut visitor = Visitor::new(server.client(), Dice(dice.next()), &self.ticks);
            tokio::spawn(async move {
                if n == 0 {
                    visitor.keep_stock().await;
                } else {
                    visitor.shop().await;
                }
                visitor.heard
            })
        };
        (0..=SHOPPERS).map(&mut visit).collect()
    }

    /// What they were told, now that the process is gone: what had no answer has none to come.
    pub(crate) async fn gather(&mut self, visitors: Vec<JoinHandle<Heard>>) {
        let mut all = vec![];
        for visitor in visitors {
            let left = tokio::time::timeout(Duration::from_secs(60), visitor).await;
            all.push(left.expect("the process is gone").unwrap());
        }
        let gone = self.ticks.next();
        for heard in all {
            for (sku, mut operation) in heard.operations {
                operation.ended = operation.ended.min(gone);
                self.operations[sku].push(operation);
            }
            self.purchases.extend(heard.purchases);
            self.history.absorb(heard.history);
        }
    }

    /// Holds the store against all that was told; panics with what does not fit.
    pub(crate) async fn look_back(&mut self, server: &Server, dice: &mut Dice) {
        let mut client = server.client();
        stock_up(&mut client).await.unwrap();
        self.ask_again(&mut client).await;
        self.settle(&mut client).await;
        for told in self.history.orders.iter().rev().take(5) {
            is_the_same(&mut client, told).await;
        }
        let (old, orders) = (self.known.0, self.history.orders.len());
        for _ in 0..10.min(old) {
            let any = usize::try_from(dice.below(old as u64)).unwrap();
            find(&mut client, &self.history.orders[any]).await;
        }
        let (old, reserved) = (self.known.1, &self.history.reserved);
        for told in reserved.iter().skip(old) {
            still_holds(&mut client, told).await;
        }
        for _ in 0..10.min(old) {
            let any = usize::try_from(dice.below(old as u64)).unwrap();
            still_holds(&mut client, &reserved[any]).await;
        }
        self.known = (orders, reserved.len());
        self.judge(&mut client).await;
    }

    /// What had no answer gets one now.
    async fn ask_again(&mut self, client: &mut Client) {
        let refused = self.history.refused;
        for _ in 0..200 {
            for sent in std::mem::take(&mut self.history.unanswered) {
                check_out(client, sent, &mut self.history).await.unwrap();
            }
            assert_eq!(self.history.refused, refused, "units that were told are gone");
            if self.history.unanswered.is_empty() {
                return;
            }
            pause(Duration::from_millis(20)).await;
        }
        panic!("no answer for {:?}", self.history.unanswered);
    }

    /// Every new order comes to its end.
    async fn settle(&mut self, client: &mut Client) {
        for told in self.history.orders.iter().skip(self.known.0) {
            if is_confirmed(client, told).await {
                self.confirmed.insert(told.id.clone(), 1);
                if let Some(purchase) = self.purchases.remove(&told.sent.key) {
                    let Purchase { sku, units, called } = purchase;
                    let act = Act::Sell(units);
                    let ended = self.ticks.next();
                    self.operations[sku].push(Operation { act, called, ended, answered: true });
                }
            }
        }
    }

    /// One order explains all that was told of each SKU, and what is there now.
    async fn judge(&mut self, client: &mut Client) {
        for (number, sku) in SKUS.into_iter().enumerate() {
            let called = self.ticks.next();
            let act = Act::Read(shelf(client, sku).await);
            let ended = self.ticks.next();
            let operations = &mut self.operations[number];
            operations.push(Operation { act, called, ended, answered: true });
            let after = check(operations, &self.shelves[number]);
            self.shelves[number] = after.unwrap_or_else(|why| panic!("{sku}: {why}"));
            self.checked += operations.len();
            operations.clear();
        }
    }

    /// Ends the last process in good order: the books balance, and each order was paid once.
    pub(crate) fn close(self, server: Server, store: &Path, what: &str) {
        server.end();
        balances(store);
        assert_eq!(charges(store), self.confirmed, "one charge for each confirmed order");
        println!(
            "{what}: {} answers explained, {} orders told, {} confirmed, {} carts kept",
            self.checked,
            self.history.orders.len(),
            self.confirmed.len(),
            self.history.reserved.len()
        );
        assert!(!self.confirmed.is_empty(), "a test without shoppers proves nothing");
    }
}

/// Waits for the order's end; whether it was bought.
async fn is_confirmed(client: &mut Client, told: &Told) -> bool {
    let begun = Instant::now();
    loop {
        let order = find(client, told).await;
        if order["status"] != "placed" {
            return order["status"] == "confirmed";
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "never settles: {order}");
        pause(Duration::from_millis(20)).await;
    }
}

async fn shelf(client: &mut Client, sku: &str) -> Shelf {
    visitor::shelf(&inventory(client, sku).await.unwrap())
}
