//! The SKU's side of every conversation: it decides and answers, and owes nothing.

mod message;

pub use message::{Bare, BareAnswer, ForOrder, ForProduct, Managed, Message, Stock};

use super::{
    Baton, Outbox, System,
    baton::Answer,
    cart::{self, CartAnswer, Denied},
    order, product,
    shell::{Accepted, Refused, Role, Turn},
};
use crate::{
    domain::{
        By, Context, OrderId, ProductId, ReservationId, Sku, Time,
        sku::{Command, Refusal, Reserve, State, TakeOver},
    },
    views::board::{Level, Slot},
};
use std::sync::Arc;

/// The actor of one SKU.
pub struct Actor {
    sku: Sku,
    slot: Arc<Slot>,
    last_used: Time,
    resting: bool,
    idle_ms: u64,
}

impl Role for Actor {
    type Machine = State;
    type Id = Sku;
    type Message = Message;

    fn new(sku: Sku, system: Arc<System>, _: u64) -> Self {
        let slot = system.board.slot(&sku);
        let idle_ms = system.settings.idle_ms;
        Actor { sku, slot, last_used: system.now(), resting: false, idle_ms }
    }

    fn receive(&mut self, message: Message, turn: &mut Turn<Self>) {
        (self.resting, self.last_used) = (false, turn.now());
        match message {
            Message::Read(baton) => {
                let stock = self.stock(turn.state());
                turn.answer(baton, Ok(stock));
            }
            Message::Reserve { wish, context, baton } => self.reserve(wish, context, baton, turn),
            Message::Begin { wish, context, baton } => self.begin(wish, context, baton, turn),
            Message::Bare { reservation, command, baton } => {
                let answer = bare(reservation, command, turn);
                turn.answer(baton, answer);
            }
            Message::Release { cart, keep_units } => {
                turn.record(&Command::Release { cart, keep_units }, By::Cart(cart));
            }
            Message::TakeOver(wish) => self.take_over(wish, turn),
            Message::ForOrder { order, units, wish } => self.for_order(order, units, wish, turn),
            Message::ForProduct { product, revision, wish } => {
                self.for_product(product, revision, wish, turn);
            }
            Message::Admin { command, context, baton } => {
                let answer = match turn.decide_once(&command, context) {
                    Ok(accepted) => {
                        let stock = self.stock(turn.state());
                        Ok(Ok(Managed { stock, replayed: accepted == Accepted::Before }))
                    }
                    Err(Refused::Rule(refusal)) => Ok(Err(refusal)),
                    Err(Refused::Fault(fault)) => Err(fault),
                };
                turn.answer(baton, answer);
            }
        }
    }

    fn nudged(&mut self, rest: bool, turn: &mut Turn<Self>) {
        self.resting = rest && turn.now().ms_since(self.last_used) >= self.idle_ms;
    }

    fn shed(&mut self, message: Message, turn: &mut Turn<Self>) {
        if let Message::Reserve { wish: Reserve { cart, sequence, .. }, .. } = message {
            turn.tell::<cart::Actor>(cart, cart::Message::Missed { sequence });
        }
    }

    fn settle(&mut self, _: &mut Turn<Self>) {}

    fn retry_at(&self) -> Option<Time> {
        None
    }

    fn may_rest(&self, state: &State) -> bool {
        self.resting || state.product().is_none()
    }

    fn post(&self, state: &State, outbox: &mut Outbox, last: usize) {
        outbox.post(self.slot.clone(), level(state), last);
    }
}

/// What the board shows of a SKU.
pub fn level(state: &State) -> Level {
    Level {
        free: state.free(),
        reserved: state.reserved(),
        sold: state.sold(),
        known: state.product().is_some(),
        offer: state.offer(),
    }
}

impl Actor {
    fn stock(&self, state: &State) -> Stock {
        Stock {
            sku: self.sku.clone(),
            product: state.product(),
            title: state.title().to_owned(),
            price: state.price(),
            on_hand: state.on_hand(),
            reserved: state.reserved(),
            sold: state.sold(),
            free: state.free(),
            low_stock_at: state.low_stock_at(),
            sale: state.sale().cloned(),
            locations: state.locations().clone(),
        }
    }

    fn reserve(
        &self,
        wish: Reserve,
        context: Context,
        baton: Baton<CartAnswer>,
        turn: &mut Turn<Self>,
    ) {
        let (cart, sequence) = (wish.cart, wish.sequence);
        let result = match decide_reserve(wish, context, turn) {
            Ok(result) => result,
            Err(fault) => {
                turn.tell::<cart::Actor>(cart, cart::Message::Missed { sequence });
                turn.answer(baton, Err(fault));
                return;
            }
        };
        let sku = self.sku.clone();
        turn.tell::<cart::Actor>(
            cart,
            cart::Message::Reserved { sku, sequence, context, result, baton },
        );
    }

    /// Who is refused has no cart, and one that begins costs its actor one message only.
    fn begin(
        &self,
        wish: Reserve,
        context: Context,
        baton: Baton<CartAnswer>,
        turn: &mut Turn<Self>,
    ) {
        let (cart, sequence) = (wish.cart, wish.sequence);
        let result = match decide_reserve(wish, context, turn) {
            Ok(Ok(claimed)) => Ok(claimed),
            Ok(Err(refusal)) => return turn.answer(baton, Ok(Err(Denied::Sku(refusal)))),
            Err(fault) => return turn.answer(baton, Err(fault)),
        };
        let sku = self.sku.clone();
        let reserved = cart::Message::Reserved { sku, sequence, context, result, baton };
        turn.tell_newborn::<cart::Actor>(cart, reserved);
    }

    fn take_over(&self, wish: TakeOver, turn: &mut Turn<Self>) {
        let order = wish.order;
        let context = turn.context(By::Order(order));
        let result = match turn.decide(&Command::TakeOver(wish), context) {
            Ok(()) => Ok(()),
            Err(Refused::Rule(refusal)) => Err(refusal),
            Err(Refused::Fault(_)) => return, // the order asks again
        };
        let sku = self.sku.clone();
        turn.tell::<order::Actor>(order, order::Message::TookOver { sku, result });
    }

    fn for_order(&self, order: OrderId, units: u32, wish: ForOrder, turn: &mut Turn<Self>) {
        let command = match wish {
            ForOrder::Commit => Command::Commit { order, units },
            ForOrder::HandBack => Command::HandBack { order },
            ForOrder::Return => Command::Return { order, units },
            ForOrder::Forget => Command::Forget { order },
            ForOrder::TakeBack { number, restock } => {
                Command::TakeBack { order, number, units, restock }
            }
            ForOrder::ForgetReturn { number } => Command::ForgetReturn { order, number },
        };
        let context = turn.context(By::Order(order));
        let result = match turn.decide(&command, context) {
            Ok(()) => Ok(()),
            Err(Refused::Rule(refusal)) => Err(refusal),
            Err(Refused::Fault(_)) => return,
        };
        let sku = self.sku.clone();
        turn.tell::<order::Actor>(order, order::Message::SkuAnswered { sku, wish, result });
    }

    fn for_product(
        &self,
        product: ProductId,
        revision: u64,
        wish: ForProduct,
        turn: &mut Turn<Self>,
    ) {
        let command = match wish {
            ForProduct::Claim => Command::Claim { product },
            ForProduct::Unclaim => Command::Unclaim { product },
            ForProduct::List { title, price, units } => {
                Command::List { product, revision, title, price, units }
            }
            ForProduct::Delist => Command::Delist { product, revision },
        };
        let context = turn.context(By::Product(product));
        let result = match turn.decide(&command, context) {
            Ok(()) => Ok(()),
            Err(Refused::Rule(refusal)) => Err(refusal),
            Err(Refused::Fault(_)) => return,
        };
        let sku = self.sku.clone();
        turn.tell::<product::Actor>(
            product,
            product::Message::SkuAnswered { sku, revision, result },
        );
    }
}

fn bare(
    reservation: ReservationId,
    command: Option<Command>,
    turn: &mut Turn<Actor>,
) -> Answer<BareAnswer> {
    let before = turn.sequence();
    if let Some(command) = command {
        // Services act as the admin does.
        let context = turn.context(By::Admin);
        match turn.decide(&command, context) {
            Ok(()) => {}
            Err(Refused::Rule(refusal)) => return Ok(Err(refusal)),
            Err(Refused::Fault(fault)) => return Err(fault),
        }
    }
    let replayed = turn.sequence() == before;
    let reservation = turn.state().reservation(reservation, turn.now());
    Ok(Ok(Bare { reservation, replayed }))
}

fn decide_reserve(
    wish: Reserve,
    context: Context,
    turn: &mut Turn<Actor>,
) -> Answer<Result<Option<cart::Claimed>, Refusal>> {
    let cart = wish.cart;
    // The cart remembers the key; here the sequence does, so the key stays out of the head.
    let context = Context { fingerprint: None, ..context };
    match turn.decide(&Command::Reserve(wish), context) {
        Ok(()) => {
            let claim = turn.state().claim_of(cart, turn.now());
            Ok(Ok(claim.map(|claim| cart::Claimed {
                units: claim.units,
                until: claim.until,
                price: claim.price,
                title: turn.state().title().to_owned(),
            })))
        }
        Err(Refused::Rule(refusal)) => Ok(Err(refusal)),
        Err(Refused::Fault(fault)) => Err(fault),
    }
}
