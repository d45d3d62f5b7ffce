//! Calls the payment provider for orders, so many at a time, and tells each order the answer.
//!
//! A slow provider holds no entity and no reservation slot: only this queue grows.

use super::{System, order};
use crate::{
    domain::{Money, OrderId, Sealed, order::Step},
    ports::payments::{Answer, Request},
};
use ractor::{ActorProcessingErr, ActorRef};
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// Calls under way at once.
const MOST_CALLS: usize = 1_024;

/// A call without an answer by then counts as unknown.
const DEADLINE: Duration = Duration::from_secs(30);

/// What the cashier hears.
pub enum Message {
    /// Do this step.
    Pay { order: OrderId, step: Step, amount: Money, token: Option<Sealed> },
    /// Ask what became of a step.
    Ask { order: OrderId, step: Step },
    /// A call has ended.
    Done,
}

/// The one cashier.
pub struct Cashier;

/// What it holds.
pub struct Desk {
    system: Arc<System>,
    under_way: usize,
    queue: VecDeque<Message>,
}

impl ractor::Actor for Cashier {
    type Msg = Message;
    type State = Desk;
    type Arguments = Arc<System>;

    async fn pre_start(
        &self,
        _: ActorRef<Message>,
        system: Arc<System>,
    ) -> Result<Desk, ActorProcessingErr> {
        Ok(Desk { system, under_way: 0, queue: VecDeque::new() })
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        desk: &mut Desk,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Done => desk.under_way = desk.under_way.saturating_sub(1),
            call => desk.queue.push_back(call),
        }
        while desk.under_way < MOST_CALLS {
            let Some(call) = desk.queue.pop_front() else { break };
            desk.under_way += 1;
            let (system, myself) = (desk.system.clone(), myself.clone());
            tokio::spawn(async move {
                carry_out(&system, call).await;
                let _ = myself.send_message(Message::Done);
            });
        }
        Ok(())
    }
}

async fn carry_out(system: &Arc<System>, call: Message) {
    let (order, message) = match call {
        Message::Pay { order, step, amount, token } => {
            let answer = match open_token(system, token.as_ref()) {
                Ok(token) => {
                    let request = Request { order, step, amount, token };
                    let call = system.payments.execute(request);
                    tokio::time::timeout(DEADLINE, call).await.unwrap_or(Answer::Unknown)
                }
                Err(reason) => Answer::Declined { reason },
            };
            metrics::counter!("doorbuster_payment_answers_total", "step" => step.name(),
                "answer" => answer_name(&answer))
            .increment(1);
            (order, order::Message::Paid { step, answer })
        }
        Message::Ask { order, step } => {
            let asked = tokio::time::timeout(DEADLINE, system.payments.ask(order, step)).await;
            let answer = asked.unwrap_or(Err(crate::ports::payments::Error::Unavailable));
            (order, order::Message::Asked { step, answer })
        }
        Message::Done => return,
    };
    system.tell::<order::Actor>(order, message);
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
        Answer::Declined { .. } => "declined",
        Answer::Unavailable => "unavailable",
        Answer::Unknown => "unknown",
    }
}
