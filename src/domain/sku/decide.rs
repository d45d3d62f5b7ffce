//! What a SKU answers to each command.
//!
//! Time comes first: whoever runs this machine applies what has lapsed by now before it decides,
//! so no claim here is past its deadline, whether or not a timer has fired.

use super::{
    Command, Event, Holder, MAX_UNITS, Refusal, Sale, State, bare,
    claims::{commit, give_back, hand_back, release, reserve, take_back, take_over},
};
use crate::domain::{Context, Money, ProductId};

pub(super) type Decision = Result<Vec<Event>, Refusal>;

pub(super) fn decide(state: &State, command: &Command, context: &Context) -> Decision {
    let now = context.now;
    match command {
        Command::Claim { product } => claim(state, *product),
        Command::Unclaim { product } => unclaim(state, *product),
        Command::List { product, revision, title, price, units } => {
            list(state, *product, *revision, title, *price, *units)
        }
        Command::Delist { product, revision } => delist(state, *product, *revision),
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
            let (units, location, reference) = (*units, location.clone(), reference.clone());
            in_range(state, units)?;
            let event = Event::Received { units, location, reference };
            Ok(with_marks(state, vec![event], state.free().saturating_add(units)))
        }
        Command::Adjust { delta, location, reason } => adjust(state, *delta, location, reason),
        Command::Transfer { units, from, to } => {
            take_from(state, from, *units)?;
            Ok(vec![Event::Transferred { units: *units, from: from.clone(), to: to.clone() }])
        }
        Command::WriteOff { units, location, reason } => {
            let (units, location, reason) = (*units, location.clone(), reason.clone());
            let free = take_from(state, &location, units)?.ok_or_else(|| negative(state))?;
            Ok(with_marks(state, vec![Event::WrittenOff { units, location, reason }], free))
        }
        Command::SetLowStock { units } if *units == state.low_stock_at => Ok(vec![]),
        Command::SetLowStock { units } => Ok(set_low_stock(state, *units)),
        Command::SetSale(sale) => set_sale(state, sale),
        Command::EndSale if state.sale.is_none() => Ok(vec![]),
        Command::EndSale => Ok(vec![Event::SaleEnded {}]),
        Command::Reserve(wish) => reserve(state, wish, now),
        Command::Release { cart, keep_units } => release(state, *cart, *keep_units),
        Command::TakeOver(wish) => take_over(state, wish, now),
        Command::HandBack { order } => hand_back(state, *order, now),
        Command::Commit { order, units } => commit(state, *order, *units),
        Command::Return { order, units } => give_back(state, *order, *units),
        Command::Forget { order } if state.ended(Holder::Order(*order)).is_some() => {
            Ok(vec![Event::Forgotten { order: *order }])
        }
        Command::Forget { .. } => Ok(vec![]),
        Command::TakeBack { order, number, units, restock } => {
            Ok(take_back(state, (*order, *number), *units, *restock))
        }
        Command::ForgetReturn { order, number }
            if state.taken_back.contains(&(*order, *number)) =>
        {
            Ok(vec![Event::ReturnForgotten { order: *order, number: *number }])
        }
        Command::ForgetReturn { .. } => Ok(vec![]),
        Command::ReserveBare(wish) => bare::reserve(state, wish, now),
        Command::ReleaseBare { reservation } => bare::release(state, *reservation),
        Command::CommitBare { reservation, reference } => {
            bare::commit(state, *reservation, reference)
        }
    }
}

fn claim(state: &State, product: ProductId) -> Decision {
    match state.product {
        None => Ok(vec![Event::Claimed { product }]),
        Some(owner) if owner == product => Ok(vec![]),
        Some(_) => Err(Refusal::SkuTaken),
    }
}

/// Only a SKU that was never listed can leave its product: a listed one has a history.
fn unclaim(state: &State, product: ProductId) -> Decision {
    let leaves = state.product == Some(product) && state.revision == 0;
    Ok(if leaves { vec![Event::Unclaimed { product }] } else { vec![] })
}

fn delist(state: &State, product: ProductId, revision: u64) -> Decision {
    let stale = state.product != Some(product) || state.revision > revision;
    if stale || !state.listed {
        return Ok(vec![]);
    }
    Ok(vec![Event::Delisted { product, revision }])
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
    if price.amount_minor < 0 {
        return Err(Refusal::OutOfRange);
    }
    let mut events = vec![Event::Listed { product, revision, title: title.to_owned(), price }];
    if state.revision == 0 && units > 0 {
        in_range(state, units)?;
        events.push(Event::Received {
            units,
            location: super::MAIN_LOCATION.to_owned(),
            reference: Some(product.to_string()),
        });
        return Ok(with_marks(state, events, state.free().saturating_add(units)));
    }
    Ok(events)
}

fn adjust(state: &State, delta: i64, location: &str, reason: &str) -> Decision {
    let event = Event::Adjusted { delta, location: location.to_owned(), reason: reason.to_owned() };
    let units = delta.unsigned_abs();
    let free = if delta > 0 {
        in_range(state, units)?;
        state.free().saturating_add(units)
    } else {
        take_from(state, location, units)?.ok_or_else(|| negative(state))?
    };
    Ok(with_marks(state, vec![event], free))
}

fn set_sale(state: &State, sale: &Sale) -> Decision {
    let currency = state.price.map(|price| price.currency);
    let never_open = sale.closes_at <= sale.opens_at;
    if never_open || sale.units_per_buyer == Some(0) || sale.price.amount_minor < 0 {
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

/// A mark that is raised above what is free says so at once; nobody may come and buy for long.
fn set_low_stock(state: &State, units: u64) -> Vec<Event> {
    let free = state.free();
    let mut events = vec![Event::LowStockSet { units }];
    if (1..=units).contains(&free) && !state.low {
        events.push(Event::LowStock { free });
    }
    events
}

/// Adds the marks that the change from today's free units to `free` passes.
pub(super) fn with_marks(state: &State, mut events: Vec<Event>, free: u64) -> Vec<Event> {
    if events.is_empty() || state.free() == free {
        return events;
    }
    if free == 0 {
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

/// The free units that are left when `units` leave the house from `location`; `None` when some
/// of them are claimed.
fn take_from(state: &State, location: &str, units: u64) -> Result<Option<u64>, Refusal> {
    let there = state.locations.get(location).copied().unwrap_or(0);
    match units {
        0 => Err(Refusal::OutOfRange),
        _ if units > there => Err(negative(state)),
        _ => Ok(state.free().checked_sub(units)),
    }
}

fn negative(state: &State) -> Refusal {
    Refusal::WouldGoNegative { free: state.free() }
}
