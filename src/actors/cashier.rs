//! Calls the payment provider for orders, so many at a time, and tells each order the answer.
//!
//! A slow provider holds no entity and no reservation slot: only this queue grows. A provider that
//! answers at once costs no task.

use super::{System, order};
use crate::{
    domain::{Money, OrderId, Sealed, order::Step},
    ports::payments::{Answer, Error, Request},
};
use futures_util::FutureExt as _;
use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// Calls under way at once.
const MOST_CALLS: usize = 1_024;

/// A call without an answer by then counts as unknown.
const DEADLINE: Duration = Duration::from_secs(30);

/// What an order wants of the provider.
#[derive(Debug)]
pub enum Call {
    /// Do this step.
    Pay { order: OrderId, step: Step, amount: Money, token: Option<Sealed> },
    /// Say what became of a step.
    Ask { order: OrderId, step: Step },
}

#[derive(Default)]
struct Desk {
    under_way: usize,
    queue: VecDeque<Call>,
}

/// The one cashier.
#[derive(Default)]
pub struct Cashier(Mutex<Desk>);

impl Cashier {
    /// Carries a call out now, or when one of those under way has ended.
    pub fn take(&self, system: &Arc<System>, call: Call) {
        let mut desk = self.lock();
        if desk.under_way >= MOST_CALLS {
            desk.queue.push_back(call);
            return;
        }
        desk.under_way += 1;
        drop(desk);
        begin(system.clone(), call);
    }

    /// Calls that wait for their turn.
    pub fn queued(&self) -> usize {
        self.lock().queue.len()
    }

    /// The next call, in place of one that has ended.
    fn next(&self) -> Option<Call> {
        let mut desk = self.lock();
        let next = desk.queue.pop_front();
        if next.is_none() {
            desk.under_way = desk.under_way.saturating_sub(1);
        }
        next
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn begin(system: Arc<System>, call: Call) {
    let runtime = system.runtime.clone();
    let mut work: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
        let mut call = Some(call);
        while let Some(this) = call {
            // A provider that panics has given no answer; the order asks again.
            let carried = std::panic::AssertUnwindSafe(carry_out(&system, this)).catch_unwind();
            if carried.await.is_err() {
                tracing::error!("a payment provider panicked");
            }
            call = system.cashier.next();
        }
    });
    let _inside = runtime.enter();
    if work.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Pending {
        runtime.spawn(work);
    }
}

async fn carry_out(system: &Arc<System>, call: Call) {
    let (order, message) = match call {
        Call::Pay { order, step, amount, token } => {
            let answer = match open_token(system, token.as_ref()) {
                Ok(token) => {
                    let call = system.payments.execute(Request { order, step, amount, token });
                    within_deadline(call).await.unwrap_or(Answer::Unknown)
                }
                Err(reason) => Answer::Declined { reason },
            };
            let name = answer_name(&answer);
            metrics::counter!("doorbuster_payment_answers_total", "step" => step.name(), "answer" => name)
                .increment(1);
            (order, order::Message::Paid { step, answer })
        }
        Call::Ask { order, step } => {
            let answer = within_deadline(system.payments.ask(order, step)).await;
            (
                order,
                order::Message::Asked { step, answer: answer.unwrap_or(Err(Error::Unavailable)) },
            )
        }
    };
    system.tell::<order::Actor>(order, message);
}

/// `None` when no answer came in time. A call that answers at once sets no timer.
async fn within_deadline<T>(mut call: impl Future<Output = T> + Unpin) -> Option<T> {
    if let Some(answer) = (&mut call).now_or_never() {
        return Some(answer);
    }
    tokio::time::timeout(DEADLINE, call).await.ok()
}

/// The payment token in the clear; a buyer who was erased can't be charged.
fn open_token(system: &System, token: Option<&Sealed>) -> Result<String, String> {
    let Some(token) = token else { return Ok(String::new()) };
    let opened = system.keyring.unseal(token).map_err(|error| error.to_string())?;
    String::from_utf8(opened).map_err(|_| "the payment token is no text".to_owned())
}

fn answer_name(answer: &Answer) -> &'static str {
    match answer {
        Answer::Approved { .. } => "approved",
        Answer::NothingToVoid => "nothing-to-void",
        Answer::Declined { .. } => "declined",
        Answer::Unavailable => "unavailable",
        Answer::Unknown => "unknown",
    }
}
