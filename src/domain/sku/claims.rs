//! What carts and orders may claim of a SKU, and how claims end.
//!
//! Invariant: no decision here claims more than is free, or more than a buyer may have.

use super::{
    Buyer, CartClaim, Change, Ended, Event, Holder, OrderClaim, Refusal, Reserve, State, TakeOver,
    decide::{Decision, with_marks},
};
use crate::domain::{CartId, Money, OrderId, Time};

/// Claims that one decision may expire, so that it always fits into one batch of the log.
const MAX_EXPIRED: usize = 5_000;

pub(super) fn reserve(state: &State, wish: &Reserve, now: Time) -> Decision {
    let live = state.carts.get(&wish.cart);
    let last = live.map(|claim| claim.sequence).or_else(|| released(state, wish.cart));
    if last.is_some_and(|last| wish.sequence <= last) {
        return Ok(vec![]); // a repeat, or overtaken: the first answer stands
    }
    let held = live.map_or(0, |claim| claim.units);
    let wanted = match wish.change {
        Change::Set(units) => units,
        Change::Add(0) => return Err(Refusal::OutOfRange),
        Change::Add(units) => {
            let same = live.is_some_and(|claim| claim.sequence.same_incarnation(wish.sequence));
            let base = if same { held } else { wish.recorded_units.min(held) };
            base.checked_add(units).ok_or(Refusal::OutOfRange)?
        }
    };
    if wanted <= held {
        return lower(state, wish, live, wanted);
    }
    let price = match live {
        Some(claim) => claim.price,
        None => state.price_at(now)?,
    };
    state.open_at(now)?;
    if wish.currency.is_some_and(|currency| currency != price.currency) {
        return Err(Refusal::MixedCurrencies);
    }
    let more = u64::from(wanted.saturating_sub(held));
    let free = state.free().checked_sub(more).ok_or(Refusal::SoldOut { free: state.free() })?;
    let (cart, buyer, sequence) = (wish.cart, wish.buyer, wish.sequence);
    // Somebody signed in meanwhile: the whole claim counts for the account from now on.
    let counted = live.filter(|claim| claim.buyer == buyer).map_or(0, |claim| claim.units);
    state.within_limit(buyer, u64::from(wanted.saturating_sub(counted)))?;
    let until = live.map_or(wish.until, |claim| claim.until);
    let event = Event::Reserved { cart, buyer, units: wanted, until, price, sequence };
    Ok(with_marks(state, vec![event], free))
}

/// Fewer units than held, or as many: never refused, not even after the sale.
fn lower(state: &State, wish: &Reserve, live: Option<&CartClaim>, wanted: u32) -> Decision {
    let Some(claim) = live.filter(|claim| claim.units > wanted) else {
        return Ok(vec![]);
    };
    let freed = u64::from(claim.units.saturating_sub(wanted));
    let event = Event::Released { cart: wish.cart, keep_units: wanted, sequence: wish.sequence };
    Ok(with_marks(state, vec![event], state.free().saturating_add(freed)))
}

pub(super) fn release(state: &State, cart: CartId, keep_units: u32) -> Decision {
    let Some(claim) = state.carts.get(&cart).filter(|claim| claim.units > keep_units) else {
        return Ok(vec![]);
    };
    let freed = u64::from(claim.units.saturating_sub(keep_units));
    let event = Event::Released { cart, keep_units, sequence: claim.sequence };
    Ok(with_marks(state, vec![event], state.free().saturating_add(freed)))
}

pub(super) fn take_over(state: &State, wish: &TakeOver, now: Time) -> Decision {
    if wish.units == 0 {
        return Err(Refusal::OutOfRange);
    }
    if state.orders.contains_key(&wish.order) {
        return Ok(vec![]);
    }
    let over = state.ended(Holder::Order(wish.order)).is_some() || wish.until <= now;
    let claim = state.claim_of(wish.cart, now).filter(|claim| claim.units >= wish.units && !over);
    let claim = claim.ok_or(Refusal::ReservationLapsed)?;
    if wish.email != claim.buyer {
        state.within_limit(wish.email, u64::from(wish.units))?;
    }
    let excess = u64::from(claim.units.saturating_sub(wish.units));
    let event = Event::TakenOver {
        cart: wish.cart,
        order: wish.order,
        units: wish.units,
        email: wish.email,
        until: wish.until,
    };
    Ok(with_marks(state, vec![event], state.free().saturating_add(excess)))
}

pub(super) fn hand_back(state: &State, order: OrderId, now: Time) -> Decision {
    let Some(claim) = state.orders.get(&order) else {
        // It lapsed before: nothing to give, and the order will never ask for it again.
        let lapsed = matches!(state.ended(Holder::Order(order)), Some(Ended::Lapsed { .. }));
        return Ok(if lapsed { vec![Event::Forgotten { order }] } else { vec![] });
    };
    let freed = if claim.from.until <= now {
        claim.units
    } else {
        // What the cart claimed while it was closed, it could not record.
        state.carts.get(&claim.cart).map_or(0, |other| other.units)
    };
    let free = state.free().saturating_add(u64::from(freed));
    Ok(with_marks(state, vec![Event::HandedBack { order }], free))
}

pub(super) fn commit(state: &State, order: OrderId, units: u32) -> Decision {
    let sold = |units: u32| Event::Committed { order, units, picks: state.picks(units.into()) };
    if let Some(claim) = state.orders.get(&order) {
        return if claim.units == units { Ok(vec![sold(units)]) } else { Err(Refusal::OutOfRange) };
    }
    match state.ended(Holder::Order(order)) {
        // Paid too late: the units are the order's only if nobody else has them by now.
        Some(Ended::Lapsed { buyer, email, units: had }) if *had == units => {
            let more = u64::from(units);
            let free = state.free().checked_sub(more).ok_or(Refusal::ReservationLapsed)?;
            for identity in identities(*buyer, *email) {
                state.within_limit(identity, more).map_err(|_| Refusal::ReservationLapsed)?;
            }
            Ok(with_marks(state, vec![sold(units)], free))
        }
        Some(Ended::Lapsed { .. }) => Err(Refusal::OutOfRange),
        Some(_) => Err(Refusal::ReservationLapsed),
        None => Ok(vec![]), // committed before
    }
}

pub(super) fn give_back(state: &State, order: OrderId, units: u32) -> Decision {
    let (event, units) = match (state.orders.get(&order), state.ended(Holder::Order(order))) {
        (Some(OrderClaim { units, .. }), _) => {
            (Event::OrderReleased { order, units: *units }, *units)
        }
        (None, Some(_)) => return Ok(vec![]),
        // Never more than was sold: a return makes no units.
        (None, None) if units == 0 || u64::from(units) > state.sold => return Ok(vec![]),
        (None, None) => (Event::Returned { order, units }, units),
    };
    Ok(with_marks(state, vec![event], state.free().saturating_add(u64::from(units))))
}

/// Some of an order's sold units are here again.
pub(super) fn take_back(
    state: &State,
    (order, number): (OrderId, u32),
    units: u32,
    restock: bool,
) -> Vec<Event> {
    let more = u64::from(units);
    // Never more than was sold: a return makes no units.
    if state.taken_back.contains(&(order, number)) || units == 0 || more > state.sold {
        return vec![];
    }
    let freed = if restock { more } else { 0 };
    let event = Event::TakenBack { order, number, units, restock };
    with_marks(state, vec![event], state.free().saturating_add(freed))
}

/// The expiry of every claim whose deadline has come, the oldest first.
pub(super) fn lapse(state: &State, now: Time) -> Vec<Event> {
    let (mut carts, mut orders, mut reservations) = (vec![], vec![], vec![]);
    let mut freed = 0_u64;
    let lapsed = state.deadlines.iter().take_while(|(until, _)| *until <= now);
    for (_, holder) in lapsed.take(MAX_EXPIRED) {
        let units = match holder {
            Holder::Cart(cart) => {
                let units = state.carts.get(cart).map_or(0, |claim| claim.units);
                carts.push((*cart, units));
                units
            }
            Holder::Order(order) => {
                let units = state.orders.get(order).map_or(0, |claim| claim.units);
                orders.push((*order, units));
                units
            }
            Holder::Bare(reservation) => {
                let units = state.bare.get(reservation).map_or(0, |claim| claim.units);
                reservations.push((*reservation, units));
                units
            }
        };
        freed = freed.saturating_add(u64::from(units));
    }
    let mut events = vec![];
    if !carts.is_empty() || !orders.is_empty() {
        events.push(Event::Expired { carts, orders });
    }
    if !reservations.is_empty() {
        events.push(Event::BareExpired { reservations });
    }
    with_marks(state, events, state.free().saturating_add(freed))
}

pub(super) fn identities(buyer: Buyer, email: Buyer) -> impl Iterator<Item = Buyer> {
    std::iter::once(buyer).chain((email != buyer).then_some(email))
}

fn released(state: &State, cart: CartId) -> Option<super::Sequence> {
    match state.ended(Holder::Cart(cart)) {
        Some(Ended::Released { sequence }) => Some(*sequence),
        _ => None,
    }
}

impl State {
    /// Whether new units may be reserved at `now`.
    fn open_at(&self, now: Time) -> Result<(), Refusal> {
        if self.product.is_none() {
            return Err(Refusal::UnknownSku);
        }
        if !self.listed {
            return Err(Refusal::NotForSale);
        }
        match &self.sale {
            Some(sale) if now < sale.opens_at => {
                Err(Refusal::SaleNotOpen { opens_at: sale.opens_at })
            }
            Some(sale) if now >= sale.closes_at => Err(Refusal::SaleClosed),
            _ => Ok(()),
        }
    }

    /// What a unit costs at `now`.
    pub(super) fn price_at(&self, now: Time) -> Result<Money, Refusal> {
        self.open_at(now)?;
        let on_sale = self.sale.as_ref().map(|sale| sale.price);
        on_sale.or(self.price).ok_or(Refusal::UnknownSku)
    }

    /// Whether `buyer` may have `more` units on top.
    pub(super) fn within_limit(&self, buyer: Buyer, more: u64) -> Result<(), Refusal> {
        let Some(limit) = self.limit() else { return Ok(()) };
        let taken = self.taken.get(&buyer).copied().unwrap_or(0);
        if taken.saturating_add(more) > u64::from(limit) {
            return Err(Refusal::LimitPerBuyer { limit });
        }
        Ok(())
    }

    /// From which locations `units` leave, in the order of their names; empty when all stock
    /// stands at the main location.
    pub(super) fn picks(&self, units: u64) -> Vec<(String, u64)> {
        if self.locations.keys().all(|name| name == super::MAIN_LOCATION) {
            return vec![];
        }
        let (mut picks, mut left) = (vec![], units);
        for (location, there) in &self.locations {
            let taken = left.min(*there);
            if taken > 0 {
                picks.push((location.clone(), taken));
                left = left.saturating_sub(taken);
            }
        }
        picks
    }
}
