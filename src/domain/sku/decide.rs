//! What a SKU answers to each command.
//!
//! Time comes first: whoever runs this machine applies what has lapsed by now before it decides,
//! so no claim here is past its deadline, whether or not a timer has fired.

use super::{
    Command, Event, Holder, MAX_UNITS, Refusal, Sale, State,
    claims::{commit, give_back, release, reserve, take_over},
};
use crate::domain::{Context, Money, ProductId};

pub(super) type Decision = Result<Vec<Event>, Refusal>;

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

/// Adds the marks that the change from today's free units to `free` passes.
pub(super) fn with_marks(state: &State, mut events: Vec<Event>, free: u64) -> Vec<Event> {
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
