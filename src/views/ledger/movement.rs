//! What an entry of a SKU says to a person: one word, units, who and where.
//!
//! Invariant: every event has a word, so nothing that happened to a SKU is missing from its
//! ledger.

use crate::{
    domain::{
        By,
        sku::{Event, MAIN_LOCATION},
    },
    journal::{EntryRef, Position, codec},
};
use serde::{Serialize, Serializer};
use std::fmt;

/// One line of a SKU's ledger.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Movement {
    /// Where its entry stands in the SKU's shard.
    pub position: Position,
    /// When.
    pub at: crate::domain::Time,
    /// By whom: `admin`, `shop`, or an id.
    #[serde(serialize_with = "as_text")]
    pub by: By,
    /// One word.
    pub kind: &'static str,
    /// Units in or out (negative) for receipts, adjustments, write-offs, sales and returns; units
    /// that moved for transfers and expiries; what the holder has now for reservations, releases
    /// and take-overs; free units for stock marks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<i64>,
    /// Where the units stand; where they came from for a transfer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Where a transfer's units went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The cart, order or reservation that has, had or got the units, or the product that owns the SKU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// Why, or under which reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

fn as_text<S: Serializer>(by: &By, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(by)
}

/// The lines that an entry of a SKU makes: one, or one for each holder of an expiry and each
/// location of a sale, and two for a return that is written off.
///
/// # Errors
/// The entry is no event of a SKU.
pub fn movements(entry: &EntryRef<'_>) -> Result<Vec<Movement>, codec::Error> {
    let event: Event = codec::decode(entry)?;
    let line = |kind| Movement {
        position: entry.position,
        at: entry.context.now,
        by: entry.context.by,
        kind,
        units: None,
        location: None,
        to: None,
        holder: None,
        reason: None,
    };
    if let Event::Expired { carts, orders } = &event {
        let carts = carts.iter().map(|(cart, units)| (cart.to_string(), *units));
        let orders = orders.iter().map(|(order, units)| (order.to_string(), *units));
        let lines = carts.chain(orders);
        return Ok(lines.map(|(who, units)| line("expiry").units(units).holder(&who)).collect());
    }
    if let Event::BareExpired { reservations } = &event {
        let expired = |(who, units): &(_, u32)| line("expiry").units(*units).holder(who);
        return Ok(reservations.iter().map(expired).collect());
    }
    if let Event::Committed { picks, .. } | Event::BareCommitted { picks, .. } = &event
        && !picks.is_empty()
    {
        let whole = describe(event.clone(), line);
        let sale = |(location, units): &(String, u64)| {
            whole.clone().units(*units).negated().location(location.clone())
        };
        return Ok(picks.iter().map(sale).collect());
    }
    if let Event::TakenBack { units, restock: false, .. } = event {
        let written_off = line("write-off").units(units).negated().location(MAIN_LOCATION.into());
        return Ok(vec![describe(event, line), written_off]);
    }
    Ok(vec![describe(event, line)])
}

fn describe(event: Event, line: impl Fn(&'static str) -> Movement) -> Movement {
    match event {
        Event::Received { units, location, reference } => {
            Movement { reason: reference, ..line("receipt").units(units).location(location) }
        }
        Event::Adjusted { delta, location, reason } => {
            let line = line("adjustment").location(location).reason(reason);
            Movement { units: Some(delta), ..line }
        }
        Event::Transferred { units, from, to } => {
            Movement { to: Some(to), ..line("transfer").units(units).location(from) }
        }
        Event::WrittenOff { units, location, reason } => {
            line("write-off").units(units).negated().location(location).reason(reason)
        }
        Event::Reserved { cart, units, .. } => line("reservation").units(units).holder(&cart),
        Event::Released { cart, keep_units, .. } => line("release").units(keep_units).holder(&cart),
        Event::TakenOver { cart, order, units, .. } => {
            line("take-over").units(units).holder(&order).reason(format!("from {cart}"))
        }
        Event::HandedBack { order } => line("hand-back").holder(&order),
        Event::Committed { order, units, .. } => line("sale").units(units).negated().holder(&order),
        Event::OrderReleased { order, units } => line("cancellation").units(units).holder(&order),
        Event::Returned { order, units } => line("return").units(units).holder(&order),
        Event::TakenBack { order, number, units, .. } => {
            line("return").units(units).holder(&order).reason(format!("return {number}"))
        }
        Event::Forgotten { order } => line("forgotten").holder(&order),
        Event::ReturnForgotten { order, number } => {
            line("forgotten").holder(&order).reason(format!("return {number}"))
        }
        Event::Claimed { product } => line("claimed").holder(&product),
        Event::Unclaimed { product } => line("unclaimed").holder(&product),
        Event::Listed { product, price, .. } => {
            line("listed").holder(&product).reason(format!("at {price}"))
        }
        Event::Delisted { product, .. } => line("delisted").holder(&product),
        Event::LowStockSet { units } => line("low-stock-mark").units(units),
        Event::SaleSet { sale } => {
            let (price, from, to) = (sale.price, sale.opens_at, sale.closes_at);
            line("sale-terms").reason(format!("{price} from {from} to {to}"))
        }
        Event::SaleEnded {} => line("sale-ended"),
        Event::LowStock { free } => line("low-stock").units(free),
        Event::SoldOut {} => line("sold-out"),
        Event::BackInStock { free } => line("back-in-stock").units(free),
        Event::BareReserved { reservation, units, .. } => {
            line("reservation").units(units).holder(&reservation)
        }
        // What it has now, as for a cart.
        Event::BareReleased { reservation, .. } => {
            line("release").units(0_u32).holder(&reservation)
        }
        Event::BareCommitted { reservation, units, reference, .. } => {
            line("sale").units(units).negated().holder(&reservation).reason(reference)
        }
        Event::Expired { .. } | Event::BareExpired { .. } => line("expiry"),
    }
}

impl Movement {
    fn units(self, units: impl Into<u64>) -> Movement {
        Movement { units: Some(i64::try_from(units.into()).unwrap_or(i64::MAX)), ..self }
    }

    fn negated(self) -> Movement {
        Movement { units: self.units.map(i64::saturating_neg), ..self }
    }

    fn location(self, location: String) -> Movement {
        Movement { location: Some(location), ..self }
    }

    fn holder(self, holder: &dyn fmt::Display) -> Movement {
        Movement { holder: Some(holder.to_string()), ..self }
    }

    fn reason(self, reason: String) -> Movement {
        Movement { reason: Some(reason), ..self }
    }
}
