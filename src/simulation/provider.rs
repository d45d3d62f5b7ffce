//! The payment provider and the line to it: it does what it is told, once per key, and trusts its
//! caller; the line drops, delays, doubles and loses.
//!
//! It holds no rule against a second capture under another key or a refund beyond what was taken:
//! what the shop does wrong shall show in its books.

use super::{
    model::Account,
    stage::{Record, Stage},
};
use crate::{
    domain::{OrderId, order::Step},
    ports::{
        clock::pause,
        payments::{Answer, Error, Payments, Request, key},
    },
};
use futures_util::future::{BoxFuture, FutureExt as _};
use std::{future::pending, sync::Arc, time::Duration};

/// The provider as a process sees it.
pub(super) struct Provider(pub(super) Arc<Stage>);

/// What becomes of one call.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Fine,
    Unreached,
    Lost,
    Late { ms: u64 },
    Twice,
    Slow { ms: u64 },
    Never,
}

impl Provider {
    fn fate(&self) -> Fate {
        let stage = &self.0;
        let mut dice = stage.weather();
        if stage.is_calm() || !dice.chance(stage.plan.call_faults) {
            return Fate::Fine;
        }
        let ms = if dice.chance(800) { dice.below(3_000) } else { dice.below(60_000) };
        match dice.below(6) {
            0 => Fate::Unreached,
            1 => Fate::Lost,
            2 => Fate::Late { ms },
            3 => Fate::Twice,
            4 => Fate::Slow { ms },
            _ => Fate::Never,
        }
    }

    /// Some cards take their time, in any weather.
    fn card_ms(request: &Request) -> u64 {
        match request.token.as_str() {
            "tok_slow" => 2_000,
            "tok_late" => 50_000,
            _ => 0,
        }
    }
}

/// The call has arrived.
pub(super) fn act(stage: &Stage, request: &Request) -> Answer {
    let mut record = stage.record();
    let Record { model, trace, .. } = &mut *record;
    model.catch_up(trace);
    model.called(request);
    let account = model.accounts.entry(request.order).or_default();
    let key = request.key();
    if let Some(answer) = account.answers.get(&key) {
        return answer.clone();
    }
    let answer = decide(account, request);
    account.answers.insert(key, answer.clone());
    trace.note(stage.clock.ms(), format_args!("provider: {request:?} is {answer:?}"));
    model.moved(request.order);
    answer
}

fn decide(account: &mut Account, request: &Request) -> Answer {
    let amount = request.amount.amount_minor;
    let declined = |reason: &str| Answer::Declined { reason: reason.to_owned() };
    match request.step {
        Step::Authorise => {
            account.token.clone_from(&request.token);
            if account.voided || request.token == "tok_decline" {
                return declined("declined");
            }
            account.authorised = Some(amount);
        }
        Step::Capture if account.voided || account.authorised.is_none() => {
            return declined("nothing is set aside");
        }
        Step::Capture if account.token == "tok_capture_fails" => return declined("not any more"),
        Step::Capture => account.captured.push(amount),
        Step::Void if !account.captured.is_empty() => return declined("it is captured"),
        Step::Void => {
            account.voided = true;
            if account.authorised.is_none() {
                return Answer::NothingToVoid;
            }
        }
        Step::Refund | Step::RefundPart(_) if account.captured.is_empty() => {
            return declined("nothing was taken");
        }
        Step::Refund | Step::RefundPart(_) => account.refunded.push(amount),
    }
    Answer::Approved { reference: request.key() }
}

impl Payments for Provider {
    fn execute(&self, request: Request) -> BoxFuture<'_, Answer> {
        let (fate, stage) = (self.fate(), self.0.clone());
        let card_ms = Provider::card_ms(&request);
        async move {
            if stage.is_dead() {
                return pending().await;
            }
            if card_ms > 0 {
                pause(Duration::from_millis(card_ms)).await;
            }
            match fate {
                Fate::Fine => act(&stage, &request),
                Fate::Unreached => Answer::Unavailable,
                Fate::Lost => {
                    act(&stage, &request);
                    Answer::Unknown
                }
                Fate::Late { ms } => {
                    stage.put_off(request, ms);
                    Answer::Unknown
                }
                Fate::Twice => {
                    act(&stage, &request);
                    act(&stage, &request)
                }
                Fate::Slow { ms } => {
                    pause(Duration::from_millis(ms)).await;
                    act(&stage, &request)
                }
                Fate::Never => pending().await,
            }
        }
        .boxed()
    }

    fn ask(&self, order: OrderId, step: Step) -> BoxFuture<'_, Result<Option<Answer>, Error>> {
        let (fate, stage) = (self.fate(), self.0.clone());
        async move {
            match fate {
                Fate::Fine | Fate::Twice => {}
                Fate::Unreached | Fate::Lost => return Err(Error::Unavailable),
                Fate::Late { ms } | Fate::Slow { ms } => pause(Duration::from_millis(ms)).await,
                Fate::Never => pending::<()>().await,
            }
            let record = stage.record();
            let account = record.model.accounts.get(&order);
            Ok(account.and_then(|account| account.answers.get(&key(order, step)).cloned()))
        }
        .boxed()
    }
}
