//! What came back of each order: units and money, part by part.
//!
//! Invariant: a unit comes back at most once and only of what was sold; a part costs what its
//! units cost, is refunded at most once, and parts and the rest never exceed what was captured.

use super::{orders::Order, replay::Facts, report::Report, stock::Ill};
use crate::domain::{
    Money, OrderId,
    order::{Obligation, Step},
};

/// One return.
pub(super) struct Return {
    pub(super) number: u32,
    /// SKU by number, and units.
    pub(super) items: Box<[(u32, u32)]>,
    pub(super) amount_minor: i64,
    /// How often its money was given back.
    pub(super) refunded: u32,
}

impl Order {
    /// Takes a return over; what is wrong with it goes to `ill`.
    pub(super) fn accept(&mut self, back: Return, ill: &mut Ill<'_>) {
        let number = back.number;
        if !self.confirmed || self.ended {
            ill("return", format!("return {number} is of an order that is not confirmed"));
        }
        if self.returns.iter().any(|known| known.number == number) {
            ill("return", format!("return {number} was accepted twice"));
        }
        let mut amount_minor = 0_i64;
        for (sku, units) in &back.items {
            let item = self.items.iter().find(|item| item.sku == *sku);
            let left = item.map_or(0, |item| i64::from(item.units) - self.came_back(*sku));
            if i64::from(*units) > left {
                ill("return", format!("return {number} has {units} units of a line with {left}"));
            }
            let price = item.map_or(0, |item| item.price_minor);
            amount_minor = amount_minor.saturating_add(price.saturating_mul(i64::from(*units)));
        }
        if amount_minor != back.amount_minor {
            let said = back.amount_minor;
            ill("return", format!("return {number} is {said}, its units cost {amount_minor}"));
        }
        self.returns.push(back);
    }

    /// The money of a return went back.
    pub(super) fn refund_part(&mut self, number: u32, ill: &mut Ill<'_>) {
        match self.returns.iter_mut().find(|back| back.number == number) {
            Some(back) => back.refunded += 1,
            None => ill("money", format!("return {number} was refunded and never accepted")),
        }
        if self.times(Step::RefundPart(number)) > 1 {
            ill("money", format!("return {number} was refunded twice"));
        }
    }

    /// Units of a SKU in all returns.
    pub(super) fn came_back(&self, sku: u32) -> i64 {
        let items = self.returns.iter().flat_map(|back| &back.items);
        items.filter(|(known, _)| *known == sku).map(|(_, units)| i64::from(*units)).sum()
    }

    /// What all returns cost together.
    fn back_minor(&self) -> i64 {
        self.returns.iter().fold(0, |sum: i64, back| sum.saturating_add(back.amount_minor))
    }

    /// How often the log says that `step` was done.
    pub(super) fn times(&self, step: Step) -> u32 {
        match step {
            Step::Authorise => self.authorised,
            Step::Capture => self.captured,
            Step::Void => self.voided,
            Step::Refund => self.refunded,
            Step::RefundPart(number) => {
                let mut returns = self.returns.iter();
                returns.find(|back| back.number == number).map_or(0, |back| back.refunded)
            }
        }
    }

    /// What `step` moves in minor units; `None` for a return that never was.
    pub(super) fn amount_minor(&self, step: Step) -> Option<i64> {
        let total = self.total?.amount_minor;
        match step {
            Step::Authorise | Step::Capture | Step::Void => Some(total),
            Step::Refund => Some(total.saturating_sub(self.back_minor())),
            Step::RefundPart(number) => {
                let mut returns = self.returns.iter();
                returns.find(|back| back.number == number).map(|back| back.amount_minor)
            }
        }
    }

    /// The refunds of all returns.
    pub(super) fn refund_parts(&self) -> impl Iterator<Item = Step> {
        self.returns.iter().map(|back| Step::RefundPart(back.number))
    }
}

/// Balances the money of one order.
pub(super) fn money(id: OrderId, order: &Order, total: Money, facts: &Facts, report: &mut Report) {
    let Order { captured, refunded, .. } = *order;
    if captured > 1 {
        report.findings.add("money", id, format!("was captured {captured} times"));
    }
    if refunded > captured {
        let what = format!("was refunded {refunded} times and captured {captured} times");
        report.findings.add("money", id, what);
    }
    let minor = |step| {
        let amount = order.amount_minor(step).unwrap_or(0);
        amount.saturating_mul(i64::from(order.times(step)))
    };
    let taken = minor(Step::Capture);
    let given = order.refund_parts().chain([Step::Refund]).map(minor).sum::<i64>();
    let keeps = if order.confirmed && !order.ended {
        total.amount_minor.saturating_sub(order.back_minor())
    } else {
        0
    };
    let left = taken.saturating_sub(given);
    let mut owed = 0;
    if left != keeps {
        if left > keeps && repays(id, facts) {
            owed = left.saturating_sub(keeps);
            let money = Money { amount_minor: owed, ..total };
            report.notes.add(format!("{id} still refunds {money}"));
        } else {
            let [left, keeps] =
                [left, keeps].map(|amount_minor| Money { amount_minor, ..total }.to_string());
            let what = format!("{left} are left with it, it should keep {keeps}");
            report.findings.add("money", id, what);
        }
    }
    let sums = report.money.entry(total.currency.code().to_owned()).or_default();
    sums.captured += taken;
    sums.refunded += given;
    sums.confirmed += keeps;
    sums.to_be_refunded += owed;
}

/// Whether an order that has too much money still gives some back, or asks what it has.
fn repays(id: OrderId, facts: &Facts) -> bool {
    facts.owed(id).iter().any(|owed| match owed {
        Obligation::Pay(step) => step.is_refund(),
        Obligation::Ask(step) => *step == Step::Capture,
        Obligation::Commit
        | Obligation::HandBack
        | Obligation::Return
        | Obligation::Forget
        | Obligation::TakeBack(_)
        | Obligation::ForgetReturn(_)
        | Obligation::Reopen => false,
    })
}

/// Whether units that an order does not want are still on their way to their SKUs.
pub(super) fn gives_back(id: OrderId, facts: &Facts) -> bool {
    let waits = |owed: &Obligation| matches!(owed, Obligation::Return | Obligation::TakeBack(_));
    facts.owed(id).iter().any(waits)
}
