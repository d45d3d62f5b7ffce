//! What the provider did, and whether it should have been asked to.

use super::{Invariant, Model};
use crate::{
    domain::{OrderId, order::Step},
    ports::payments::{Answer, Request},
};
use std::collections::BTreeMap;

/// One order's money at the provider.
#[derive(Clone, Debug, Default)]
pub(in crate::simulation) struct Account {
    /// The final answers by key.
    pub(in crate::simulation) answers: BTreeMap<String, Answer>,
    pub(in crate::simulation) token: String,
    pub(in crate::simulation) authorised: Option<i64>,
    pub(in crate::simulation) voided: bool,
    pub(in crate::simulation) captured: Vec<i64>,
    pub(in crate::simulation) refunded: Vec<i64>,
}

impl Account {
    /// What the provider has kept.
    pub(in crate::simulation) fn kept(&self) -> i64 {
        self.captured.iter().sum::<i64>() - self.refunded.iter().sum::<i64>()
    }

    /// Money is set aside that nobody will fetch or let go.
    pub(in crate::simulation) fn is_open(&self) -> bool {
        self.authorised.is_some() && self.captured.is_empty() && !self.voided
    }
}

impl Model {
    /// A call has arrived at the provider: may it?
    pub(in crate::simulation) fn called(&mut self, request: &Request) {
        let Request { order, step, amount, .. } = request;
        let Some(book) = self.orders.get(order) else {
            let what = format!("{step} of {order}, which is not in the log");
            return self.complain(Invariant::MoneyAfterStock, what);
        };
        let (committed, total) = (book.committed, book.total);
        self.check(*step != Step::Capture || committed, Invariant::MoneyAfterStock, || {
            format!("{order} is captured before its stock is sold to it")
        });
        let whole = !matches!(step, Step::Authorise | Step::Capture);
        self.check(whole || amount.amount_minor == total, Invariant::RefundsWithinCapture, || {
            format!("{step} of {amount} for {order}, which costs {total}")
        });
    }

    /// The provider has moved money.
    pub(in crate::simulation) fn moved(&mut self, order: OrderId) {
        let Some(account) = self.accounts.get(&order) else { return };
        let (captures, kept) = (account.captured.len(), account.kept());
        self.check(captures <= 1, Invariant::OneCapture, || {
            format!("{order} was captured {captures} times")
        });
        self.check(kept >= 0, Invariant::RefundsWithinCapture, || {
            format!("{order} got back {} more than it paid", -kept)
        });
    }
}
