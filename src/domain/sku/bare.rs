//! Bare reservations: units for somebody who keeps carts and orders elsewhere.
//!
//! Whoever makes one chooses its id, and the id names one wish for good: told twice, it happens
//! once. A reservation ends once: released, expired at its deadline, or committed, which is a sale
//! under a reference of its maker's. Invariant: as for carts and orders, never more than is free,
//! and never more than a buyer may have.

use super::{
    Buyer, Ended, Event, Holder, Refusal, ReserveBare, State,
    decide::{Decision, with_marks},
};
use crate::domain::{Money, ReservationId, Time};
use serde::{Deserialize, Serialize};

/// How long a released reservation is remembered against a late repeat of what made it.
const REMEMBER_RELEASED_MS: u64 = 600_000;

/// How long a committed one is: whoever heard no answer asks again within a day.
const REMEMBER_SOLD_MS: u64 = 25 * 3_600_000;

/// Units that a reservation holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    pub(super) units: u32,
    pub(super) until: Time,
    pub(super) price: Money,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) buyer: Option<Buyer>,
}

/// Units that a reservation held when it was committed, and the name of the sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sold {
    claim: Claim,
    reference: String,
}

/// A bare reservation as its maker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// How many, at least one.
    pub units: u32,
    /// What a unit costs, fixed when it was made.
    pub price: Money,
    /// Whether it is still one.
    pub standing: Standing,
}

/// How a bare reservation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Over when now is at or past this.
    Reserved { until: Time },
    /// Committed under this reference.
    Sold { reference: String },
}

impl Claim {
    /// Whom the limit counts.
    pub(super) fn buyer(&self, reservation: ReservationId) -> Buyer {
        self.buyer.unwrap_or(Buyer(reservation.0.as_u128()))
    }

    /// The id names one wish: the same one changes nothing.
    fn repeated(&self, wish: &ReserveBare) -> Decision {
        let same = (self.units, self.buyer) == (wish.units, wish.buyer);
        if same { Ok(vec![]) } else { Err(Refusal::OtherReservation) }
    }
}

pub(super) fn reserve(state: &State, wish: &ReserveBare, now: Time) -> Decision {
    let reservation = wish.reservation;
    match (state.bare.get(&reservation), state.ended(Holder::Bare(reservation))) {
        (Some(claim), _) => return claim.repeated(wish),
        (None, Some(Ended::BareSold(sold))) => return sold.claim.repeated(wish),
        (None, Some(_)) => return Err(Refusal::ReservationLapsed),
        (None, None) => {}
    }
    if wish.units == 0 {
        return Err(Refusal::OutOfRange);
    }
    let price = state.price_at(now)?;
    let (units, until, buyer) = (wish.units, now.plus_ms(wish.ttl_ms), wish.buyer);
    let more = u64::from(units);
    let free = state.free().checked_sub(more).ok_or(Refusal::SoldOut { free: state.free() })?;
    let claim = Claim { units, until, price, buyer };
    state.within_limit(claim.buyer(reservation), more)?;
    let event = Event::BareReserved { reservation, buyer, units, until, price };
    Ok(with_marks(state, vec![event], free))
}

/// What is over or never was holds nothing, so there is nothing to do.
pub(super) fn release(state: &State, reservation: ReservationId) -> Decision {
    let Some(claim) = state.bare.get(&reservation) else {
        return match state.ended(Holder::Bare(reservation)) {
            Some(Ended::BareSold(_)) => Err(Refusal::AlreadySold),
            Some(_) | None => Ok(vec![]),
        };
    };
    let units = claim.units;
    let free = state.free().saturating_add(u64::from(units));
    Ok(with_marks(state, vec![Event::BareReleased { reservation, units }], free))
}

pub(super) fn commit(state: &State, reservation: ReservationId, reference: &str) -> Decision {
    let Some(claim) = state.bare.get(&reservation) else {
        return match state.ended(Holder::Bare(reservation)) {
            Some(Ended::BareSold(sold)) if sold.reference == reference => Ok(vec![]),
            Some(Ended::BareSold(_)) => Err(Refusal::OtherReservation),
            Some(_) | None => Err(Refusal::ReservationLapsed),
        };
    };
    let (units, reference) = (claim.units, reference.to_owned());
    let picks = state.picks(units.into());
    Ok(vec![Event::BareCommitted { reservation, units, picks, reference }])
}

impl State {
    /// A bare reservation that is live at `now`, or was committed lately.
    pub fn reservation(&self, reservation: ReservationId, now: Time) -> Option<Reservation> {
        if let Some(claim) = self.bare.get(&reservation) {
            let (units, price, until) = (claim.units, claim.price, claim.until);
            let standing = Standing::Reserved { until };
            return (now < until).then_some(Reservation { units, price, standing });
        }
        match self.ended(Holder::Bare(reservation)) {
            Some(Ended::BareSold(sold)) => {
                let Sold { claim, reference } = &**sold;
                let standing = Standing::Sold { reference: reference.clone() };
                Some(Reservation { units: claim.units, price: claim.price, standing })
            }
            Some(_) | None => None,
        }
    }

    pub(super) fn hold_bare(&mut self, reservation: ReservationId, claim: Claim) {
        let (units, buyer) = (claim.units, claim.buyer(reservation));
        self.reserved = self.reserved.saturating_add(u64::from(units));
        self.count(buyer, buyer, i64::from(units));
        self.deadlines.insert((claim.until, Holder::Bare(reservation)));
        self.bare.insert(reservation, claim);
    }

    pub(super) fn drop_bare(&mut self, reservation: ReservationId) -> Option<Claim> {
        let claim = self.bare.remove(&reservation)?;
        let buyer = claim.buyer(reservation);
        self.reserved = self.reserved.saturating_sub(u64::from(claim.units));
        self.count(buyer, buyer, i64::from(claim.units).saturating_neg());
        self.deadlines.remove(&(claim.until, Holder::Bare(reservation)));
        Some(claim)
    }

    pub(super) fn release_bare(&mut self, reservation: ReservationId, now: Time) {
        self.drop_bare(reservation);
        let until = now.plus_ms(REMEMBER_RELEASED_MS);
        self.remember(Holder::Bare(reservation), Ended::BareReleased, Some(until));
    }

    pub(super) fn commit_bare(
        &mut self,
        reservation: ReservationId,
        units: u32,
        picks: &[(String, u64)],
        reference: &str,
        now: Time,
    ) {
        self.sell(units, picks);
        let Some(claim) = self.drop_bare(reservation) else { return };
        let buyer = claim.buyer(reservation);
        self.count(buyer, buyer, i64::from(units)); // sold units count for the whole sale
        let ended = Ended::BareSold(Box::new(Sold { claim, reference: reference.to_owned() }));
        self.remember(Holder::Bare(reservation), ended, Some(now.plus_ms(REMEMBER_SOLD_MS)));
    }
}
