//! Who waits for an order: until it is placed, or until it is settled.
//!
//! Whoever waits longer is told first that the order is durable, with the baton that has the
//! command's permit: so a slow payment keeps nobody else from coming in. Invariant: a caller who
//! left is not kept longer than until the next one comes.

use super::{
    super::{
        Baton, Fault,
        baton::Answer,
        cart::Denied,
        shell::{Role, Turn},
    },
    Actor, Order, OrderAnswer,
};
use crate::domain::{OrderId, order::Refusal};

/// An order is durable.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    /// Which.
    pub order: OrderId,
    /// The command was accepted before, under the same key.
    pub replayed: bool,
}

/// Who checked out, and what they wait for.
#[derive(Debug)]
pub enum Caller {
    /// The order when it is placed.
    Placed(Baton<OrderAnswer>),
    /// The order when it is settled, and word of it, or of why there is none, before that.
    Settled {
        /// Answered as soon as the order is durable, or refused.
        placed: Baton<Result<Placed, Denied>>,
        /// Dropped when there will be no order.
        settled: Baton<OrderAnswer>,
    },
}

impl Caller {
    /// Whether the caller went away.
    pub fn is_dropped(&self) -> bool {
        match self {
            Caller::Placed(baton) => baton.is_dropped(),
            Caller::Settled { placed, .. } => placed.is_dropped(),
        }
    }

    /// Says at once why there is no order.
    pub fn fail(self, fault: Fault) {
        self.send(Err(fault));
    }

    /// The same once all that it rests on is durable.
    pub fn deny<R: Role>(self, why: Answer<Denied>, turn: &mut Turn<R>) {
        turn.when_durable(move || self.send(why));
    }

    fn send(self, why: Answer<Denied>) {
        match self {
            Caller::Placed(baton) => baton.send(why.map(Err)),
            Caller::Settled { placed, .. } => placed.send(why.map(Err)),
        }
    }
}

/// Callers who wait until the order is settled, and whether theirs is a repeat.
#[derive(Default)]
pub(super) struct Waiters(Vec<(Baton<OrderAnswer>, bool)>);

impl Waiters {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One more. Those who left are dropped before there is made room for others.
    fn add(&mut self, settled: Baton<OrderAnswer>, replayed: bool) {
        if self.0.len() == self.0.capacity() {
            self.0.retain(|(baton, _)| !baton.is_dropped());
        }
        self.0.push((settled, replayed));
    }
}

impl Actor {
    /// Tells a caller of the placed order, and of the settled one if the caller waits for that.
    pub(super) fn answer_caller(&mut self, caller: Caller, replayed: bool, turn: &mut Turn<Self>) {
        match caller {
            Caller::Placed(baton) => self.answer(baton, replayed, turn),
            Caller::Settled { .. } if turn.state().placement().is_none() => {
                caller.deny(Ok(Denied::Order(Refusal::UnknownOrder)), turn);
            }
            Caller::Settled { placed, settled } => {
                turn.answer(placed, Ok(Ok(Placed { order: self.id, replayed })));
                self.answer_settled(settled, replayed, turn);
            }
        }
    }

    /// Answers when the order is settled; at once if it is, or never was.
    pub(super) fn answer_settled(
        &mut self,
        baton: Baton<OrderAnswer>,
        replayed: bool,
        turn: &mut Turn<Self>,
    ) {
        if turn.state().settled() || turn.state().placement().is_none() {
            self.answer(baton, replayed, turn);
        } else {
            self.waiters.add(baton, replayed);
        }
    }

    pub(super) fn answer(&self, baton: Baton<OrderAnswer>, replayed: bool, turn: &mut Turn<Self>) {
        let order = self.order(turn, replayed);
        let known = turn.state().placement().is_some();
        let unknown = Denied::Order(Refusal::UnknownOrder);
        turn.answer(baton, Ok(if known { Ok(order) } else { Err(unknown) }));
    }

    pub(super) fn order(&self, turn: &Turn<Self>, replayed: bool) -> Order {
        Order { id: self.id, state: turn.state().clone(), replayed }
    }

    /// Answers everybody who waited for the order to settle.
    pub(super) fn answer_waiters(&mut self, turn: &mut Turn<Self>) {
        for (baton, replayed) in std::mem::take(&mut self.waiters).0 {
            self.answer(baton, replayed, turn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_who_left_make_room_for_others() {
        let mut waiters = Waiters::default();
        let (patient, _waits) = Baton::new();
        waiters.add(patient, false);
        for _ in 0..10_000 {
            let (left, waiting) = Baton::new();
            drop(waiting);
            waiters.add(left, true);
        }
        assert!(waiters.0.capacity() < 10, "{} of them", waiters.0.len());
        assert!(!waiters.0.first().unwrap().0.is_dropped(), "who waits is kept");
    }
}
