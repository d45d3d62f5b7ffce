//! How an order moves its money: one call to the provider at a time, and pauses that grow while
//! nothing comes of it.
//!
//! Invariant: the pauses end only when the money got further. An answer that merely turns one
//! question into another (silence, a step that nobody saw, a void that is refused) is no progress,
//! or two of them would take turns for ever, at the speed of the disk.

use super::{
    super::{cashier, shell::Turn},
    Actor,
};
use crate::{
    domain::{
        By, Machine as _, Time,
        broken::Rule,
        order::{Command, Obligation, Outcome, Step},
    },
    ports::payments,
};

/// A provider call without an answer is repeated after so long; the port's own deadline is
/// shorter.
pub(super) const CALL_LOST_AFTER_MS: u64 = 60_000;

/// The first pause after a call that got the money no further; doubles each time.
const FIRST_PAUSE_MS: u64 = 200;

/// Tries after which somebody should look.
const REVIEW_AFTER: u32 = 8;

pub(super) fn is_lost(since: Time, now: Time) -> bool {
    now.ms_since(since) >= CALL_LOST_AFTER_MS
}

impl Actor {
    /// Calls the provider once all that the call rests on is durable.
    pub(super) fn call(&mut self, owed: Obligation, turn: &mut Turn<Self>) {
        let now = turn.now();
        if self.call.is_some() || self.call_at.is_some_and(|(_, at)| now < at) {
            return;
        }
        let Some(placement) = turn.state().placement() else { return };
        let order = self.id;
        let call = match owed {
            Obligation::Pay(step) => {
                let Some(amount) = turn.state().amount_of(step) else { return };
                let token = (step == Step::Authorise).then(|| placement.payment.clone());
                cashier::Call::Pay { order, step, amount, token }
            }
            Obligation::Ask(step) => cashier::Call::Ask { order, step },
            Obligation::Commit
            | Obligation::HandBack
            | Obligation::Return
            | Obligation::Forget
            | Obligation::TakeBack(_)
            | Obligation::ForgetReturn(_)
            | Obligation::Reopen => return,
        };
        (self.call, self.call_at) = (Some((owed, now)), None);
        let system = self.system.clone();
        if Rule::DurableBeforeCall.is_broken() {
            system.cashier.take(&system, call);
            return;
        }
        turn.when_durable(move || system.cashier.take(&system, call));
    }

    /// The provider answered a step.
    pub(super) fn paid(&mut self, step: Step, answer: payments::Answer, turn: &mut Turn<Self>) {
        self.call = None;
        let outcome = match answer {
            payments::Answer::Approved { reference } => Outcome::Approved { reference },
            payments::Answer::NothingToVoid => Outcome::NothingToVoid,
            payments::Answer::Declined { reason } => Outcome::Declined { reason },
            payments::Answer::Unknown => Outcome::Unknown,
            payments::Answer::Unavailable => {
                self.try_later(step, turn);
                return;
            }
        };
        self.record_outcome(step, outcome, turn);
    }

    /// The provider was asked what became of a step.
    pub(super) fn asked(
        &mut self,
        step: Step,
        answer: Result<Option<payments::Answer>, payments::Error>,
        turn: &mut Turn<Self>,
    ) {
        match answer {
            Ok(Some(answer)) => self.paid(step, answer, turn),
            Ok(None) => {
                self.call = None;
                self.record_outcome(step, Outcome::NotSeen, turn);
            }
            Err(_) => self.paid(step, payments::Answer::Unavailable, turn),
        }
    }

    fn record_outcome(&mut self, step: Step, outcome: Outcome, turn: &mut Turn<Self>) {
        let silent = matches!(outcome, Outcome::Unknown | Outcome::NotSeen);
        let stands = step == Step::Void && matches!(outcome, Outcome::Declined { .. });
        let before = turn.sequence();
        turn.record(&Command::Record { step, outcome }, By::Order(self.id));
        // Without an event the answer settled nothing: a refund refused for a while.
        if silent || stands || before == turn.sequence() {
            self.try_later(step, turn);
        } else {
            (self.tries, self.call_at) = (0, None);
        }
    }

    fn try_later(&mut self, step: Step, turn: &mut Turn<Self>) {
        self.tries = self.tries.saturating_add(1);
        let pause_ms = FIRST_PAUSE_MS << self.tries.saturating_sub(1).min(8);
        let owed = turn.state().obligations().into_iter().find(|owed| owed.moves_money());
        self.call_at = owed.map(|owed| (owed, turn.now().plus_ms(pause_ms)));
        if self.tries == REVIEW_AFTER {
            let reason = format!("{step} has failed {REVIEW_AFTER} times; retries go on");
            turn.record(&Command::FlagForReview { reason }, By::Order(self.id));
        }
    }
}
