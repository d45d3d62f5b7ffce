//! The payment simulator's own books against the orders.
//!
//! The provider may be ahead: it acted, and the process died before the answer was recorded.
//! Invariant: it is ahead only by steps that the order still owes or asks about; those are noted.

use super::{
    Error, Store,
    orders::{Books, Order},
    replay::Facts,
    report::Report,
};
use crate::{
    domain::{
        Money, OrderId,
        order::{Obligation, Step},
    },
    ports::payments::{self, books},
};
use std::collections::BTreeSet;

pub(super) fn compare(
    store: &Store,
    books: &Books,
    facts: &Facts,
    report: &mut Report,
) -> Result<(), Error> {
    let path = store.layout().payments();
    if !path.exists() {
        if books.orders.values().any(|order| order.authorised > 0) {
            report.notes.add("there is no payments.jsonl: what the provider says is not compared");
        }
        return Ok(());
    }
    let provider = payments::Books::sums(&path)?;
    for (id, sums) in &provider {
        match books.orders.get(id).filter(|order| order.total.is_some()) {
            Some(order) => compare_one(*id, order, sums, facts, report),
            None if *sums == books::Sums::default() => {}
            None => {
                let what = "the provider moved money for an order that never was";
                report.findings.add("provider", id, what);
            }
        }
    }
    for (id, order) in &books.orders {
        if order.total.is_some() && !provider.contains_key(id) {
            compare_one(*id, order, &books::Sums::default(), facts, report);
        }
    }
    Ok(())
}

fn compare_one(id: OrderId, order: &Order, sums: &books::Sums, facts: &Facts, report: &mut Report) {
    let parts = order.refund_parts().chain(sums.refunded.keys().copied());
    let steps: BTreeSet<Step> = Step::ALL.into_iter().chain(parts).collect();
    for step in steps {
        let moved = sums.moved(step);
        if moved.times > 1 {
            let what = format!("the provider did {step} {} times", moved.times);
            report.findings.add("provider", id, what);
        }
        let expected = order.amount_minor(step).zip(order.total);
        let expected = expected.map(|(amount_minor, total)| Money { amount_minor, ..total });
        if let (1, Some(amount), Some(expected)) = (moved.times, moved.total, expected)
            && amount != expected
        {
            let what = format!("the provider's {step} is {amount}, the order's {expected}");
            report.findings.add("provider", id, what);
        }
        let (here, there) = (order.times(step) > 0, moved.times > 0);
        if here && !there {
            report.findings.add("provider", id, format!("the provider has no {step}"));
        }
        if there && !here && !undone(order, sums, step) {
            if facts.owes(id, &owing(step)) {
                report.notes.add(format!("{id}: the provider did {step}, which is still owed"));
            } else {
                let what = format!("the provider did {step}, which the order does not know");
                report.findings.add("provider", id, what);
            }
        }
    }
}

/// An authorisation that the order never heard of and that was let go, or one it must have had.
fn undone(order: &Order, sums: &books::Sums, step: Step) -> bool {
    step == Step::Authorise && (sums.voided.times > 0 || order.captured > 0)
}

/// While an order owes one of these, the provider may have done `step` already.
fn owing(step: Step) -> Vec<Obligation> {
    let mut owing = vec![Obligation::Pay(step)];
    match step {
        Step::Authorise | Step::Capture => {
            owing.extend([Obligation::Ask(step), Obligation::Pay(Step::Void)]);
        }
        Step::Void | Step::Refund | Step::RefundPart(_) => {}
    }
    owing
}
