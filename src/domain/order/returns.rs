//! Units of a confirmed order that come back, some at a time.
//!
//! Each return has a number, its part of the money is refunded under a step of that number, and
//! each SKU takes its units back under that number. Invariant: no unit comes back twice, and the
//! parts and what a later cancellation refunds add up to what was captured, exactly.

use super::{
    Event, Obligation, Payment, Refusal, State, Status, Stock, decide::Decision, evolve::Words,
};
use crate::domain::{Money, Sku, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// So many units of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Back {
    /// What.
    pub sku: Sku,
    /// How many, at least one.
    pub units: u32,
}

/// Units that came back together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// Counts from 1 within its order.
    pub number: u32,
    /// When it was accepted.
    pub at: Time,
    /// At least one, one per SKU.
    pub items: Vec<Back>,
    /// What they cost.
    pub amount: Money,
    /// Why, as whoever accepted it wrote.
    pub reason: Option<String>,
    /// Whether they can be sold again; else the SKUs write them off.
    pub restock: bool,
    /// The provider has given `amount` back.
    pub refunded: bool,
    /// `ReturnOwed` until the SKUs have them, `Returned` until the SKUs forgot that, then `Gone`.
    pub(super) stock: Stock,
}

impl Return {
    /// How many of this SKU.
    pub fn units_of(&self, sku: &Sku) -> u32 {
        self.items.iter().find(|back| back.sku == *sku).map_or(0, |back| back.units)
    }

    /// The SKUs have the units.
    pub fn stocked(&self) -> bool {
        self.stock != Stock::ReturnOwed
    }
}

/// Accepts units of this order that came back.
pub(super) fn take_back(
    state: &State,
    items: &[Back],
    reason: Option<&str>,
    restock: bool,
) -> Decision {
    if !matches!(state.status, Status::Confirmed | Status::Returned) {
        return Err(Refusal::NotConfirmed);
    }
    let Some(placement) = state.placement() else { return Err(Refusal::UnknownOrder) };
    let mut wanted: BTreeMap<&Sku, u32> = BTreeMap::new();
    for Back { sku, units } in items {
        let all = wanted.entry(sku).or_default();
        *all = all.saturating_add(*units);
    }
    let mut amount = Money { amount_minor: 0, ..placement.total };
    for (sku, units) in &wanted {
        let left = state.left_of(sku);
        let not_returnable = || Refusal::NotReturnable { sku: (*sku).clone(), left };
        let item = placement.items.iter().find(|item| item.sku == **sku);
        let price = item.filter(|_| (1..=left).contains(units)).map(|item| item.price);
        let part = price.and_then(|price| price.times(*units)).ok_or_else(not_returnable)?;
        amount = amount.plus(part).ok_or_else(not_returnable)?;
    }
    if wanted.is_empty() {
        return Ok(vec![]);
    }
    let items = wanted.into_iter().map(|(sku, units)| Back { sku: sku.clone(), units });
    Ok(vec![Event::ReturnAccepted {
        number: state.next_return(),
        items: items.collect(),
        amount,
        reason: reason.map(str::to_owned),
        restock,
    }])
}

impl State {
    /// What came back so far, oldest first.
    pub fn returns(&self) -> &[Return] {
        &self.returns
    }

    /// The return of this number.
    pub fn return_of(&self, number: u32) -> Option<&Return> {
        self.returns.iter().find(|back| back.number == number)
    }

    /// Units of a line that have not come back.
    pub fn left_of(&self, sku: &Sku) -> u32 {
        let items = self.placement().map_or(&[][..], |placement| &placement.items);
        let ordered = items.iter().find(|item| item.sku == *sku).map_or(0, |item| item.units);
        self.returns.iter().fold(ordered, |left, back| left.saturating_sub(back.units_of(sku)))
    }

    /// Which SKUs an obligation is about, and how many units of each; none that is not theirs.
    pub fn units_of(&self, owed: Obligation) -> Vec<(Sku, u32)> {
        let items = self.placement().map_or(&[][..], |placement| &placement.items);
        match owed {
            Obligation::TakeBack(number) | Obligation::ForgetReturn(number) => {
                let items = self.return_of(number).map_or(&[][..], |back| &back.items);
                items.iter().map(|back| (back.sku.clone(), back.units)).collect()
            }
            Obligation::Return | Obligation::Forget if !self.returns.is_empty() => {
                let left = items.iter().map(|item| (item.sku.clone(), self.left_of(&item.sku)));
                left.filter(|(_, units)| *units > 0).collect()
            }
            Obligation::Commit | Obligation::HandBack | Obligation::Return | Obligation::Forget => {
                items.iter().map(|item| (item.sku.clone(), item.units)).collect()
            }
            Obligation::Pay(_) | Obligation::Ask(_) | Obligation::Reopen => vec![],
        }
    }

    /// What is left of the total beyond all returns; `None` without a placement.
    pub fn rest(&self) -> Option<Money> {
        let total = self.placement()?.total;
        let parts = self.returns.iter();
        let back = parts.fold(0_i64, |sum, part| sum.saturating_add(part.amount.amount_minor));
        Some(Money { amount_minor: total.amount_minor.saturating_sub(back), ..total })
    }

    pub(super) fn next_return(&self) -> u32 {
        self.returns.last().map_or(1, |last| last.number.saturating_add(1))
    }

    /// The oldest return whose money is still to be given back.
    pub(super) fn return_to_refund(&self) -> Option<u32> {
        self.returns.iter().find(|back| !back.refunded).map(|back| back.number)
    }

    // A number sets returns that follow each other apart.
    pub(super) fn return_accepted(
        &mut self,
        at: Time,
        number: u32,
        items: &[Back],
        amount: Money,
        reason: Option<&str>,
        restock: bool,
    ) -> Words {
        let (items, reason) = (items.to_vec(), reason.map(str::to_owned));
        let (refunded, stock) = (false, Stock::ReturnOwed);
        self.returns.push(Return { number, at, items, amount, reason, restock, refunded, stock });
        self.note(at, &format!("return {number} accepted"));
        let items = self.placement().map_or(&[][..], |placement| &placement.items);
        if items.iter().any(|item| self.left_of(&item.sku) > 0) {
            return &[];
        }
        self.status = Status::Returned;
        &["returned"]
    }

    pub(super) fn return_refunded(&mut self, at: Time, number: u32) -> Words {
        self.change_return(number, |back| back.refunded = true);
        self.note(at, &format!("return {number} refunded"));
        if self.status == Status::Returned && self.return_to_refund().is_none() {
            self.payment = Payment::Refunded;
        }
        if self.payment == Payment::Refunded { &["refunded"] } else { &[] }
    }

    pub(super) fn return_stocked(&mut self, at: Time, number: u32) -> Words {
        self.change_return(number, |back| back.stock = Stock::Returned);
        self.note(at, &format!("return {number} stocked"));
        &[]
    }

    pub(super) fn return_forgotten(&mut self, number: u32) -> Words {
        self.change_return(number, |back| back.stock = Stock::Gone);
        &[]
    }

    fn change_return(&mut self, number: u32, change: impl FnOnce(&mut Return)) {
        if let Some(back) = self.returns.iter_mut().find(|back| back.number == number) {
            change(back);
        }
    }
}
