//! The order's side: it takes the stock over, then pays what it owes until nothing is owed.
//!
//! What an order owes is a function of its state; this role only sees to it that each obligation
//! is under way, once, and again when no answer came. So a restart needs no memory of what was
//! under way.

mod caller;
mod paying;
mod placing;

pub use caller::{Caller, Placed};

use self::{caller::Waiters, placing::Placing};
use super::{
    Baton, Fault, System, cart,
    gather::Gather,
    shell::{self, Role, Turn},
    sku::{self, ForOrder},
};
use crate::{
    domain::{
        By, Context, Machine as _, OrderId, Sku, Time,
        order::{Command, Obligation, Placement, State, Status, Step},
        sku::Refusal,
    },
    ports::payments,
};
use std::sync::Arc;
use tokio::sync::mpsc;

/// When the cart is told again to reopen.
const REOPEN_AGAIN_MS: u64 = 1_000;

/// An order as of some instant.
#[derive(Clone, Debug)]
pub struct Order {
    /// Which.
    pub id: OrderId,
    /// All of it.
    pub state: State,
    /// The command was accepted before, under the same key.
    pub replayed: bool,
}

/// What an order answers.
pub type OrderAnswer = Result<Order, cart::Denied>;

/// What an order hears.
pub enum Message {
    /// Its cart is checked out: come into being.
    Place { placement: Box<Placement>, caller: Option<Caller> },
    /// A SKU answered a take-over.
    TookOver { sku: Sku, result: Result<(), Refusal> },
    /// A SKU answered anything else.
    SkuAnswered { sku: Sku, wish: ForOrder, result: Result<(), Refusal> },
    /// The provider answered a step.
    Paid { step: Step, answer: payments::Answer },
    /// The provider was asked what became of a step.
    Asked { step: Step, answer: Result<Option<payments::Answer>, payments::Error> },
    /// The cart takes changes again.
    Reopened,
    /// The checkout that made it came again.
    Again(Caller),
    /// What is here? `settled` waits until the order is.
    Read { baton: Baton<OrderAnswer>, settled: bool },
    /// Tell this listener of each change.
    Follow(mpsc::UnboundedSender<Order>),
    /// Somebody at the door wants something of it.
    Command { command: Command, context: Context, baton: Baton<OrderAnswer> },
    /// Don't wait for the next retry.
    Retry(Baton<OrderAnswer>),
}

impl shell::Message for Message {
    fn fail(self, fault: Fault) {
        match self {
            Message::Place { caller: Some(caller), .. } | Message::Again(caller) => {
                caller.fail(fault);
            }
            Message::Read { baton, .. }
            | Message::Command { baton, .. }
            | Message::Retry(baton) => baton.send(Err(fault)),
            Message::Place { .. }
            | Message::TookOver { .. }
            | Message::SkuAnswered { .. }
            | Message::Paid { .. }
            | Message::Asked { .. }
            | Message::Reopened
            | Message::Follow(_) => {}
        }
    }

    fn is_abandoned(&self) -> bool {
        match self {
            Message::Again(caller) => caller.is_dropped(),
            Message::Read { baton, .. }
            | Message::Command { baton, .. }
            | Message::Retry(baton) => baton.is_dropped(),
            Message::Place { .. }
            | Message::TookOver { .. }
            | Message::SkuAnswered { .. }
            | Message::Paid { .. }
            | Message::Asked { .. }
            | Message::Reopened
            | Message::Follow(_) => false,
        }
    }

    fn begins(&self) -> bool {
        match self {
            Message::Place { .. }
            | Message::Again(_)
            | Message::Read { settled: true, .. }
            | Message::Follow(_)
            | Message::Command { .. }
            | Message::Retry(_) => true,
            Message::Read { settled: false, .. }
            | Message::TookOver { .. }
            | Message::SkuAnswered { .. }
            | Message::Paid { .. }
            | Message::Asked { .. }
            | Message::Reopened => false,
        }
    }
}

/// The actor of one order.
pub struct Actor {
    id: OrderId,
    system: Arc<System>,
    placing: Option<Placing>,
    gather: Option<Gather<ForOrder>>,
    /// The provider call that is under way; one at a time, so that its answers can't overtake
    /// each other.
    call: Option<(Obligation, Time)>,
    /// Calls in a row that got the money no further.
    tries: u32,
    /// What is asked of the provider again, and when.
    call_at: Option<(Obligation, Time)>,
    /// The same for the cart.
    reopen_at: Option<(Obligation, Time)>,
    waiters: Waiters,
    followers: Vec<mpsc::UnboundedSender<Order>>,
    shown: u64,
}

impl Role for Actor {
    type Machine = State;
    type Id = OrderId;
    type Message = Message;

    fn new(id: OrderId, system: Arc<System>, _: u64) -> Self {
        Actor {
            id,
            system,
            placing: None,
            gather: None,
            call: None,
            tries: 0,
            call_at: None,
            reopen_at: None,
            waiters: Waiters::default(),
            followers: vec![],
            shown: 0,
        }
    }

    fn receive(&mut self, message: Message, turn: &mut Turn<Self>) {
        match message {
            Message::Place { placement, caller } => self.place(placement, caller, turn),
            Message::TookOver { sku, result } => self.took_over(&sku, result, turn),
            Message::SkuAnswered { sku, wish, result } => {
                self.sku_answered(&sku, wish, result, turn);
            }
            Message::Paid { step, answer } => self.paid(step, answer, turn),
            Message::Asked { step, answer } => self.asked(step, answer, turn),
            Message::Reopened => turn.record(&Command::RecordReopened, By::Order(self.id)),
            Message::Again(caller) => self.answer_caller(caller, true, turn),
            Message::Read { baton, settled: true } => self.answer_settled(baton, false, turn),
            Message::Read { baton, settled: false } => self.answer(baton, false, turn),
            Message::Follow(follower) => {
                self.show(&follower, turn);
                self.followers.push(follower);
            }
            Message::Command { command, context, baton } => {
                match turn.decide_once(&command, context) {
                    Ok(accepted) => self.answer(baton, accepted == shell::Accepted::Before, turn),
                    Err(shell::Refused::Rule(refusal)) => {
                        turn.answer(baton, Ok(Err(cart::Denied::Order(refusal))));
                    }
                    Err(shell::Refused::Fault(fault)) => turn.answer(baton, Err(fault)),
                }
            }
            Message::Retry(baton) => {
                (self.tries, self.call_at) = (0, None);
                self.answer(baton, false, turn);
            }
        }
    }

    fn settle(&mut self, turn: &mut Turn<Self>) {
        self.settle_placing(turn);
        let owed = turn.state().obligations();
        self.drop_unowed(&owed, turn.now());
        for obligation in owed {
            match obligation {
                Obligation::Pay(_) | Obligation::Ask(_) => self.call(obligation, turn),
                Obligation::Commit => self.ask_skus(ForOrder::Commit, turn),
                Obligation::HandBack => self.ask_skus(ForOrder::HandBack, turn),
                Obligation::Return => self.ask_skus(ForOrder::Return, turn),
                Obligation::Forget => self.ask_skus(ForOrder::Forget, turn),
                Obligation::TakeBack(number) => self.ask_to_take_back(number, turn),
                Obligation::ForgetReturn(number) => {
                    self.ask_skus(ForOrder::ForgetReturn { number }, turn);
                }
                Obligation::Reopen => self.reopen_cart(turn),
            }
        }
        self.show_changes(turn);
    }

    fn retry_at(&self) -> Option<Time> {
        let placing = self.placing.as_ref().map(Placing::ask_at);
        let gather = self.gather.as_ref().map(Gather::ask_at);
        let lost = self.call.map(|(_, since)| since.plus_ms(paying::CALL_LOST_AFTER_MS));
        let again = [self.call_at, self.reopen_at].map(|again| again.map(|(_, at)| at));
        [placing, gather, lost].into_iter().chain(again).flatten().min()
    }

    fn may_rest(&self, state: &State) -> bool {
        let quiet =
            self.waiters.is_empty() && self.followers.iter().all(mpsc::UnboundedSender::is_closed);
        let done = state.placement().is_none() || state.status() != Status::Placed;
        quiet && done && self.placing.is_none() && state.obligations().is_empty()
    }
}

impl Actor {
    /// A time to ask again goes with what it was for: left behind, it would be due for ever. A call
    /// is waited for whether or not it is owed still, until it is lost.
    fn drop_unowed(&mut self, owed: &[Obligation], now: Time) {
        let gone = |what: Obligation| !owed.contains(&what);
        self.gather.take_if(|gather| gone(gather.what.into()));
        self.call_at.take_if(|(what, _)| gone(*what));
        self.reopen_at.take_if(|(what, _)| gone(*what));
        self.call.take_if(|(_, since)| paying::is_lost(*since, now));
    }

    /// Asks every SKU that the wish is about, once, and those that don't answer again.
    fn ask_skus(&mut self, wish: ForOrder, turn: &mut Turn<Self>) {
        let units = turn.state().units_of(wish.into());
        let skus = match &mut self.gather {
            Some(gather) if gather.what == wish => gather.overdue(turn.now()),
            _ => {
                let skus: Vec<Sku> = units.iter().map(|(sku, _)| sku.clone()).collect();
                self.gather = Some(Gather::new(wish, skus.clone(), turn.now()));
                skus
            }
        };
        for (sku, units) in units.into_iter().filter(|(sku, _)| skus.contains(sku)) {
            let order = self.id;
            turn.tell::<sku::Actor>(sku, sku::Message::ForOrder { order, units, wish });
        }
    }

    fn sku_answered(
        &mut self,
        sku: &Sku,
        wish: ForOrder,
        result: Result<(), Refusal>,
        turn: &mut Turn<Self>,
    ) {
        if self.undone(sku, wish, turn) {
            return;
        }
        let Some(gather) = self.gather.as_mut().filter(|gather| gather.what == wish) else {
            return; // a late repeat
        };
        gather.answered(sku, result);
        if !gather.complete() {
            return;
        }
        let lost = gather.refused().first().map(|(sku, _)| sku.clone());
        self.gather = None;
        let command = match (wish, lost) {
            (ForOrder::Commit, Some(sku)) => Command::RecordStockLost { sku },
            (ForOrder::Commit, None) => Command::RecordCommitted,
            (ForOrder::HandBack | ForOrder::Return, _) => Command::RecordReturned,
            (ForOrder::Forget, _) => Command::RecordForgotten,
            (ForOrder::TakeBack { number, .. }, _) => Command::RecordStocked { number },
            (ForOrder::ForgetReturn { number }, _) => Command::RecordReturnForgotten { number },
        };
        turn.record(&command, By::Order(self.id));
    }

    fn ask_to_take_back(&mut self, number: u32, turn: &mut Turn<Self>) {
        let restock = turn.state().return_of(number).is_some_and(|back| back.restock);
        self.ask_skus(ForOrder::TakeBack { number, restock }, turn);
    }

    fn reopen_cart(&mut self, turn: &mut Turn<Self>) {
        let (Some(placement), Some(lapsed)) = (turn.state().placement(), turn.state().reopen())
        else {
            return;
        };
        let (cart, lapsed, order) = (placement.cart, lapsed.clone(), self.id);
        if self.reopen_at.is_some_and(|(_, at)| turn.now() < at) {
            return;
        }
        self.reopen_at = Some((Obligation::Reopen, turn.now().plus_ms(REOPEN_AGAIN_MS)));
        turn.tell::<cart::Actor>(cart, cart::Message::Reopen { order, lapsed });
    }

    fn show(&self, follower: &mpsc::UnboundedSender<Order>, turn: &mut Turn<Self>) {
        let (order, follower) = (self.order(turn, false), follower.clone());
        turn.when_durable(move || drop(follower.send(order)));
    }

    fn show_changes(&mut self, turn: &mut Turn<Self>) {
        if turn.state().settled() {
            self.answer_waiters(turn);
        }
        if self.shown != turn.sequence() {
            self.shown = turn.sequence();
            self.followers.retain(|follower| !follower.is_closed());
            for follower in &self.followers {
                self.show(follower, turn);
            }
        }
    }
}

impl From<ForOrder> for Obligation {
    fn from(wish: ForOrder) -> Obligation {
        match wish {
            ForOrder::Commit => Obligation::Commit,
            ForOrder::HandBack => Obligation::HandBack,
            ForOrder::Return => Obligation::Return,
            ForOrder::Forget => Obligation::Forget,
            ForOrder::TakeBack { number, .. } => Obligation::TakeBack(number),
            ForOrder::ForgetReturn { number } => Obligation::ForgetReturn(number),
        }
    }
}
