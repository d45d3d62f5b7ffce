//! The model's books of one order: what was placed, and which events it has had.

use super::{Invariant, Model};
use crate::{
    domain::{
        CartId, OrderId, Sku, Time,
        order::{Event, Placement},
        sku::Buyer,
    },
    journal::{EntryRef, codec},
};
use std::collections::BTreeMap;

/// Some of an order that came back.
#[derive(Clone, Debug)]
pub(in crate::simulation) struct BackBook {
    units: BTreeMap<Sku, u64>,
    pub(in crate::simulation) amount: i64,
    pub(in crate::simulation) refunded: bool,
    pub(in crate::simulation) stocked: bool,
}

/// One order.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each event of an order has happened or not")]
pub(in crate::simulation) struct OrderBook {
    pub(in crate::simulation) at: Time,
    pub(in crate::simulation) cart: CartId,
    pub(in crate::simulation) email: Buyer,
    /// Units by SKU, and what one costs.
    pub(in crate::simulation) items: BTreeMap<Sku, (u64, i64)>,
    pub(in crate::simulation) total: i64,
    pub(in crate::simulation) committed: bool,
    pub(in crate::simulation) captured: bool,
    pub(in crate::simulation) refunded: bool,
    pub(in crate::simulation) cancelled: bool,
    /// Cancelled, declined, expired, or without stock or money after all.
    pub(in crate::simulation) ended: bool,
    pub(in crate::simulation) returned: bool,
    pub(in crate::simulation) backs: BTreeMap<u32, BackBook>,
}

impl OrderBook {
    fn of(placement: &Placement, at: Time) -> OrderBook {
        let items = placement.items.iter();
        let items =
            items.map(|item| (item.sku.clone(), (u64::from(item.units), item.price.amount_minor)));
        OrderBook {
            at,
            cart: placement.cart,
            email: placement.email,
            items: items.collect(),
            total: placement.total.amount_minor,
            committed: false,
            captured: false,
            refunded: false,
            cancelled: false,
            ended: false,
            returned: false,
            backs: BTreeMap::new(),
        }
    }

    /// Units of a SKU that came back.
    pub(in crate::simulation) fn back_of(&self, sku: &Sku) -> u64 {
        self.backs.values().filter_map(|back| back.units.get(sku)).sum()
    }

    /// What all that came back costs.
    pub(in crate::simulation) fn back_amount(&self) -> i64 {
        self.backs.values().map(|back| back.amount).sum()
    }

    /// Paid, and nothing undid it.
    pub(in crate::simulation) fn stands(&self) -> bool {
        self.captured && !self.ended
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::StockCommitted {} => self.committed = true,
            Event::Captured { .. } => self.captured = true,
            Event::Refunded {} => self.refunded = true,
            Event::Cancelled {} => (self.cancelled, self.ended) = (true, true),
            Event::Expired {}
            | Event::PaymentDeclined { .. }
            | Event::CaptureFailed { .. }
            | Event::StockLost { .. } => self.ended = true,
            Event::StockReturned {} => self.returned = true,
            Event::ReturnAccepted { number, items, amount, .. } => {
                let units = items.into_iter().map(|back| (back.sku, u64::from(back.units)));
                let (units, amount) = (units.collect(), amount.amount_minor);
                let back = BackBook { units, amount, refunded: false, stocked: false };
                self.backs.insert(number, back);
            }
            Event::ReturnRefunded { number } => {
                self.backs.get_mut(&number).into_iter().for_each(|back| back.refunded = true);
            }
            Event::ReturnStocked { number } => {
                self.backs.get_mut(&number).into_iter().for_each(|back| back.stocked = true);
            }
            Event::Placed(_)
            | Event::Authorised { .. }
            | Event::PaymentUnknown { .. }
            | Event::PaymentNotSeen { .. }
            | Event::Voided {}
            | Event::NothingToVoid {}
            | Event::VoidRefused { .. }
            | Event::StockForgotten {}
            | Event::CartReopened {}
            | Event::FlaggedForReview { .. }
            | Event::ReturnForgotten { .. } => {}
        }
    }
}

impl Model {
    pub(super) fn order_event(
        &mut self,
        id: OrderId,
        entry: &EntryRef<'_>,
    ) -> Result<(), codec::Error> {
        let event: Event = codec::decode(entry)?;
        if let Event::Placed(placement) = &event {
            let book = OrderBook::of(placement, entry.context.now);
            let costs = |(units, price): &(u64, i64)| i64::try_from(*units).unwrap_or(0) * price;
            let sum: i64 = book.items.values().map(costs).sum();
            self.check(sum == book.total, Invariant::Conservation, || {
                format!("{id} costs {} for items of {sum}", book.total)
            });
            let cart = book.cart;
            if self.orders.insert(id, book).is_some() {
                self.complain(Invariant::OneKeyOneOrder, format!("{id} was placed twice"));
            }
            self.one_order_per_key(cart);
            return Ok(());
        }
        let Some(book) = self.orders.get_mut(&id) else {
            self.complain(Invariant::LogIsSound, format!("{event:?} of {id}, which is not placed"));
            return Ok(());
        };
        let paid_before_sold = matches!(event, Event::Captured { .. }) && !book.committed;
        let named = format!("{event:?}");
        book.apply(event);
        let greedy = book.items.iter().find(|(sku, (units, _))| book.back_of(sku) > *units);
        let greedy =
            greedy.map(|(sku, (units, _))| format!("{id} gives back {sku} beyond {units}"));
        if paid_before_sold {
            self.complain(Invariant::MoneyAfterStock, format!("{id}: {named} before its stock"));
        }
        if let Some(what) = greedy {
            self.complain(Invariant::RefundsWithinCapture, what);
        }
        Ok(())
    }
}
