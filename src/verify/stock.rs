//! The books of one SKU, kept from its events alone.
//!
//! Two accounts that share nothing: units by what moved them, and units by where they stand.
//! Invariant: received + adjusted = on hand + sold - returned + written off, at every entry
//! reserved <= on hand, and reserved is the sum of the live claims.

pub(super) use super::claims::Ill;
use super::{claims::Claims, replay::Counts, report::Findings};
use crate::domain::{
    OrderId, Time,
    sku::{Event, MAIN_LOCATION, MAX_UNITS},
};
use std::collections::BTreeMap;

/// One SKU.
#[derive(Default)]
pub(super) struct Stock {
    received: i64,
    adjusted: i64,
    written_off: i64,
    sold: i64,
    /// Of these, to committed reservations: no order has them.
    pub(super) sold_bare: i64,
    returned: i64,
    locations: BTreeMap<String, i64>,
    on_hand: i64,
    claims: Claims,
    oversold: bool,
}

/// Units that an entry sold to an order; negative when they came back.
pub(super) type Sale = (OrderId, i64);

impl Stock {
    /// Applies the next event, decided at `now`.
    pub(super) fn apply(&mut self, event: &Event, now: Time, ill: &mut Ill<'_>) -> Option<Sale> {
        self.claims.apply(event, now, ill);
        let sale = self.units(event, ill);
        let reserved = self.claims.reserved;
        if reserved > self.on_hand && !self.oversold {
            self.oversold = true;
            ill("oversold", format!("{reserved} reserved of {} on hand", self.on_hand));
        }
        sale
    }

    fn units(&mut self, event: &Event, ill: &mut Ill<'_>) -> Option<Sale> {
        match event {
            Event::Received { units, location, .. } => {
                self.received += signed(*units);
                self.moved(location, signed(*units), ill);
            }
            Event::Adjusted { delta, location, .. } => {
                let delta = signed(delta.unsigned_abs()) * delta.signum();
                self.adjusted += delta;
                self.moved(location, delta, ill);
            }
            Event::Transferred { units, from, to } => {
                self.moved(from, -signed(*units), ill);
                self.moved(to, signed(*units), ill);
            }
            Event::WrittenOff { units, location, .. } => {
                self.written_off += signed(*units);
                self.moved(location, -signed(*units), ill);
            }
            Event::Committed { order, units, picks } => {
                self.sell(*units, picks, ill);
                return Some((*order, i64::from(*units)));
            }
            Event::BareCommitted { units, picks, .. } => {
                self.sell(*units, picks, ill);
                self.sold_bare += i64::from(*units);
            }
            Event::Returned { order, units } => {
                self.returned += i64::from(*units);
                self.moved(MAIN_LOCATION, i64::from(*units), ill);
                return Some((*order, -i64::from(*units)));
            }
            Event::TakenBack { order, units, restock, .. } => {
                self.returned += i64::from(*units);
                if *restock {
                    self.moved(MAIN_LOCATION, i64::from(*units), ill);
                } else {
                    self.written_off += i64::from(*units);
                }
                return Some((*order, -i64::from(*units)));
            }
            Event::Claimed { .. }
            | Event::Unclaimed { .. }
            | Event::Listed { .. }
            | Event::Delisted { .. }
            | Event::Reserved { .. }
            | Event::Released { .. }
            | Event::TakenOver { .. }
            | Event::HandedBack { .. }
            | Event::Expired { .. }
            | Event::OrderReleased { .. }
            | Event::BareReserved { .. }
            | Event::BareReleased { .. }
            | Event::BareExpired { .. }
            | Event::Forgotten { .. }
            | Event::ReturnForgotten { .. }
            | Event::SaleSet { .. }
            | Event::SaleEnded {}
            | Event::LowStockSet { .. }
            | Event::LowStock { .. }
            | Event::SoldOut {}
            | Event::BackInStock { .. } => {}
        }
        None
    }

    fn sell(&mut self, units: u32, picks: &[(String, u64)], ill: &mut Ill<'_>) {
        self.sold += i64::from(units);
        if picks.is_empty() {
            self.moved(MAIN_LOCATION, -i64::from(units), ill);
        }
        for (location, units) in picks {
            self.moved(location, -signed(*units), ill);
        }
    }

    fn moved(&mut self, location: &str, units: i64, ill: &mut Ill<'_>) {
        if !self.locations.contains_key(location) {
            self.locations.insert(location.to_owned(), 0);
        }
        let Some(there) = self.locations.get_mut(location) else { return };
        *there += units;
        self.on_hand += units;
        if *there < 0 {
            ill("stock", format!("{there} units at {location}"));
        }
    }

    /// The sums at the end, also against what the machine says.
    pub(super) fn finish(&self, place: &str, counts: Option<&Counts>, findings: &mut Findings) {
        let Stock { received, adjusted, written_off, sold, returned, on_hand, .. } = self;
        if received + adjusted != on_hand + sold - returned + written_off {
            let what = format!(
                "received {received} + adjusted {adjusted} is not on hand {on_hand} + sold {sold} \
                 - returned {returned} + written off {written_off}"
            );
            findings.add("stock", place, what);
        }
        let (reserved, claims) = (self.claims.reserved, self.claims.sum());
        if reserved != claims {
            findings.add("claims", place, format!("{reserved} reserved, but {claims} claimed"));
        }
        let Some(counts) = counts else { return };
        let pairs = [
            ("on hand", *on_hand, counts.on_hand),
            ("reserved", reserved, counts.reserved),
            ("sold", sold - returned, counts.sold),
        ];
        for (name, books, machine) in pairs {
            if books != signed(machine) {
                let what = format!("{machine} {name}, but its events make {books}");
                findings.add("stock", place, what);
            }
        }
        let machine = counts.locations.iter().map(|(name, units)| (name.as_str(), signed(*units)));
        let books = self.locations.iter().map(|(name, units)| (name.as_str(), *units));
        let (machine, books) = (stocked(machine), stocked(books));
        if machine != books {
            let what = format!("stands at {machine:?}, but its events make {books:?}");
            findings.add("locations", place, what);
        }
    }
}

/// Only where something stands.
fn stocked<'n>(locations: impl Iterator<Item = (&'n str, i64)>) -> BTreeMap<&'n str, i64> {
    locations.filter(|(_, units)| *units != 0).collect()
}

/// Counts stay far below the limit by the machine's own rules; what lies is capped and found, and
/// sums of it still fit.
fn signed(units: u64) -> i64 {
    units.min(4 * MAX_UNITS).cast_signed()
}
