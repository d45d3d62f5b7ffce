//! The cart's side: it asks the SKU, records the answer, and tells its order to place itself.
//!
//! The baton of an add travels door, cart, SKU, cart, committer, door. A checkout waits here
//! until the cart's own requests are answered, so that no unit is on its way while it is taken
//! over.

mod message;

pub use message::{Cart, CartAnswer, Claimed, Denied, Message};

use super::{
    Baton, Fault, System,
    baton::Answer,
    order::{self, Caller},
    shell::{Refused, Role, Turn},
    sku,
    system::Knows,
};
use crate::domain::{
    By, CartId, CommandId, Context, Sku, Time,
    cart::{Checkout, Command, Line, MAX_LINES, Phase, Refusal, State},
    order::{Item, Placement},
    sku::{self as stock, Buyer, Change, Reserve, Sequence},
};
use std::sync::Arc;

/// A request that was not answered for so long never will be: the SKU's actor died with it.
const LOST_AFTER_MS: u64 = 5_000;

/// When the order is told again to place itself, and how much later each time.
const PLACE_AGAIN_MS: u64 = 500;

/// A request to a SKU that is not answered yet.
struct Asked {
    sequence: Sequence,
    command: CommandId,
    keyed: bool,
    at: Time,
}

struct Waiting {
    checkout: Box<Checkout>,
    context: Context,
    caller: Caller,
}

/// What a cart that nobody has heard of yet asks a SKU for, as its first incarnation: its actor is
/// another, for which what this one was given counts as recorded.
pub fn first_wish(system: &System, cart: CartId, change: Change) -> Reserve {
    let carts = <System as Knows<Actor>>::directory(system);
    Reserve {
        cart,
        buyer: Buyer(cart.0.as_u128()),
        change,
        sequence: Sequence(system.epoch, carts.next_incarnation(), 1),
        recorded_units: 0,
        currency: None,
        until: system.now().plus_ms(system.settings.reservation_ttl_ms),
    }
}

/// The actor of one cart.
pub struct Actor {
    id: CartId,
    system: Arc<System>,
    next: Sequence,
    asked: Vec<Asked>,
    checkouts: Vec<Waiting>,
    /// Whoever waits for the order that is to be placed.
    caller: Option<Caller>,
    /// How often the order was told to place itself, and when to tell it again.
    told: u32,
    tell_at: Option<Time>,
    resting: bool,
}

impl Role for Actor {
    type Machine = State;
    type Id = CartId;
    type Message = Message;
    // A cart that is abandoned a little late is no worse for it, and a million of them sleep.
    const PUNCTUAL: bool = false;

    fn new(id: CartId, system: Arc<System>, incarnation: u64) -> Self {
        let next = Sequence(system.epoch, incarnation, 0);
        Actor {
            id,
            system,
            next,
            asked: vec![],
            checkouts: vec![],
            caller: None,
            told: 0,
            tell_at: None,
            resting: false,
        }
    }

    fn receive(&mut self, message: Message, turn: &mut Turn<Self>) {
        self.resting = false;
        match message {
            Message::Read(baton) => {
                let cart = self.cart(turn, false);
                turn.answer(baton, Ok(Ok(cart)));
            }
            Message::Change { sku, change, context, baton } => {
                self.change(sku, change, context, baton, turn);
            }
            Message::Reserved { sku, sequence, context, result, baton } => {
                self.asked.retain(|asked| asked.sequence != sequence);
                let answer = self.record(sku, context, result, turn);
                turn.answer(baton, answer);
            }
            Message::Missed { sequence } => {
                self.asked.retain(|asked| asked.sequence != sequence);
            }
            Message::CheckOut { checkout, context, caller } => {
                self.checkouts.push(Waiting { checkout, context, caller });
            }
            Message::Placed { order } => {
                turn.record(&Command::RecordPlaced { order }, By::Order(order));
            }
            Message::Refused { order, lapsed, refusal, caller } => {
                turn.record(&Command::Refuse { order, lapsed }, By::Order(order));
                if let Some(caller) = caller {
                    caller.deny(Ok(Denied::Sku(refusal)), turn);
                }
            }
            Message::Reopen { order, lapsed } => {
                turn.record(&Command::Reopen { order, lapsed }, By::Order(order));
                turn.tell::<order::Actor>(order, order::Message::Reopened);
            }
        }
        self.check_out_waiting(turn);
    }

    fn nudged(&mut self, rest: bool, turn: &mut Turn<Self>) {
        self.resting = rest;
        self.forget_lost(turn);
        self.check_out_waiting(turn);
    }

    fn settle(&mut self, turn: &mut Turn<Self>) {
        let Phase::CheckedOut { order, checkout } = turn.state().phase() else {
            self.tell_at = None;
            self.told = 0;
            return;
        };
        if self.tell_at.is_some_and(|at| turn.now() < at) {
            return;
        }
        let order = *order;
        let placement = self.placement(turn.state(), checkout);
        let newborn = self.told == 0 && self.caller.is_some();
        self.told = self.told.saturating_add(1);
        self.tell_at = Some(turn.now().plus_ms(PLACE_AGAIN_MS << self.told.min(6)));
        let caller = self.caller.take();
        if let Some(placement) = placement {
            let message = order::Message::Place { placement: Box::new(placement), caller };
            if newborn {
                turn.tell_newborn::<order::Actor>(order, message);
            } else {
                turn.tell::<order::Actor>(order, message);
            }
        }
    }

    fn retry_at(&self) -> Option<Time> {
        let lost = self.asked.first().map(|asked| asked.at.plus_ms(LOST_AFTER_MS));
        let lost = lost.filter(|_| !self.checkouts.is_empty());
        [lost, self.tell_at].into_iter().flatten().min()
    }

    fn may_rest(&self, state: &State) -> bool {
        let done = matches!(state.phase(), Phase::Ordered { .. }) || self.resting;
        done && self.asked.is_empty() && self.checkouts.is_empty() && self.tell_at.is_none()
    }
}

impl Actor {
    fn cart(&self, turn: &Turn<Self>, replayed: bool) -> Cart {
        let state = turn.state();
        Cart {
            id: self.id,
            lines: state.lines().clone(),
            total: state.total(),
            order: state.phase().order(),
            now: turn.now(),
            replayed,
        }
    }

    fn change(
        &mut self,
        sku: Sku,
        change: Change,
        context: Context,
        baton: Baton<CartAnswer>,
        turn: &mut Turn<Self>,
    ) {
        if let Some(answer) = self.answer_at_once(&sku, &context, turn) {
            turn.answer(baton, answer);
            return;
        }
        self.next.2 = self.next.2.saturating_add(1);
        let keyed = context.fingerprint.is_some();
        let (sequence, command, at) = (self.next, context.command, turn.now());
        self.asked.push(Asked { sequence, command, keyed, at });
        let others = turn.state().lines().iter().find(|(other, _)| **other != sku);
        let wish = Reserve {
            cart: self.id,
            buyer: Buyer(self.id.0.as_u128()),
            change,
            sequence,
            recorded_units: turn.state().units_of(&sku, at),
            currency: others.map(|(_, line)| line.price.currency),
            until: at.plus_ms(self.system.settings.reservation_ttl_ms),
        };
        turn.tell::<sku::Actor>(sku, sku::Message::Reserve { wish, context, baton });
    }

    /// What can be said without asking the SKU.
    fn answer_at_once(
        &self,
        sku: &Sku,
        context: &Context,
        turn: &Turn<Self>,
    ) -> Option<Answer<CartAnswer>> {
        use crate::journal::entity::Seen;
        let seen = turn.seen(context);
        let in_flight =
            self.asked.iter().any(|asked| asked.keyed && asked.command == context.command);
        let state = turn.state();
        let full = state.lines().len() >= MAX_LINES && !state.lines().contains_key(sku);
        match (seen, in_flight, state.phase().order()) {
            (Seen::Same, _, _) => Some(Ok(Ok(self.cart(turn, true)))),
            (Seen::Other, _, _) => Some(Err(Fault::KeyMismatch)),
            (Seen::No, true, _) => Some(Err(Fault::InProgress)),
            (Seen::No, false, Some(order)) => {
                Some(Ok(Err(Denied::Cart(Refusal::CartClosed, Some(order)))))
            }
            (Seen::No, false, None) if full => {
                Some(Ok(Err(Denied::Cart(Refusal::OutOfRange, None))))
            }
            (Seen::No, false, None) => None,
        }
    }

    /// Records what the SKU answered; what can't be recorded is given back.
    fn record(
        &self,
        sku: Sku,
        context: Context,
        result: Result<Option<Claimed>, stock::Refusal>,
        turn: &mut Turn<Self>,
    ) -> Answer<CartAnswer> {
        let claimed = match result {
            Ok(claimed) => claimed,
            Err(refusal) => return Ok(Err(Denied::Sku(refusal))),
        };
        let line = claimed.map(|claimed| Line {
            units: claimed.units,
            until: claimed.until,
            price: claimed.price,
            title: claimed.title,
        });
        let idle_until = turn.now().plus_ms(self.system.settings.abandon_after_ms);
        let command = Command::RecordLine { sku: sku.clone(), line, idle_until };
        match turn.decide(&command, context) {
            Ok(()) => Ok(Ok(self.cart(turn, false))),
            Err(refused) => {
                let open = *turn.state().phase() == Phase::Open;
                let keep_units = if open { turn.state().units_of(&sku, turn.now()) } else { 0 };
                let release = sku::Message::Release { cart: self.id, keep_units };
                turn.tell::<sku::Actor>(sku, release);
                match refused {
                    Refused::Rule(refusal) => {
                        Ok(Err(Denied::Cart(refusal, turn.state().phase().order())))
                    }
                    Refused::Fault(fault) => Err(fault),
                }
            }
        }
    }

    /// Begins the checkouts that waited for the cart's own requests.
    fn check_out_waiting(&mut self, turn: &mut Turn<Self>) {
        if self.asked.is_empty() {
            for waiting in std::mem::take(&mut self.checkouts) {
                self.check_out(waiting, turn);
            }
        }
    }

    fn check_out(&mut self, waiting: Waiting, turn: &mut Turn<Self>) {
        let Waiting { checkout, context, caller } = waiting;
        if caller.is_dropped() {
            turn.count_shed();
            return;
        }
        let phase = turn.state().phase();
        let pending = matches!(phase, Phase::CheckedOut { .. }).then(|| phase.order()).flatten();
        match turn.state().order_of(context.command, context.fingerprint) {
            Ok(Some(order)) if pending == Some(order) => {
                caller.deny(Err(Fault::InProgress), turn);
                return;
            }
            Ok(Some(order)) => {
                turn.tell::<order::Actor>(order, order::Message::Again(caller));
                return;
            }
            Ok(None) => {}
            Err(_) => {
                caller.deny(Err(Fault::KeyMismatch), turn);
                return;
            }
        }
        match turn.decide(&Command::CheckOut(*checkout), context) {
            Ok(()) => self.caller = Some(caller),
            Err(Refused::Rule(refusal)) => {
                let order = turn.state().phase().order();
                caller.deny(Ok(Denied::Cart(refusal, order)), turn);
            }
            Err(Refused::Fault(fault)) => caller.deny(Err(fault), turn),
        }
    }

    fn placement(&self, state: &State, checkout: &Checkout) -> Option<Placement> {
        let items = state.lines().iter().map(|(sku, line)| Item {
            sku: sku.clone(),
            title: line.title.clone(),
            units: line.units,
            price: line.price,
        });
        Some(Placement {
            cart: self.id,
            items: items.collect(),
            total: state.total()?,
            email: checkout.email,
            contact: checkout.contact.clone(),
            gift: checkout.gift.clone(),
            payment: checkout.payment.clone(),
            until: checkout.until,
            locale: checkout.locale,
        })
    }

    /// Gives up on requests without an answer. They may have gone through all the same: from here
    /// on this is another incarnation, for which a SKU begins with what the cart has recorded.
    fn forget_lost(&mut self, turn: &Turn<Self>) {
        let asked = self.asked.len();
        self.asked.retain(|asked| turn.now().ms_since(asked.at) < LOST_AFTER_MS);
        if self.asked.len() < asked {
            let carts = <System as Knows<Self>>::directory(&self.system);
            self.next = Sequence(self.system.epoch, carts.next_incarnation(), 0);
        }
    }
}
