//! Compares what the shop shows, piece by piece, with what the model has read.
//!
//! An answer is compared only when the log stood still while it was asked for: then it can be
//! nothing but the log's.

use super::{
    model::{Invariant, Model},
    process::Process,
    stage::{Record, Stage},
};
use crate::{
    domain::{OrderId, ProductId, Sku, order::Status},
    journal::{Position, shard_of},
    shop::{orders::Order, stock::Stock},
    views::{Error, board::Posted, catalogue::Query, ledger, orders},
};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::timeout;

/// How long an audit waits for one answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// A SKU's place on the board has changed.
pub(super) fn posted(stage: &Stage, sku: &Sku, posted: Posted) {
    let mut record = stage.record();
    let Record { model, history, trace } = &mut *record;
    model.catch_up(trace);
    let Posted { level, position } = posted;
    let before = history.board.insert(sku.clone(), position).unwrap_or_default();
    model.check(before <= position, Invariant::BoardNeverBack, || {
        format!("{sku} went from {before} back to {position}")
    });
    if position == Position::default() {
        return; // before its first event
    }
    let read = model.level_at(sku, position);
    model.check(read.is_some_and(|read| read.counts_as(level)), Invariant::BoardNeverBack, || {
        format!("{sku} shows {level:?} at {position}, where the log has {read:?}")
    });
}

impl Process {
    /// Compares everything that can be asked for.
    pub(super) async fn audit(&self) {
        let (skus, orders) = {
            let record = self.stage.record();
            (record.history.skus.clone(), record.history.orders.clone())
        };
        for sku in &skus {
            if let Some(stock) = self.undisturbed(self.shop.stock(sku)).await {
                let posted = self.shop.system().board.slot(sku).posted();
                let model = &mut self.stage.record().model;
                stock_is_the_logs(model, &stock);
                board_is_current(model, sku, posted);
            }
        }
        for order in orders {
            if let Some(order) = self.undisturbed(self.shop.order_by_id(order)).await {
                order_is_the_logs(&mut self.stage.record().model, &order);
            }
        }
        self.audit_views();
    }

    /// An answer during which nothing became durable.
    async fn undisturbed<T, E>(&self, asked: impl Future<Output = Result<T, E>>) -> Option<T> {
        self.stage.catch_up();
        let before = self.stage.record().model.ends();
        let answer = timeout(PATIENCE, asked).await.ok()?.ok()?;
        self.stage.catch_up();
        (self.stage.record().model.ends() == before).then_some(answer)
    }

    /// Brings the views up to the log and compares them with it.
    pub(super) fn audit_views(&self) {
        self.pass();
        let mut record = self.stage.record();
        let Record { model, history, trace } = &mut *record;
        model.catch_up(trace);
        if let Err(error) = self.views_are_folds(model, &history.skus) {
            model.complain(Invariant::ViewsAreFolds, error.to_string());
        }
    }

    /// Lets the views come up to the log.
    pub(super) fn pass(&self) {
        loop {
            match self.follower.pass() {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    return self.stage.complain(Invariant::ViewsAreFolds, error.to_string());
                }
            }
        }
    }

    fn views_are_folds(&self, model: &mut Model, skus: &[Sku]) -> Result<(), Error> {
        let system = self.shop.system();
        let store = &*system.store;
        let mut placed: Vec<_> = model.orders.iter().map(|(id, book)| (book.at, *id)).collect();
        placed.sort_by(|one, other| other.cmp(one));
        let (listed, _) = orders::page(store, None, None, usize::MAX - 1)?;
        let listed: Vec<_> = listed.into_iter().map(|line| (line.at, line.order)).collect();
        model.check(listed == placed, Invariant::ViewsAreFolds, || {
            format!("the list of orders is {listed:?}, not {placed:?}")
        });
        let buyers: BTreeSet<_> = model.orders.values().map(|book| book.email).collect();
        for buyer in buyers {
            let of_buyer = |id: &OrderId| model.orders.get(id).is_some_and(|b| b.email == buyer);
            let placed: Vec<_> = placed.iter().filter(|(_, id)| of_buyer(id)).copied().collect();
            let (listed, _) = orders::page(store, Some(buyer), None, usize::MAX - 1)?;
            let listed: Vec<_> = listed.into_iter().map(|line| (line.at, line.order)).collect();
            model.check(listed == placed, Invariant::ViewsAreFolds, || {
                format!("a buyer's list is {listed:?}, not {placed:?}")
            });
        }
        for sku in skus {
            let Some(book) = model.stock.get(sku) else { continue };
            let events: Vec<Position> = book.levels.keys().rev().copied().collect();
            let shard = shard_of(&sku.clone().into(), system.shards.len());
            let Some(shard) = system.shards.get(shard) else { continue };
            let (lines, _) =
                ledger::page(store, &system.ledger, &*shard.log, sku, None, usize::MAX)?;
            let mut lines: Vec<Position> = lines.into_iter().map(|line| line.position).collect();
            lines.dedup();
            model.check(lines == events, Invariant::ViewsAreFolds, || {
                format!("the ledger of {sku} is {lines:?}, not {events:?}")
            });
        }
        let all = |archived| {
            let query = Query { archived, ..Query::default() };
            system.catalogue.page(&query, None, 10_000, &|_: &Sku| true).0
        };
        let found: BTreeSet<ProductId> = all(false).into_iter().chain(all(true)).collect();
        let made: BTreeSet<ProductId> = model.products.keys().copied().collect();
        model.check(found == made, Invariant::ViewsAreFolds, || {
            format!("the catalogue has {found:?}, not {made:?}")
        });
        Ok(())
    }
}

fn stock_is_the_logs(model: &mut Model, stock: &Stock) {
    let Some(book) = model.stock.get(&stock.sku) else { return };
    let there = |units: i64| u64::try_from(units).unwrap_or(u64::MAX);
    let counts = (there(book.on_hand()), book.reserved(), book.sold_units());
    let told = (stock.on_hand, stock.reserved, stock.sold);
    let locations: Vec<(String, u64)> =
        book.locations.iter().map(|(l, n)| (l.clone(), there(*n))).collect();
    let held = |(_, units): &(String, u64)| *units > 0;
    let locations: Vec<_> = locations.into_iter().filter(held).collect();
    let told_at: Vec<_> = stock.locations.clone().into_iter().filter(held).collect();
    model.check(told == counts && told_at == locations, Invariant::Conservation, || {
        format!("{} has {told:?} at {told_at:?}; the log {counts:?} at {locations:?}", stock.sku)
    });
}

fn order_is_the_logs(model: &mut Model, order: &Order) {
    let Some(book) = model.orders.get(&order.id) else {
        return model.complain(Invariant::Acknowledged, format!("{} is not in the log", order.id));
    };
    let same = match order.state.status() {
        Status::Placed => !book.ended,
        Status::Confirmed => book.stands(),
        Status::Returned => book.stands() && book.back_amount() == book.total,
        Status::Cancelled => book.cancelled,
        Status::Declined | Status::Expired => book.ended && !book.cancelled,
    };
    let (status, seen) = (order.state.status(), format!("{book:?}"));
    model.check(same, Invariant::Acknowledged, || {
        format!("{} is {status:?}, the log has {seen}", order.id)
    });
}

/// Whoever was answered finds on the board what the answer rests on.
fn board_is_current(model: &mut Model, sku: &Sku, posted: Posted) {
    let last = model.stock.get(sku).and_then(|book| book.levels.keys().next_back().copied());
    model.check(last == Some(posted.position), Invariant::BoardNeverBack, || {
        format!("{sku} is shown as of {}, after {last:?} was let go", posted.position)
    });
}
