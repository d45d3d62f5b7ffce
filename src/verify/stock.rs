//! The books of one SKU, kept from its events alone.
//!
//! Two accounts that share nothing: units by what moved them, and units by where they stand.
//! Invariant: received + adjusted = on hand + sold - returned + written off, at every entry
//! reserved <= on hand, and reserved is the sum of the live claims.

use super::{replay::Counts, report::Findings};
use crate::{
    domain::{
        CartId, OrderId, Time,
        sku::{Buyer, Event, MAIN_LOCATION},
    },
    journal::EntryRef,
};
use std::collections::{BTreeMap, HashMap};

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

/// One SKU.
#[derive(Default)]
pub(super) struct Stock {
    received: i64,
    adjusted: i64,
    written_off: i64,
    pub(super) sold: i64,
    returned: i64,
    locations: BTreeMap<String, i64>,
    on_hand: i64,
    reserved: i64,
    carts: HashMap<CartId, CartClaim>,
    orders: HashMap<OrderId, OrderClaim>,
    /// Claims of orders that ended at their deadline and may still be paid: both identities.
    lapsed: HashMap<OrderId, [Buyer; 2]>,
    /// Units per buyer while a sale has a limit.
    limit: Option<u32>,
    taken: HashMap<Buyer, i64>,
    /// A limit was taken away and may come back: counts can't tell any more until the sale ends.
    limit_unclear: bool,
    oversold: bool,
}

/// Units that an entry sold to an order; negative when they came back.
pub(super) type Sale = (OrderId, i64);

impl Stock {
    /// Applies the next entry; complaints go to `ill`.
    pub(super) fn apply(
        &mut self,
        event: &Event,
        entry: &EntryRef<'_>,
        ill: &mut dyn FnMut(&'static str, String),
    ) -> Option<Sale> {
        let sale = match event {
            Event::Received { units, location, .. } => {
                self.received += signed(*units);
                self.moved(location, signed(*units), ill)
            }
            Event::Adjusted { delta, location, .. } => {
                self.adjusted += delta;
                self.moved(location, *delta, ill)
            }
            Event::Transferred { units, from, to } => {
                self.moved(from, -signed(*units), ill);
                self.moved(to, signed(*units), ill)
            }
            Event::WrittenOff { units, location, .. } => {
                self.written_off += signed(*units);
                self.moved(location, -signed(*units), ill)
            }
            Event::SaleSet { sale } => self.sale_set(sale.units_per_buyer),
            Event::SaleEnded {} => {
                (self.limit, self.limit_unclear) = (None, false);
                self.taken.clear();
                None
            }
            Event::Committed { order, units, picks } => {
                Some(self.commit(*order, *units, picks, ill))
            }
            Event::Returned { order, units } => {
                self.returned += i64::from(*units);
                self.moved(MAIN_LOCATION, i64::from(*units), ill);
                Some((*order, -i64::from(*units)))
            }
            Event::Reserved { .. }
            | Event::Released { .. }
            | Event::TakenOver { .. }
            | Event::HandedBack { .. }
            | Event::Expired { .. }
            | Event::OrderReleased { .. } => {
                self.claims(event, entry.context.now, ill);
                None
            }
            Event::Forgotten { order } => {
                self.lapsed.remove(order);
                None
            }
            Event::Claimed { .. }
            | Event::Unclaimed { .. }
            | Event::Listed { .. }
            | Event::Delisted { .. }
            | Event::LowStockSet { .. }
            | Event::LowStock { .. }
            | Event::SoldOut {}
            | Event::BackInStock { .. } => None,
        };
        if self.reserved > self.on_hand && !self.oversold {
            self.oversold = true;
            ill("oversold", format!("{} reserved of {} on hand", self.reserved, self.on_hand));
        }
        sale
    }

    fn moved(
        &mut self,
        location: &str,
        units: i64,
        ill: &mut dyn FnMut(&'static str, String),
    ) -> Option<Sale> {
        let there = self.locations.entry(location.to_owned()).or_default();
        *there += units;
        self.on_hand += units;
        if *there < 0 {
            ill("stock", format!("{there} units at {location}"));
        }
        None
    }

    fn claims(&mut self, event: &Event, now: Time, ill: &mut dyn FnMut(&'static str, String)) {
        match event {
            Event::Reserved { cart, buyer, units, until, .. } => {
                let before = self.drop_cart(*cart).map_or(0, |claim| claim.units);
                let (units, until, buyer) = (*units, *until, *buyer);
                self.hold_cart(*cart, CartClaim { units, until, buyer });
                if units > before {
                    self.within_limit(buyer, ill);
                }
            }
            Event::Released { cart, keep_units, .. } => match self.drop_cart(*cart) {
                Some(claim) if *keep_units <= claim.units => {
                    if *keep_units > 0 {
                        self.hold_cart(*cart, CartClaim { units: *keep_units, ..claim });
                    }
                }
                _ => ill("claims", format!("{cart} released what it did not have")),
            },
            Event::TakenOver { cart, order, units, email, .. } => match self.drop_cart(*cart) {
                Some(from) if from.units >= *units => {
                    let (units, email, cart) = (*units, *email, *cart);
                    self.hold_order(*order, OrderClaim { units, email, cart, from });
                    if email != from.buyer {
                        self.within_limit(email, ill);
                    }
                }
                _ => ill("claims", format!("{order} took over what {cart} did not have")),
            },
            Event::HandedBack { order } => match self.drop_order(*order) {
                Some(OrderClaim { units, cart, from, .. }) if from.until > now => {
                    let other = self.drop_cart(cart).map_or(0, |claim| claim.units);
                    self.hold_cart(cart, CartClaim { units: units + other, ..from });
                }
                Some(_) => {}
                None => ill("claims", format!("{order} handed back what it did not have")),
            },
            Event::Expired { carts, orders } => {
                for (cart, units) in carts {
                    if self.drop_cart(*cart).map(|claim| claim.units) != Some(*units) {
                        ill(
                            "claims",
                            format!("{units} units of {cart} expired that it did not have"),
                        );
                    }
                }
                for (order, units) in orders {
                    let claim = self.drop_order(*order);
                    if claim.map(|claim| claim.units) != Some(*units) {
                        ill(
                            "claims",
                            format!("{units} units of {order} expired that it did not have"),
                        );
                    }
                    self.lapsed
                        .extend(claim.map(|claim| (*order, [claim.from.buyer, claim.email])));
                }
            }
            Event::OrderReleased { order, units } => {
                if self.drop_order(*order).map(|claim| claim.units) != Some(*units) {
                    ill("claims", format!("{order} released {units} units that it did not have"));
                }
            }
            _ => {}
        }
    }

    fn commit(
        &mut self,
        order: OrderId,
        units: u32,
        picks: &[(String, u64)],
        ill: &mut dyn FnMut(&'static str, String),
    ) -> Sale {
        let claim =
            self.drop_order(order).map(|claim| ([claim.from.buyer, claim.email], claim.units));
        let lapsed = self.lapsed.remove(&order).map(|buyers| (buyers, units));
        match claim.or(lapsed) {
            Some((buyers, claimed)) if claimed == units => self.count(buyers, i64::from(units)),
            Some((_, claimed)) => {
                ill("sale", format!("{order} claimed {claimed} units and was sold {units}"));
            }
            None => ill("sale", format!("{units} units were sold to {order} without a claim")),
        }
        self.sold += i64::from(units);
        if picks.is_empty() {
            self.moved(MAIN_LOCATION, -i64::from(units), ill);
        }
        for (location, units) in picks {
            self.moved(location, -signed(*units), ill);
        }
        (order, i64::from(units))
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

    fn sale_set(&mut self, limit: Option<u32>) -> Option<Sale> {
        self.limit_unclear |= self.limit.is_some() && limit.is_none();
        let first = self.limit.is_none() && limit.is_some() && self.taken.is_empty();
        self.limit = limit;
        if first {
            let carts = self.carts.values().map(|claim| ([claim.buyer; 2], claim.units));
            let orders = self.orders.values();
            let orders = orders.map(|claim| ([claim.from.buyer, claim.email], claim.units));
            for (buyers, units) in carts.chain(orders).collect::<Vec<_>>() {
                self.count(buyers, i64::from(units));
            }
        }
        None
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

    fn within_limit(&self, buyer: Buyer, ill: &mut dyn FnMut(&'static str, String)) {
        let Some(limit) = self.limit.filter(|_| !self.limit_unclear) else { return };
        let taken = self.taken.get(&buyer).copied().unwrap_or(0);
        if taken > i64::from(limit) {
            ill("limit", format!("one buyer has {taken} units, the limit is {limit}"));
        }
    }

    /// The sums at the end, and against what the machine says.
    pub(super) fn finish(&self, place: &str, counts: Option<&Counts>, findings: &mut Findings) {
        let Stock { received, adjusted, written_off, sold, returned, on_hand, reserved, .. } = self;
        if received + adjusted != on_hand + sold - returned + written_off {
            let what = format!(
                "received {received} + adjusted {adjusted} is not on hand {on_hand} + sold {sold} \
                 - returned {returned} + written off {written_off}"
            );
            findings.add("stock", place, what);
        }
        let carts: i64 = self.carts.values().map(|claim| i64::from(claim.units)).sum();
        let orders: i64 = self.orders.values().map(|claim| i64::from(claim.units)).sum();
        if carts + orders != *reserved {
            let what = format!("{reserved} reserved, but claims of {carts} and {orders}");
            findings.add("claims", place, what);
        }
        let Some(counts) = counts else { return };
        let pairs = [
            ("on hand", *on_hand, counts.on_hand),
            ("reserved", *reserved, counts.reserved),
            ("sold", sold - returned, counts.sold),
        ];
        for (name, books, machine) in pairs {
            if books != signed(machine) {
                let what = format!("{machine} {name}, but its events make {books}");
                findings.add("stock", place, what);
            }
        }
        let there = |(name, units): (&String, &u64)| (name.clone(), signed(*units));
        let machine: BTreeMap<_, _> = counts.locations.iter().map(there).collect();
        let known = |(_, units): &(&String, &i64)| **units != 0;
        let differs = self
            .locations
            .iter()
            .filter(known)
            .any(|(name, units)| machine.get(name) != Some(units))
            || machine
                .iter()
                .filter(known)
                .any(|(name, units)| self.locations.get(name) != Some(units));
        if differs {
            let what = format!("stands at {machine:?}, but its events make {:?}", self.locations);
            findings.add("locations", place, what);
        }
    }
}

/// Counts stay far below the limit by the machine's own rules; what lies is capped and found.
fn signed(units: u64) -> i64 {
    i64::try_from(units).unwrap_or(i64::MAX / 4)
}
