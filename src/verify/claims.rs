//! Who has a claim on a SKU's units, kept from its events alone, and the limit per buyer.
//!
//! Invariant: a claim ends once: released, taken over, handed back, expired or sold, and always
//! with the units that it had.

use crate::domain::{
    CartId, OrderId, ReservationId, Time,
    sku::{Buyer, Event},
};
use std::collections::HashMap;

/// Where complaints go: the check, and what is wrong.
pub(super) type Ill<'i> = dyn FnMut(&'static str, String) + 'i;

/// A cart's live claim.
#[derive(Clone, Copy)]
struct CartClaim {
    units: u32,
    until: Time,
    buyer: Buyer,
}

/// An order's live claim.
#[derive(Clone, Copy)]
struct OrderClaim {
    units: u32,
    email: Buyer,
    cart: CartId,
    from: CartClaim,
}

/// The live claim of somebody who keeps carts elsewhere.
#[derive(Clone, Copy)]
struct BareClaim {
    units: u32,
    until: Time,
    buyer: Buyer,
}

/// The claims on one SKU.
#[derive(Default)]
pub(super) struct Claims {
    /// Counted up and down; must be the sum of what follows.
    pub(super) reserved: i64,
    carts: HashMap<CartId, CartClaim>,
    orders: HashMap<OrderId, OrderClaim>,
    bare: HashMap<ReservationId, BareClaim>,
    /// Claims of orders that ended at their deadline and may still be paid: both identities.
    lapsed: HashMap<OrderId, [Buyer; 2]>,
    /// Units per buyer while a sale has a limit.
    limit: Option<u32>,
    taken: HashMap<Buyer, i64>,
    /// What orders bought while it counted: a return takes it off again.
    bought: HashMap<OrderId, ([Buyer; 2], u32)>,
    /// A limit was taken away and may come back: counts can't tell any more until the sale ends.
    limit_unclear: bool,
}

impl Claims {
    /// Applies an event; those that are about no claim pass.
    pub(super) fn apply(&mut self, event: &Event, now: Time, ill: &mut Ill<'_>) {
        match event {
            Event::Reserved { cart, buyer, units, until, .. } => {
                let before = self.drop_cart(*cart).map_or(0, |claim| claim.units);
                let (units, until, buyer) = (*units, *until, *buyer);
                self.hold_cart(*cart, CartClaim { units, until, buyer });
                if units > before {
                    self.within_limit(buyer, ill);
                }
            }
            Event::Released { cart, keep_units, .. } => {
                let claim = self.drop_cart(*cart).filter(|claim| *keep_units <= claim.units);
                match claim {
                    Some(_) if *keep_units == 0 => {}
                    Some(claim) => self.hold_cart(*cart, CartClaim { units: *keep_units, ..claim }),
                    None => ill("claims", format!("{cart} released what it did not have")),
                }
            }
            Event::TakenOver { cart, order, units, email, .. } => {
                self.take_over(*cart, *order, *units, *email, ill);
            }
            Event::HandedBack { order } => self.hand_back(*order, now, ill),
            Event::Expired { carts, orders } => self.expire(carts, orders, ill),
            Event::OrderReleased { order, units } => {
                if self.drop_order(*order).map(|claim| claim.units) != Some(*units) {
                    ill("claims", format!("{order} released {units} units that it did not have"));
                }
            }
            Event::Committed { order, units, .. } => self.commit(*order, *units, ill),
            Event::Returned { order, .. } => {
                if let Some((buyers, units)) = self.bought.remove(order) {
                    self.count(buyers, -i64::from(units));
                }
            }
            Event::TakenBack { order, units, .. } => self.take_back(*order, *units),
            Event::BareReserved { .. }
            | Event::BareReleased { .. }
            | Event::BareExpired { .. }
            | Event::BareCommitted { .. } => self.apply_bare(event, now, ill),
            Event::Forgotten { order } => drop(self.lapsed.remove(order)),
            Event::SaleSet { sale } => self.sale_set(sale.units_per_buyer),
            Event::SaleEnded {} => {
                (self.limit, self.limit_unclear) = (None, false);
                self.taken.clear();
                self.bought.clear();
            }
            Event::ReturnForgotten { .. }
            | Event::Claimed { .. }
            | Event::Unclaimed { .. }
            | Event::Listed { .. }
            | Event::Delisted { .. }
            | Event::Received { .. }
            | Event::Adjusted { .. }
            | Event::Transferred { .. }
            | Event::WrittenOff { .. }
            | Event::LowStockSet { .. }
            | Event::LowStock { .. }
            | Event::SoldOut {}
            | Event::BackInStock { .. } => {}
        }
    }

    /// Nobody else vouches for a bare reservation, so its deadline is checked here, too.
    fn apply_bare(&mut self, event: &Event, now: Time, ill: &mut Ill<'_>) {
        if let Event::BareReserved { reservation, buyer, units, until, .. } = event {
            if self.drop_bare(*reservation).is_some() {
                ill("claims", format!("{reservation} was reserved twice"));
            }
            let buyer = buyer.unwrap_or(Buyer(reservation.0.as_u128()));
            let (units, until) = (*units, *until);
            self.reserved += i64::from(units);
            self.count([buyer; 2], i64::from(units));
            self.bare.insert(*reservation, BareClaim { units, until, buyer });
            self.within_limit(buyer, ill);
        }
        if let Event::BareReleased { reservation, units } = event
            && self.drop_bare(*reservation).map(|claim| claim.units) != Some(*units)
        {
            ill("claims", format!("{reservation} released {units} units that it did not have"));
        }
        if let Event::BareExpired { reservations } = event {
            for (reservation, units) in reservations {
                let claim = self.drop_bare(*reservation);
                if claim.is_none_or(|claim| claim.units != *units || claim.until > now) {
                    let what = "expired that it did not have, or too early";
                    ill("claims", format!("{units} units of {reservation} {what}"));
                }
            }
        }
        if let Event::BareCommitted { reservation, units, .. } = event {
            let claim = self.drop_bare(*reservation);
            if let Some(BareClaim { buyer, .. }) = claim {
                self.count([buyer; 2], i64::from(*units));
            }
            if claim.is_none_or(|claim| claim.units != *units || claim.until <= now) {
                let what = "were sold that it did not have, or too late";
                ill("sale", format!("{units} units of {reservation} {what}"));
            }
        }
    }

    fn take_over(
        &mut self,
        cart: CartId,
        order: OrderId,
        units: u32,
        email: Buyer,
        ill: &mut Ill<'_>,
    ) {
        let claim = self.drop_cart(cart).filter(|claim| claim.units >= units);
        let Some(from) = claim else {
            return ill("claims", format!("{order} took over what {cart} did not have"));
        };
        self.hold_order(order, OrderClaim { units, email, cart, from });
        if email != from.buyer {
            self.within_limit(email, ill);
        }
    }

    fn hand_back(&mut self, order: OrderId, now: Time, ill: &mut Ill<'_>) {
        let Some(OrderClaim { units, cart, from, .. }) = self.drop_order(order) else {
            return ill("claims", format!("{order} handed back what it did not have"));
        };
        if from.until > now {
            // What the cart claimed while it was closed, it could not record: that is free again.
            self.drop_cart(cart);
            self.hold_cart(cart, CartClaim { units, ..from });
        }
    }

    fn expire(&mut self, carts: &[(CartId, u32)], orders: &[(OrderId, u32)], ill: &mut Ill<'_>) {
        let what = |who: &dyn std::fmt::Display, units| {
            format!("{units} units of {who} expired that it did not have")
        };
        for (cart, units) in carts {
            if self.drop_cart(*cart).map(|claim| claim.units) != Some(*units) {
                ill("claims", what(cart, *units));
            }
        }
        for (order, units) in orders {
            let claim = self.drop_order(*order);
            if claim.map(|claim| claim.units) != Some(*units) {
                ill("claims", what(order, *units));
            }
            let buyers = claim.map(|claim| [claim.from.buyer, claim.email]);
            self.lapsed.extend(buyers.map(|buyers| (*order, buyers)));
        }
    }

    fn commit(&mut self, order: OrderId, units: u32, ill: &mut Ill<'_>) {
        let claim = self.drop_order(order);
        let claim = claim.map(|claim| ([claim.from.buyer, claim.email], claim.units));
        let lapsed = self.lapsed.remove(&order).map(|buyers| (buyers, units));
        match claim.or(lapsed) {
            Some((buyers, claimed)) if claimed == units => {
                self.count(buyers, i64::from(units));
                if self.limit.is_some() {
                    self.bought.insert(order, (buyers, units));
                }
            }
            Some((_, claimed)) => {
                ill("sale", format!("{order} claimed {claimed} units and was sold {units}"));
            }
            None => ill("sale", format!("{units} units were sold to {order} without a claim")),
        }
    }

    fn take_back(&mut self, order: OrderId, units: u32) {
        let Some((buyers, bought)) = self.bought.get_mut(&order) else { return };
        let (buyers, back) = (*buyers, units.min(*bought));
        *bought -= back;
        self.count(buyers, -i64::from(back));
    }

    /// The sum of the live claims.
    pub(super) fn sum(&self) -> i64 {
        let carts: i64 = self.carts.values().map(|claim| i64::from(claim.units)).sum();
        let bare: i64 = self.bare.values().map(|claim| i64::from(claim.units)).sum();
        carts + bare + self.orders.values().map(|claim| i64::from(claim.units)).sum::<i64>()
    }

    fn drop_bare(&mut self, reservation: ReservationId) -> Option<BareClaim> {
        let claim = self.bare.remove(&reservation)?;
        self.reserved -= i64::from(claim.units);
        self.count([claim.buyer; 2], -i64::from(claim.units));
        Some(claim)
    }

    fn hold_cart(&mut self, cart: CartId, claim: CartClaim) {
        self.reserved += i64::from(claim.units);
        self.count([claim.buyer; 2], i64::from(claim.units));
        self.carts.insert(cart, claim);
    }

    fn drop_cart(&mut self, cart: CartId) -> Option<CartClaim> {
        let claim = self.carts.remove(&cart)?;
        self.reserved -= i64::from(claim.units);
        self.count([claim.buyer; 2], -i64::from(claim.units));
        Some(claim)
    }

    fn hold_order(&mut self, order: OrderId, claim: OrderClaim) {
        self.reserved += i64::from(claim.units);
        self.count([claim.from.buyer, claim.email], i64::from(claim.units));
        self.orders.insert(order, claim);
    }

    fn drop_order(&mut self, order: OrderId) -> Option<OrderClaim> {
        let claim = self.orders.remove(&order)?;
        self.reserved -= i64::from(claim.units);
        self.count([claim.from.buyer, claim.email], -i64::from(claim.units));
        Some(claim)
    }

    fn sale_set(&mut self, limit: Option<u32>) {
        self.limit_unclear |= self.limit.is_some() && limit.is_none();
        let first = self.limit.is_none() && limit.is_some() && self.taken.is_empty();
        self.limit = limit;
        if first {
            let carts = self.carts.values().map(|claim| ([claim.buyer; 2], claim.units));
            let orders = self.orders.values();
            let orders = orders.map(|claim| ([claim.from.buyer, claim.email], claim.units));
            let bare = self.bare.values().map(|claim| ([claim.buyer; 2], claim.units));
            for (buyers, units) in carts.chain(orders).chain(bare).collect::<Vec<_>>() {
                self.count(buyers, i64::from(units));
            }
        }
    }

    fn count(&mut self, [buyer, email]: [Buyer; 2], units: i64) {
        if self.limit.is_none() {
            return;
        }
        *self.taken.entry(buyer).or_default() += units;
        if email != buyer {
            *self.taken.entry(email).or_default() += units;
        }
    }

    fn within_limit(&self, buyer: Buyer, ill: &mut Ill<'_>) {
        let Some(limit) = self.limit.filter(|_| !self.limit_unclear) else { return };
        let taken = self.taken.get(&buyer).copied().unwrap_or(0);
        if taken > i64::from(limit) {
            ill("limit", format!("one buyer has {taken} units, the limit is {limit}"));
        }
    }
}
