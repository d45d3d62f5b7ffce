//! What a SKU answers to each command.
//!
//! Time comes first: whoever runs this machine applies what has lapsed by now before it decides,
//! so no claim here is past its deadline, whether or not a timer has fired.

use super::{
    Buyer, CartClaim, Change, Command, Ended, Event, Holder, MAX_UNITS, Refusal, Reserve, Sale,
    State, TakeOver,
};
use crate::domain::{CartId, Context, Money, OrderId, ProductId, Time};

/// Claims that one decision may expire, so that it always fits into one batch of the log.
const MAX_EXPIRED: usize = 5_000;

type Decision = Result<Vec<Event>, Refusal>;

pub(super) fn decide(state: &State, command: &Command, context: &Context) -> Decision {
    let now = context.now;
    match command {
        Command::Claim { product } => claim(state, *product),
        Command::Unclaim { product } if state.product == Some(*product) && !state.listed => {
            Ok(vec![Event::Unclaimed { product: *product }])
        }
        Command::Unclaim { .. } => Ok(vec![]),
        Command::List { product, revision, title, price, units } => {
            list(state, *product, *revision, title, *price, *units)
        }
        Command::Delist { product, revision } => {
            let stale = state.product != Some(*product) || state.revision > *revision;
            if stale || !state.listed {
                return Ok(vec![]);
            }
            Ok(vec![Event::Delisted { product: *product, revision: *revision }])
        }
        Command::Receive { .. }
        | Command::Adjust { .. }
        | Command::Transfer { .. }
        | Command::WriteOff { .. }
        | Command::SetLowStock { .. }
        | Command::SetSale(_)
        | Command::EndSale
            if state.product.is_none() =>
        {
            Err(Refusal::UnknownSku)
        }
        Command::Receive { units, location, reference } => {
            let event = Event::Received {
                units: *units,
                location: location.clone(),
                reference: reference.clone(),
            };
            in_range(state, *units)?;
            Ok(with_marks(state, vec![event], state.free().saturating_add(*units)))
        }
        Command::Adjust { delta, location, reason } => adjust(state, *delta, location, reason),
        Command::Transfer { units, from, to } => {
            in_range(state, *units)?;
            take_from(state, from, *units)?;
            Ok(vec![Event::Transferred { units: *units, from: from.clone(), to: to.clone() }])
        }
        Command::WriteOff { units, location, reason } => {
            in_range(state, *units)?;
            take_from(state, location, *units)?;
            let free = state.free().checked_sub(*units).ok_or_else(|| negative(state))?;
            let event = Event::WrittenOff {
                units: *units,
                location: location.clone(),
                reason: reason.clone(),
            };
            Ok(with_marks(state, vec![event], free))
        }
        Command::SetLowStock { units } => Ok(vec![Event::LowStockSet { units: *units }]),
        Command::SetSale(sale) => set_sale(state, sale),
        Command::EndSale if state.sale.is_none() => Ok(vec![]),
        Command::EndSale => Ok(vec![Event::SaleEnded {}]),
        Command::Reserve(wish) => reserve(state, wish, now),
        Command::Release { cart, keep_units } => release(state, *cart, *keep_units),
        Command::TakeOver(wish) => take_over(state, wish, now),
        Command::HandBack { order } if state.orders.contains_key(order) => {
            let claim_returns = state.orders.get(order).filter(|claim| claim.from.until <= now);
            let freed = claim_returns.map_or(0, |claim| u64::from(claim.units));
            let event = Event::HandedBack { order: *order };
            Ok(with_marks(state, vec![event], state.free().saturating_add(freed)))
        }
        Command::HandBack { .. } => Ok(vec![]),
        Command::Commit { order, units } => commit(state, *order, *units),
        Command::Return { order, units } => give_back(state, *order, *units),
        Command::Forget { order } if state.ended.contains_key(&Holder::Order(*order)) => {
            Ok(vec![Event::Forgotten { order: *order }])
        }
        Command::Forget { .. } => Ok(vec![]),
    }
}

fn claim(state: &State, product: ProductId) -> Decision {
    match state.product {
        None => Ok(vec![Event::Claimed { product }]),
        Some(owner) if owner == product => Ok(vec![]),
        Some(_) => Err(Refusal::SkuTaken),
    }
}

fn list(
    state: &State,
    product: ProductId,
    revision: u64,
    title: &str,
    price: Money,
    units: u64,
) -> Decision {
    if state.product != Some(product) {
        return Err(Refusal::SkuTaken);
    }
    if state.revision >= revision {
        return Ok(vec![]);
    }
    let mut events = vec![Event::Listed { product, revision, title: title.to_owned(), price }];
    if state.revision == 0 && units > 0 {
        in_range(state, units)?;
        events.push(Event::Received {
            units,
            location: super::MAIN_LOCATION.to_owned(),
            reference: Some(product.to_string()),
        });
    }
    Ok(events)
}

fn adjust(state: &State, delta: i64, location: &str, reason: &str) -> Decision {
    let event = Event::Adjusted { delta, location: location.to_owned(), reason: reason.to_owned() };
    let units = delta.unsigned_abs();
    if units == 0 || units > MAX_UNITS {
        return Err(Refusal::OutOfRange);
    }
    let free = if delta > 0 {
        in_range(state, units)?;
        state.free().saturating_add(units)
    } else {
        take_from(state, location, units)?;
        state.free().checked_sub(units).ok_or_else(|| negative(state))?
    };
    Ok(with_marks(state, vec![event], free))
}

fn set_sale(state: &State, sale: &Sale) -> Decision {
    let currency = state.price.map(|price| price.currency);
    if sale.closes_at <= sale.opens_at || sale.units_per_buyer == Some(0) {
        return Err(Refusal::OutOfRange);
    }
    if currency != Some(sale.price.currency) {
        return Err(Refusal::MixedCurrencies);
    }
    if state.sale.as_ref() == Some(sale) {
        return Ok(vec![]);
    }
    Ok(vec![Event::SaleSet { sale: sale.clone() }])
}

fn reserve(state: &State, wish: &Reserve, now: Time) -> Decision {
    let live = state.carts.get(&wish.cart);
    let last = live.map(|claim| claim.sequence).or_else(|| released(state, wish.cart));
    if last.is_some_and(|last| wish.sequence <= last) {
        return Ok(vec![]); // a repeat, or overtaken: the first answer stands
    }
    let held = live.map_or(0, |claim| claim.units);
    let wanted = match wish.change {
        Change::Set(units) => units,
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
    state.within_limit(wish.buyer, more)?;
    let until = live.map_or(wish.until, |claim| claim.until);
    let (cart, buyer, sequence) = (wish.cart, wish.buyer, wish.sequence);
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

fn release(state: &State, cart: CartId, keep_units: u32) -> Decision {
    let Some(claim) = state.carts.get(&cart).filter(|claim| claim.units > keep_units) else {
        return Ok(vec![]);
    };
    let freed = u64::from(claim.units.saturating_sub(keep_units));
    let event = Event::Released { cart, keep_units, sequence: claim.sequence };
    Ok(with_marks(state, vec![event], state.free().saturating_add(freed)))
}

fn take_over(state: &State, wish: &TakeOver, now: Time) -> Decision {
    if state.orders.contains_key(&wish.order) {
        return Ok(vec![]);
    }
    let over = state.ended.contains_key(&Holder::Order(wish.order)) || wish.until <= now;
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

fn commit(state: &State, order: OrderId, units: u32) -> Decision {
    let event = Event::Committed { order, units, picks: state.picks(u64::from(units)) };
    if state.orders.contains_key(&order) {
        return Ok(vec![event]);
    }
    match state.ended.get(&Holder::Order(order)) {
        // Paid too late: the units are the order's only if nobody else has them by now.
        Some(Ended::Lapsed { buyer, email }) => {
            let more = u64::from(units);
            let free = state.free().checked_sub(more).ok_or(Refusal::ReservationLapsed)?;
            for identity in identities(*buyer, *email) {
                state.within_limit(identity, more).map_err(|_| Refusal::ReservationLapsed)?;
            }
            Ok(with_marks(state, vec![event], free))
        }
        Some(_) => Err(Refusal::ReservationLapsed),
        None => Ok(vec![]), // committed before
    }
}

fn give_back(state: &State, order: OrderId, units: u32) -> Decision {
    let event = match (state.orders.get(&order), state.ended.get(&Holder::Order(order))) {
        (Some(claim), _) => Event::OrderReleased { order, units: claim.units },
        (None, Some(_)) => return Ok(vec![]),
        (None, None) => Event::Returned { order, units },
    };
    Ok(with_marks(state, vec![event], state.free().saturating_add(u64::from(units))))
}

/// The expiry of every claim whose deadline has come, the oldest first.
pub(super) fn lapse(state: &State, now: Time) -> Vec<Event> {
    let (mut carts, mut orders, mut freed) = (vec![], vec![], 0_u64);
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
        };
        freed = freed.saturating_add(u64::from(units));
    }
    if carts.is_empty() && orders.is_empty() {
        return vec![];
    }
    let event = Event::Expired { carts, orders };
    with_marks(state, vec![event], state.free().saturating_add(freed))
}

pub(super) fn identities(buyer: Buyer, email: Buyer) -> impl Iterator<Item = Buyer> {
    std::iter::once(buyer).chain((email != buyer).then_some(email))
}

fn released(state: &State, cart: CartId) -> Option<super::Sequence> {
    match state.ended.get(&Holder::Cart(cart)) {
        Some(Ended::Released { sequence }) => Some(*sequence),
        _ => None,
    }
}

/// Adds the marks that the change from today's free units to `free` passes.
fn with_marks(state: &State, mut events: Vec<Event>, free: u64) -> Vec<Event> {
    if events.is_empty() || state.free() == free {
        return events;
    }
    if free == 0 && !state.sold_out {
        events.push(Event::SoldOut {});
    }
    if free > 0 && state.sold_out {
        events.push(Event::BackInStock { free });
    }
    if free <= state.low_stock_at && free < state.free() && !state.low && free > 0 {
        events.push(Event::LowStock { free });
    }
    events
}

fn in_range(state: &State, units: u64) -> Result<(), Refusal> {
    let total = state.on_hand.saturating_add(state.sold).saturating_add(units);
    if units == 0 || total > MAX_UNITS { Err(Refusal::OutOfRange) } else { Ok(()) }
}

fn take_from(state: &State, location: &str, units: u64) -> Result<(), Refusal> {
    let there = state.locations.get(location).copied().unwrap_or(0);
    if there < units { Err(negative(state)) } else { Ok(()) }
}

fn negative(state: &State) -> Refusal {
    Refusal::WouldGoNegative { free: state.free() }
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
    fn price_at(&self, now: Time) -> Result<Money, Refusal> {
        self.open_at(now)?;
        let on_sale = self.sale.as_ref().map(|sale| sale.price);
        on_sale.or(self.price).ok_or(Refusal::UnknownSku)
    }

    /// Whether `buyer` may have `more` units on top.
    fn within_limit(&self, buyer: Buyer, more: u64) -> Result<(), Refusal> {
        let Some(limit) = self.limit() else { return Ok(()) };
        let taken = self.taken.get(&buyer).copied().unwrap_or(0);
        if taken.saturating_add(more) > u64::from(limit) {
            return Err(Refusal::LimitPerBuyer { limit });
        }
        Ok(())
    }

    /// From which locations `units` leave, in the order of their names; empty when all stock
    /// stands at the main location.
    fn picks(&self, units: u64) -> Vec<(String, u64)> {
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
