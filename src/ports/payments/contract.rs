//! The promises of the payments port, to be run on the simulator and on every adapter.
//!
//! Written against `&dyn Payments` alone: nothing here knows how a provider keeps them.

use super::{Answer, Payments, Request, Step};
use crate::{
    domain::{Currency, Money, OrderId},
    ports::entropy::{Entropy, Seeded},
};

/// What a provider calls a card that works and one that does not.
pub(crate) struct Tokens {
    pub(crate) approve: &'static str,
    pub(crate) decline: &'static str,
}

/// Orders that no provider has seen; an adapter's test takes a seed of its own each run.
pub(crate) struct Orders(Seeded);

impl Orders {
    pub(crate) fn new(seed: u64) -> Orders {
        Orders(Seeded::new(seed))
    }

    pub(crate) fn next(&mut self) -> OrderId {
        OrderId(self.0.uuid())
    }
}

pub(crate) fn request(order: OrderId, step: Step, amount_minor: i64, token: &str) -> Request {
    let amount = Money { amount_minor, currency: Currency::parse("USD").unwrap() };
    Request { order, step, amount, token: token.into() }
}

pub(crate) fn approved(answer: &Answer) -> bool {
    matches!(answer, Answer::Approved { .. })
}

pub(crate) fn declined(answer: &Answer) -> bool {
    matches!(answer, Answer::Declined { .. })
}

/// Every promise, each with orders of its own.
pub(crate) async fn suite(payments: &dyn Payments, tokens: &Tokens, orders: &mut Orders) {
    let mut case = || Case { payments, tokens, order: orders.next() };
    a_repeat_gets_the_first_answer(case()).await;
    a_decline_is_final(case()).await;
    a_key_with_another_amount_is_declined(case()).await;
    asking_tells_and_changes_nothing(case()).await;
    a_void_blocks_a_late_authorisation(case()).await;
    a_voided_order_is_not_captured(case()).await;
    a_captured_order_is_refunded_not_voided(case()).await;
    refunds_in_parts_are_steps_of_their_own(case()).await;
    nothing_is_taken_or_given_back_that_was_not_there(case()).await;
    orders_do_not_touch_each_other(case(), case()).await;
}

struct Case<'a> {
    payments: &'a dyn Payments,
    tokens: &'a Tokens,
    order: OrderId,
}

impl Case<'_> {
    async fn execute(&self, step: Step, amount_minor: i64) -> Answer {
        let token = if step == Step::Authorise { self.tokens.approve } else { "" };
        self.payments.execute(request(self.order, step, amount_minor, token)).await
    }

    async fn approves(&self, step: Step, amount_minor: i64) {
        let answer = self.execute(step, amount_minor).await;
        assert!(approved(&answer), "{step} of {amount_minor}: {answer:?}");
    }

    async fn declines(&self, step: Step, amount_minor: i64) {
        let answer = self.execute(step, amount_minor).await;
        assert!(declined(&answer), "{step} of {amount_minor}: {answer:?}");
    }

    async fn ask(&self, step: Step) -> Option<Answer> {
        self.payments.ask(self.order, step).await.unwrap()
    }
}

async fn a_repeat_gets_the_first_answer(case: Case<'_>) {
    for step in [Step::Authorise, Step::Capture, Step::Refund] {
        let first = case.execute(step, 500).await;
        assert!(approved(&first), "{step}: {first:?}");
        assert_eq!(case.execute(step, 500).await, first, "{step}");
    }
    case.approves(Step::Authorise, 500).await;
    case.approves(Step::Capture, 500).await;
}

async fn a_decline_is_final(case: Case<'_>) {
    let bad = request(case.order, Step::Authorise, 500, case.tokens.decline);
    let first = case.payments.execute(bad.clone()).await;
    assert!(declined(&first), "{first:?}");
    assert_eq!(case.payments.execute(bad).await, first);
    assert_eq!(case.ask(Step::Authorise).await, Some(first));
    case.declines(Step::Authorise, 500).await; // the same key with a good card
    case.declines(Step::Capture, 500).await;
}

async fn a_key_with_another_amount_is_declined(case: Case<'_>) {
    for step in [Step::Authorise, Step::Capture, Step::Refund] {
        let first = case.execute(step, 500).await;
        case.declines(step, 499).await;
        assert_eq!(case.execute(step, 500).await, first, "the first answer stands");
        assert_eq!(case.ask(step).await, Some(first));
    }
}

async fn asking_tells_and_changes_nothing(case: Case<'_>) {
    for step in Step::ALL {
        assert_eq!(case.ask(step).await, None, "{step} before anything happened");
    }
    let answer = case.execute(Step::Authorise, 500).await;
    assert_eq!(case.ask(Step::Authorise).await, Some(answer));
    assert_eq!(case.ask(Step::Capture).await, None);
    case.approves(Step::Capture, 500).await;
}

async fn a_void_blocks_a_late_authorisation(case: Case<'_>) {
    assert_eq!(case.execute(Step::Void, 500).await, Answer::NothingToVoid);
    case.declines(Step::Authorise, 500).await;
    case.declines(Step::Capture, 500).await;
    assert_eq!(case.execute(Step::Void, 500).await, Answer::NothingToVoid);
    assert_eq!(case.ask(Step::Void).await, Some(Answer::NothingToVoid));
}

async fn a_voided_order_is_not_captured(case: Case<'_>) {
    case.approves(Step::Authorise, 500).await;
    case.approves(Step::Void, 500).await;
    case.declines(Step::Capture, 500).await;
    case.declines(Step::Refund, 500).await;
}

async fn a_captured_order_is_refunded_not_voided(case: Case<'_>) {
    case.approves(Step::Authorise, 500).await;
    case.approves(Step::Capture, 400).await;
    case.declines(Step::Void, 400).await;
    case.approves(Step::Refund, 300).await;
    case.declines(Step::Void, 400).await;
}

async fn refunds_in_parts_are_steps_of_their_own(case: Case<'_>) {
    case.declines(Step::RefundPart(9), 100).await;
    case.approves(Step::Authorise, 500).await;
    case.approves(Step::Capture, 500).await;
    for number in [1, 2] {
        let step = Step::RefundPart(number);
        assert_eq!(case.ask(step).await, None, "{step} before anything happened");
        let first = case.execute(step, 200).await;
        assert!(approved(&first), "{step}: {first:?}");
        assert_eq!(case.execute(step, 200).await, first, "{step}");
        assert_eq!(case.ask(step).await, Some(first));
        case.declines(step, 100).await; // the same key with another amount
    }
    case.declines(Step::RefundPart(3), 101).await;
    case.declines(Step::Refund, 500).await;
    case.declines(Step::Void, 500).await;
    case.approves(Step::RefundPart(4), 100).await;
    case.declines(Step::RefundPart(5), 1).await;
}

async fn nothing_is_taken_or_given_back_that_was_not_there(case: Case<'_>) {
    case.declines(Step::Capture, 500).await;
    case.declines(Step::Refund, 500).await;
    case.approves(Step::Authorise, 500).await;
    case.declines(Step::Capture, 501).await;
}

async fn orders_do_not_touch_each_other(one: Case<'_>, other: Case<'_>) {
    one.approves(Step::Authorise, 500).await;
    assert_eq!(other.execute(Step::Void, 500).await, Answer::NothingToVoid);
    one.approves(Step::Capture, 500).await;
    assert_eq!(other.ask(Step::Capture).await, None);
}
