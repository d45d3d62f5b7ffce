//! How each event changes a SKU.
//!
//! Events were decided, so nothing here can refuse: sums saturate, what is missing is passed
//! over, and the conservation tests hold that neither ever happens.

use super::{
    Buyer, CartClaim, Ended, Event, Holder, MAIN_LOCATION, Memory, OrderClaim, Purchase, Sequence,
    State, bare, claims::identities,
};
use crate::domain::{CartId, OrderId, Time};

/// How long a released cart's last request is remembered against late repeats.
const REMEMBER_RELEASED_MS: u64 = 600_000;

pub(super) fn evolve(state: &mut State, event: &Event, now: Time) {
    state.forget_until(now);
    match event {
        Event::Claimed { product } => state.product = Some(*product),
        Event::Unclaimed { .. } => state.product = None,
        Event::Listed { revision, title, price, .. } => {
            state.revision = *revision;
            state.title.clone_from(title);
            state.price = Some(*price);
            state.listed = true;
        }
        Event::Delisted { revision, .. } => {
            state.revision = *revision;
            state.listed = false;
        }
        Event::Received { units, location, .. } => state.stock_in(location, *units),
        Event::Adjusted { delta, location, .. } if *delta > 0 => {
            state.stock_in(location, delta.unsigned_abs());
        }
        Event::Adjusted { delta, location, .. } => {
            state.stock_out(location, delta.unsigned_abs());
        }
        Event::Transferred { units, from, to } => {
            state.stock_out(from, *units);
            state.stock_in(to, *units);
        }
        Event::WrittenOff { units, location, .. } => state.stock_out(location, *units),
        Event::LowStockSet { units } => state.low_stock_at = *units,
        Event::SaleSet { sale } => {
            let counted = state.limit().is_some();
            state.sale = Some(sale.clone());
            state.recount(counted);
        }
        Event::SaleEnded {} => {
            state.sale = None;
            state.recount(false);
        }
        Event::Reserved { cart, buyer, units, until, price, sequence } => {
            let (buyer, sequence) = (*buyer, *sequence);
            let claim = CartClaim { units: *units, until: *until, price: *price, buyer, sequence };
            state.drop_cart(*cart);
            state.hold_cart(*cart, claim);
        }
        Event::Released { cart, keep_units, sequence } => {
            state.release(*cart, *keep_units, *sequence, now);
        }
        Event::TakenOver { cart, order, units, email, until } => {
            if let Some(from) = state.drop_cart(*cart) {
                let (units, until, email, cart) = (*units, *until, *email, *cart);
                state.hold_order(*order, OrderClaim { units, until, email, cart, from });
            }
        }
        Event::HandedBack { order } => state.hand_back(*order, now),
        Event::Expired { carts, orders } => state.expire(carts, orders),
        Event::Committed { order, units, picks } => state.commit(*order, *units, picks),
        Event::OrderReleased { order, .. } => {
            state.drop_order(*order);
            state.remember(Holder::Order(*order), Ended::Returned, None);
        }
        Event::Returned { order, units } => state.give_back(*order, *units),
        Event::TakenBack { order, number, units, restock } => {
            state.take_back(*order, *number, *units);
            if *restock {
                state.stock_in(MAIN_LOCATION, u64::from(*units));
            }
        }
        Event::ReturnForgotten { order, number } => {
            state.taken_back.remove(&(*order, *number));
        }
        Event::Forgotten { order } => {
            state.recall(Holder::Order(*order));
        }
        Event::BareReserved { reservation, buyer, units, until, price } => {
            let (buyer, units, until, price) = (*buyer, *units, *until, *price);
            state.hold_bare(*reservation, bare::Claim { units, until, price, buyer });
        }
        Event::BareReleased { reservation, .. } => state.release_bare(*reservation, now),
        Event::BareExpired { reservations } => {
            for (reservation, _) in reservations {
                state.drop_bare(*reservation);
            }
        }
        Event::BareCommitted { reservation, units, picks, reference } => {
            state.commit_bare(*reservation, *units, picks, reference, now);
        }
        Event::LowStock { .. } => state.low = true,
        Event::SoldOut {} => state.sold_out = true,
        Event::BackInStock { .. } => state.sold_out = false,
    }
    if state.free() > state.low_stock_at {
        state.low = false;
    }
}

impl State {
    fn stock_in(&mut self, location: &str, units: u64) {
        self.on_hand = self.on_hand.saturating_add(units);
        let there = self.locations.entry(location.to_owned()).or_default();
        *there = there.saturating_add(units);
    }

    fn stock_out(&mut self, location: &str, units: u64) {
        self.on_hand = self.on_hand.saturating_sub(units);
        if let Some(there) = self.locations.get_mut(location) {
            *there = there.saturating_sub(units);
            if *there == 0 && location != MAIN_LOCATION {
                self.locations.remove(location);
            }
        }
    }

    fn hold_cart(&mut self, cart: CartId, claim: CartClaim) {
        self.reserved = self.reserved.saturating_add(u64::from(claim.units));
        self.count(claim.buyer, claim.buyer, i64::from(claim.units));
        self.deadlines.insert((claim.until, Holder::Cart(cart)));
        self.carts.insert(cart, claim);
    }

    fn drop_cart(&mut self, cart: CartId) -> Option<CartClaim> {
        let claim = self.carts.remove(&cart)?;
        self.reserved = self.reserved.saturating_sub(u64::from(claim.units));
        self.count(claim.buyer, claim.buyer, i64::from(claim.units).saturating_neg());
        self.deadlines.remove(&(claim.until, Holder::Cart(cart)));
        Some(claim)
    }

    fn hold_order(&mut self, order: OrderId, claim: OrderClaim) {
        self.reserved = self.reserved.saturating_add(u64::from(claim.units));
        self.count(claim.from.buyer, claim.email, i64::from(claim.units));
        self.deadlines.insert((claim.until, Holder::Order(order)));
        self.orders.insert(order, claim);
    }

    fn drop_order(&mut self, order: OrderId) -> Option<OrderClaim> {
        let claim = self.orders.remove(&order)?;
        self.reserved = self.reserved.saturating_sub(u64::from(claim.units));
        self.count(claim.from.buyer, claim.email, i64::from(claim.units).saturating_neg());
        self.deadlines.remove(&(claim.until, Holder::Order(order)));
        Some(claim)
    }

    fn release(&mut self, cart: CartId, keep_units: u32, sequence: Sequence, now: Time) {
        let Some(mut claim) = self.drop_cart(cart) else { return };
        if keep_units > 0 {
            claim.units = keep_units;
            claim.sequence = sequence.max(claim.sequence);
            self.hold_cart(cart, claim);
        } else {
            let until = now.plus_ms(REMEMBER_RELEASED_MS);
            self.remember(Holder::Cart(cart), Ended::Released { sequence }, Some(until));
        }
    }

    fn expire(&mut self, carts: &[(CartId, u32)], orders: &[(OrderId, u32)]) {
        for (cart, _) in carts {
            self.drop_cart(*cart);
        }
        for (order, _) in orders {
            if let Some(claim) = self.drop_order(*order) {
                let (buyer, email, units) = (claim.from.buyer, claim.email, claim.units);
                let ended = Ended::Lapsed { buyer, email, units };
                self.remember(Holder::Order(*order), ended, None);
            }
        }
    }

    fn give_back(&mut self, order: OrderId, units: u32) {
        self.sold = self.sold.saturating_sub(u64::from(units));
        if let Some(Purchase { buyer, email, units }) = self.purchases.remove(&order) {
            self.count(buyer, email, i64::from(units).saturating_neg());
        }
        self.stock_in(MAIN_LOCATION, u64::from(units));
        self.remember(Holder::Order(order), Ended::Returned, None);
    }

    /// Some of what an order bought: its buyer may have as many more, as after a cancellation.
    fn take_back(&mut self, order: OrderId, number: u32, units: u32) {
        self.sold = self.sold.saturating_sub(u64::from(units));
        if let Some(Purchase { buyer, email, units: bought }) = self.purchases.remove(&order) {
            let back = units.min(bought);
            self.count(buyer, email, i64::from(back).saturating_neg());
            let left = Purchase { buyer, email, units: bought.saturating_sub(back) };
            if left.units > 0 {
                self.purchases.insert(order, left);
            }
        }
        self.taken_back.insert((order, number));
    }

    fn hand_back(&mut self, order: OrderId, now: Time) {
        let Some(claim) = self.drop_order(order) else { return };
        let OrderClaim { units, until, cart, from, .. } = claim;
        self.remember(Holder::Order(order), Ended::HandedBack, Some(until));
        if from.until <= now {
            return;
        }
        // The cart's last request is the newest of all, also when it was released again.
        let newest = match (self.drop_cart(cart), self.recall(Holder::Cart(cart))) {
            (Some(other), _) => other.sequence,
            (None, Some(Ended::Released { sequence })) => sequence,
            (None, _) => from.sequence,
        };
        let sequence = newest.max(from.sequence);
        self.hold_cart(cart, CartClaim { units, sequence, ..from });
    }

    fn commit(&mut self, order: OrderId, units: u32, picks: &[(String, u64)]) {
        let buyers = match (self.drop_order(order), self.recall(Holder::Order(order))) {
            (Some(claim), _) => Some((claim.from.buyer, claim.email)),
            (None, Some(Ended::Lapsed { buyer, email, .. })) => Some((buyer, email)),
            (None, _) => None,
        };
        if let Some((buyer, email)) = buyers.filter(|_| self.limit().is_some()) {
            self.count(buyer, email, i64::from(units)); // sold units count for the whole sale
            self.purchases.insert(order, Purchase { buyer, email, units });
        }
        self.sell(units, picks);
    }

    pub(super) fn sell(&mut self, units: u32, picks: &[(String, u64)]) {
        self.sold = self.sold.saturating_add(u64::from(units));
        if picks.is_empty() {
            self.stock_out(MAIN_LOCATION, u64::from(units));
        }
        for (location, units) in picks {
            self.stock_out(location, *units);
        }
    }

    pub(super) fn remember(&mut self, holder: Holder, ended: Ended, until: Option<Time>) {
        self.recall(holder);
        self.ended.insert(holder, Memory { ended, until });
        if let Some(until) = until {
            self.forget.insert((until, holder));
        }
    }

    fn recall(&mut self, holder: Holder) -> Option<Ended> {
        let memory = self.ended.remove(&holder)?;
        if let Some(until) = memory.until {
            self.forget.remove(&(until, holder));
        }
        Some(memory.ended)
    }

    fn forget_until(&mut self, now: Time) {
        while let Some((until, holder)) = self.forget.first().copied() {
            if until > now {
                break;
            }
            self.forget.remove(&(until, holder));
            self.ended.remove(&holder);
        }
    }

    /// Counts units for both identities of a buyer, while a sale with a limit is on.
    pub(super) fn count(&mut self, buyer: Buyer, email: Buyer, units: i64) {
        if self.limit().is_none() {
            return;
        }
        for identity in identities(buyer, email) {
            let taken = self.taken.entry(identity).or_default();
            *taken = taken.saturating_add_signed(units);
            if *taken == 0 {
                self.taken.remove(&identity);
            }
        }
    }

    /// The terms have changed: a limit that comes finds what is claimed, one that goes forgets.
    fn recount(&mut self, counted: bool) {
        if counted && self.limit().is_some() {
            return;
        }
        self.taken.clear();
        self.purchases.clear();
        let carts = self.carts.values().map(|claim| (claim.buyer, claim.buyer, claim.units));
        let orders = self.orders.values().map(|claim| (claim.from.buyer, claim.email, claim.units));
        let bare = self.bare.iter().map(|(reservation, claim)| {
            let buyer = claim.buyer(*reservation);
            (buyer, buyer, claim.units)
        });
        for (buyer, email, units) in carts.chain(orders).chain(bare).collect::<Vec<_>>() {
            self.count(buyer, email, i64::from(units));
        }
    }
}
