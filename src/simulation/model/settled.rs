//! What must be true once faults have stopped and everything had its time.

use super::{Invariant, Model};

impl Model {
    /// What is still under way; `None` when everything has come to its end.
    pub(in crate::simulation) fn unsettled(&self) -> Option<String> {
        let cart = self.carts.iter().find_map(|(id, book)| {
            book.waits_for.map(|order| format!("{id} waits for {order} to be placed"))
        });
        let claim = self.stock.iter().find(|(_, book)| book.reserved() > 0);
        let claim = claim.map(|(sku, book)| format!("{sku} has {} reserved", book.reserved()));
        cart.or_else(|| self.orders.keys().find_map(|id| self.unsettled_order(*id))).or(claim)
    }

    fn unsettled_order(&self, id: crate::domain::OrderId) -> Option<String> {
        let book = self.orders.get(&id)?;
        let account = self.accounts.get(&id).cloned().unwrap_or_default();
        if !book.captured && !book.ended {
            return Some(format!("{id} is neither paid nor ended"));
        }
        if book.stands() && !book.committed {
            return Some(format!("{id} is paid without its stock"));
        }
        if account.is_open() {
            return Some(format!("{id} has ended, and money is still set aside for it"));
        }
        let owed = if book.stands() { book.total - book.back_amount() } else { 0 };
        if account.kept() != owed {
            return Some(format!("{} is kept of {id}, of which {owed} is owed", account.kept()));
        }
        if let Some((number, _)) = book.backs.iter().find(|(_, b)| !b.refunded || !b.stocked) {
            return Some(format!("return {number} of {id} is not done"));
        }
        if book.ended && !book.returned && book.captured {
            return Some(format!("{id} was undone, and its stock is not back"));
        }
        book.items.iter().find_map(|(sku, (units, _))| {
            let sold = self.stock.get(sku).and_then(|stock| stock.sold.get(&id));
            let sold = sold.map_or(0, |sold| sold.units - sold.back.min(sold.units));
            let left = if book.stands() { units - book.back_of(sku).min(*units) } else { 0 };
            (sold != left).then(|| format!("{id} has {sold} of {sku}, not {left}"))
        })
    }

    /// Checks that every saga has ended well.
    pub(in crate::simulation) fn check_settled(&mut self) {
        if let Some(what) = self.unsettled() {
            self.complain(Invariant::Liveness, what);
        }
    }
}
