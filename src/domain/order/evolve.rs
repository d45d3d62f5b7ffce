//! How each event changes an order.

use super::{Event, Milestone, Payment, State, Status, Step, Stock};
use crate::domain::{Machine, Time, cart::Lapsed};
use std::borrow::Cow;

pub(super) fn evolve(state: &mut State, event: &Event, at: Time) {
    let was_placed = state.status == Status::Placed;
    match event {
        Event::Placed(placement) => state.placement = Some(placement.clone()),
        Event::StockCommitted {} => {
            state.stock = Stock::Committed;
            state.confirm_when_paid();
        }
        Event::StockLost { .. } => state.end_undone(Status::Expired),
        Event::StockReturned {} => state.stock = state.stock.given_back(),
        Event::StockForgotten {} => state.stock = Stock::Gone,
        Event::CartReopened {} => state.reopen = None,
        Event::Cancelled {} => state.end_undone(Status::Cancelled),
        Event::Expired {} => state.end_undone(Status::Expired),
        Event::FlaggedForReview { reason } => state.flagged = Some(reason.clone()),
        Event::ReturnAccepted { .. }
        | Event::ReturnRefunded { .. }
        | Event::ReturnStocked { .. }
        | Event::ReturnForgotten { .. } => state.evolve_return(event, at),
        Event::Authorised { .. }
        | Event::PaymentDeclined { .. }
        | Event::PaymentUnknown { .. }
        | Event::PaymentNotSeen { .. }
        | Event::Captured { .. }
        | Event::CaptureFailed { .. }
        | Event::Voided {}
        | Event::NothingToVoid {}
        | Event::VoidRefused { .. }
        | Event::Refunded {} => state.pay(event),
    }
    for what in milestones(state, event, was_placed) {
        // The same again is no news, however often the provider does not answer.
        if state.timeline.last().is_none_or(|last| last.what != what) {
            state.timeline.push(Milestone { at, what });
        }
    }
    if state.flagged.is_some() && state.obligations().is_empty() {
        state.flagged = None;
    }
}

fn milestones(
    state: &State,
    event: &Event,
    was_placed: bool,
) -> impl Iterator<Item = Cow<'static, str>> + use<> {
    // A number sets returns that follow each other apart.
    let numbered = if let Event::ReturnAccepted { number, .. } = event {
        Some(format!("return {number} accepted").into())
    } else if let Event::ReturnRefunded { number } = event {
        Some(format!("return {number} refunded").into())
    } else if let Event::ReturnStocked { number } = event {
        Some(format!("return {number} stocked").into())
    } else {
        None
    };
    let words = words(state, event, was_placed).iter().map(|word| Cow::Borrowed(*word));
    numbered.into_iter().chain(words)
}

/// What an event means for the order as a whole.
fn words(state: &State, event: &Event, was_placed: bool) -> &'static [&'static str] {
    match event {
        Event::Placed(_) => &["placed"],
        Event::Authorised { .. } => &["authorised"],
        Event::PaymentDeclined { .. } if was_placed => &["declined"],
        Event::PaymentDeclined { .. } => &["payment declined"],
        Event::PaymentUnknown { .. } => &["payment unknown"],
        Event::StockCommitted {} if state.status == Status::Confirmed => {
            &["stock committed", "confirmed"]
        }
        Event::StockCommitted {} => &["stock committed"],
        Event::StockLost { .. } => &["stock lost", "expired"],
        Event::Captured { .. } if state.status == Status::Confirmed => &["captured", "confirmed"],
        Event::Captured { .. } => &["captured"],
        Event::CaptureFailed { .. } if was_placed => &["capture failed", "declined"],
        Event::CaptureFailed { .. } => &["capture failed"],
        Event::Voided {} => &["voided"],
        Event::Refunded {} => &["refunded"],
        Event::ReturnAccepted { .. } if state.status == Status::Returned => &["returned"],
        Event::ReturnRefunded { .. } if state.payment == Payment::Refunded => &["refunded"],
        Event::StockReturned {} => &["stock returned"],
        Event::Cancelled {} => &["cancelled"],
        Event::Expired {} => &["expired"],
        Event::FlaggedForReview { .. } => &["flagged for review"],
        Event::PaymentNotSeen { .. }
        | Event::NothingToVoid {}
        | Event::VoidRefused { .. }
        | Event::StockForgotten {}
        | Event::CartReopened {}
        | Event::ReturnAccepted { .. }
        | Event::ReturnRefunded { .. }
        | Event::ReturnStocked { .. }
        | Event::ReturnForgotten { .. } => &[],
    }
}

impl Stock {
    /// After a hand-back the SKUs forget by themselves, after a return they wait to be told.
    fn given_back(self) -> Stock {
        match self {
            Stock::HandBackOwed => Stock::Gone,
            Stock::ReturnOwed | Stock::Returned => Stock::Returned,
            Stock::TakenOver | Stock::Committed | Stock::Gone => self,
        }
    }
}

impl State {
    fn end(&mut self, status: Status, stock: Stock) {
        self.status = status;
        self.stock = stock;
    }

    /// Ends with everything to be undone: what was taken goes back; else an authorisation may
    /// stand, or be on its way.
    fn end_undone(&mut self, status: Status) {
        self.end(status, Stock::ReturnOwed);
        self.void_owed = self.capture.is_none();
    }

    fn confirm_when_paid(&mut self) {
        let paid = self.payment == Payment::Captured && self.stock == Stock::Committed;
        if paid && self.status == Status::Placed {
            self.status = Status::Confirmed;
        }
    }

    /// Where the money is when the unknown `step` never reached the provider.
    fn payment_before(&self, step: Step) -> Payment {
        match step {
            _ if self.payment != Payment::Unknown => self.payment,
            Step::Authorise => Payment::None,
            Step::Capture | Step::Void => Payment::Authorised,
            Step::Refund | Step::RefundPart(_) => Payment::Captured,
        }
    }

    fn pay(&mut self, event: &Event) {
        let placed = self.status == Status::Placed;
        let unknown = self.unknown.take();
        match event {
            Event::Authorised { reference } => {
                self.authorisation = Some(reference.clone());
                self.payment = Payment::Authorised;
                self.void_owed = !placed;
            }
            Event::PaymentDeclined { .. } => {
                self.payment = Payment::Declined;
                self.void_owed = false;
                if placed {
                    self.end(Status::Declined, Stock::HandBackOwed);
                    self.reopen = Some(Lapsed::These(vec![]));
                }
            }
            Event::PaymentUnknown { step } => {
                self.payment = Payment::Unknown;
                self.unknown = Some(*step);
            }
            Event::PaymentNotSeen { step } => {
                self.payment = self.payment_before(*step);
                self.void_owed = !placed;
            }
            Event::Captured { reference } => {
                self.capture = Some(reference.clone());
                self.payment = Payment::Captured;
                self.void_owed = false;
                self.confirm_when_paid();
            }
            Event::CaptureFailed { .. } => {
                self.payment = Payment::Failed;
                self.void_owed = true;
                if placed {
                    self.end(Status::Declined, Stock::ReturnOwed);
                    self.reopen = Some(Lapsed::All);
                }
            }
            Event::Voided {} => {
                self.void_owed = false;
                // Also when nobody knew of the authorisation: only the provider did.
                if self.payment != Payment::Failed {
                    self.payment = Payment::Voided;
                }
            }
            Event::NothingToVoid {} => {
                self.void_owed = false;
                self.payment = self.payment_before(Step::Authorise);
            }
            // The money was taken after all: the provider will say so when asked.
            Event::VoidRefused { .. } => {
                self.void_owed = false;
                self.unknown = Some(Step::Capture);
            }
            Event::Refunded {} => self.payment = Payment::Refunded,
            Event::Placed(_)
            | Event::StockCommitted {}
            | Event::StockLost { .. }
            | Event::StockReturned {}
            | Event::StockForgotten {}
            | Event::CartReopened {}
            | Event::Cancelled {}
            | Event::Expired {}
            | Event::FlaggedForReview { .. }
            | Event::ReturnAccepted { .. }
            | Event::ReturnRefunded { .. }
            | Event::ReturnStocked { .. }
            | Event::ReturnForgotten { .. } => self.unknown = unknown,
        }
    }
}
