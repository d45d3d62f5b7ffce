//! One shopper's cart: the lines as the SKUs answered them, and at most one open order.
//!
//! A cart never decides about stock: it asks the SKU first and records the answer. Invariant: a
//! cart that is checked out changes no line until its order has ended or never came to be.

#[cfg(test)]
mod tests;

use super::{
    CommandId, Currency, EntityId, Fingerprint, Kind, Locale, Money, OrderId, Sealed, Sku, Time,
    broken::Rule,
    machine::{self, Context, Machine},
    sku::Buyer,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most lines in one cart.
pub const MAX_LINES: usize = 1_000;

/// Most bytes of all SKU codes and titles in one cart. With about 100 bytes more a line and the
/// sealed contact, an order of any cart fits into one batch of the log.
pub const MAX_TEXT_BYTES: usize = 256 * 1_024;

/// One SKU in the cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// At least one.
    pub units: u32,
    /// The reservation is over when now is at or past this.
    pub until: Time,
    /// Of one unit, fixed by the reservation.
    pub price: Money,
    /// What the SKU was called when it was reserved.
    pub title: String,
}

/// What a checkout brings; personal data comes sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkout {
    /// Keyed hash of the normalised e-mail: the second identity that limits count.
    pub email: Buyer,
    /// E-mail and address.
    pub contact: Sealed,
    /// Receiver and message of a gift.
    pub gift: Option<Sealed>,
    /// The payment token.
    pub payment: Sealed,
    /// When the order's reservations end.
    pub until: Time,
    /// The language that the buyer is written to in.
    #[serde(default, skip_serializing_if = "Locale::is_usual")]
    pub locale: Locale,
}

/// Which lines an ended order leaves lapsed behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lapsed {
    /// All of them.
    All,
    /// These; the others stand until their old deadline.
    These(Vec<Sku>),
}

/// What can be asked of a cart.
#[derive(Clone, Debug)]
pub enum Command {
    /// A SKU answered: so many units are this cart's now. `line` is `None` for no units.
    RecordLine { sku: Sku, line: Option<Line>, idle_until: Time },
    /// Make an order of all lines.
    CheckOut(Checkout),
    /// The order is placed.
    RecordPlaced { order: OrderId },
    /// The order could not take every line over: it never was.
    Refuse { order: OrderId, lapsed: Vec<Sku> },
    /// The order has ended unpaid.
    Reopen { order: OrderId, lapsed: Lapsed },
}

/// What happened to a cart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    LineReserved { sku: Sku, line: Line, idle_until: Time },
    LineRemoved { sku: Sku, idle_until: Time },
    CheckedOut { order: OrderId, checkout: Checkout },
    Ordered { order: OrderId },
    CheckoutRefused { order: OrderId, lapsed: Vec<Sku> },
    Reopened { order: OrderId, lapsed: Lapsed },
    Abandoned {},
}

impl machine::Event for Event {
    const VERSION: u8 = 1;
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is checked out.
    CartClosed,
    /// There is nothing to check out.
    CartEmpty,
    /// A line's reservation is over.
    ReservationLapsed { sku: Sku },
    /// The other lines cost another currency.
    MixedCurrencies,
    /// The total, the number of lines, or what their names take, is too large.
    OutOfRange,
    /// The key came before with another body.
    KeyMismatch,
}

/// What a cart still owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obligation {
    /// To tell the order to place itself.
    Place { order: OrderId },
}

/// Whether the cart takes changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Phase {
    /// It does.
    #[default]
    Open,
    /// An order is taking the lines over.
    CheckedOut { order: OrderId, checkout: Checkout },
    /// An order has them.
    Ordered { order: OrderId },
}

impl Phase {
    /// The order that took the cart's lines, or is about to.
    pub fn order(&self) -> Option<OrderId> {
        match self {
            Phase::Open => None,
            Phase::CheckedOut { order, .. } | Phase::Ordered { order } => Some(*order),
        }
    }

    fn waits_for(&self, order: OrderId) -> bool {
        matches!(self, Phase::CheckedOut { .. }) && self.belongs_to(order)
    }

    fn belongs_to(&self, order: OrderId) -> bool {
        self.order() == Some(order)
    }
}

/// A key that checked this cart out, and the order it made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    command: CommandId,
    fingerprint: Option<Fingerprint>,
    /// The order.
    pub order: OrderId,
}

/// The state of one cart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    id: Option<super::CartId>,
    lines: BTreeMap<Sku, Line>,
    phase: Phase,
    /// Checkouts that were refused at take-over; makes the next order's id a new one.
    refused: u32,
    /// Every order this cart made, kept for ever; the last one may still be on its way.
    placed: Vec<Placed>,
    idle_until: Option<Time>,
    abandoned: bool,
}

impl State {
    /// A cart before its first event.
    pub fn new(id: super::CartId) -> State {
        State { id: Some(id), ..State::default() }
    }

    /// The lines by SKU.
    pub fn lines(&self) -> &BTreeMap<Sku, Line> {
        &self.lines
    }

    /// Whether it takes changes.
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// The currency of its lines.
    pub fn currency(&self) -> Option<Currency> {
        self.lines.values().next().map(|line| line.price.currency)
    }

    /// Units of `sku` that stand at `now`.
    pub fn units_of(&self, sku: &Sku, now: Time) -> u32 {
        self.lines.get(sku).filter(|line| now < line.until).map_or(0, |line| line.units)
    }

    /// The order that `command` made of this cart.
    ///
    /// # Errors
    /// The key came with another body.
    pub fn order_of(
        &self,
        command: CommandId,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Option<OrderId>, Refusal> {
        let known = |placed: &&Placed| placed.command == command && !Rule::KeysAreKept.is_broken();
        match self.placed.iter().find(known) {
            Some(placed) if placed.fingerprint == fingerprint => Ok(Some(placed.order)),
            Some(_) => Err(Refusal::KeyMismatch),
            None => Ok(None),
        }
    }

    /// What all lines cost; `None` for an empty cart.
    pub fn total(&self) -> Option<Money> {
        total(self.lines.values())
    }

    fn open(&self) -> Result<(), Refusal> {
        match self.phase {
            Phase::Open => Ok(()),
            Phase::CheckedOut { .. } | Phase::Ordered { .. } => Err(Refusal::CartClosed),
        }
    }

    fn record(&self, sku: &Sku, line: Option<&Line>, idle_until: Time) -> Decision {
        self.open()?;
        let Some(line) = line else {
            let known = self.lines.contains_key(sku);
            let event = Event::LineRemoved { sku: sku.clone(), idle_until };
            return Ok(if known { vec![event] } else { vec![] });
        };
        if line.units == 0 {
            return Err(Refusal::OutOfRange);
        }
        if self.lines.get(sku) == Some(line) && self.idle_until == Some(idle_until) {
            return Ok(vec![]);
        }
        let others = self.lines.iter().filter(|(other, _)| *other != sku).map(|(_, line)| line);
        if others.clone().any(|other| other.price.currency != line.price.currency) {
            return Err(Refusal::MixedCurrencies);
        }
        if others.clone().count() >= MAX_LINES || total(others.chain([line])).is_none() {
            return Err(Refusal::OutOfRange);
        }
        let others = self.lines.iter().filter(|(other, _)| *other != sku);
        let texts = others.chain([(sku, line)]).map(|(sku, line)| text_bytes(sku, line));
        if texts.fold(0, usize::saturating_add) > MAX_TEXT_BYTES {
            return Err(Refusal::OutOfRange);
        }
        Ok(vec![Event::LineReserved { sku: sku.clone(), line: line.clone(), idle_until }])
    }

    fn check_out(&self, checkout: &Checkout, context: &Context) -> Decision {
        if self.order_of(context.command, context.fingerprint)?.is_some() {
            return Ok(vec![]); // a repeat: the order it made stands
        }
        self.open()?;
        let id = self.id.filter(|_| !self.lines.is_empty()).ok_or(Refusal::CartEmpty)?;
        if let Some((sku, _)) = self.lines.iter().find(|(_, line)| line.until <= context.now) {
            return Err(Refusal::ReservationLapsed { sku: sku.clone() });
        }
        let again = if Rule::KeysAreKept.is_broken() { self.placed.len() } else { 0 };
        let attempt = self.refused.saturating_add(u32::try_from(again).unwrap_or(0));
        let order = OrderId::of(id, context.command, attempt);
        Ok(vec![Event::CheckedOut { order, checkout: checkout.clone() }])
    }
}

type Decision = Result<Vec<Event>, Refusal>;

fn text_bytes(sku: &Sku, line: &Line) -> usize {
    sku.as_str().len().saturating_add(line.title.len())
}

fn total<'a>(mut lines: impl Iterator<Item = &'a Line>) -> Option<Money> {
    let first = lines.next()?;
    let start = first.price.times(first.units)?;
    lines.try_fold(start, |sum, line| sum.plus(line.price.times(line.units)?))
}

impl Machine for State {
    const KIND: Kind = Kind::Cart;
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;
    type Obligation = Obligation;

    fn born(id: &EntityId) -> State {
        match id {
            EntityId::Cart(id) => State::new(*id),
            EntityId::Sku(_) | EntityId::Order(_) | EntityId::Product(_) | EntityId::Post(_) => {
                State::default()
            }
        }
    }

    fn lapse(&self, now: Time) -> Vec<Event> {
        match self.due() {
            Some(due) if due <= now => vec![Event::Abandoned {}],
            _ => vec![],
        }
    }

    fn decide(&self, command: &Command, context: &Context) -> Decision {
        match command {
            Command::RecordLine { sku, line, idle_until } => {
                self.record(sku, line.as_ref(), *idle_until)
            }
            Command::CheckOut(checkout) => self.check_out(checkout, context),
            Command::RecordPlaced { order } if self.phase.waits_for(*order) => {
                Ok(vec![Event::Ordered { order: *order }])
            }
            Command::Refuse { order, lapsed } if self.phase.waits_for(*order) => {
                Ok(vec![Event::CheckoutRefused { order: *order, lapsed: lapsed.clone() }])
            }
            Command::Reopen { order, lapsed } if self.phase.belongs_to(*order) => {
                Ok(vec![Event::Reopened { order: *order, lapsed: lapsed.clone() }])
            }
            Command::RecordPlaced { .. } | Command::Refuse { .. } | Command::Reopen { .. } => {
                Ok(vec![])
            }
        }
    }

    fn evolve(&mut self, event: &Event, context: &Context) {
        self.abandoned = matches!(event, Event::Abandoned {});
        match event {
            Event::LineReserved { sku, line, idle_until } => {
                self.lines.insert(sku.clone(), line.clone());
                self.idle_until = Some(*idle_until);
            }
            Event::LineRemoved { sku, idle_until } => {
                self.lines.remove(sku);
                self.idle_until = Some(*idle_until);
            }
            Event::CheckedOut { order, checkout } => {
                let (command, fingerprint) = (context.command, context.fingerprint);
                self.placed.push(Placed { command, fingerprint, order: *order });
                self.phase = Phase::CheckedOut { order: *order, checkout: checkout.clone() };
            }
            Event::Ordered { order } => self.phase = Phase::Ordered { order: *order },
            Event::CheckoutRefused { lapsed, .. } => {
                self.placed.pop();
                self.refused = self.refused.saturating_add(1);
                self.reopen(&Lapsed::These(lapsed.clone()), context.now);
            }
            Event::Reopened { lapsed, .. } => self.reopen(lapsed, context.now),
            Event::Abandoned {} => {}
        }
    }

    fn due(&self) -> Option<Time> {
        let waiting = self.phase == Phase::Open && !self.abandoned && !self.lines.is_empty();
        self.idle_until.filter(|_| waiting)
    }

    fn obligations(&self) -> Vec<Obligation> {
        match &self.phase {
            Phase::CheckedOut { order, .. } => vec![Obligation::Place { order: *order }],
            Phase::Open | Phase::Ordered { .. } => vec![],
        }
    }
}

impl State {
    fn reopen(&mut self, lapsed: &Lapsed, now: Time) {
        self.phase = Phase::Open;
        for (sku, line) in &mut self.lines {
            let over = match lapsed {
                Lapsed::All => true,
                Lapsed::These(skus) => skus.contains(sku),
            };
            if over {
                line.until = line.until.min(now);
            }
        }
    }
}
