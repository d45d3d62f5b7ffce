//! The model's books of one SKU: what came in, what is claimed by whom, and what was sold.

use super::{Invariant, Model, bare::BareBook};
use crate::{
    domain::{
        CartId, OrderId, Sku, Time,
        sku::{Buyer, Event},
    },
    journal::{EntryRef, Position, codec},
    views::board::Level,
};
use std::collections::{BTreeMap, BTreeSet};

/// Units that a cart holds.
#[derive(Clone, Debug)]
struct Held {
    units: u64,
    until: Time,
    buyer: Buyer,
}

/// Units that an order holds.
#[derive(Clone, Debug)]
struct Taken {
    units: u64,
    until: Time,
    email: Buyer,
    cart: CartId,
    from: Held,
}

/// Units that were sold to an order, and by whom they count.
#[derive(Clone, Debug)]
pub(in crate::simulation) struct Sold {
    pub(in crate::simulation) units: u64,
    pub(in crate::simulation) back: u64,
    buyers: [Buyer; 2],
}

/// One SKU.
#[derive(Clone, Debug, Default)]
pub(in crate::simulation) struct StockBook {
    known: bool,
    pub(in crate::simulation) locations: BTreeMap<String, i64>,
    /// Everything that came in, less what was written off.
    came: i64,
    /// Came back and can't be sold again.
    torn: i64,
    carts: BTreeMap<CartId, Held>,
    orders: BTreeMap<OrderId, Taken>,
    lapsed: BTreeMap<OrderId, [Buyer; 2]>,
    pub(in crate::simulation) bare: BareBook,
    pub(in crate::simulation) sold: BTreeMap<OrderId, Sold>,
    limit: Option<u32>,
    pub(in crate::simulation) levels: BTreeMap<Position, Level>,
    /// References and reasons of admins' commands.
    pub(in crate::simulation) references: BTreeMap<String, u32>,
}

impl StockBook {
    pub(in crate::simulation) fn on_hand(&self) -> i64 {
        self.locations.values().sum()
    }

    pub(in crate::simulation) fn reserved(&self) -> u64 {
        let carts: u64 = self.carts.values().map(|held| held.units).sum();
        let orders: u64 = self.orders.values().map(|taken| taken.units).sum();
        carts + orders + self.bare.reserved()
    }

    pub(in crate::simulation) fn sold_units(&self) -> u64 {
        let sold = self.sold.values().map(|sold| sold.units - sold.back.min(sold.units));
        sold.sum::<u64>() + self.bare.sold_units()
    }

    fn level(&self) -> Level {
        let on_hand = u64::try_from(self.on_hand()).unwrap_or(0);
        let (reserved, sold) = (self.reserved(), self.sold_units());
        let free = on_hand.saturating_sub(reserved);
        Level { free, reserved, sold, known: self.known, offer: None }
    }

    pub(super) fn overdue(&self, now: Time) -> Option<String> {
        let cart = self.carts.iter().find(|(_, held)| held.until <= now);
        let order = self.orders.iter().find(|(_, taken)| taken.until <= now);
        let cart = cart.map(|(id, held)| format!("{} of {id} until {}", held.units, held.until.0));
        let order =
            order.map(|(id, taken)| format!("{} of {id} until {}", taken.units, taken.until.0));
        cart.or(order).or_else(|| self.bare.overdue(now))
    }

    /// What a buyer has, reserved and sold, by any of its names.
    fn has(&self, buyer: Buyer) -> u64 {
        let carts = self.carts.values().filter(|held| held.buyer == buyer).map(|held| held.units);
        let orders = self.orders.values();
        let orders = orders.filter(|taken| taken.email == buyer || taken.from.buyer == buyer);
        let sold = self.sold.values().filter(|sold| sold.buyers.contains(&buyer));
        carts.sum::<u64>()
            + orders.map(|taken| taken.units).sum::<u64>()
            + sold.map(|sold| sold.units - sold.back.min(sold.units)).sum::<u64>()
            + self.bare.has(buyer)
    }

    fn buyers(&self) -> BTreeSet<Buyer> {
        let carts = self.carts.values().map(|held| held.buyer);
        let orders = self.orders.values().flat_map(|taken| [taken.email, taken.from.buyer]);
        let sold = self.sold.values().flat_map(|sold| sold.buyers);
        carts.chain(orders).chain(sold).chain(self.bare.buyers()).collect()
    }

    fn put(&mut self, location: &str, units: i64) {
        *self.locations.entry(location.to_owned()).or_default() += units;
    }

    fn refer(&mut self, reference: &str) {
        *self.references.entry(reference.to_owned()).or_default() += 1;
    }

    /// What an event changes; what it should not have changed like this.
    fn apply(&mut self, event: &Event, at: Time) -> Result<(), (Invariant, String)> {
        match event {
            Event::Claimed { .. } => self.known = true,
            Event::Unclaimed { .. } => self.known = false,
            Event::Received { units, location, reference } => {
                self.came += i64::try_from(*units).unwrap_or(i64::MAX);
                self.put(location, i64::try_from(*units).unwrap_or(i64::MAX));
                self.refer(reference.as_deref().unwrap_or_default());
            }
            Event::Adjusted { delta, location, reason } => {
                self.came += delta;
                self.put(location, *delta);
                self.refer(reason);
            }
            Event::WrittenOff { units, location, reason } => {
                let units = i64::try_from(*units).unwrap_or(i64::MAX);
                self.came -= units;
                self.put(location, -units);
                self.refer(reason);
            }
            Event::Transferred { units, from, to } => {
                let units = i64::try_from(*units).unwrap_or(i64::MAX);
                self.put(from, -units);
                self.put(to, units);
            }
            Event::SaleSet { sale } => self.limit = sale.units_per_buyer,
            Event::SaleEnded {} => self.limit = None,
            Event::Expired { carts, orders } => return self.expire(carts, orders, at),
            Event::Committed { order, units, picks } => return self.sell(*order, *units, picks),
            Event::OrderReleased { order, units } => {
                let taken = self.orders.remove(order).map(|taken| taken.units);
                return same(taken, *units, "an order's claim", order);
            }
            Event::Returned { order, units } => return self.give_back(*order, *units, true),
            Event::TakenBack { order, units, restock, .. } => {
                return self.give_back(*order, *units, *restock);
            }
            Event::Reserved { cart, buyer, units, until, .. } => {
                let held = Held { units: u64::from(*units), until: *until, buyer: *buyer };
                return self.reserve(*cart, held);
            }
            Event::Released { cart, keep_units, .. } => self.release(*cart, *keep_units),
            Event::TakenOver { cart, order, units, email, until } => {
                let (units, until, email) = (u64::from(*units), *until, *email);
                let taken = |from| Taken { units, until, email, cart: *cart, from };
                return self.take_over(*cart, *order, taken);
            }
            Event::HandedBack { order } => self.hand_back(*order, at),
            Event::BareReserved { .. }
            | Event::BareReleased { .. }
            | Event::BareExpired { .. }
            | Event::BareCommitted { .. } => {
                for (location, units) in self.bare.apply(event, at)? {
                    self.put(&location, -i64::try_from(units).unwrap_or(i64::MAX));
                }
            }
            Event::Listed { .. }
            | Event::Delisted { .. }
            | Event::LowStockSet { .. }
            | Event::Forgotten { .. }
            | Event::LowStock { .. }
            | Event::SoldOut {}
            | Event::BackInStock { .. }
            | Event::ReturnForgotten { .. } => {}
        }
        Ok(())
    }

    fn reserve(&mut self, cart: CartId, held: Held) -> Result<(), (Invariant, String)> {
        let until = held.until;
        match self.carts.insert(cart, held) {
            Some(before) if before.until < until => {
                Err((Invariant::Deadlines, format!("{cart}'s deadline was put off")))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn release(&mut self, cart: CartId, keep_units: u32) {
        if keep_units == 0 {
            self.carts.remove(&cart);
        } else if let Some(held) = self.carts.get_mut(&cart) {
            held.units = u64::from(keep_units);
        }
    }

    fn take_over(
        &mut self,
        cart: CartId,
        order: OrderId,
        taken: impl FnOnce(Held) -> Taken,
    ) -> Result<(), (Invariant, String)> {
        let taken = self.carts.remove(&cart).map(|from| (from.units, taken(from)));
        match taken {
            Some((held, taken)) if held >= taken.units => {
                self.orders.insert(order, taken);
                Ok(())
            }
            Some(_) | None => {
                Err((Invariant::NoOversell, format!("{order} took over what {cart} does not hold")))
            }
        }
    }

    fn hand_back(&mut self, order: OrderId, at: Time) {
        if let Some(taken) = self.orders.remove(&order)
            && taken.from.until > at
        {
            self.carts.insert(taken.cart, Held { units: taken.units, ..taken.from });
        }
    }

    fn expire(
        &mut self,
        carts: &[(CartId, u32)],
        orders: &[(OrderId, u32)],
        at: Time,
    ) -> Result<(), (Invariant, String)> {
        for (cart, units) in carts {
            let held = self.carts.remove(cart).filter(|held| held.until <= at);
            same(held.map(|held| held.units), *units, "an expired claim", cart)?;
        }
        for (order, units) in orders {
            let taken = self.orders.remove(order).filter(|taken| taken.until <= at);
            if let Some(taken) = &taken {
                self.lapsed.insert(*order, [taken.from.buyer, taken.email]);
            }
            same(taken.map(|taken| taken.units), *units, "an expired claim", order)?;
        }
        Ok(())
    }

    fn sell(
        &mut self,
        order: OrderId,
        units: u32,
        picks: &[(String, u64)],
    ) -> Result<(), (Invariant, String)> {
        let main = [(crate::domain::sku::MAIN_LOCATION.to_owned(), u64::from(units))];
        let picks = if picks.is_empty() { &main[..] } else { picks };
        for (location, units) in picks {
            self.put(location, -i64::try_from(*units).unwrap_or(i64::MAX));
        }
        if picks.iter().map(|(_, units)| units).sum::<u64>() != u64::from(units) {
            return Err((Invariant::Conservation, format!("{order}: {picks:?} are not {units}")));
        }
        let claim = self.orders.remove(&order);
        let buyers = claim.as_ref().map(|taken| [taken.from.buyer, taken.email]);
        let Some(buyers) = buyers.or_else(|| self.lapsed.remove(&order)) else {
            return Err((Invariant::NoOversell, format!("{order} was sold what it never held")));
        };
        let sold = Sold { units: u64::from(units), back: 0, buyers };
        if self.sold.insert(order, sold).is_some() {
            return Err((Invariant::OneKeyOneOrder, format!("{order} was sold {units} twice")));
        }
        Ok(())
    }

    fn give_back(
        &mut self,
        order: OrderId,
        units: u32,
        restock: bool,
    ) -> Result<(), (Invariant, String)> {
        let units_back = i64::from(units);
        if restock {
            self.put(crate::domain::sku::MAIN_LOCATION, units_back);
        } else {
            self.torn += units_back;
        }
        let sold = self.sold.get_mut(&order);
        let Some(sold) = sold.filter(|sold| sold.units >= sold.back + u64::from(units)) else {
            return Err((Invariant::Conservation, format!("{order} gives back more than it has")));
        };
        sold.back += u64::from(units);
        Ok(())
    }

    /// What must hold after every event.
    fn sound(&self) -> Result<(), (Invariant, String)> {
        let (on_hand, reserved, sold) = (self.on_hand(), self.reserved(), self.sold_units());
        let (reserved, sold) =
            (i64::try_from(reserved).unwrap_or(0), i64::try_from(sold).unwrap_or(0));
        if reserved > on_hand {
            let what = format!("{reserved} are reserved of {on_hand}, {sold} are sold");
            return Err((Invariant::NoOversell, what));
        }
        if let Some((location, units)) = self.locations.iter().find(|(_, units)| **units < 0) {
            return Err((Invariant::Conservation, format!("{units} units at {location}")));
        }
        if self.came != on_hand + sold + self.torn {
            let what = format!(
                "{} came in; {on_hand} are there, {sold} are sold, {} are torn",
                self.came, self.torn
            );
            return Err((Invariant::Conservation, what));
        }
        if let Some(limit) = self.limit {
            let greedy =
                self.buyers().into_iter().find(|buyer| self.has(*buyer) > u64::from(limit));
            if let Some(buyer) = greedy {
                let what = format!("one buyer has {} of {limit}", self.has(buyer));
                return Err((Invariant::BuyerLimit, what));
            }
        }
        if let Some((what, _)) =
            self.references.iter().find(|(what, n)| **n > 1 && !what.is_empty())
        {
            return Err((Invariant::OneKeyOneOrder, format!("{what} happened twice")));
        }
        Ok(())
    }
}

/// Whether what an event says is what the books say.
fn same(
    held: Option<u64>,
    units: u32,
    what: &str,
    who: impl std::fmt::Display,
) -> Result<(), (Invariant, String)> {
    if held == Some(u64::from(units)) {
        return Ok(());
    }
    Err((Invariant::Conservation, format!("{what} of {who} has {units} units, not {held:?}")))
}

impl Model {
    pub(super) fn sku_event(
        &mut self,
        sku: &Sku,
        entry: &EntryRef<'_>,
    ) -> Result<(), codec::Error> {
        let event: Event = codec::decode(entry)?;
        let at = entry.context.now;
        let longest = if let Event::Reserved { until, .. } = &event {
            Some((*until, self.terms.reservation_ttl_ms))
        } else if let Event::TakenOver { until, .. } = &event {
            Some((*until, self.terms.payment_ttl_ms))
        } else {
            None
        };
        let book = self.stock.entry(sku.clone()).or_default();
        let mut complaints = vec![];
        if !matches!(event, Event::Expired { .. } | Event::BareExpired { .. })
            && let Some(late) = book.overdue(at)
        {
            complaints.push((Invariant::Deadlines, format!("{late}, at {}", at.0)));
        }
        if let Some((until, ttl_ms)) = longest
            && until > at.plus_ms(ttl_ms)
        {
            let what = format!("until {} is over {ttl_ms} ms after {}", until.0, at.0);
            complaints.push((Invariant::Deadlines, what));
        }
        complaints.extend(book.apply(&event, at).err());
        complaints.extend(book.sound().err());
        book.levels.insert(entry.position, book.level());
        for (invariant, what) in complaints {
            self.complain(invariant, format!("{sku}: {what} ({event:?})"));
        }
        Ok(())
    }
}
