//! The model's books of one cart: which lines it was given, and which orders it made.

use super::{Invariant, Model};
use crate::{
    domain::{CartId, CommandId, OrderId, Sku, Time, cart::Event},
    journal::{EntryRef, codec},
};
use std::collections::{BTreeMap, BTreeSet};

/// One cart.
#[derive(Clone, Debug, Default)]
pub(in crate::simulation) struct CartBook {
    /// Every line it ever had: SKU, units, deadline.
    pub(in crate::simulation) lines: BTreeSet<(Sku, u32, Time)>,
    /// The order that is to take its lines over.
    pub(in crate::simulation) waits_for: Option<OrderId>,
    /// The orders that each command asked for.
    pub(in crate::simulation) asked: BTreeMap<CommandId, BTreeSet<OrderId>>,
}

impl Model {
    pub(super) fn cart_event(
        &mut self,
        id: CartId,
        entry: &EntryRef<'_>,
    ) -> Result<(), codec::Error> {
        let book = self.carts.entry(id).or_default();
        match codec::decode(entry)? {
            Event::LineReserved { sku, line, .. } => {
                book.lines.insert((sku, line.units, line.until));
            }
            Event::CheckedOut { order, .. } => {
                book.waits_for = Some(order);
                book.asked.entry(entry.context.command).or_default().insert(order);
            }
            Event::Ordered { .. } | Event::CheckoutRefused { .. } | Event::Reopened { .. } => {
                book.waits_for = None;
            }
            Event::LineRemoved { .. } | Event::Abandoned {} => {}
        }
        self.one_order_per_key(id);
        Ok(())
    }

    /// However often a key comes, it makes one order at most.
    pub(super) fn one_order_per_key(&mut self, id: CartId) {
        let Some(book) = self.carts.get(&id) else { return };
        let twice = book.asked.values().find_map(|orders| {
            let made: Vec<_> = orders.iter().filter(|id| self.orders.contains_key(id)).collect();
            (made.len() > 1).then(|| format!("one key of {id} made {made:?}"))
        });
        if let Some(what) = twice {
            self.complain(Invariant::OneKeyOneOrder, what);
        }
    }
}
