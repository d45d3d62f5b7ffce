//! How an order comes into being: every SKU hands its units over, or none does.
//!
//! An order that is refused by one SKU gives back what it took and never was: no event, no entry
//! in any list. The cart's `CheckedOut` is what makes a restart try again.

use super::{
    super::{cart, gather::Gather, sku},
    Actor, Caller,
};
use crate::{
    actors::{shell::Turn, sku::ForOrder},
    domain::{
        By, Sku, Time,
        order::{Command, Placement},
        sku::{Refusal, TakeOver},
    },
};

/// An order that is coming into being.
pub(super) struct Placing {
    placement: Box<Placement>,
    caller: Option<Caller>,
    asked: Gather<()>,
    /// Who gives back what was taken, after a refusal.
    undo: Option<Gather<()>>,
}

impl Placing {
    pub(super) fn ask_at(&self) -> Time {
        self.undo.as_ref().unwrap_or(&self.asked).ask_at()
    }

    fn take_over(&self, order: crate::domain::OrderId, sku: &Sku) -> Option<TakeOver> {
        let item = self.placement.items.iter().find(|item| item.sku == *sku)?;
        let Placement { cart, email, until, .. } = *self.placement;
        Some(TakeOver { cart, order, units: item.units, email, until })
    }
}

impl Actor {
    pub(super) fn place(
        &mut self,
        placement: Box<Placement>,
        caller: Option<Caller>,
        turn: &mut Turn<Self>,
    ) {
        if let Some(placed) = turn.state().placement() {
            let cart = placed.cart;
            let order = self.id;
            turn.tell::<cart::Actor>(cart, cart::Message::Placed { order });
            if let Some(caller) = caller {
                self.answer_caller(caller, true, turn);
            }
            return;
        }
        if let Some(placing) = &mut self.placing {
            placing.caller = caller.or(placing.caller.take());
            return;
        }
        let skus: Vec<Sku> = placement.items.iter().map(|item| item.sku.clone()).collect();
        let asked = Gather::new((), skus.clone(), turn.now());
        let placing = Placing { placement, caller, asked, undo: None };
        for sku in &skus {
            if let Some(wish) = placing.take_over(self.id, sku) {
                turn.tell::<sku::Actor>(sku.clone(), sku::Message::TakeOver(wish));
            }
        }
        self.placing = Some(placing);
    }

    pub(super) fn took_over(
        &mut self,
        sku: &Sku,
        result: Result<(), Refusal>,
        turn: &mut Turn<Self>,
    ) {
        let Some(placing) = &mut self.placing else { return };
        if !placing.asked.answered(sku, result) || !placing.asked.complete() {
            return;
        }
        if placing.asked.refused().is_empty() {
            self.come_into_being(turn);
            return;
        }
        let refused = placing.asked.refused();
        let taken = placing.placement.items.iter().map(|item| &item.sku);
        let taken = taken.filter(|sku| refused.iter().all(|(other, _)| other != *sku));
        let taken: Vec<Sku> = taken.cloned().collect();
        placing.undo = Some(Gather::new((), taken.clone(), turn.now()));
        for sku in taken {
            self.hand_back(sku, turn);
        }
        self.give_up_when_undone(turn);
    }

    fn come_into_being(&mut self, turn: &mut Turn<Self>) {
        let Some(Placing { placement, caller, .. }) = self.placing.take() else { return };
        let (cart, order) = (placement.cart, self.id);
        turn.record(&Command::Place(placement), By::Cart(cart));
        turn.tell::<cart::Actor>(cart, cart::Message::Placed { order });
        if let Some(caller) = caller {
            self.answer_caller(caller, false, turn);
        }
    }

    fn hand_back(&self, sku: Sku, turn: &mut Turn<Self>) {
        let (order, wish) = (self.id, ForOrder::HandBack);
        turn.tell::<sku::Actor>(sku, sku::Message::ForOrder { order, units: 0, wish });
    }

    /// Takes note of a hand-back that belongs to a refused placing.
    pub(super) fn undone(&mut self, sku: &Sku, wish: ForOrder, turn: &mut Turn<Self>) -> bool {
        let undo = self.placing.as_mut().and_then(|placing| placing.undo.as_mut());
        let Some(undo) = undo.filter(|_| wish == ForOrder::HandBack) else { return false };
        undo.answered(sku, Ok(()));
        self.give_up_when_undone(turn);
        true
    }

    fn give_up_when_undone(&mut self, turn: &mut Turn<Self>) {
        let undone = |placing: &mut Placing| placing.undo.as_ref().is_some_and(Gather::complete);
        let Some(placing) = self.placing.take_if(undone) else { return };
        let refused = placing.asked.refused();
        let Some((_, refusal)) = refused.first().cloned() else { return };
        let lapsed = refused.iter().filter(|(_, why)| *why == Refusal::ReservationLapsed);
        let lapsed = lapsed.map(|(sku, _)| sku.clone()).collect();
        let (order, cart, caller) = (self.id, placing.placement.cart, placing.caller);
        turn.tell::<cart::Actor>(cart, cart::Message::Refused { order, lapsed, refusal, caller });
    }

    /// Asks again whoever has not answered.
    pub(super) fn settle_placing(&mut self, turn: &mut Turn<Self>) {
        let now = turn.now();
        let Some(placing) = &mut self.placing else { return };
        // A SKU may be shut out for long: whoever left meanwhile keeps no permit.
        placing.caller.take_if(|caller| caller.is_dropped());
        match &mut placing.undo {
            Some(undo) => {
                for sku in undo.overdue(now) {
                    self.hand_back(sku, turn);
                }
            }
            None => {
                for sku in placing.asked.overdue(now) {
                    if let Some(wish) = placing.take_over(self.id, &sku) {
                        turn.tell::<sku::Actor>(sku, sku::Message::TakeOver(wish));
                    }
                }
            }
        }
    }
}
