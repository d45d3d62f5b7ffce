//! The model's books of one SKU's bare reservations: claims and sales without cart and order.

use super::Invariant;
use crate::domain::{
    ReservationId, Time,
    sku::{Buyer, Event},
};
use std::collections::{BTreeMap, BTreeSet};

/// Units that a service holds.
#[derive(Clone, Debug)]
struct Held {
    units: u64,
    until: Time,
    buyer: Option<Buyer>,
}

/// Of one SKU.
#[derive(Clone, Debug, Default)]
pub(in crate::simulation) struct BareBook {
    held: BTreeMap<ReservationId, Held>,
    /// Units and buyer of what was committed.
    sold: BTreeMap<ReservationId, (u64, Option<Buyer>)>,
    /// Claims that services were given: id, units, deadline.
    pub(in crate::simulation) given: BTreeSet<(ReservationId, u32, Time)>,
    /// What each sale was for.
    pub(in crate::simulation) references: BTreeMap<ReservationId, String>,
}

impl BareBook {
    pub(super) fn reserved(&self) -> u64 {
        self.held.values().map(|held| held.units).sum()
    }

    pub(super) fn sold_units(&self) -> u64 {
        self.sold.values().map(|(units, _)| units).sum()
    }

    pub(super) fn overdue(&self, now: Time) -> Option<String> {
        let late = self.held.iter().find(|(_, held)| held.until <= now);
        late.map(|(id, held)| format!("{} of {id} until {}", held.units, held.until.0))
    }

    /// What a named buyer has, reserved and sold.
    pub(super) fn has(&self, buyer: Buyer) -> u64 {
        let held = self.held.values().filter(|held| held.buyer == Some(buyer));
        let sold = self.sold.values().filter(|(_, of)| *of == Some(buyer));
        held.map(|held| held.units).sum::<u64>() + sold.map(|(units, _)| units).sum::<u64>()
    }

    pub(super) fn buyers(&self) -> impl Iterator<Item = Buyer> + '_ {
        let held = self.held.values().filter_map(|held| held.buyer);
        held.chain(self.sold.values().filter_map(|(_, buyer)| *buyer))
    }

    /// What an event changes, and which units leave which places; nothing by another's event.
    pub(super) fn apply(
        &mut self,
        event: &Event,
        at: Time,
    ) -> Result<Vec<(String, u64)>, (Invariant, String)> {
        let done = if let Event::BareReserved { reservation, buyer, units, until, .. } = event {
            self.reserve(*reservation, *buyer, *units, *until)
        } else if let Event::BareReleased { reservation, units } = event {
            self.take(*reservation, *units, |_| true).map(drop)
        } else if let Event::BareExpired { reservations } = event {
            let mut over = reservations.iter();
            over.try_for_each(|(id, units)| self.take(*id, *units, |until| until <= at).map(drop))
        } else if let Event::BareCommitted { reservation, units, picks, reference } = event {
            return self.commit(*reservation, *units, picks, reference);
        } else {
            Ok(())
        };
        done.map(|()| vec![])
    }

    fn reserve(
        &mut self,
        id: ReservationId,
        buyer: Option<Buyer>,
        units: u32,
        until: Time,
    ) -> Result<(), (Invariant, String)> {
        self.given.insert((id, units, until));
        let held = Held { units: u64::from(units), until, buyer };
        if self.held.insert(id, held).is_some() || self.sold.contains_key(&id) {
            return Err((Invariant::OneKeyOneOrder, format!("{id} was reserved twice")));
        }
        Ok(())
    }

    fn take(
        &mut self,
        id: ReservationId,
        units: u32,
        may: impl Fn(Time) -> bool,
    ) -> Result<Held, (Invariant, String)> {
        let held = self.held.remove(&id).filter(|held| may(held.until));
        held.filter(|held| held.units == u64::from(units)).ok_or_else(|| {
            (Invariant::Conservation, format!("{id} does not hold {units} units that end here"))
        })
    }

    fn commit(
        &mut self,
        id: ReservationId,
        units: u32,
        picks: &[(String, u64)],
        reference: &str,
    ) -> Result<Vec<(String, u64)>, (Invariant, String)> {
        let held = self.take(id, units, |_| true)?;
        self.references.insert(id, reference.to_owned());
        if self.sold.insert(id, (held.units, held.buyer)).is_some() {
            return Err((Invariant::OneKeyOneOrder, format!("{id} was sold twice")));
        }
        let main = [(crate::domain::sku::MAIN_LOCATION.to_owned(), u64::from(units))];
        let picks = if picks.is_empty() { &main[..] } else { picks };
        if picks.iter().map(|(_, units)| units).sum::<u64>() != u64::from(units) {
            return Err((Invariant::Conservation, format!("{id}: {picks:?} are not {units}")));
        }
        Ok(picks.to_vec())
    }
}
