//! Whoever moves the money.
//!
//! A step is identified by its order and what it does, so a retry, a duplicate and a restart
//! are all the same step. The promises every provider keeps, held by the contract suite:
//! - a key that was answered for good gets that answer again and moves no money again;
//!   with another amount or token it is declined and moves none either;
//! - refunds in parts are steps of their own, and together never more than was captured;
//! - a void blocks the order's authorisation for ever, also one that arrives after it, and tells
//!   whether there was one to let go;
//! - `ask` changes nothing, and tells what became of a key whose answer was lost.

mod account;
pub mod books;
mod faulty;
mod simulator;

#[cfg(test)]
mod contract;

pub use account::{Outcome, Reason, Token};
pub use books::Books;
pub use faulty::{Fault, Faulty};
pub use simulator::Simulator;

pub use crate::domain::order::Step;
use crate::domain::{
    Money, OrderId,
    broken::{self, Rule},
};
use futures_util::future::BoxFuture;
use std::fmt::{self, Write as _};

/// The idempotency key of a payment step: `ord_...:capture`, `ord_...:refund-2`.
#[must_use]
pub fn key(order: OrderId, step: Step) -> String {
    let mut text = String::with_capacity(64);
    let _ = write!(text, "{order}:{step}");
    text
}

/// One step to be done.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose money.
    pub order: OrderId,
    /// What to do.
    pub step: Step,
    /// How much; never negative.
    pub amount: Money,
    /// The buyer's payment token, for `Authorise`; empty for every other step.
    pub token: String,
}

impl Request {
    /// What makes it the same step when it comes again.
    #[must_use]
    pub fn key(&self) -> String {
        if Rule::StepsHaveOneKey.is_broken() {
            return format!("{}#{}", key(self.order, self.step), broken::count());
        }
        key(self.order, self.step)
    }
}

/// Leaves out the token: it is personal data and must not reach a log line.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.key(), self.amount)
    }
}

/// What a provider says to a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done. Final.
    Approved {
        /// The provider's name for it.
        reference: String,
    },
    /// A void that found nothing set aside; nothing will be any more. Final.
    NothingToVoid,
    /// Not done and never will be. Final.
    Declined {
        /// For the buyer and the order's timeline.
        reason: String,
    },
    /// Nothing happened; execute it again later.
    Unavailable,
    /// It may have happened; ask before acting.
    Unknown,
}

/// Why a question got no answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The provider does not answer.
    #[error("the payment provider does not answer: ask again later")]
    Unavailable,
}

/// A payment provider.
pub trait Payments: Send + Sync {
    /// Does the step, or says what became of it when it was done before.
    fn execute(&self, request: Request) -> BoxFuture<'_, Answer>;

    /// What became of a step: its final answer, or `None` when nothing happened under its key,
    /// so that executing it is safe.
    fn ask(&self, order: OrderId, step: Step) -> BoxFuture<'_, Result<Option<Answer>, Error>>;
}
