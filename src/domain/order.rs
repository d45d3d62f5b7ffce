//! One order: from placed to confirmed, and every way out of it.
//!
//! An order exists once all its stock is taken over. Then: authorise, commit stock, capture; undo
//! in reverse. What was confirmed may come back, some units at a time. Invariants: never paid
//! without stock, never two captures, and whatever is recorded late is undone.

mod decide;
mod evolve;
mod money;
mod news;
mod returns;
mod step;
#[cfg(test)]
mod tests;

pub use news::{MoneyBack, News};
pub use returns::{Back, Return};
pub use step::{Outcome, Step};

use super::{
    CartId, Kind, Locale, Money, Sealed, Sku, Time,
    cart::Lapsed,
    machine::{self, Context, Machine},
    sku::Buyer,
};
use serde::{Deserialize, Serialize};

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What.
    pub sku: Sku,
    /// Its title when it was ordered.
    pub title: String,
    /// How many, at least one.
    pub units: u32,
    /// Of one unit.
    pub price: Money,
}

/// What an order is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// The cart it came from.
    pub cart: CartId,
    /// At least one, one per SKU.
    pub items: Vec<Item>,
    /// Sum of the items.
    pub total: Money,
    /// Keyed hash of the normalised e-mail.
    pub email: Buyer,
    /// E-mail and address.
    pub contact: Sealed,
    /// Receiver and message of a gift.
    pub gift: Option<Sealed>,
    /// The payment token.
    pub payment: Sealed,
    /// When the stock's reservations end and an unpaid order expires.
    pub until: Time,
    /// The language that the buyer is written to in.
    #[serde(default, skip_serializing_if = "Locale::is_usual")]
    pub locale: Locale,
}

/// What can be asked of an order.
#[derive(Clone, Debug)]
pub enum Command {
    /// All stock is taken over: come into being.
    Place(Box<Placement>),
    /// The provider answered.
    Record { step: Step, outcome: Outcome },
    /// Every SKU sold its units to this order.
    RecordCommitted,
    /// A SKU could not: the reservation had lapsed and somebody else has the units.
    RecordStockLost { sku: Sku },
    /// Every SKU has its units back.
    RecordReturned,
    /// Every SKU forgot this order.
    RecordForgotten,
    /// The cart takes changes again.
    RecordReopened,
    /// The buyer or an admin wants it undone.
    Cancel,
    /// Units came back: give their money back, too.
    TakeBack { items: Vec<Back>, reason: Option<String>, restock: bool },
    /// Every SKU has the units of this return.
    RecordStocked { number: u32 },
    /// Every SKU forgot this return.
    RecordReturnForgotten { number: u32 },
    /// Retries have gone on for long.
    FlagForReview { reason: String },
}

/// What happened to an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    Placed(Box<Placement>),
    Authorised {
        reference: String,
    },
    PaymentDeclined {
        reason: String,
    },
    PaymentUnknown {
        step: Step,
    },
    PaymentNotSeen {
        step: Step,
    },
    StockCommitted {},
    StockLost {
        sku: Sku,
    },
    Captured {
        reference: String,
    },
    CaptureFailed {
        reason: String,
    },
    Voided {},
    NothingToVoid {},
    VoidRefused {
        reason: String,
    },
    Refunded {},
    StockReturned {},
    StockForgotten {},
    CartReopened {},
    Cancelled {},
    Expired {},
    FlaggedForReview {
        reason: String,
    },
    ReturnAccepted {
        number: u32,
        items: Vec<Back>,
        amount: Money,
        reason: Option<String>,
        restock: bool,
    },
    ReturnRefunded {
        number: u32,
    },
    ReturnStocked {
        number: u32,
    },
    ReturnForgotten {
        number: u32,
    },
}

impl machine::Event for Event {
    const VERSION: u8 = 1;
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It never was.
    UnknownOrder,
    /// It has left the house.
    TooLate,
    /// Nothing was sold to it, or all of it is undone.
    NotConfirmed,
    /// Fewer units of this line are left with the buyer than should come back.
    NotReturnable { sku: Sku, left: u32 },
}

/// What an order still owes; a SKU obligation goes to the SKU of every item that
/// it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obligation {
    /// To the provider: do this.
    Pay(Step),
    /// To the provider: what became of this?
    Ask(Step),
    /// To the SKUs: the units are sold.
    Commit,
    /// To the SKUs: the units are the cart's again.
    HandBack,
    /// To the SKUs: the units are not wanted.
    Return,
    /// To the SKUs: the answer to `Return` is recorded.
    Forget,
    /// To the SKUs of this return: its units came back.
    TakeBack(u32),
    /// To the SKUs of this return: the answer to `TakeBack` is recorded.
    ForgetReturn(u32),
    /// To the cart: take changes again.
    Reopen,
}

impl Obligation {
    /// Whether it is the provider's to answer; an order owes at most one such thing at a time.
    pub fn moves_money(self) -> bool {
        matches!(self, Obligation::Pay(_) | Obligation::Ask(_))
    }
}

/// Where the order stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Being paid for.
    #[default]
    Placed,
    /// Paid; the stock is sold.
    Confirmed,
    /// The provider refused.
    Declined,
    /// Not paid in time, or the stock was lost.
    Expired,
    /// Called off.
    Cancelled,
    /// It was confirmed, and every unit came back.
    Returned,
}

/// Where the money is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payment {
    /// Nothing moved.
    #[default]
    None,
    /// Set aside.
    Authorised,
    /// Taken.
    Captured,
    /// Let go again.
    Voided,
    /// Given back.
    Refunded,
    /// Refused.
    Declined,
    /// Could not be captured.
    Failed,
    /// The provider did not answer.
    Unknown,
}

/// What has become of the stock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stock {
    /// Reserved for this order.
    #[default]
    TakenOver,
    /// Sold.
    Committed,
    /// To be given back to the cart's reservation.
    HandBackOwed,
    /// To be given back altogether.
    ReturnOwed,
    /// Given back; the SKUs still remember.
    Returned,
    /// Given back and forgotten.
    Gone,
}

/// One line of an order's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Milestone {
    /// When.
    pub at: Time,
    /// What, as one word or two.
    pub what: String,
}

/// The state of one order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    placement: Option<Box<Placement>>,
    status: Status,
    payment: Payment,
    /// The provider's reference of what was set aside.
    authorisation: Option<String>,
    /// The provider's reference of what was taken.
    capture: Option<String>,
    /// The step whose outcome nobody knows.
    unknown: Option<Step>,
    /// A `Void` is owed once the order has ended unpaid, whatever we know of an authorisation.
    void_owed: bool,
    stock: Stock,
    /// Which lines the cart finds lapsed when it reopens; `None` once it has.
    reopen: Option<Lapsed>,
    #[serde(default)]
    returns: Vec<Return>,
    flagged: Option<String>,
    /// How many events made it.
    #[serde(default)]
    events: u64,
    /// Which of them the buyer is written about, by their numbers.
    #[serde(default)]
    news: Vec<(u64, News)>,
    /// For people: nothing else rests on its words.
    timeline: Vec<Milestone>,
}

impl State {
    /// What it is made of; `None` for an order that never was.
    pub fn placement(&self) -> Option<&Placement> {
        self.placement.as_deref()
    }

    /// Where it stands.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Where the money is.
    pub fn payment(&self) -> Payment {
        self.payment
    }

    /// The provider's reference of what was set aside, also when it was let go again.
    pub fn authorisation(&self) -> Option<&str> {
        self.authorisation.as_deref()
    }

    /// The provider's reference of what was taken, also when it was given back.
    pub fn capture(&self) -> Option<&str> {
        self.capture.as_deref()
    }

    /// Retries have gone on for long, and still do.
    pub fn needs_review(&self) -> bool {
        self.flagged.is_some() && !self.obligations().is_empty()
    }

    /// What happened so far, oldest first.
    pub fn timeline(&self) -> &[Milestone] {
        &self.timeline
    }

    /// Which lines the cart finds lapsed when it reopens.
    pub fn reopen(&self) -> Option<&Lapsed> {
        self.reopen.as_ref()
    }

    /// The order's end is known, no money has to move any more, and a cart that is to take
    /// changes again does: whoever hears of a decline may check out again at once.
    pub fn settled(&self) -> bool {
        let moves_money = self.obligations().into_iter().any(Obligation::moves_money);
        self.status != Status::Placed && self.reopen.is_none() && !moves_money
    }

    fn ended(&self) -> bool {
        match self.status {
            Status::Placed | Status::Confirmed => false,
            Status::Declined | Status::Expired | Status::Cancelled | Status::Returned => true,
        }
    }

    /// How much a step moves; `None` without a placement.
    pub fn amount_of(&self, step: Step) -> Option<Money> {
        match step {
            Step::Authorise | Step::Capture | Step::Void => Some(self.placement()?.total),
            Step::Refund => self.rest(),
            Step::RefundPart(number) => Some(self.return_of(number)?.amount),
        }
    }
}

impl Machine for State {
    const KIND: Kind = Kind::Order;
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;
    type Obligation = Obligation;

    fn lapse(&self, now: Time) -> Vec<Event> {
        match self.due() {
            Some(due) if due <= now => vec![Event::Expired {}],
            _ => vec![],
        }
    }

    fn decide(&self, command: &Command, _: &Context) -> Result<Vec<Event>, Refusal> {
        decide::decide(self, command)
    }

    fn evolve(&mut self, event: &Event, context: &Context) {
        evolve::evolve(self, event, context.now);
    }

    /// An order that nobody pays ends at its deadline; once money is set aside only its stock
    /// can end it.
    fn due(&self) -> Option<Time> {
        let unpaid = matches!(self.payment, Payment::None | Payment::Unknown)
            && self.unknown != Some(Step::Capture)
            && self.status == Status::Placed;
        self.placement.as_ref().filter(|_| unpaid).map(|placement| placement.until)
    }

    fn obligations(&self) -> Vec<Obligation> {
        decide::obligations(self)
    }
}
